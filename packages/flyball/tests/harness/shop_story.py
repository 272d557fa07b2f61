"""The demo's shop as a story: healthy versions, a pool that exhausts, callers that see it."""

from __future__ import annotations

from collections.abc import Sequence

from harness.story import Process, Says

POOL = "connection pool exhausted: no connection within <*> ms (size <*>)"
SWALLOWED = "could not write audit record <*>, ignored"

_START = (
    Says(kind="log", template="checkout <*> starting, pid <*>", once=True),
    Says(kind="log", template="pool opened with <*> connections", once=True, start_s=0.3),
    Says(kind="log", template="listening on port <*>", once=True, start_s=0.4),
)


def checkout(*, ok: float = 12.0) -> tuple[Says, ...]:
    """A healthy checkout."""
    return (
        *_START,
        Says(kind="log", template="checkout of cart <*> started", rate=12.0),
        Says(kind="log", template="order <*> placed, <*> items", rate=ok),
        Says(kind="log", template="card declined for cart <*>", severity=13, rate=0.4),
        Says(kind="log", template="cache refreshed in <*> ms", rate=0.15),
        Says(kind="span", template="POST /checkout", rate=ok, ms=22.0),
        Says(kind="span", template="SELECT cart", rate=12.0, ms=3.0),
        Says(kind="span", template="POST /checkout", severity=17, rate=0.05, ms=25.0),
    )


def broken(*, onset_s: float = 1.5) -> tuple[Says, ...]:
    """A checkout whose pool exhausts under load, with a swallowed exception beside it."""
    return (
        *(
            s
            for s in checkout(ok=12.0)
            if s.once or s.template not in {"POST /checkout", "order <*> placed, <*> items"}
        ),
        Says(kind="log", template="order <*> placed, <*> items", rate=12.0, until_s=onset_s),
        Says(kind="log", template="order <*> placed, <*> items", rate=7.0, start_s=onset_s),
        Says(kind="span", template="POST /checkout", rate=7.0, ms=160.0, start_s=onset_s),
        Says(kind="span", template="POST /checkout", severity=17, rate=5.0, ms=1000.0, start_s=onset_s),
        Says(kind="log", template=POOL, severity=17, rate=5.0, start_s=onset_s),
        Says(kind="log", template=SWALLOWED, severity=13, rate=1.0, start_s=onset_s),
    )


def caller(
    gaps: Sequence[tuple[float, float]], faults: Sequence[tuple[float, float]], end_s: float
) -> list[Process]:
    """The storefront: refused connections in each gap, errors while checkout is broken."""
    steady = Process(
        service="storefront",
        version="v1",
        begin_s=0.0,
        end_s=end_s,
        says=(
            Says(kind="log", template="GET <*> <*>", rate=15.0),
            Says(kind="span", template="GET /", rate=15.0, ms=12.0),
            Says(kind="span", template="POST /order", rate=12.0, ms=30.0),
        ),
    )
    refused = Says(kind="log", template="checkout refused the connection", severity=17, rate=12.0)
    failed = Says(kind="log", template="checkout answered <*>", severity=17, rate=5.0)
    gone = [
        Process(service="storefront", version="v1", begin_s=b, end_s=e, says=(refused, _error(12.0)))
        for b, e in gaps
    ]
    wrong = [
        Process(service="storefront", version="v1", begin_s=b, end_s=e, says=(failed, _error(5.0)))
        for b, e in faults
    ]
    return [steady, *gone, *wrong]


def _error(rate: float) -> Says:
    return Says(kind="span", template="POST /order", severity=17, rate=rate, ms=900.0)


def others(end_s: float) -> list[Process]:
    """Payments, inventory and auth: nothing happens to them."""
    return [
        Process(
            service=name,
            version="v1",
            begin_s=0.0,
            end_s=end_s,
            says=(
                Says(kind="log", template=f"{name} handled <*>", rate=8.0),
                Says(kind="log", template=f"{name} slow query <*> ms", severity=13, rate=0.1),
                Says(kind="span", template=f"POST /{name}", rate=8.0, ms=6.0),
            ),
        )
        for name in ("payments", "inventory", "auth")
    ]
