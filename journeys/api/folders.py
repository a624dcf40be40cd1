"""Folders of the program list over HTTP."""

from django.db.models import Count, QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from csplatform.api.fields import CountAnswer, IdList, ShapeSerializer
from csplatform.api.viewsets import ReadViewSet
from journeys.models import Folder
from journeys.operations.folders import (
    create_folder,
    delete_folder,
    move_programs,
    rename_folder,
)


class FolderSerializer(serializers.ModelSerializer):
    """A folder and how many programs are in it."""

    programs = serializers.IntegerField(source="count")

    class Meta:
        model = Folder
        fields = ["id", "name", "programs"]
        read_only_fields = fields


class FolderGiven(ShapeSerializer):
    """A folder's name."""

    name = serializers.CharField(max_length=100)


class FolderViewSet(ReadViewSet):
    """Folders of the program list."""

    queryset = Folder.objects.all()
    serializer_class = FolderSerializer
    ordering = "name"
    ordering_fields = ("id", "name")
    permissions = {
        "list": "journeys.view_folder",
        "retrieve": "journeys.view_folder",
        "create": "journeys.add_folder",
        "partial_update": "journeys.change_folder",
        "destroy": "journeys.delete_folder",
        "move": "journeys.change_program",
    }

    def get_queryset(self) -> QuerySet[Folder]:
        """With the number of programs."""
        return Folder.objects.annotate(count=Count("programs"))

    def _answer(self, folder: Folder, code: int = status.HTTP_200_OK) -> Response:
        row = self.get_queryset().get(pk=folder.pk)
        return Response(FolderSerializer(row).data, status=code)

    @extend_schema(
        request=FolderGiven,
        responses={201: FolderSerializer},
        examples=[OpenApiExample("A folder", {"name": "Lifecycle"}, request_only=True)],
    )
    def create(self, request: Request) -> Response:
        """Make a folder."""
        shape = FolderGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        folder = create_folder(shape.validated_data["name"], actor=request.user)
        return self._answer(folder, status.HTTP_201_CREATED)

    @extend_schema(request=FolderGiven, responses=FolderSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Rename a folder."""
        row = self.get_object()
        shape = FolderGiven(data=request.data)
        shape.is_valid(raise_exception=True)
        return self._answer(rename_folder(row.pk, shape.validated_data["name"], actor=request.user))

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a folder; its programs stay, uncategorized."""
        delete_folder(self.get_object().pk, actor=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        request=IdList,
        responses=CountAnswer,
        examples=[OpenApiExample("Two programs", {"ids": [4, 17]}, request_only=True)],
    )
    @action(detail=True, methods=["post"])
    def move(self, request: Request, pk: str) -> Response:
        """Put programs into the folder; how many were not there before."""
        folder = self.get_object()
        shape = IdList(data=request.data)
        shape.is_valid(raise_exception=True)
        count = move_programs(shape.validated_data["ids"], folder, actor=request.user)
        return Response(CountAnswer({"count": count}).data)
