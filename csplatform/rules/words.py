"""Rules as sentences."""

from csplatform.rules.registry import rule_kinds
from csplatform.rules.tree import AllOf, AnyOf, Node, Not, Test

WHOM = {
    "person": ("Everybody", "Nobody", "People"),
    "company": ("Every company", "No company", "Companies"),
}


def in_words(node: Node, subject: str) -> str:
    """The rule as one sentence, e.g. “People for whom Role contains “admin” and …”."""
    everybody, nobody, some = WHOM[subject]
    if node == AllOf(()):
        return f"{everybody}."
    if node == AnyOf(()):
        return f"{nobody}."
    return (
        f"{some} for whom {phrase(node, subject)}."
        if subject == "person"
        else (f"{some} for which {phrase(node, subject)}.")
    )


def phrase(node: Node, subject: str, *, bracket: bool = False) -> str:
    """The rule as part of a sentence."""
    if isinstance(node, Test):
        return leaf_words(node, subject)
    if isinstance(node, Not):
        return f"not ({phrase(node.item, subject)})"
    if not node.items:
        return "anything goes" if isinstance(node, AllOf) else "nothing fits"
    parts = [phrase(item, subject, bracket=len(node.items) > 1) for item in node.items]
    text = (" and " if isinstance(node, AllOf) else " or ").join(parts)
    return f"({text})" if bracket and len(parts) > 1 else text


def leaf_words(test: Test, subject: str) -> str:
    """One test in words, with its nested rule."""
    kind = rule_kinds.get(test.kind)
    inner = ""
    if test.inner is not None:
        inner = phrase(test.inner, kind.inner[subject], bracket=True)
    return kind.words(test, subject, inner)
