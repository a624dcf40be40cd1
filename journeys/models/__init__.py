"""Models of journeys, by topic."""

from journeys.models.attention import AttentionEntry
from journeys.models.captured import CapturedMail
from journeys.models.consent import ConsentChange, MailCategory, MailOptOut, MailTrouble
from journeys.models.entry import EntryList, EntryRow, HoldOut
from journeys.models.outbox import Outbox
from journeys.models.part import Part
from journeys.models.participant import Batch, EntryScan, Participant, Refusal, Transition, Wait
from journeys.models.playbook import Playbook, PlaybookChange, PlaybookRun, PlaybookTask
from journeys.models.program import (
    Amendment,
    Folder,
    Program,
    ProgramStateChange,
    ProgramVersion,
    Step,
)
from journeys.models.relocation import Relocation
from journeys.models.task import Task, TaskAsk, TaskChange, TaskType
from journeys.models.template import EmailTemplate, EmailTemplateRevision
from journeys.models.webhook import WebhookEndpoint

__all__ = [
    "Amendment",
    "AttentionEntry",
    "Batch",
    "CapturedMail",
    "ConsentChange",
    "EmailTemplate",
    "EmailTemplateRevision",
    "EntryList",
    "EntryRow",
    "EntryScan",
    "Folder",
    "HoldOut",
    "MailCategory",
    "MailOptOut",
    "MailTrouble",
    "Outbox",
    "Part",
    "Participant",
    "Playbook",
    "PlaybookChange",
    "PlaybookRun",
    "PlaybookTask",
    "Program",
    "ProgramStateChange",
    "ProgramVersion",
    "Refusal",
    "Relocation",
    "Step",
    "Task",
    "TaskAsk",
    "TaskChange",
    "TaskType",
    "Transition",
    "Wait",
    "WebhookEndpoint",
]
