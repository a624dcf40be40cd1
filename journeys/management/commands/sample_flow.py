"""`manage.py sample_flow`: a large draft to look at."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.urls import reverse

from journeys.models import EmailTemplate
from journeys.operations.draft import create_program
from journeys.sample_flow import sample_flow


class Command(BaseCommand):
    """Make a draft program with many nested steps."""

    help = "Make a draft with a large, deeply nested flow, to try the editor with."

    def add_arguments(self, parser: CommandParser) -> None:
        """How large."""
        parser.add_argument("--steps", type=int, default=40)
        parser.add_argument("--depth", type=int, default=5)

    def handle(self, *args: Any, steps: int, depth: int, **options: Any) -> None:
        """Prints where it is."""
        mail = EmailTemplate.objects.order_by("pk").values_list("pk", flat=True).first()
        document = sample_flow(steps, depth, template=mail or 0)
        made = create_program(name=f"Sample flow, {steps} steps", actor=None, document=document)
        self.stdout.write(reverse("admin:journeys_program_flow", args=[made.pk]))
