"""Which tokens a step's texts may use: those of mails, and the calculated fields of its flow."""

import re

from csplatform.kit.merge_tags import token_problems
from journeys.emails.tokens import known_tokens
from journeys.steps.kind import CheckContext, Mark

TOKEN = re.compile(r"\{\{.*?\}\}", re.DOTALL)


def in_short(text: str) -> str:
    """A text for a sentence, tokens as dots."""
    return TOKEN.sub("…", text)


def tokens_of_flow(context: CheckContext) -> set[str]:
    """Names of all tokens; looked up once per flow."""
    known: set[str] = context.known.lookup("tokens", known_tokens)
    return known | {f"fields.{key}" for key in context.fields}


def token_marks(text: str, context: CheckContext, path: str) -> list[Mark]:
    """What is wrong with the tokens of a text."""
    problems = token_problems(text, tokens_of_flow(context), path)
    return [Mark(p.path, p.message, code=p.code) for p in problems]
