"""Digests that stand for what is not told: a tool's arguments, and what an agent was told to be.

Arguments are few and often guessable (an address, a card's number), so their digest is keyed: by a secret of this process,
or by `FLYBALL_DIGEST_KEY` where several processes share one run. A configuration is no secret of a person; it has a plain one.
"""

from __future__ import annotations

import json
import marshal
import os
from hashlib import blake2b
from typing import Any

from flyball_sdk.tracing.reading import plain

KEY_BYTES_MAX = 64
SEEN_MAX = 256
"""Configurations whose digest is remembered."""


class Digests:
    """Keyed digests of arguments."""

    def __init__(self, key: str | None = None) -> None:
        """With a key of its own, the environment's, or a random one."""
        given = key if key is not None else os.environ.get("FLYBALL_DIGEST_KEY", "")
        self._key = given.encode()[:KEY_BYTES_MAX] or os.urandom(16)

    def of_arguments(self, name: str, arguments: Any) -> str:
        """Equal for equal arguments of the same tool, in whatever order they stand."""
        return blake2b(_written([name, arguments]), key=self._key, digest_size=8).hexdigest()


def of_configuration(*parts: Any) -> str:
    """Equal for equal system prompt, tools and settings, whatever the order of their keys.

    An agent sends the same ones with each call: what was seen lately is known again by its bytes, a tenth of the work.
    """
    try:
        seen = blake2b(
            marshal.dumps(parts, 0), digest_size=16
        ).digest()  # 0: no references, equal for equal values
    except ValueError:  # objects of the client's
        return _digest(parts)
    found = _seen.get(seen)
    if found is None:
        found = _digest(parts)
        if len(_seen) >= SEEN_MAX:
            _seen.clear()
        _seen[seen] = found
    return found


_seen: dict[bytes, str] = {}


def _digest(parts: tuple[Any, ...]) -> str:
    return blake2b(_written(parts), digest_size=8).hexdigest()


def _written(value: Any) -> bytes:
    try:
        return _encode(value).encode()
    except (TypeError, ValueError, RecursionError):  # keys of several kinds, a circle
        return repr(value).encode("utf-8", "replace")


def _other(value: Any) -> Any:
    made = plain(value)
    return made if made is not value else str(value)


_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=_other).encode
