"""Blocks as MJML and as plain text, with slots where tokens and links go.

MJML is compiled once per content. Slots are marks that nobody can guess; they come out of the
compiler unchanged, and each mail only joins literal HTML with its own slot values.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from csplatform.kit.blocks import Block
from csplatform.kit.merge_tags import Token, TokenText, as_html, parse_tokens, parse_url
from csplatform.kit.registry import Registry


@dataclass(frozen=True)
class TextSlot:
    """A token within HTML text."""

    token: Token


@dataclass(frozen=True)
class LinkSlot:
    """A tracked link: the n-th of the mail."""

    index: int


@dataclass(frozen=True)
class UrlSlot:
    """An address that is fetched, not clicked: a picture."""

    url: TokenText


@dataclass(frozen=True)
class PixelSlot:
    """Where the opening is counted."""


@dataclass(frozen=True)
class UnsubscribeSlot:
    """The line by which one unsubscribes; empty in operational mails."""


Slot = TextSlot | LinkSlot | UrlSlot | PixelSlot | UnsubscribeSlot
TextPiece = str | TokenText | LinkSlot | UnsubscribeSlot


@dataclass
class Page:
    """A mail while it is laid out. Collects slots, links and the plain text."""

    mark: str = field(default_factory=lambda: f"x{secrets.token_hex(12)}n")
    slots: list[Slot] = field(default_factory=list)
    links: list[TokenText] = field(default_factory=list)
    plain: list[TextPiece] = field(default_factory=list)

    def slot(self, slot: Slot) -> str:
        """A mark that stands for the slot in MJML."""
        self.slots.append(slot)
        return f"{self.mark}{len(self.slots) - 1}e"

    def words(self, source: str) -> str:
        """User's text for HTML: escaped, line breaks kept, tokens as slots."""
        return "".join(
            as_html(part).replace("\n", "<br/>")
            if isinstance(part, str)
            else self.slot(TextSlot(part))
            for part in parse_tokens(source).parts
        )

    def link(self, source: str) -> LinkSlot:
        """A new tracked link."""
        self.links.append(parse_url(source))
        return LinkSlot(len(self.links) - 1)

    def say(self, *pieces: TextPiece) -> None:
        """Add a paragraph to the plain text."""
        self.plain += [*pieces, "\n\n"]


# block kind -> MJML of a block, saying its plain text on the way
mail_blocks: Registry[Callable[[Page, Any], str]] = Registry("mail block")

_SIZES = {1: "26px", 2: "20px", 3: "16px"}


def _heading(page: Page, config: Any) -> str:
    page.say(parse_tokens(config.text))
    return (
        f'<mj-text css-class="ink" font-size="{_SIZES[config.level]}" font-weight="700"'
        f' line-height="1.3">{page.words(config.text)}</mj-text>'
    )


def _text(page: Page, config: Any) -> str:
    page.say(parse_tokens(config.text))
    return f'<mj-text css-class="ink">{page.words(config.text)}</mj-text>'


def _button(page: Page, config: Any) -> str:
    link = page.link(config.url)
    page.say(parse_tokens(config.label), ": ", link)
    return f'<mj-button href="{page.slot(link)}">{page.words(config.label)}</mj-button>'


def _image(page: Page, config: Any) -> str:
    if config.alt:
        page.say("[", parse_tokens(config.alt), "]")
    source = page.slot(UrlSlot(parse_url(config.url)))
    return f'<mj-image src="{source}" alt="{page.words(config.alt)}" border-radius="8px" />'


def _divider(page: Page, config: Any) -> str:
    page.say("—" * 20)
    return '<mj-divider border-width="1px" border-color="#d9d9e3" />'


def _list(page: Page, config: Any) -> str:
    tag = "ol" if config.style == "numbers" else "ul"
    marks = {"bullets": "disc", "numbers": "decimal", "checks": "'✓  '"}
    rows = []
    for number, item in enumerate(config.items, 1):
        sign = {"bullets": "• ", "checks": "✓ "}.get(config.style, f"{number}. ")
        page.plain += [sign, parse_tokens(item), "\n"]
        rows.append(f'<li style="margin:0 0 6px">{page.words(item)}</li>')
    page.plain.append("\n")
    look = f"margin:0;padding:0 0 0 22px;list-style-type:{marks[config.style]}"
    return f'<mj-text css-class="ink"><{tag} style="{look}">{"".join(rows)}</{tag}></mj-text>'


def register_mail_blocks() -> None:
    """How the shared blocks look in a mail."""
    mail_blocks.register("heading", _heading)
    mail_blocks.register("text", _text)
    mail_blocks.register("button", _button)
    mail_blocks.register("image", _image)
    mail_blocks.register("divider", _divider)
    mail_blocks.register("list", _list)


_HEAD = """
<mj-head>
  <mj-title>{title}</mj-title>
  <mj-preview>{preheader}</mj-preview>
  <mj-attributes>
    <mj-all font-family="-apple-system, 'Segoe UI', Helvetica, Arial, sans-serif" />
    <mj-text font-size="16px" line-height="1.6" color="#1f1f2b" padding="8px 32px" />
    <mj-button font-size="16px" font-weight="600" background-color="#6d28d9" color="#ffffff"
      border-radius="8px" inner-padding="14px 26px" padding="14px 32px" align="left" />
    <mj-image padding="12px 32px" />
    <mj-divider padding="16px 32px" />
  </mj-attributes>
  <mj-raw><meta name="color-scheme" content="light dark" /></mj-raw>
  <mj-style>
    @media (prefers-color-scheme: dark) {{
      body, .page {{ background-color: #16161d !important; }}
      .card, .card > table {{ background: #22222c !important; }}
      .ink div {{ color: #ececf4 !important; }}
    }}
  </mj-style>
</mj-head>
"""


def lay_out(page: Page, *, subject: str, preheader: str, blocks: list[Block]) -> str:
    """The MJML document of a mail. Fills the page's slots, links and plain text."""
    head = _HEAD.format(title=page.words(subject), preheader=page.words(preheader))
    body = "".join(mail_blocks.get(block.kind)(page, block.config) for block in blocks)
    foot = page.slot(UnsubscribeSlot()) + page.slot(PixelSlot())
    page.plain.append(UnsubscribeSlot())
    return (
        f'<mjml>{head}<mj-body background-color="#f3f3f8" width="600px" css-class="page">'
        f'<mj-section padding="24px 0" /><mj-section css-class="card" background-color="#ffffff"'
        f' border-radius="12px" padding="28px 0"><mj-column>{body}</mj-column></mj-section>'
        f'<mj-section padding="24px 0"><mj-column><mj-raw>{foot}</mj-raw></mj-column>'
        "</mj-section></mj-body></mjml>"
    )
