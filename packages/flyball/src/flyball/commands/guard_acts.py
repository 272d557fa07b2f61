"""What the operator tells the guard: each act changes it through `flyball.guard.operator` and is recorded as a change.

The face that calls this has checked the operator's token.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flyball.commands.record_change import announce_change
from flyball.commands.table import Command
from flyball.component.ports import ChangeStore, Clock
from flyball.enrich.changes import Sightings
from flyball.errors import InputError, NotFound
from flyball.guard import learned, operator
from flyball.guard.approvals import approval_view
from flyball.guard.propose import Proposal
from flyball.guard.wall import Wall
from flyball.model.change import Change, ChangeKind

SERVICE = "flyball-guard"
"""What changes of the guard are recorded of."""
_WHAT_CHARS_MAX = 400
_DURATION = re.compile(r"(\d{1,6})\s*(s|m|h)")
_SECONDS = {"s": 1, "m": 60, "h": 3600}
_BY = "who does it, for the log"

DECIDE = Command(
    name="guard_decide",
    path="/guard/approvals/{id}",
    summary="Approve or deny a call that waits; an approval passes exactly that call once.",
    fields={"id": "`apr_` and 16 hexadecimal digits", "verdict": "approve or deny", "by": _BY},
    required=("id", "verdict"),
    answer="The approval",
)
PAUSE = Command(
    name="guard_pause",
    path="/guard/pause",
    summary="Enforce nothing for a while; what would have been stopped is recorded.",
    fields={"for": "how long: 30s, 10m, 2h; at most a day", "reason": "why", "by": _BY},
    required=("for",),
    answer="The switches",
)
LOCKDOWN = Command(
    name="guard_lockdown",
    path="/guard/lockdown",
    summary="Block every tool call until somebody resumes.",
    fields={"reason": "why", "by": _BY},
    answer="The switches",
)
RESUME = Command(
    name="guard_resume",
    path="/guard/resume",
    summary="End a pause or a lockdown.",
    fields={"reason": "why", "by": _BY},
    answer="The switches",
)
MODE = Command(
    name="guard_mode",
    path="/guard/mode",
    summary="Enforce a policy, or let it only record.",
    fields={"mode": "audit or enforce", "policy": "its name; default where none is given", "by": _BY},
    required=("mode",),
    answer="The switches",
)
SETTLE = Command(
    name="guard_settle",
    path="/guard/proposals/{id}",
    summary="Accept or reject what the guard proposes to learn; an accepted rule begins in audit.",
    fields={
        "id": "`prp_` and 12 hexadecimal digits",
        "verdict": "accept or reject",
        "rule": "the rule as YAML, in a list of one, to take instead of the one proposed",
        "reason": "why",
        "by": _BY,
    },
    required=("id", "verdict"),
    answer="What was said of it, and which policies changed",
)
GUARD_COMMANDS = (DECIDE, PAUSE, LOCKDOWN, RESUME, MODE, SETTLE)
"""All are POST and need the operator's token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardActs:
    """The acts, with what they change and where they are recorded."""

    wall: Wall
    changes: ChangeStore
    sightings: Sightings
    clock: Clock
    workspace: str
    proposal_of: Callable[[str], Awaitable[Proposal]]
    """The proposal of an id as it stands now; raises NotFound."""

    async def do(self, command: Command, arguments: Mapping[str, str]) -> Any:
        """Carry out an act.

        Raises:
            InputError: an argument is not what it should be.
            NotFound: no such approval or policy.
        """
        return await _ACTS[command.name](self, arguments)

    async def decide(self, given: Mapping[str, str]) -> Any:
        """A person's verdict; it is a row of the log, not a change of the guard."""
        return approval_view(
            operator.decide(self.wall, given["id"], given["verdict"], by=given.get("by", "operator"))
        )

    async def pause(self, given: Mapping[str, str]) -> Any:
        """Enforce nothing for a while."""
        found = _DURATION.fullmatch(given["for"].strip())
        if not found:
            raise InputError(f"for is a duration such as 30s, 10m or 2h, this is {given['for'][:64]!r}")
        seconds = int(found[1]) * _SECONDS[found[2]]
        operator.pause(self.wall, seconds=seconds, by=_by(given), reason=given.get("reason", ""))
        return await self._switched(f"paused for {given['for']}", given)

    async def lockdown(self, given: Mapping[str, str]) -> Any:
        """Block everything."""
        operator.lockdown(self.wall, by=_by(given), reason=given.get("reason", ""))
        return await self._switched("lockdown", given)

    async def resume(self, given: Mapping[str, str]) -> Any:
        """Back to what the policies say."""
        operator.resume(self.wall, by=_by(given), reason=given.get("reason", ""))
        return await self._switched("resumed", given)

    async def mode(self, given: Mapping[str, str]) -> Any:
        """Another mode of a policy."""
        policy = given.get("policy", "default")
        operator.set_mode(self.wall, policy=policy, mode=given["mode"], by=_by(given))
        return await self._switched(f"policy {policy}: mode {given['mode']}", given)

    async def settle(self, given: Mapping[str, str]) -> Any:
        """A person's verdict on a proposal."""
        proposal, verdict, by = await self.proposal_of(given["id"]), given["verdict"], _by(given)
        if verdict not in ("accept", "reject"):
            raise InputError(f"a verdict is accept or reject, this is {verdict[:64]!r}")
        changed: list[str] = []
        if verdict == "accept":
            changed = learned.accept(self.wall, proposal, by=by, edited=given.get("rule", ""))
            await self._record(f"accepted {proposal.title}: policy {', '.join(changed)}", by)
        else:
            operator.settle(
                self.wall, proposal.id, verdict="rejected", kind=proposal.kind, rule=proposal.rule.id, by=by,
                reason=given.get("reason", ""),
            )  # fmt: skip
        return {"id": proposal.id, **self.wall.controls.settled[proposal.id], "policies": changed}

    async def put_policy(self, name: str, text: str, *, by: str) -> Mapping[str, Any]:
        """Take a policy in, or let it go where the text is empty."""
        before = self.wall.policies.texts.get(name)
        if text:
            operator.put_policy(self.wall, name, text, by=by)
        else:
            operator.remove_policy(self.wall, name, by=by)
        if self.wall.policies.texts.get(name) != before:
            what = "removed" if not text else "changed" if before else "added"
            await self._record(f"policy {name} {what}: {self.wall.policies.version}", by)
        policy = self.wall.policies.parsed.get(name)
        if policy is None:
            return {"name": name, "removed": True}
        return {"name": name, "mode": policy.mode, "rules": len(policy.rules), "hash": policy.digest()}

    async def _switched(self, what: str, given: Mapping[str, str]) -> Mapping[str, Any]:
        reason = f" ({given['reason']})" if given.get("reason") else ""
        await self._record(f"{what}{reason}", _by(given))
        return self.wall.controls.snapshot()

    async def _record(self, what: str, by: str) -> Change:
        return await announce_change(
            self.changes,
            self.sightings,
            self.clock,
            workspace=self.workspace,
            service=SERVICE,
            version=self.wall.policies.version,
            kind=ChangeKind.GUARD,
            what=what[:_WHAT_CHARS_MAX],
            author=by,
        )


_ACTS: Mapping[str, Callable[[GuardActs, Mapping[str, str]], Any]] = {
    DECIDE.name: GuardActs.decide,
    PAUSE.name: GuardActs.pause,
    LOCKDOWN.name: GuardActs.lockdown,
    RESUME.name: GuardActs.resume,
    MODE.name: GuardActs.mode,
    SETTLE.name: GuardActs.settle,
}


def _by(given: Mapping[str, str]) -> str:
    return given.get("by") or "operator"


def named_policy(name: str) -> str:
    """A policy's name as it stands in an address.

    Raises:
        NotFound: it can be none.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,63}", name):
        raise NotFound(f"{name[:64]!r} is no name of a policy: lower-case letters, digits, dots, - and _")
    return name
