"""What must not stand in logs and failures: addresses of people, keys, values of rows."""

import re

# Anything that has none of these marks holds nothing of the kind; most lines end here.
_MARKS = ("@", "%40", "csp_", "earer ", "DETAIL:", "CONTEXT:", "input_value=")
_RULES = (
    (re.compile(r"(://[^:/@\s]{0,64}):[^@\s]{1,200}@"), r"\1:(password)@"),
    (re.compile(r"[\w.+%-]{1,64}(?:@|%40)[\w-]{1,63}(?:\.[\w-]{1,63})+"), "(address)"),
    (re.compile(r"csp_[0-9a-f]{8}_[\w-]+"), "(API key)"),
    (re.compile(r"([Bb]earer )\S+"), r"\1(token)"),
    # PostgreSQL tells the row, pydantic the value that was given.
    (re.compile(r"\n?(?:DETAIL|CONTEXT):[^\n]*"), ""),
    (re.compile(r"input_value=.{0,500}?(?=, input_type)", re.S), "input_value=(left out)"),
)


def redact(text: str) -> str:
    """The text without mail addresses, passwords, API keys and the values that databases tell."""
    if not any(mark in text for mark in _MARKS):
        return text
    for pattern, instead in _RULES:
        text = pattern.sub(instead, text)
    return text
