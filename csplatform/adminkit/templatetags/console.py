"""Small tags that the console's templates share."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from csplatform.kit.clock import now

register = template.Library()


@register.filter
def landmark(page: SafeString) -> SafeString:
    """The theme's frame with its main part marked as such, for screen readers."""
    return mark_safe(  # noqa: S308 - the page is rendered already, only a code-owned word is added
        str(page).replace('<div id="main"', '<div id="main" role="main" tabindex="-1"', 1)
    )


@register.filter
def figure(value: Any) -> str:
    """A number with thousands separators; short texts as they are; None as a dash."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float, Decimal)):
        return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.2f}"
    return str(value)


@register.filter
def ago(moment: datetime | None) -> str:
    """How long ago, short: "just now", "5 min ago", "3 h ago", "2 d ago", else the date."""
    if moment is None:
        return "never"
    seconds = (now() - moment).total_seconds()
    if seconds < 0:
        return f"{moment:%d %b %Y %H:%M}"
    for limit, unit, name in ((60, 1, ""), (3600, 60, "min"), (86400, 3600, "h")):
        if seconds < limit:
            return f"{int(seconds // unit)} {name} ago" if name else "just now"
    if seconds < 30 * 86400:
        return f"{int(seconds // 86400)} d ago"
    return f"{moment:%d %b %Y}"


@register.simple_tag
def when(moment: datetime | date | None) -> str:
    """A moment as people read it, with the exact time for the mouse and for machines."""
    if moment is None:
        return "never"
    if not isinstance(moment, datetime):
        return f"{moment:%d %b %Y}"
    return format_html(
        '<time datetime="{}" title="{} UTC">{}</time>',
        moment.isoformat(),
        f"{moment:%d %b %Y %H:%M:%S}",
        ago(moment),
    )
