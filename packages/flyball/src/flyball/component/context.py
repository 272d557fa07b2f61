"""What a receiver is given: the way to hand over exports, its counters, its health, the clock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from flyball.component.ports import Clock, CursorStore, LineReader
from flyball.model.export import Export


@dataclass(slots=True)
class Health:
    """What a component says of itself; an empty `trouble` is well."""

    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverContext:
    """One receiver's surroundings.

    `emit` returns when the export is durable (then the sender may be acknowledged) and raises Overloaded when
    there is no room. `count(outcome, number)` counts what is received or dropped. `token` is what a sender must
    present, empty when none is needed. A receiver calls `ready()` when it listens. `line_reader()` makes records of a stream of lines.
    """

    emit: Callable[[Export], Awaitable[None]]
    count: Callable[[str, int], None]
    clock: Clock
    cursors: CursorStore
    line_reader: Callable[[], LineReader]
    ready: Callable[[], None] = lambda: None
    token: str = ""
    allowed_hosts: tuple[str, ...] = ()
    health: Health = field(default_factory=Health)
