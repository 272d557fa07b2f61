"""Evidence: a stored, re-checkable fact with an id and the query that made it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """An immutable snapshot of one fact.

    Asking `sql` again with `parameters` (which hold the window and `as_of`) gives `numbers` again, until
    the rows it read have expired. `exemplars` are a few redacted records, as stored. The id is a hash of
    the fact, so stating it twice adds nothing.
    """

    kind: str
    sql: str
    parameters: Mapping[str, Any]
    as_of: datetime
    numbers: Mapping[str, float]
    exemplars: Sequence[Mapping[str, Any]] = field(default=())

    @property
    def id(self) -> str:
        """`ev_` and 16 hexadecimal digits of BLAKE2b over the fact."""
        fact = [self.kind, self.sql, dict(self.parameters), dict(self.numbers)]
        text = orjson.dumps(fact, option=orjson.OPT_SORT_KEYS, default=str)
        return "ev_" + hashlib.blake2b(text, digest_size=8).hexdigest()
