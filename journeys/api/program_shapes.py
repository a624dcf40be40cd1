"""What requests and answers about programs look like."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from csplatform.api.fields import IdField, ObjectField, ShapeSerializer
from journeys.flow.models import DEFAULT
from journeys.models import Amendment, Program, ProgramVersion, Relocation
from journeys.models.program import ProgramType

LARGEST_REVISION = 2**31 - 2
WELCOME_FLOW: dict[str, Any] = {
    "entry": {"sources": [{"kind": "segment", "segment": 3}]},
    "steps": [
        {"key": "a1", "kind": "send_email", "name": "Welcome", "config": {"template": 1}},
        {"key": "a2", "kind": "exit", "name": "Done", "config": {}},
    ],
}


class FailureProblem(serializers.Serializer):
    """Something that stopped the last scheduled publishing; `step` is "" for the program itself."""

    step = serializers.CharField()
    path = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()


class ProgramSerializer(serializers.ModelSerializer):
    """A program as answered; its flow is at /draft/ and in its versions."""

    folder_name = serializers.CharField()
    published = serializers.IntegerField(source="published_id", allow_null=True)
    published_number = serializers.IntegerField(
        source="published.number", default=None, allow_null=True
    )
    publish_failure = FailureProblem(many=True, read_only=True)

    class Meta:
        model = Program
        fields = [
            "id", "name", "type", "model", "folder", "folder_name", "description", "state",
            "draft_revision", "published", "published_number", "published_at", "publish_at",
            "publish_by", "publish_failure", "paused_at", "accepts_entries", "quarantine",
            "created_by", "created_at", "updated_at",
        ]  # fmt: skip
        read_only_fields = fields


class ProgramGiven(ShapeSerializer):
    """A program to make."""

    name = serializers.CharField(max_length=200)
    type = serializers.ChoiceField(ProgramType.choices, default=ProgramType.PERSON)
    model = serializers.CharField(
        max_length=40, default=DEFAULT,
        help_text="What it starts with and which steps it takes; it cannot change later.",
    )  # fmt: skip
    folder = IdField(required=False, allow_null=True)
    description = serializers.CharField(required=False, allow_blank=True, max_length=5000)
    document = ObjectField(required=False, help_text="The flow; else it starts as its model does.")


class ProgramChange(ShapeSerializer):
    """What may change of a program."""

    name = serializers.CharField(required=False, max_length=200)
    folder = IdField(required=False, allow_null=True)
    description = serializers.CharField(required=False, allow_blank=True, max_length=5000)


class DraftGiven(ShapeSerializer):
    """An edited flow."""

    revision = serializers.IntegerField(required=False, min_value=0, max_value=LARGEST_REVISION)
    document = ObjectField()


class DraftAnswer(serializers.Serializer):
    """The flow being edited."""

    revision = serializers.IntegerField()
    document = ObjectField()


MOVES_HELP = (
    "Step key to what becomes of those who stand there on earlier versions:"
    ' {"do": "stay"}, {"do": "move", "to": key of a step} (without "to" the same step) or'
    ' {"do": "end"}. Who is not named stays.'
)


class PublishGiven(ShapeSerializer):
    """The revision that was looked at; with it, a draft changed meanwhile is not published."""

    revision = serializers.IntegerField(required=False, min_value=0, max_value=LARGEST_REVISION)
    moves = ObjectField(required=False, help_text=MOVES_HELP)


class MoveGiven(ShapeSerializer):
    """What becomes of those on earlier versions."""

    moves = ObjectField(help_text=MOVES_HELP)


class RelocationAnswer(serializers.ModelSerializer):
    """Everybody at one step, on the way to another version."""

    to_key = serializers.CharField(source="to_step.key", default=None, allow_null=True)

    class Meta:
        model = Relocation
        fields = [
            "id", "version", "step_key", "to_key", "expected", "taken", "started_at",
            "started_by", "done_at",
        ]  # fmt: skip
        read_only_fields = fields


class ReasonGiven(ShapeSerializer):
    """Why, for the history."""

    reason = serializers.CharField(required=False, allow_blank=True, max_length=500, default="")


class ScheduleGiven(ShapeSerializer):
    """When to publish, within two years; and the revision that was looked at."""

    at = serializers.DateTimeField(help_text="With its zone, e.g. 2026-12-24T09:00:00Z.")
    revision = serializers.IntegerField(required=False, min_value=0, max_value=LARGEST_REVISION)
    moves = ObjectField(required=False, help_text=MOVES_HELP)


class DisableGiven(ReasonGiven):
    """What happens to who is inside, and why."""

    runs = serializers.ChoiceField(
        ["finish", "freeze"], default="finish",
        help_text="finish: they go on to the end; freeze: the program is paused as well.",
    )  # fmt: skip


class AmendGiven(ShapeSerializer):
    """The step of the published version and its whole new settings."""

    step = serializers.CharField(max_length=20, help_text="Key of the step.")
    config = ObjectField()


class AmendmentAnswer(serializers.ModelSerializer):
    """A change in place that is in force now."""

    config = ObjectField()

    class Meta:
        model = Amendment
        fields = ["version", "number", "step_key", "config", "made_at", "made_by"]
        read_only_fields = fields


class EnrollItem(ShapeSerializer):
    """One person or company with what it comes with."""

    id = IdField()
    context_id = serializers.CharField(
        required=False, allow_blank=True, max_length=100, default="",
        help_text="One may run once per context, e.g. per order.",
    )  # fmt: skip
    fields = ObjectField(  # type: ignore[assignment]
        required=False, default=dict,
        help_text="Flat values by name; mails show them as {{ participant.NAME }}.",
    )  # fmt: skip


class EnrollGiven(ShapeSerializer):
    """Up to 10,000 people or companies, as the program's type says: `ids` for bare ones, `items`
    for those that bring something."""

    ids = serializers.ListField(child=IdField(), required=False, max_length=10_000)
    items = EnrollItem(many=True, required=False, max_length=10_000)  # type: ignore[call-arg]
    context_id = serializers.CharField(
        required=False, allow_blank=True, max_length=100, default="",
        help_text="Of those who bring none of their own.",
    )  # fmt: skip


@extend_schema_field({"type": "object", "additionalProperties": {"type": "integer"}})
class CountsField(serializers.JSONField):
    """Numbers by word."""


class EnrollAnswer(serializers.Serializer):
    """How many entered, and how many did not, by reason."""

    entered = serializers.IntegerField()
    refused = CountsField()


class RefusedAnswer(serializers.Serializer):
    """How many would not enter for a reason."""

    reason = serializers.CharField()
    sentence = serializers.CharField()
    count = serializers.IntegerField()


class MarkAnswer(serializers.Serializer):
    """Something to say about a step ("" for the program itself)."""

    step_key = serializers.CharField()
    path = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()
    level = serializers.ChoiceField(["error", "warning"])


class StandingAnswer(serializers.Serializer):
    """Those who stand at one step now."""

    key = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.CharField()
    count = serializers.IntegerField()
    kept = serializers.BooleanField(help_text="Whether the draft still has this step.")


class CheckAnswer(serializers.Serializer):
    """What publishing now would do."""

    can_publish = serializers.BooleanField()
    would_enter = serializers.IntegerField()
    held_out = serializers.IntegerField(help_text="Would enter the control group instead.")
    waiting = serializers.IntegerField(help_text="Participants inside.")
    standing = StandingAnswer(many=True)
    refused = RefusedAnswer(many=True)
    marks = MarkAnswer(many=True)


class TroubleAnswer(serializers.Serializer):
    """A published step that fails whoever reaches it, and what to do."""

    step_key = serializers.CharField()
    step_name = serializers.CharField()
    version = serializers.IntegerField(help_text="Number of the version it stands in.")
    message = serializers.CharField()


class StepCounts(serializers.Serializer):
    """Figures of one step."""

    reached = serializers.IntegerField()
    here = serializers.IntegerField()
    done = serializers.IntegerField()
    left = serializers.IntegerField()
    failed = serializers.IntegerField()
    moved = serializers.IntegerField(help_text="Moved on to another step by a new version.")
    exits = CountsField()


class CountsAnswer(serializers.Serializer):
    """Figures of a program."""

    entered = serializers.IntegerField()
    inside = serializers.IntegerField()
    goals = serializers.IntegerField()
    refused = serializers.IntegerField()
    held_out = serializers.IntegerField(help_text="In the control group; they count nowhere else.")
    held_out_goals = serializers.IntegerField()
    states = CountsField()
    steps = serializers.DictField(child=StepCounts())


class VersionSerializer(serializers.ModelSerializer):
    """A published version."""

    document = ObjectField()

    class Meta:
        model = ProgramVersion
        fields = ["id", "program", "number", "published_at", "published_by", "document"]
        read_only_fields = fields
