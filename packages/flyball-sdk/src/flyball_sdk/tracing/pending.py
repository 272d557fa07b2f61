"""Tool calls that a model asked for and that did not run yet, so that the function that runs one is known for it.

The app calls its function with arguments alone; the call's id, the decision about it and the span it belongs under are
found again here, by tool, arguments and trace.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from opentelemetry.context import Context

if TYPE_CHECKING:
    from flyball_sdk.guard.call import ToolCall
    from flyball_sdk.guard.decision import Decision

PENDING_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Requested:
    """One call: its id, the digest of its arguments, the trace and context it was asked in, what the guard said."""

    call_id: str
    digest: str
    trace_id: int
    context: Context
    decision: Decision | None = None
    call: ToolCall | None = None


class Pending:
    """The last `PENDING_MAX` calls; the oldest are forgotten."""

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = Lock()
        self._calls: OrderedDict[int, Requested] = OrderedDict()
        self._unseen: OrderedDict[str, ToolCall] = OrderedDict()
        self._next = 0

    def add(self, requested: Requested) -> None:
        """A call that may run now."""
        with self._lock:
            self._next += 1
            self._calls[self._next] = requested
            if requested.call is not None and requested.call_id:
                self._unseen[requested.call_id] = requested.call
            for table in (self._calls, self._unseen):
                while len(table) > PENDING_MAX:
                    table.popitem(last=False)

    def claim(self, digest: str, trace_id: int) -> Requested | None:
        """The oldest call with these arguments in this trace; in any, if the caller stands in none."""
        with self._lock:
            for key, one in self._calls.items():
                if one.digest == digest and trace_id in (0, one.trace_id):
                    return self._calls.pop(key)
        return None

    def unseen(self, call_id: str) -> ToolCall | None:
        """The call of an id whose answer the guard has not observed; asking makes it observed."""
        with self._lock:
            return self._unseen.pop(call_id, None)
