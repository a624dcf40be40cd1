"""What is wrong with a mail template, in sentences for whoever uses it."""

import json
import re
from typing import Any

from csplatform.kit.blocks import block_token_problems, parse_blocks
from csplatform.kit.errors import DomainError, Problem
from csplatform.kit.merge_tags import token_problems
from journeys.emails.render import compile_content, content_of
from journeys.emails.tokens import known_tokens
from journeys.models import EmailTemplate

FIELD_TOKEN = re.compile(r"\bfields\.[a-z][a-z0-9_]*")


def content_problems(content: dict[str, Any], known: set[str] | None = None) -> list[Problem]:
    """Everything wrong with a template's content, with paths such as "/blocks/2/url".

    Args:
        known: the tokens there are, when somebody who checks several looked them up.
    """
    if known is None:  # a template by itself: which fields there are is the program's business
        known = known_tokens() | set(FIELD_TOKEN.findall(json.dumps(content)))
    problems = []
    for name in ("subject", "preheader", "sender_name"):
        problems += token_problems(content[name], known, f"/{name}")
    if not str(content["subject"]).strip():
        problems.append(Problem("/subject", "Write a subject.", "missing"))
    try:
        blocks = parse_blocks(content["blocks"])
    except DomainError as error:
        return problems + error.problems
    if not blocks:
        problems.append(Problem("/blocks", "Add at least one block.", "missing"))
    problems += block_token_problems(blocks, known)
    if not problems:
        try:
            compile_content(content)
        except DomainError as error:
            problems += error.problems
    return problems


def template_problems(template: EmailTemplate, known: set[str] | None = None) -> list[str]:
    """Sentences that block publishing; empty when the mail can go out."""
    return [
        f"“{template.name}”{_place(problem.path)}: {problem.message}"
        for problem in content_problems(content_of(template), known)
    ]


def _place(path: str) -> str:
    """A problem's path in words."""
    parts = path.strip("/").split("/")
    if parts[0] == "blocks" and len(parts) > 1:
        return f", block {int(parts[1]) + 1}" if parts[1].isdigit() else ""
    return f", {parts[0].replace('_', ' ')}" if parts[0] else ""
