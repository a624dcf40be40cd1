"""Forms of the engagement pages. What they give goes to the operations."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from engagements.inapp.admin.content_field import ContentField
from engagements.inapp.kind import engagement_kinds
from engagements.inapp.models import Engagement


class NewEngagementForm(forms.ModelForm):
    """A name and something to begin with; the builder comes next."""

    begin_with = forms.ChoiceField(
        label="Begin with",
        widget=UnfoldAdminSelectWidget,
        help_text="Everything can be changed in the builder.",
    )

    class Meta:
        model = Engagement
        fields = ("name", "triggered_by")
        widgets = {"name": UnfoldAdminTextInputWidget}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["begin_with"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [
            (f"{kind.key}:{starter.key}", f"{kind.label}: {starter.label}")
            for kind in engagement_kinds
            for starter in kind.starters
        ]


class EngagementForm(forms.ModelForm):
    """The builder. `revision` guards against overwriting a colleague's work."""

    revision = forms.IntegerField(widget=forms.HiddenInput)

    class Meta:
        model = Engagement
        fields = ("name", "triggered_by", "starts_at", "ends_at", "priority", "draft")
        labels = {"starts_at": "Begins", "ends_at": "Ends"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "draft" in self.fields:
            self.fields["draft"] = ContentField(kind=self.instance.kind, label="Content")
        if "revision" in self.fields:
            self.fields["revision"].initial = self.instance.draft_revision
