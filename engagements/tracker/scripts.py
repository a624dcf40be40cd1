"""journey.js and its renderers: plain source files joined, squeezed and kept in memory.

The files below static/engagements/ are read as they are by people; each bundle is one closure,
so nothing but `window.journey` is global. There is no front-end build.
"""

import gzip
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import rjsmin
from django.conf import settings

SOURCES = Path(__file__).resolve().parent.parent / "static" / "engagements"
# In the order in which the parts need each other.
CORE = ("guard", "store", "transport", "queue", "pages", "showings", "commands")
# A renderer is an ES module with one export; the core imports it when something is due.
RENDERERS = {"dialog": ("safety", "styles", "blocks", "visible", "dialog")}


@dataclass(frozen=True)
class Script:
    """A bundle as it is sent."""

    text: str
    gzipped: bytes
    etag: str


def core() -> Script:
    """journey.js; it knows the fingerprints of the renderers, so both always fit together."""
    return _read(_core)


def renderer(name: str) -> Script | None:
    """A renderer by name, None for an unknown one."""
    return _read(_renderer, name) if name in RENDERERS else None


def _read(read: Callable[..., Script], *args: str) -> Script:
    """Kept in memory, except where somebody is working on the sources."""
    return read(*args) if settings.DEBUG else _kept(read, *args)


@lru_cache(maxsize=8)
def _kept(read: Callable[..., Script], *args: str) -> Script:
    return read(*args)


def _core() -> Script:
    versions = {name: renderer_version(name) for name in RENDERERS}
    body = _joined("tracker", CORE)
    head = f"const RENDERERS = {json.dumps(versions)};\n"
    return _made(f'(function () {{\n"use strict";\n{head}{body}\n}})();\n')


def _renderer(name: str) -> Script:
    return _made(_joined("render", RENDERERS[name]))


def renderer_version(name: str) -> str:
    """The fingerprint of a renderer's sources, for its address."""
    return _fingerprint(_joined("render", RENDERERS[name]))


def _joined(folder: str, names: tuple[str, ...]) -> str:
    return "\n".join((SOURCES / folder / f"{name}.js").read_text("utf-8") for name in names)


def _fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _made(source: str) -> Script:
    text = source if settings.DEBUG else rjsmin.jsmin(source, keep_bang_comments=False)
    data = text.encode()
    return Script(text, gzip.compress(data, 9, mtime=0), f'"{_fingerprint(text)}"')
