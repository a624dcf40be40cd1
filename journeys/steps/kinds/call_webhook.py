"""Call webhook: one signed message to another system, through the outbox (PRG-07)."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from csplatform.kit.errors import DomainError
from csplatform.kit.merge_tags import parse_tokens
from csplatform.kit.schema import Config
from journeys.emails.tokens import known_tokens
from journeys.models import WebhookEndpoint
from journeys.steps.kind import CheckContext, EventOffer, Mark, StepBatch, StepKind
from journeys.steps.outcome import Effect, Go, Outcome

MAX_FIELDS = 30


class WebhookField(Config):
    """One more value for the receiver."""

    name: str = Field(default="", max_length=60, title="Field name")
    value: str = Field(
        default="",
        max_length=2_000,
        title="Value",
        json_schema_extra={"tokens": "text"},
    )


class CallWebhookConfig(Config):
    """Where to, as what, with what besides the usual."""

    endpoint: int | None = Field(
        default=None,
        title="Endpoint",
        json_schema_extra={"options": "webhook_endpoints", "reference": "webhook_endpoint"},
    )
    event_type: str = Field(
        default="program.step",
        pattern=r"^[a-zA-Z][a-zA-Z0-9_.-]{0,99}$",
        title="Event type",
        description="By this name the receiver tells messages apart, for example account.at_risk.",
    )
    fields: list[WebhookField] = Field(
        default=[],
        max_length=MAX_FIELDS,
        title="Extra fields",
        description="Sent as data.fields. Tokens such as {{ person.email }} work in values.",
    )


class CallWebhook(StepKind):
    """Hands a webhook to the outbox and goes on; the sender repeats it until it is taken."""

    key = "call_webhook"
    label = "Call webhook"
    sentence = "Tells another system about the person or company, signed and with retries."
    icon = "webhook"
    group = "Data"
    Config = CallWebhookConfig
    example = {
        "endpoint": 1,
        "event_type": "program.step",
        "fields": [{"name": "plan", "value": "{{ company.name }}"}],
    }

    def words(self, config: CallWebhookConfig, names: Mapping[str, str]) -> str:
        """One sentence."""
        where = names.get(f"webhook_endpoint:{config.endpoint}", "an endpoint")
        return f"Sends “{config.event_type}” to “{where}”"

    def references(self, config: CallWebhookConfig) -> set[tuple[str, int | str]]:
        """The endpoint."""
        return {("webhook_endpoint", config.endpoint)} if config.endpoint else set()

    def offers(self, config: CallWebhookConfig) -> tuple[EventOffer, ...]:
        """What a wait below can wait for."""
        return (
            EventOffer("delivered", "delivered", "webhook.delivered"),
            EventOffer("failed", "given up", "webhook.failed"),
        )

    def check(self, config: CallWebhookConfig, context: CheckContext) -> list[Mark]:
        """The endpoint takes messages, field names are distinct, tokens are known."""
        return [*_endpoint_marks(config, context), *_field_marks(config, context)]

    def run(self, batch: StepBatch) -> dict[int, Outcome]:
        """One outbox row each, written with the decision."""
        config: Any = batch.step.config
        payload = {
            "endpoint": config.endpoint,
            "type": config.event_type,
            "fields": [field.model_dump() for field in config.fields],
        }
        company = batch.subject == "company"
        return {
            t.id: Go(
                evidence={"endpoint": config.endpoint},
                effects=(
                    Effect(
                        "webhook", "webhook", payload, person_id=t.person_id,
                        company_id=t.company_id if company else None,
                    ),
                ),
            )
            for t in batch.travellers
        }  # fmt: skip


def _endpoint_marks(config: CallWebhookConfig, context: CheckContext) -> list[Mark]:
    if not config.endpoint:
        return [Mark("/endpoint", "Choose where to send it.", code="missing")]
    endpoint = context.referred(
        "webhook_endpoint", config.endpoint, WebhookEndpoint.objects.in_bulk
    )
    if endpoint is None:
        return [Mark("/endpoint", "This endpoint no longer exists; choose another.")]
    if not endpoint.is_active:
        return [Mark("/endpoint", "This endpoint is switched off; switch it on first.")]
    return []


def _field_marks(config: CallWebhookConfig, context: CheckContext) -> list[Mark]:
    marks: list[Mark] = []
    known = context.known.lookup("tokens", known_tokens) if config.fields else set()
    seen: set[str] = set()
    for index, field in enumerate(config.fields):
        path = f"/fields/{index}"
        if not field.name:
            marks.append(Mark(f"{path}/name", "Give the field a name.", code="missing"))
        elif field.name in seen:
            marks.append(Mark(f"{path}/name", f"There are two fields “{field.name}”."))
        seen.add(field.name)
        marks += _token_marks(field.value, known, f"{path}/value")
    return marks


def _token_marks(value: str, known: set[str], path: str) -> list[Mark]:
    try:
        names = parse_tokens(value, path).names
    except DomainError as error:
        return [Mark(path, problem.message, code=problem.code) for problem in error.problems]
    return [
        Mark(
            path,
            f"There is no token “{name}”; the tokens are those of mails.",
            code="unknown_token",
        )
        for name in sorted(names - known)
    ]
