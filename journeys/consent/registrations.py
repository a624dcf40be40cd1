"""What consent brings to the rooms below."""

from django.urls import reverse, reverse_lazy

from csplatform.adminkit.extensions import DetailLink, detail_links
from csplatform.adminkit.navigation import Entry, entries
from csplatform.customers.hooks import erase_hooks, merge_hooks
from csplatform.snapshots.panels import Panel, panels
from journeys.consent.checks import check_consent
from journeys.consent.leaving import forget_consent, repoint_consent
from journeys.consent.panel import mail_panel
from journeys.emails.sending_checks import sending_checks


def register() -> None:
    """Called once at start by journeys.registrations."""
    sending_checks.register("consent", check_consent)
    merge_hooks.register("consent", repoint_consent)
    erase_hooks.register("consent", forget_consent)
    for order, name, title, icon in (
        (41, "mailcategory", "Mail categories", "label"),
        (42, "mailoptout", "Unsubscriptions", "unsubscribe"),
        (43, "mailtrouble", "Suppressed addresses", "block"),
    ):
        place = "Build" if name == "mailcategory" else "Watch"
        entries.register(
            f"journeys.{name}",
            Entry(place, order, title, icon,
                  lambda name=name: reverse_lazy(f"admin:journeys_{name}_changelist"),  # type: ignore[misc]
                  f"journeys.view_{name}"),
        )  # fmt: skip
    panels.register(
        "journeys.person_mail",
        Panel("journeys.person_mail", "Mail", "person", 60, "consent/panel.html", mail_panel,
              permission="journeys.view_mailoptout"),
    )  # fmt: skip
    detail_links.register(
        "journeys.preferences",
        DetailLink(
            ("customers.person",), "Mail preferences", "unsubscribe",
            lambda label, pk: reverse("admin:journeys_mailoptout_person", args=[pk]),
        ),
    )  # fmt: skip
