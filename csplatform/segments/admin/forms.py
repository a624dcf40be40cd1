"""Forms of the segment pages."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from csplatform.kit.errors import DomainError
from csplatform.rules.fields import RuleField
from csplatform.rules.parse import parse_rule
from csplatform.segments.models import Kind, Segment


class SegmentForm(forms.ModelForm):
    """What a segment is called and whom it holds."""

    rule = RuleField(
        subject_from="subject",
        shown_if=("kind", Kind.DYNAMIC),
        required=False,
        label="Who belongs to it",
        help_text="People and companies move in and out by themselves as their facts change.",
    )

    class Meta:
        model = Segment
        fields = ["name", "description", "subject", "kind", "rule"]
        widgets = {"description": UnfoldAdminTextareaWidget(attrs={"rows": 2})}

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        if self.instance.pk and "rule" in self.fields:
            self.fields["rule"].widget.subject = self.instance.subject

    def clean(self) -> dict[str, Any]:
        """Check the rule against the chosen subject."""
        cleaned = super().clean() or self.cleaned_data
        subject = self.instance.subject if self.instance.pk else cleaned.get("subject")
        kind = self.instance.kind if self.instance.pk else cleaned.get("kind")
        if kind == Kind.DYNAMIC and self.add_prefix("rule") not in self.data:
            self.add_error("rule", "The rule did not arrive. Load this page again and repeat.")
        elif kind == Kind.DYNAMIC and subject and "rule" in cleaned:
            try:
                parse_rule(cleaned["rule"], subject)
            except DomainError as error:
                for problem in error.problems:
                    self.add_error("rule", f"{problem.path or 'Rule'}: {problem.message}")
        return cleaned


class PasteForm(forms.Form):
    """Addresses, ids or names to put on a static list."""

    keys = forms.CharField(
        label="One per line, or separated by commas",
        max_length=500_000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 6}),
    )


class ListChoiceForm(forms.Form):
    """A static list to put chosen rows on; an existing one or a new one."""

    segment = forms.ModelChoiceField(
        Segment.objects.none(),
        required=False,
        label="Static list",
        empty_label="A new list",
        widget=UnfoldAdminSelectWidget,
    )
    name = forms.CharField(required=False, max_length=120, label="Name of the new list", strip=True)

    def __init__(self, *args: Any, subject: str, **more: Any) -> None:
        super().__init__(*args, **more)
        field: Any = self.fields["segment"]
        field.queryset = Segment.objects.of(subject).listed().filter(kind=Kind.STATIC)
        self.fields["name"].widget.attrs["class"] = "cs-input"

    def clean(self) -> dict[str, Any]:
        """One of the two."""
        cleaned = super().clean() or self.cleaned_data
        if not cleaned.get("segment") and not cleaned.get("name"):
            self.add_error("name", "Choose a list or name a new one.")
        return cleaned
