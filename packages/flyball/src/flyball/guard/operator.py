"""What the operator does: switch, pause, lock down, approve, write policies. Each act is a row, then it holds.

Whoever calls this has checked the operator's token. And how the wall remembers: the rows of the log, taken in again.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from flyball_sdk.guard.policy import Policy

from flyball.errors import InputError, NotFound
from flyball.guard.approvals import Approval
from flyball.guard.case import WHO, who
from flyball.guard.controls import Controls, pause_row
from flyball.guard.log import DecisionLog, rows, segments
from flyball.guard.policies import BUILT_IN, read_policy
from flyball.guard.recent import ANSWER_SECONDS, Answer
from flyball.guard.wall import Wall

NAME_CHARS_MAX = 200
REASON_CHARS_MAX = 500
_KINDS = frozenset({"decision", "approval", "control", "state", "spending"})
_SUMS_A_ROW = 500
"""Budget counters in one row of a file's beginning: some 20 kB, 750 at most."""
REPLAYED_FILES = 2
"""Files of the log that are taken in at the start; each begins with the state that it goes on from."""


def open_wall(wall: Wall) -> None:
    """Open the log, take in what it says, then the policies in the folder that were never seen.

    Raises:
        StoreError: the log cannot be used.
        ConfigurationError: a policy file cannot be read.
        InputError: a new policy file is none.
    """
    files = segments(wall.log.folder)[-REPLAYED_FILES:] if wall.log.folder.is_dir() else []
    wall.log.snapshot = lambda: snapshot(wall)
    wall.log.open()
    now = wall.now()
    booked: list[Booking] = []
    for file in files:
        for row in rows(file, kinds=_KINDS):
            take_in(wall, row, now, booked)
    for name, text in wall.policies.on_disk().items():
        if wall.policies.texts.get(name, BUILT_IN) == BUILT_IN and name not in wall.controls.removed:
            put_policy(wall, name, text, by="found at the start", write=False)
    _compile(wall)
    # by the windows of the policies in force now
    for key, amount, at in booked:
        wall.spending.book({key: amount}, at)


def past_decisions(log: DecisionLog) -> Iterator[dict[str, Any]]:
    """The decisions in the files that are taken in at the start."""
    for file in segments(log.folder)[-REPLAYED_FILES:]:
        yield from rows(file, kinds=frozenset({"decision"}))


Booking = tuple[str, float, float]
"""(key, amount, Unix seconds)"""


def take_in(wall: Wall, row: Mapping[str, Any], now: float, booked: list[Booking]) -> None:
    """One row of the past; what it books is put on the list."""
    match row["kind"]:
        case "state":
            _restore(wall, row)
            booked.clear()
        case "spending":
            booked += [(key, amount, at) for key, parts in row["sums"].items() for at, amount in parts]
        case "control":
            _switch(wall, row)
        case "approval":
            wall.approvals.apply(row)
        case _:
            if row.get("used"):
                wall.approvals.used(row["approval"])
            at = row["t"] / 1000
            spend = row.get("spend", {})
            booked += [(key, amount, at) for key, amount in spend.items()]
            if row.get("given") and now - at < ANSWER_SECONDS:
                same = row["mac"] + who(tuple(row.get(name, "") for name in WHO))
                # without its body: the call is judged again, and booked no second time
                wall.answers.put(row["id"], Answer(same, "", at, b"", spend))


def snapshot(wall: Wall) -> list[tuple[str, Mapping[str, Any]]]:
    """The rows that a file of the log begins with: switches and policies, budgets, each approval that is live."""
    now = wall.now()
    state = {
        "controls": wall.controls.snapshot(),
        "policies": wall.policies.texts,
    }
    sums = iter(wall.spending.snapshot(now).items())
    rows: list[tuple[str, Mapping[str, Any]]] = [("state", state)]
    while chunk := dict(itertools.islice(sums, _SUMS_A_ROW)):
        rows.append(("spending", {"sums": chunk}))
    return rows + [("approval", row) for row in wall.approvals.live(now)]


def _restore(wall: Wall, row: Mapping[str, Any]) -> None:
    wall.controls.restore(row["controls"])
    for name, text in row["policies"].items():
        wall.policies.accept(name, text)


def _compile(wall: Wall) -> None:
    wall.policies.compile(wall.controls)
    wall.spending.windows = wall.policies.windows()


def _control(wall: Wall, row: Mapping[str, Any]) -> Controls:
    wall.log.append("control", row)
    _switch(wall, row)
    _compile(wall)
    return wall.controls


def _switch(wall: Wall, row: Mapping[str, Any]) -> None:
    """Take in a row of kind `control`."""
    wall.controls.apply(row)
    if row["what"] == "policy":
        name, text = row["policy"], row["text"]
        wall.controls.modes.pop(name, None)
        if text:
            wall.policies.accept(name, text)
        else:
            wall.policies.remove(name)


def pause(wall: Wall, *, seconds: float, by: str, reason: str = "") -> Controls:
    """Enforce nothing for a while; what would have been is still recorded."""
    row = pause_row(seconds=seconds, now=wall.now(), by=_name(by), reason=_name(reason, REASON_CHARS_MAX))
    return _control(wall, row)


def lockdown(wall: Wall, *, by: str, reason: str = "") -> Controls:
    """Block every call until somebody resumes."""
    since = wall.controls.locked_since or wall.now()
    return _control(
        wall, {"what": "lockdown", "since": since, "by": _name(by), "reason": _name(reason, REASON_CHARS_MAX)}
    )


def resume(wall: Wall, *, by: str, reason: str = "") -> Controls:
    """End a pause or a lockdown."""
    return _control(wall, {"what": "resume", "by": _name(by), "reason": _name(reason, REASON_CHARS_MAX)})


def set_mode(wall: Wall, *, policy: str, mode: str, by: str) -> Controls:
    """Enforce a policy, or let it only record.

    Raises:
        NotFound: no such policy.
        InputError: no such mode.
    """
    if policy not in wall.policies.parsed:
        raise NotFound(f"there is no policy {policy[:64]!r}; there are {', '.join(wall.policies.parsed)}")
    if mode not in ("audit", "enforce"):
        raise InputError(f"a mode is audit or enforce, this is {mode[:64]!r}")
    return _control(wall, {"what": "mode", "policy": policy, "mode": mode, "by": _name(by)})


def put_policy(wall: Wall, name: str, text: str, *, by: str, write: bool = True) -> Policy:
    """Take a policy in, its rules held against their examples; the same text again changes nothing.

    Raises:
        InputError: it is no policy of that name.
        ConfigurationError: its file cannot be written.
    """
    policy = read_policy(name, text)
    if wall.policies.texts.get(name) != text:
        digest = hashlib.sha256(text.encode()).hexdigest()
        row = {"what": "policy", "policy": name, "text": text, "digest": digest, "by": _name(by)}
        wall.policies.check_room(name)
        _control(wall, row)
    if write:
        wall.policies.write(name)
    return policy


def remove_policy(wall: Wall, name: str, *, by: str) -> None:
    """Let a policy go; `default` becomes the built-in one again.

    Raises:
        NotFound: no such policy.
    """
    if name not in wall.policies.parsed:
        raise NotFound(f"there is no policy {name[:64]!r}; there are {', '.join(wall.policies.parsed)}")
    _control(wall, {"what": "policy", "policy": name, "text": "", "by": _name(by)})
    wall.policies.write(name)


def decide(wall: Wall, approval_id: str, verdict: str, *, by: str) -> Approval:
    """Write down a person's verdict.

    Raises:
        NotFound: no such approval.
        InputError: no such verdict, or it is too late.
    """
    now = wall.now()
    before = wall.approvals.get(approval_id, now)
    after = wall.approvals.decided(approval_id, verdict, by=_name(by) or "the operator", now=now)
    if after != before:
        wall.log.append("approval", after.row())
        wall.approvals.apply(after.row())
        wall.decided(after)
    return after


def settle(
    wall: Wall, proposal: str, *, verdict: str, kind: str, rule: str, by: str, reason: str = ""
) -> None:
    """Write down what a person says of a proposal.

    Raises:
        InputError: no such verdict.
    """
    if verdict not in ("accepted", "rejected"):
        raise InputError(f"a proposal is accepted or rejected, this is {verdict[:64]!r}")
    row = {
        "what": "proposal", "proposal": proposal, "verdict": verdict, "of": kind, "rule": rule, "at": wall.now(),
        "by": _name(by), "reason": _name(reason, REASON_CHARS_MAX),
    }  # fmt: skip
    wall.log.append("control", row)
    wall.controls.apply(row)


def _name(text: str, chars_max: int = NAME_CHARS_MAX) -> str:
    if len(text) > chars_max or not all(c.isprintable() for c in text):
        raise InputError(f"a name or reason is printable text of at most {chars_max} characters")
    return text
