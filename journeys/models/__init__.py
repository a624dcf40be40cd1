"""Models of journeys, by topic."""

from journeys.models.attention import AttentionEntry
from journeys.models.captured import CapturedMail
from journeys.models.entry import EntryList, EntryRow, HoldOut
from journeys.models.outbox import Outbox
from journeys.models.participant import Batch, EntryScan, Participant, Refusal, Transition, Wait
from journeys.models.program import (
    Amendment,
    Folder,
    Program,
    ProgramStateChange,
    ProgramVersion,
    Step,
)
from journeys.models.relocation import Relocation
from journeys.models.template import EmailTemplate, EmailTemplateRevision
from journeys.models.webhook import WebhookEndpoint

__all__ = [
    "Amendment",
    "AttentionEntry",
    "Batch",
    "CapturedMail",
    "EmailTemplate",
    "EmailTemplateRevision",
    "EntryList",
    "EntryRow",
    "EntryScan",
    "Folder",
    "HoldOut",
    "Outbox",
    "Participant",
    "Program",
    "ProgramStateChange",
    "ProgramVersion",
    "Refusal",
    "Relocation",
    "Step",
    "Transition",
    "Wait",
    "WebhookEndpoint",
]
