"""All shared links in one list, to see who opened them and to end them."""

from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from csplatform.adminkit.base import ReadOnlyAdmin
from csplatform.adminkit.templatetags.console import when
from csplatform.kit.clock import now
from csplatform.snapshots.models import SnapshotShare
from csplatform.snapshots.sharing import revoke_shares


class StateFilter(admin.SimpleListFilter):
    """Whether it opens."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """The states."""
        return [("open", "Open"), ("expired", "Expired"), ("revoked", "Revoked")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Links in the chosen state."""
        chosen: dict[str, Any] = {
            "open": {"revoked_at": None, "expires_at__gt": now()},
            "expired": {"revoked_at": None, "expires_at__lte": now()},
            "revoked": {"revoked_at__isnull": False},
        }
        return queryset.filter(**chosen.get(self.value() or "", {}))


@admin.register(SnapshotShare)
class SnapshotShareAdmin(ReadOnlyAdmin):
    """Links to snapshots of companies."""

    icon = "share"
    list_display = ["shown_company", "shown_state", "made_by", "made", "expires", "opened"]
    list_display_links = None
    list_filter = [StateFilter]
    search_fields = ["company__name__istartswith"]
    list_select_related = ["company", "made_by"]
    ordering = ["-id"]
    actions = ["revoke_chosen"]
    empty_title = "Nothing is shared"
    empty_text = "“Share…” on the page of a company makes a read-only link for the customer."

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Who may end links."""
        return request.user.has_perm("snapshots.change_snapshotshare")

    @admin.action(description="Revoke", permissions=["revoke"])
    def revoke_chosen(self, request: HttpRequest, queryset: QuerySet[SnapshotShare]) -> None:
        """End them at once."""
        ids = list(queryset.values_list("pk", flat=True))
        messages.success(request, f"Links revoked: {revoke_shares(ids, actor=request.user)}.")

    @admin.display(description="Company", ordering="company__name")
    def shown_company(self, row: SnapshotShare) -> SafeString:
        """Leading to its links."""
        url = reverse("company-share", args=[row.company_id])
        return format_html('<a class="cs-link" href="{}">{}</a>', url, row.company)

    @admin.display(description="State")
    def shown_state(self, row: SnapshotShare) -> str:
        """Open, expired or revoked."""
        return row.state(now())

    @admin.display(description="Made", ordering="made_at")
    def made(self, row: SnapshotShare) -> str:
        """How long ago."""
        return when(row.made_at)

    @admin.display(description="Expires", ordering="expires_at")
    def expires(self, row: SnapshotShare) -> datetime:
        """The day."""
        return row.expires_at

    @admin.display(description="Opened last", ordering="last_seen_at")
    def opened(self, row: SnapshotShare) -> str:
        """How long ago."""
        return when(row.last_seen_at)
