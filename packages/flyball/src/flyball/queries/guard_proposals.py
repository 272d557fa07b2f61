"""What the guard proposes to learn, and what a rule that was learned has done since: both from the decisions on record."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import anyio.to_thread
import numpy as np
from flyball_sdk.guard.rule import Rule

from flyball.compare.proportions import compare_shares
from flyball.errors import InputError, NotFound
from flyball.guard.backtest import speaks
from flyball.guard.learned import LEARNED
from flyball.guard.propose import Proposal, promotions, propose, wrong_calls
from flyball.guard.recorded import Judged, Recorded, recorded
from flyball.guard.wall import Wall
from flyball.queries.guard import wall_of
from flyball.queries.guard_decisions import guard_decisions, older_decisions
from flyball.queries.ports import Ports

PAST_MAX = 20_000
"""Decisions that proposals are made of, the latest."""
_IN_MEMORY = 1_000
SLOT_S = 3_600
SURE = 0.01
"""The p value at which a share has changed."""
CALLS_MIN = 50
"""Calls on either side, below which nothing is said."""
_STATES = ("proposed", "accepted", "rejected", "all")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalView:
    """One proposal as every face shows it; `warning` comes first: it says when benign calls would be stopped."""

    warning: str
    id: str
    kind: str
    title: str
    rule: str
    action: str
    text: str
    support: Mapping[str, int]
    backtest: Mapping[str, Any]
    lets_through: Sequence[tuple[str, int]]
    state: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardProposals:
    """What recurs and could become a rule, from `calls` decisions since `since`."""

    question: str
    proposals: Sequence[ProposalView]
    calls: int
    since: datetime | None
    as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRecord:
    """What a rule did: the share of calls that it speaks to, before and after `since`, and whether that is a change.

    `verdict` is fewer, more, no change, or not enough data. `false_hits` are calls of sessions in which nothing else was
    found wrong.
    """

    question: str
    rule: str
    since: datetime
    before: Mapping[str, float]
    after: Mapping[str, float]
    p: float | None
    verdict: str
    stopped: int
    approved: int
    denied: int
    false_hits: int
    as_of: datetime


async def guard_proposals(ports: Ports, *, state: str | None = None) -> GuardProposals:
    """What the guard would learn from what agents did: new rules, rules to enforce, exceptions, each back-tested.

    Args:
        ports: the stores.
        state: proposed (the default), accepted, rejected or all.
    """
    wanted = state or "proposed"
    if wanted not in _STATES:
        raise InputError(f"state is {', '.join(_STATES)}, this is {wanted[:64]!r}")
    wall = wall_of(ports)
    past = await past_calls(ports)
    made = await anyio.to_thread.run_sync(_proposals, wall, past, ports.now().timestamp())
    views = [_view(one, wall.controls.settled.get(one.id, {})) for one in made]
    return GuardProposals(
        question="What should the guard learn?",
        proposals=[one for one in views if wanted in ("all", one.state)],
        calls=len(past),
        since=datetime.fromtimestamp(past[0].t, ports.now().tzinfo) if past else None,
        as_of=ports.now(),
    )


async def proposal_of(ports: Ports, proposal_id: str) -> Proposal:
    """The proposal of that id, as it stands now.

    Raises:
        NotFound: nothing of the kind is proposed any more.
    """
    past = await past_calls(ports)
    made = await anyio.to_thread.run_sync(_proposals, wall_of(ports), past, ports.now().timestamp())
    for one in made:
        if one.id == proposal_id:
            return one
    raise NotFound(f"there is no proposal {proposal_id[:64]!r}; `flyball guard proposals` lists them")


async def guard_rule_record(ports: Ports, *, rule: str) -> RuleRecord:
    """What a rule did since it was accepted: how often calls do what it speaks of, before and after.

    Args:
        ports: the stores.
        rule: the id of a rule in force.
    """
    wall = wall_of(ports)
    found = next((one for policy in wall.policies.in_force for one in policy.rules if one.id == rule), None)
    if found is None:
        raise NotFound(f"there is no rule {rule[:64]!r} in force; `flyball guard rules` lists them")
    past = await past_calls(ports)
    accepted = [
        one["at"]
        for one in wall.controls.settled.values()
        if one["rule"] == rule and one["verdict"] == "accepted"
    ]
    since = accepted[-1] if accepted else (past[0].t if past else ports.now().timestamp())
    return _record(ports, found, past, since)


def _record(ports: Ports, rule: Rule, past: Sequence[Recorded], since: float) -> RuleRecord:
    holds = speaks(rule)
    hits = [one for one in past if holds(one.effects)]
    sides = [[one for one in past if one.t < since], [one for one in past if one.t >= since]]
    counted = [_slots(calls, hits, since) for calls in sides]
    p, verdict = None, "not enough data"
    if all(len(calls) >= CALLS_MIN for calls in sides):
        shares = compare_shares(
            (counted[0][0], counted[1][0]),
            (counted[0][1], counted[1][1]),
            float(SLOT_S * sum(c[1].shape[1] for c in counted)),
        )
        up, down = float(shares.p_up[0]), float(shares.p_down[0])
        p = min(up, down)
        verdict = "fewer" if down < SURE else "more" if up < SURE else "no change"
    after = [one for one in hits if one.t >= since]
    suspects = {one.session for one, _ in wrong_calls([call for call in past if rule.id not in call.rules])}
    return RuleRecord(
        question=f"What did {rule.id} do?", rule=rule.id, since=datetime.fromtimestamp(since, ports.now().tzinfo),
        before=_side(sides[0], hits), after=_side(sides[1], hits), p=p, verdict=verdict,
        stopped=sum(one.stopped for one in after), approved=sum(one.judged == "approved" for one in after),
        denied=sum(one.judged == "denied" for one in after),
        false_hits=sum(one.session not in suspects for one in after), as_of=ports.now(),
    )  # fmt: skip


def _side(calls: Sequence[Recorded], hits: Sequence[Recorded]) -> dict[str, float]:
    ids = {one.id for one in hits}
    spoken = sum(one.id in ids for one in calls)
    return {"calls": len(calls), "hits": spoken, "share": spoken / len(calls) if calls else 0.0}


def _slots(calls: Sequence[Recorded], hits: Sequence[Recorded], since: float) -> tuple[Any, Any]:
    """Hits and calls by the hour, each as (1, hours)."""
    ids = {one.id for one in hits}
    hours = [int((one.t - since) // SLOT_S) for one in calls]
    first, last = min(hours, default=0), max(hours, default=0)
    parts, wholes = np.zeros((1, last - first + 1)), np.zeros((1, last - first + 1))
    for hour, one in zip(hours, calls, strict=True):
        wholes[0, hour - first] += 1
        parts[0, hour - first] += one.id in ids
    return parts, wholes


async def past_calls(ports: Ports) -> list[Recorded]:
    """The latest decisions on record with what people said of them, oldest first."""
    wall = wall_of(ports)
    latest = (await guard_decisions(ports, limit=_IN_MEMORY)).decisions
    rows = [*latest]
    while latest and len(rows) < PAST_MAX:
        latest = await older_decisions(ports, before=rows[-1]["n"], limit=_IN_MEMORY)
        rows += latest
    said: dict[str, Judged] = {}
    for approval in wall.approvals.newest_first(wall.now()):
        if approval.by and approval.decided:
            said[approval.id] = "denied" if approval.state == "denied" else "approved"
    return recorded(rows, judged=said)


def _proposals(wall: Wall, past: Sequence[Recorded], now: float) -> list[Proposal]:
    learned = wall.policies.parsed.get(LEARNED)
    accepted = {
        one["rule"]: one["at"] for one in wall.controls.settled.values() if one["verdict"] == "accepted"
    }
    waiting = [
        rule
        for rule in (learned.rules if learned else ())
        if rule.id in accepted and learned is not None and learned.modes.get(rule.id, learned.mode) == "audit"
    ]
    monotonic_s = time.perf_counter
    return [*propose(past, monotonic_s), *promotions(accepted, waiting, past, now, monotonic_s)]


def _view(one: Proposal, said: Mapping[str, Any]) -> ProposalView:
    tested: dict[str, Any] = {**asdict(one.backtest), "false_share": one.backtest.false_share}
    tested.pop("warning")
    return ProposalView(
        warning=one.backtest.warning, id=one.id, kind=one.kind, title=one.title, rule=one.rule.id,
        action="allow" if one.kind == "narrow" else one.rule.action, text=one.text, support=asdict(one.support),
        backtest=tested, lets_through=one.lets_through, state=said.get("verdict", "proposed"),
        by=said.get("by", ""), reason=said.get("reason", ""),
    )  # fmt: skip
