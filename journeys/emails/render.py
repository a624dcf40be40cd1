"""From a template's content to one person's mail: compiled once, filled in per person."""

import hashlib
import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import mjml

from csplatform.kit.blocks import parse_blocks
from csplatform.kit.errors import DomainError
from csplatform.kit.merge_tags import (
    TokenText,
    Values,
    as_html,
    is_safe_url,
    parse_tokens,
)
from journeys.emails.layout import (
    LinkSlot,
    Page,
    PixelSlot,
    Slot,
    TextPiece,
    TextSlot,
    UnsubscribeSlot,
    lay_out,
)
from journeys.models import EmailTemplate

LINE = 500
GOODBYE = "Unsubscribe or choose what you get"
_FOOT = "margin:0;text-align:center;font-family:Helvetica,Arial,sans-serif;font-size:13px"
CONTENT_FIELDS = ("subject", "preheader", "sender_name", "reply_to", "blocks")


class Links(Protocol):
    """Makes the addresses of one mail's links."""

    def link(self, index: int, url: str) -> str:
        """The address to write for the n-th link."""
        ...

    def pixel(self) -> str:
        """The address of the picture that counts openings; "" for none."""
        ...

    def unsubscribe(self) -> str:
        """Where its reader unsubscribes; "" for mails that everybody gets."""
        ...


class PlainLinks:
    """Links as they are, nothing counted: previews and test mails."""

    def link(self, index: int, url: str) -> str:
        """The link itself."""
        return url

    def pixel(self) -> str:
        """None."""
        return ""

    def unsubscribe(self) -> str:
        """A place that only looks like one."""
        return "#"


@dataclass(frozen=True)
class CompiledMail:
    """A content ready to be filled in. `html` holds literal pieces and slots in turn."""

    digest: str
    subject: TokenText
    sender_name: TokenText
    reply_to: str
    html: tuple[str | Slot, ...]
    plain: tuple[TextPiece, ...]
    links: tuple[TokenText, ...]


@dataclass(frozen=True)
class RenderedMail:
    """One person's mail.

    Attributes:
        unsubscribe: the address for one click; "" in operational mails.
        used: the values that were filled in, by token.
        unknown: tokens that came out empty because nobody knows them.
    """

    subject: str
    sender_name: str
    reply_to: str
    html: str
    text: str
    unsubscribe: str
    used: dict[str, Any]
    unknown: tuple[str, ...]


def content_of(template: EmailTemplate) -> dict[str, Any]:
    """What a template says, as it is compiled and kept in revisions."""
    return {name: getattr(template, name) for name in CONTENT_FIELDS}


def content_digest(content: dict[str, Any]) -> str:
    """SHA-256 of a content; the key of its revision."""
    return hashlib.sha256(_canonical(content).encode()).hexdigest()


def _canonical(content: dict[str, Any]) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def compile_content(content: dict[str, Any]) -> CompiledMail:
    """The compiled form of a content; cached. Raises DomainError with paths."""
    return _compile(_canonical(content))


@lru_cache(maxsize=200)
def _compile(canonical: str) -> CompiledMail:
    content = json.loads(canonical)
    blocks = parse_blocks(content["blocks"])
    subject = parse_tokens(content["subject"], "/subject")
    parse_tokens(content["preheader"], "/preheader")
    sender_name = parse_tokens(content["sender_name"], "/sender_name")
    page = Page()
    source = lay_out(
        page, subject=content["subject"], preheader=content["preheader"], blocks=blocks
    )
    try:
        html = mjml.mjml2html(source)
    except ValueError as error:
        raise DomainError(f"The layout cannot be made: {error}", path="/blocks") from None
    html = _wrapped(html)
    return CompiledMail(
        digest=hashlib.sha256(canonical.encode()).hexdigest(),
        subject=subject,
        sender_name=sender_name,
        reply_to=content["reply_to"],
        html=_pieces(html, page),
        plain=tuple(page.plain),
        links=tuple(page.links),
    )


def _wrapped(html: str) -> str:
    """Break the compiler's endless lines between tags. Mail lines end at 998 bytes; longer ones
    force an encoding that doubles the cost of building and of taking a mail."""
    lines, line = [], ""
    for part in re.split(r"(?<=>)(?=<)", html):
        if line and len(line) + len(part) > LINE:
            lines.append(line)
            line = ""
        line += part
    return "\n".join([*lines, line])


def _pieces(html: str, page: Page) -> tuple[str | Slot, ...]:
    """Cut compiled HTML at the page's marks."""
    parts = re.split(rf"{page.mark}(\d+)e", html)
    pieces: list[str | Slot] = []
    for place, part in enumerate(parts):
        pieces.append(page.slots[int(part)] if place % 2 else part)
    return tuple(pieces)


def render(mail: CompiledMail, values: Values, links: Links) -> RenderedMail:
    """Fill in one person's values. Pure; never fails on strange values."""
    addresses = [_address(links, index, link.url(values)) for index, link in enumerate(mail.links)]
    goodbye = links.unsubscribe()
    html = "".join(
        piece if isinstance(piece, str) else _slot_html(piece, values, addresses, links, goodbye)
        for piece in mail.html
    )
    text = "".join(_plain(piece, values, addresses, goodbye) for piece in mail.plain)
    return RenderedMail(
        subject=mail.subject.line(values)[:500],
        sender_name=mail.sender_name.line(values)[:200],
        reply_to=mail.reply_to,
        html=html,
        text=text.strip() + "\n",
        unsubscribe=goodbye,
        used=values.used,
        unknown=tuple(sorted(values.unknown)),
    )


def _address(links: Links, index: int, url: str) -> str:
    return links.link(index, url) if is_safe_url(url) else ""


def _slot_html(slot: Slot, values: Values, addresses: list[str], links: Links, goodbye: str) -> str:
    if isinstance(slot, TextSlot):
        return as_html(values.text_of(slot.token))
    if isinstance(slot, LinkSlot):
        return as_html(addresses[slot.index])
    if isinstance(slot, UnsubscribeSlot):
        link = f'<a href="{as_html(goodbye)}" style="color:#6b6b80">{GOODBYE}</a>'
        return f'<p style="{_FOOT}">{link}</p>' if goodbye else ""
    if isinstance(slot, PixelSlot):
        pixel = links.pixel()
        look = 'width="1" height="1" alt="" style="display:block;border:0"'
        return f'<img src="{as_html(pixel)}" {look} />' if pixel else ""
    url = slot.url.url(values)
    return as_html(url) if is_safe_url(url) else ""


def _plain(piece: TextPiece, values: Values, addresses: list[str], goodbye: str) -> str:
    if isinstance(piece, str):
        return piece
    if isinstance(piece, UnsubscribeSlot):
        return f"-- \n{GOODBYE}: {goodbye}" if goodbye else ""
    if isinstance(piece, LinkSlot):
        return addresses[piece.index]
    return piece.text(values)
