"""Secrets that we must be able to use again, encrypted at rest with keys made from SECRET_KEY."""

import base64

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class Unreadable(Exception):
    """Sealed with another SECRET_KEY, or damaged."""


def seal(text: str) -> str:
    """Encrypt a text; "" stays "". Two seals of one text differ."""
    return _box().encrypt(text.encode()).decode("ascii") if text else ""


def unseal(sealed: str) -> str:
    """The text. Keys of SECRET_KEY_FALLBACKS open it too. Raises Unreadable."""
    if not sealed:
        return ""
    try:
        return _box().decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise Unreadable("This was encrypted with another SECRET_KEY.") from None


def _box() -> MultiFernet:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    return MultiFernet([Fernet(_key(key)) for key in keys])


def _key(secret: str) -> bytes:
    """A key for this purpose alone: what signs sessions and links must not open seals."""
    made = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"csplatform.sealed")
    return base64.urlsafe_b64encode(made.derive(secret.encode()))
