"""Signatures of the Standard Webhooks specification, version 1. Pure."""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence

PREFIX = "whsec_"
NEW_BYTES = 32
MIN_BYTES, MAX_BYTES = 24, 64


def new_secret() -> str:
    """A random secret as receivers' libraries take it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(NEW_BYTES)).decode("ascii")


def secret_bytes(secret: str) -> bytes:
    """The key within a secret. Raises ValueError for anything else."""
    if not secret.startswith(PREFIX):
        raise ValueError("a secret starts with whsec_")
    try:
        found = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("a secret is base64 after whsec_") from None
    if not MIN_BYTES <= len(found) <= MAX_BYTES:
        raise ValueError(f"a secret has {MIN_BYTES} to {MAX_BYTES} bytes")
    return found


def signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """One "v1,…" signature over id, time and body."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(secret_bytes(secret), signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode("ascii")


def signed_headers(
    secrets_in_force: Sequence[str], message_id: str, timestamp: int, body: bytes
) -> dict[str, str]:
    """The three headers; while a secret is being rotated there is a signature for each."""
    signatures = [signature(secret, message_id, timestamp, body) for secret in secrets_in_force]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signatures),
    }
