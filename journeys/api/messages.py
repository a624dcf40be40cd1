"""Messages over HTTP: what left, what waits, what is uncertain."""

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from csplatform.api.fields import CountAnswer, IdField, ShapeSerializer
from csplatform.api.viewsets import ReadViewSet
from journeys.emails.operations import mark_sent, send_again
from journeys.filters import MessageFilter
from journeys.models import Outbox


class AnswerShown(serializers.Serializer):
    """What came back last; status 0 when there was no answer."""

    status = serializers.IntegerField()
    text = serializers.CharField(help_text="The first 500 characters, as they came.")
    error = serializers.CharField()
    at = serializers.DateTimeField()


class MessageSerializer(serializers.ModelSerializer):
    """A message as answered. `body` and `answer` are those of webhooks."""

    body = serializers.SerializerMethodField()
    answer = serializers.SerializerMethodField()

    class Meta:
        model = Outbox
        fields = [
            "id", "channel", "state", "participant_id", "program_id", "step_key", "visit", "slot",
            "person_id", "company_id", "to_address", "subject", "message_id", "attempts", "error",
            "due_at", "created_at", "sent_at", "body", "answer",
        ]  # fmt: skip
        read_only_fields = fields

    def get_body(self, message: Outbox) -> str | None:
        """What is sent, once it was made."""
        return message.payload.get("body")

    @extend_schema_field(AnswerShown(allow_null=True))
    def get_answer(self, message: Outbox) -> dict | None:
        """What came back last."""
        return message.payload.get("answer")


class MessagesGiven(ShapeSerializer):
    """Up to 1,000 messages."""

    ids = serializers.ListField(child=IdField(), min_length=1, max_length=1000)


class MessageViewSet(ReadViewSet):
    """What programs sent or are about to send."""

    queryset = Outbox.objects.all()
    serializer_class = MessageSerializer
    filterset_class = MessageFilter
    permissions = {
        "list": "journeys.view_outbox",
        "retrieve": "journeys.view_outbox",
        "send_again": "journeys.change_outbox",
        "mark_sent": "journeys.change_outbox",
    }

    @extend_schema(request=MessagesGiven, responses=CountAnswer)
    @action(detail=False, methods=["post"], url_path="send-again")
    def send_again(self, request: Request) -> Response:
        """Send uncertain and given-up messages again; how many. Others are left alone.

        Webhooks that were cancelled because their endpoint was switched off are sent again, too.
        """
        shape = MessagesGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        return Response({"count": send_again(shape.validated_data["ids"], actor=request.user)})

    @extend_schema(request=MessagesGiven, responses=CountAnswer)
    @action(detail=False, methods=["post"], url_path="mark-sent")
    def mark_sent(self, request: Request) -> Response:
        """State that uncertain messages did arrive; how many. Others are left alone."""
        shape = MessagesGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        return Response({"count": mark_sent(shape.validated_data["ids"], actor=request.user)})
