"""Forms of the segment pages."""

import csv
import io
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from csplatform.kit.errors import DomainError
from csplatform.rules.fields import RuleField
from csplatform.rules.parse import parse_rule
from csplatform.segments.models import Kind, Segment

MAX_FILE = 2_000_000
# Headings of the column that counts, the most telling ones first.
KEY_COLUMNS = ("email", "e-mail", "external_id", "user_id", "id", "domain", "name", "company")


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
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 6}),
    )
    file = forms.FileField(required=False, label="CSV file")

    def clean_file(self) -> str:
        """The keys in a CSV file, one per line."""
        given = self.cleaned_data["file"]
        if not given:
            return ""
        if given.size > MAX_FILE:
            raise forms.ValidationError("Use a file of at most 2 MB; several are fine.")
        try:
            return "\n".join(csv_keys(given.read().decode("utf-8-sig")))
        except (UnicodeDecodeError, csv.Error):
            raise forms.ValidationError("This is no CSV file in UTF-8.") from None

    def clean(self) -> dict[str, Any]:
        """What was pasted and what is in the file."""
        cleaned = super().clean() or self.cleaned_data
        parts = (cleaned.get("keys", ""), cleaned.get("file", ""))
        cleaned["all_keys"] = "\n".join(part for part in parts if part)
        if not cleaned["all_keys"].strip() and not self.errors:
            raise forms.ValidationError("Paste at least one line, or choose a file.")
        return cleaned


def csv_keys(text: str) -> list[str]:
    """The column of a CSV file that names people or companies: by its heading, else the first."""
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    rows = [row for row in csv.reader(io.StringIO(text), delimiter=delimiter) if row]
    if not rows:
        return []
    heads = [head.strip().lower().replace(" ", "_") for head in rows[0]]
    place = next((heads.index(name) for name in KEY_COLUMNS if name in heads), None)
    body = rows if place is None else rows[1:]
    return [row[place or 0].strip() for row in body if len(row) > (place or 0)]


class ChangesForm(forms.Form):
    """Filters of who came and went."""

    q = forms.CharField(required=False, max_length=200, label="Name begins with")
    what = forms.ChoiceField(
        required=False, label="What",
        choices=[("", "Came and went"), ("entered", "Entered"), ("left", "Left")],
    )  # fmt: skip
    why = forms.ChoiceField(
        required=False,
        label="Because of",
        choices=[
            ("", "Anything"), ("change", "A change"), ("time", "Time alone"),
            ("recompute", "The rule was computed"), ("list", "By hand"), ("merge", "A merge"),
        ],
    )  # fmt: skip
    since = forms.DateField(required=False, label="From", widget=forms.DateInput({"type": "date"}))
    until = forms.DateField(required=False, label="To", widget=forms.DateInput({"type": "date"}))
    days = forms.ChoiceField(
        required=False, label="Chart",
        choices=[("30", "30 days"), ("90", "90 days"), ("365", "A year")],
    )  # fmt: skip

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        for field in self.fields.values():
            field.widget.attrs["class"] = "cs-input"

    def clean_q(self) -> str:
        """Without what no text holds."""
        return str(self.cleaned_data["q"]).replace("\x00", "")


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
