"""Problems as part of an answer, where finding them is what was asked for."""

from rest_framework import serializers


class ProblemAnswer(serializers.Serializer):
    """Something wrong at one place."""

    path = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()
    level = serializers.ChoiceField(["error", "warning"])
