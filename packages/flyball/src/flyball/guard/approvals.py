"""Approvals: a person's answer to one call, for one session and the files it runs, used once, for a while.

States: asked -> approved -> used, or asked -> denied; each ends when its time is over. Every step is a row of the log.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import orjson

from flyball.errors import InputError, NotFound

State = Literal["asked", "approved", "denied", "used", "expired"]
Verdict = Literal["approve", "deny"]
OPEN_MAX = 256
"""Asks that wait for a person at once; further calls are refused by the failure mode."""
OPEN_BYTES_MAX = 8 * 1024 * 1024
"""What their calls may hold together; a file of the log begins with them."""
KEPT_MAX = 1_000
"""Approvals that can still be listed, the open ones among them."""
KEPT_BYTES_MAX = 32 * 1024 * 1024
_LIVE = ("asked", "approved", "denied")
APPROVED_S = 600.0
"""How long an approval waits for its call to come again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One ask. Times are Unix seconds; `expires` ends what is asked, or approved and not used.

    `binding` is a keyed hash of the exact call, its session and identity, and the files it runs. `call` is the input
    without its secrets, `effects` what it would do.
    """

    id: str
    state: State
    asked: float
    expires: float
    binding: str
    tool_name: str
    call: Any
    context: Mapping[str, str]
    effects: tuple[Mapping[str, Any], ...]
    reason: str
    safer: str
    rule: str
    severity: str
    policy_hash: str
    files: tuple[str, ...] = ()
    decided: float = 0.0
    by: str = ""

    def seen_at(self, now: float) -> Approval:
        """As it is now: what is over has expired."""
        if self.state in _LIVE and now >= self.expires:
            return replace(self, state="expired")
        return self

    def row(self) -> dict[str, Any]:
        """As a row of the log."""
        return asdict(self)


class Approvals:
    """The approvals there are, by id and by what they are bound to; at most `KEPT_MAX`."""

    def __init__(self) -> None:
        self._by_id: OrderedDict[str, Approval] = OrderedDict()
        self._by_binding: dict[str, str] = {}
        self._sizes: dict[str, int] = {}

    def bound_to(self, binding: str, now: float) -> Approval | None:
        """The last approval of exactly this call, if it still says anything."""
        found = self._by_id.get(self._by_binding.get(binding, ""))
        if found is None:
            return None
        found = found.seen_at(now)
        return None if found.state in ("expired", "used") else found

    def timed_out(self, binding: str, now: float) -> Approval | None:
        """The ask of exactly this call that nobody answered in time, within the last minutes."""
        found = self._by_id.get(self._by_binding.get(binding, ""))
        over = (
            found is not None and found.state == "asked" and found.expires <= now < found.expires + APPROVED_S
        )
        return found if over else None

    def may_ask(self, now: float, size_bytes: int) -> bool:
        """Whether one more, with a call of that size, may wait for a person."""
        waiting = [one.id for one in self._by_id.values() if one.seen_at(now).state in _LIVE]
        held = sum(self._sizes[one] for one in waiting)
        return len(waiting) < OPEN_MAX and held + size_bytes <= OPEN_BYTES_MAX

    def decided(self, approval_id: str, verdict: str, *, by: str, now: float) -> Approval:
        """What becomes of an ask by a person's verdict; the same verdict twice changes nothing.

        Raises:
            NotFound: there is none of that id.
            InputError: no such verdict, or it is too late for one.
        """
        found = self.get(approval_id, now)
        if verdict not in ("approve", "deny"):
            raise InputError(f"a verdict is approve or deny, this is {verdict[:64]!r}")
        wanted: State = "approved" if verdict == "approve" else "denied"
        if found.state == wanted:
            return found
        # what was approved may be denied while it is not used; what was denied stays so
        if found.state != "asked" and not (found.state == "approved" and wanted == "denied"):
            raise InputError(f"{found.id} is {found.state}: let the call be made again to be asked anew")
        return replace(found, state=wanted, by=by, decided=now, expires=now + APPROVED_S)

    def get(self, approval_id: str, now: float) -> Approval:
        """The approval of that id.

        Raises:
            NotFound: there is none.
        """
        found = self._by_id.get(approval_id)
        if found is None:
            raise NotFound(f"there is no approval {approval_id[:64]!r}; `flyball guard approvals` lists them")
        return found.seen_at(now)

    def newest_first(self, now: float) -> list[Approval]:
        """All that are kept."""
        return [one.seen_at(now) for one in reversed(self._by_id.values())]

    def apply(self, row: Mapping[str, Any]) -> Approval:
        """Take in a row of kind `approval`."""
        names = Approval.__dataclass_fields__
        fields = {name: value for name, value in row.items() if name in names}
        fields |= {"effects": tuple(fields["effects"]), "files": tuple(fields.get("files", ()))}
        approval = Approval(**fields)
        self._by_id.pop(approval.id, None)
        self._by_id[approval.id] = approval
        self._by_binding[approval.binding] = approval.id
        self._sizes[approval.id] = len(orjson.dumps(approval.call))
        while len(self._by_id) > KEPT_MAX or sum(self._sizes.values()) > KEPT_BYTES_MAX:
            _, oldest = self._by_id.popitem(last=False)
            del self._sizes[oldest.id]
            if self._by_binding.get(oldest.binding) == oldest.id:
                del self._by_binding[oldest.binding]
        return approval

    def used(self, approval_id: str) -> None:
        """The call that it was for has been let through."""
        if (found := self._by_id.get(approval_id)) is not None:
            self._by_id[approval_id] = replace(found, state="used")

    def live(self, now: float) -> list[dict[str, Any]]:
        """Those that still say something, as rows."""
        return [one.row() for one in self._by_id.values() if one.seen_at(now).state in _LIVE]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalView:
    """An approval as every face shows it: effects, then the whole call; what it is bound to stays inside."""

    id: str
    state: State
    asked: float
    expires: float
    tool_name: str
    call: Any
    context: Mapping[str, str]
    effects: tuple[Mapping[str, Any], ...]
    reason: str
    safer: str
    rule: str
    severity: str
    files: tuple[str, ...]
    decided: float
    by: str


def approval_view(approval: Approval) -> ApprovalView:
    """An approval as it is shown."""
    return ApprovalView(**{name: getattr(approval, name) for name in ApprovalView.__dataclass_fields__})
