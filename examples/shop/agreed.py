"""What customers and services agree on: how a session is signed and how products are numbered."""

from __future__ import annotations

import hashlib
import hmac

PRODUCTS = 40
_KEY = b"a demo has no secrets"


def sku(number: int) -> str:
    """The name of product `number`, 0 to PRODUCTS - 1."""
    return f"sku-{100 + number}"


def sign(user: int, session_s: int) -> str:
    """The token of a user whose session lasts another `session_s` seconds."""
    session = f"{user}.{session_s}"
    return f"{session}.{_signature(session)}"


def read(token: str) -> tuple[int, int] | None:
    """User and remaining seconds of a token, None when its signature is wrong."""
    session, _, signature = token.rpartition(".")
    if not hmac.compare_digest(signature, _signature(session)):
        return None
    user, session_s = session.split(".")
    return int(user), int(session_s)


def _signature(session: str) -> str:
    return hmac.new(_KEY, session.encode(), hashlib.sha256).hexdigest()
