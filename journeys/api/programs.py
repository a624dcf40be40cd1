"""Programs over HTTP: the draft, publishing, the life cycle, enrolling."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from csplatform.api.errors import replanted
from csplatform.api.viewsets import ReadViewSet
from csplatform.ascode.api import ExportMixin
from csplatform.kit.errors import DomainError
from journeys.api.entry import ENTRY_PERMISSIONS, EntryActions
from journeys.api.life import LIFE_PERMISSIONS, LifeActions
from journeys.api.program_shapes import (
    WELCOME_FLOW,
    AmendGiven,
    AmendmentAnswer,
    CheckAnswer,
    CountsAnswer,
    DraftAnswer,
    DraftGiven,
    EnrollAnswer,
    EnrollGiven,
    MoveGiven,
    ProgramChange,
    ProgramGiven,
    ProgramSerializer,
    PublishGiven,
    RelocationAnswer,
    TroubleAnswer,
    VersionSerializer,
)
from journeys.engine.candidates import Candidate
from journeys.filters import ProgramFilter
from journeys.flow.parse import parse_flow
from journeys.models import Folder, Program
from journeys.operations.amend import amend_step
from journeys.operations.draft import (
    clone_program,
    create_program,
    delete_program,
    discard_changes,
    save_draft,
    update_details,
)
from journeys.operations.enroll import enroll
from journeys.operations.fields import check_fields
from journeys.operations.publish import publish_preview, publish_program
from journeys.operations.relocate import relocate
from journeys.snapshot.attention import troubles_of
from journeys.snapshot.counts import program_figures


class ProgramViewSet(ExportMixin, LifeActions, EntryActions, ReadViewSet):
    """Programs: what customers travel."""

    queryset = Program.objects.all()
    serializer_class = ProgramSerializer
    filterset_class = ProgramFilter
    ordering = "name"
    ordering_fields = ("id", "name")
    permissions = {
        "list": "journeys.view_program",
        "retrieve": "journeys.view_program",
        "create": "journeys.add_program",
        "partial_update": "journeys.change_program",
        "destroy": "journeys.delete_program",
        "draft": "journeys.view_program",
        "put_draft": "journeys.change_program",
        "discard": "journeys.change_program",
        "check": "journeys.view_program",
        "counts": "journeys.view_program",
        "attention": "journeys.view_program",
        "clone": "journeys.add_program",
        "publish": "journeys.publish_program",
        **LIFE_PERMISSIONS,
        **ENTRY_PERMISSIONS,
        "amend": "journeys.publish_program",
        "moves": "journeys.view_program",
        "move": "journeys.publish_program",
        "enroll": "journeys.enroll_participant",
        "export": "journeys.view_program",
    }

    def get_queryset(self) -> QuerySet[Program]:
        """With what the answers name."""
        rows = Program.objects.select_related("folder", "published")
        return rows.defer("draft", "published__document") if self.action == "list" else rows

    @extend_schema(
        request=ProgramGiven,
        responses={201: ProgramSerializer},
        examples=[
            OpenApiExample(
                "With a flow", {"name": "Welcome", "document": WELCOME_FLOW}, request_only=True
            )
        ],
    )
    def create(self, request: Request) -> Response:
        """Make a draft."""
        shape = ProgramGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        given = dict(shape.validated_data)
        folder = _folder(given.pop("folder", None))
        _check_shape(given.get("document"))
        program = create_program(**given, folder=folder, actor=request.user)
        return self._answer(program.pk, status.HTTP_201_CREATED)

    @extend_schema(request=ProgramChange, responses=ProgramSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change name, description or folder."""
        row = self.get_object()
        shape = ProgramChange(data=request.data)
        shape.is_valid(raise_exception=True)
        given = dict(shape.validated_data)
        folder = _folder(given["folder"]) if "folder" in given else row.folder
        update_details(
            row.pk,
            actor=request.user,
            name=given.get("name", row.name),
            description=given.get("description", row.description),
            folder=folder,
        )
        return self._answer(row.pk)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a draft that was never published."""
        delete_program(self.get_object().pk, actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses=DraftAnswer)
    @action(detail=True, methods=["get"])
    def draft(self, request: Request, pk: str) -> Response:
        """Read the flow that is being edited, with its revision (also as ETag)."""
        return _draft_answer(self.get_object())

    @extend_schema(
        request=DraftGiven,
        responses=DraftAnswer,
        examples=[
            OpenApiExample(
                "A first flow", {"revision": 0, "document": WELCOME_FLOW}, request_only=True
            )
        ],
    )
    @draft.mapping.put
    def put_draft(self, request: Request, pk: str) -> Response:
        """Replace the flow; name the revision that you edited, here or in If-Match."""
        program = self.get_object()
        shape = DraftGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        revision = _revision(request, shape.validated_data.get("revision"))
        document = shape.validated_data["document"]
        _check_shape(document)
        saved = save_draft(program.pk, document, revision=revision, actor=request.user)
        return _draft_answer(saved)

    @extend_schema(request=None, responses=DraftAnswer)
    @action(detail=True, methods=["post"])
    def discard(self, request: Request, pk: str) -> Response:
        """Put the draft back to the published flow."""
        return _draft_answer(discard_changes(self.get_object().pk, actor=request.user))

    @extend_schema(request=None, responses=CheckAnswer)
    @action(detail=True, methods=["post"])
    def check(self, request: Request, pk: str) -> Response:
        """What publishing now would do: who would enter, who not and why, what is wrong."""
        preview = publish_preview(self.get_object().pk)
        answer = {
            "can_publish": preview.can_publish,
            "would_enter": preview.would_enter,
            "held_out": preview.held_out,
            "waiting": preview.waiting,
            "standing": preview.standing,
            "refused": [
                {"reason": reason, "sentence": sentence, "count": count}
                for reason, sentence, count in preview.refused
            ],
            "marks": preview.marks,
        }
        return Response(CheckAnswer(answer).data)

    @extend_schema(responses=CountsAnswer)
    @action(detail=True, methods=["get"])
    def counts(self, request: Request, pk: str) -> Response:
        """Figures of the program and of each step, over all versions."""
        return Response(CountsAnswer(program_figures(self.get_object().pk)).data)

    @extend_schema(responses=TroubleAnswer(many=True))
    @action(detail=True, methods=["get"], pagination_class=None, filter_backends=[])
    def attention(self, request: Request, pk: str) -> Response:
        """Published steps that cannot be gone through any more, e.g. of a paused engagement."""
        program = self.get_object()
        troubles = troubles_of([program.pk]).get(program.pk, [])
        return Response(TroubleAnswer(troubles, many=True).data)

    @extend_schema(request=None, responses={201: ProgramSerializer})
    @action(detail=True, methods=["post"])
    def clone(self, request: Request, pk: str) -> Response:
        """Copy a program as a new draft."""
        copy = clone_program(self.get_object().pk, actor=request.user)
        return self._answer(copy.pk, status.HTTP_201_CREATED)

    @extend_schema(request=PublishGiven, responses={201: VersionSerializer})
    @action(detail=True, methods=["post"])
    def publish(self, request: Request, pk: str) -> Response:
        """Freeze the draft as the next version and let people in, or say what is in the way."""
        program = self.get_object()
        shape = PublishGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        given = shape.validated_data
        version = publish_program(
            program.pk, actor=request.user, revision=given.get("revision"),
            moves=given.get("moves"),
        )  # fmt: skip
        return Response(VersionSerializer(version).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses=RelocationAnswer(many=True))
    @action(detail=True, methods=["get"], pagination_class=None, filter_backends=[])
    def moves(self, request: Request, pk: str) -> Response:
        """Who was taken to another version, newest first, and how far it is; the last hundred."""
        rows = self.get_object().relocations.select_related("to_step").order_by("-pk")[:100]
        return Response(RelocationAnswer(rows, many=True).data)

    @extend_schema(
        request=MoveGiven,
        responses={202: RelocationAnswer(many=True)},
        examples=[
            OpenApiExample("To the same step", {"moves": {"a1": {"do": "move"}}}, request_only=True)
        ],
    )
    @moves.mapping.post
    def move(self, request: Request, pk: str) -> Response:
        """Take those on earlier versions to the published one; the bulk lane does it."""
        program = self.get_object()
        shape = MoveGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        made = relocate(program.pk, shape.validated_data["moves"], actor=request.user)
        return Response(RelocationAnswer(made, many=True).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=AmendGiven, responses={201: AmendmentAnswer})
    @action(detail=True, methods=["post"])
    def amend(self, request: Request, pk: str) -> Response:
        """Change a step of the published version in place: a wait's conditions, an engagement."""
        program = self.get_object()
        shape = AmendGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        given = shape.validated_data
        made = amend_step(program.pk, given["step"], given["config"], actor=request.user)
        return Response(AmendmentAnswer(made).data, status=status.HTTP_201_CREATED)

    @extend_schema(
        request=EnrollGiven,
        responses=EnrollAnswer,
        examples=[
            OpenApiExample("Two people", {"ids": [4, 17]}, request_only=True),
            OpenApiExample(
                "With a ticket",
                {"items": [{"id": 4, "context_id": "T-17", "fields": {"agent": "Kim"}}]},
                request_only=True,
            ),
        ],
    )
    @action(detail=True, methods=["post"])
    def enroll(self, request: Request, pk: str) -> Response:
        """Let people or companies in; how many entered, and why the others did not."""
        program = self.get_object()
        shape = EnrollGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        result = enroll(
            program.pk,
            _candidates(shape.validated_data),
            actor=request.user,
            cause={"how": "api"},
            context_id=shape.validated_data["context_id"],
        )
        return Response(EnrollAnswer(result).data)


def _candidates(given: dict[str, Any]) -> list[int | Candidate]:
    """Bare ids and items. Raises DomainError when there is nobody, or bad fields."""
    items = [
        Candidate(item["id"], item["context_id"], item["fields"]) for item in given.get("items", ())
    ]
    with replanted("", "/items"):
        check_fields(items)
    found: list[int | Candidate] = [*given.get("ids", ()), *items]
    if not found:
        raise DomainError("Name at least one, in “ids” or “items”.", path="/ids", code="missing")
    return found


def _folder(folder_id: int | None) -> Folder | None:
    if folder_id is None:
        return None
    found = Folder.objects.filter(pk=folder_id).first()
    if found is None:
        raise DomainError(f"There is no folder {folder_id}.", path="/folder", code="unknown")
    return found


def _check_shape(document: Any) -> None:
    """Refuse what is no flow, with its place in the request."""
    if document is not None:
        with replanted("", "/document"):
            parse_flow(document)


def _draft_answer(program: Program) -> Response:
    answer = DraftAnswer({"revision": program.draft_revision, "document": program.draft})
    return Response(answer.data, headers={"ETag": f'"{program.draft_revision}"'})


def _revision(request: Request, given: int | None) -> int:
    """The edited revision, from the body or If-Match."""
    header = request.headers.get("If-Match", "").strip().removeprefix("W/").strip('"')
    if given is None and header.isascii() and header.isdigit() and len(header) < 10:
        return int(header)
    if given is None:
        message = "Name the revision that you edited, here or in the header If-Match."
        raise DomainError(message, path="/revision", code="missing")
    return given
