"""What a mail server's refusal says about the address."""

import re

# Enhanced status codes (RFC 3463) of addresses that do not exist; 5.2.1 is a closed mailbox.
_GONE = re.compile(r"\b5\.(1\.[1-3,6]|2\.1)\b")
_ENHANCED = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")
# Plain codes (RFC 5321) that say so where there is no enhanced one.
_PLAIN = {"550", "551", "553"}


def is_hard(answer: str) -> bool:
    """Whether “550 5.1.1 no such user” and the like mean that nobody lives there.

    Refusals for other reasons (policy, size, a full mailbox) count as soft.
    """
    if _ENHANCED.search(answer):
        return bool(_GONE.search(answer))
    return answer[:3] in _PLAIN
