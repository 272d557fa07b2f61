"""Is the log what was written? The chain is walked, signatures are made again, and anchors outside are held against it.

What each way of tampering leaves: an edited or deleted row breaks the chain; a chain that was made anew has signatures
that the key does not make; rows that were taken from the end, or a chain made anew with the key, differ from an anchor.
Without an anchor nobody can tell whether the end was cut, or the whole written anew by who has the key: then the log is
*internally consistent*, which is not *untampered*.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from flyball.guard.log import GENESIS, Sign, segments

PROBLEMS_MAX = 20
"""Problems that are told; the others are counted."""
_HASH_CHARS = 64
_LINE_BYTES_MAX = 4 * 1024 * 1024


@dataclass(slots=True)
class Audit:
    """What an audit found. `verdict` is untampered, internally consistent, or tampered."""

    rows: int = 0
    decisions: int = 0
    answers: int = 0
    checkpoints: int = 0
    anchors: int = 0
    repaired: int = 0
    first: int = 0
    last: int = 0
    head: str = GENESIS.hex()
    cut_through: int = 0
    problems: list[str] = field(default_factory=list[str])
    further_problems: int = 0
    anchored_through: int = 0
    unsigned_rows: int = 0

    @property
    def verdict(self) -> str:
        """What may be said of the log."""
        if self.problems:
            return "tampered or damaged"
        return "untampered" if self.anchors else "internally consistent"

    def problem(self, text: str) -> None:
        """One more thing that is wrong."""
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(text)
        else:
            self.further_problems += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """The signed end of the log at some time, kept elsewhere."""

    number: int
    hash: str
    mac: str


def read_anchors(path: Path) -> list[Anchor]:
    """The anchors in a file: one JSON object a line, as `guard/anchor.py` writes them.

    Raises:
        ValueError: a line is none.
        OSError: it cannot be read.
    """
    found: list[Anchor] = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        try:
            one = orjson.loads(line)
            found.append(Anchor(number=int(one["n"]), hash=str(one["head"]), mac=str(one["mac"])))
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
            raise ValueError(f"line {number} of {path} is no anchor") from None
    return found


def audit(folder: Path, sign: Sign, anchors: Sequence[Anchor] | None = None) -> Audit:
    """Walk the whole log in `folder`; with `anchors`, each must be found in it."""
    result = Audit()
    wanted = {one.number: one for one in anchors or ()}
    hashes = {0: GENESIS.hex()}
    walk = _Walk(sign, result)
    for path in segments(folder):
        for line, whole in _lines(path):
            found = walk.line(line, path, whole=whole)
            if found is not None and found[0] in wanted:
                hashes[found[0]] = found[1]
    walk.end()
    if anchors is not None and not anchors:
        result.problem("there is no anchor in the file: it was emptied, or never written")
    for anchor in sorted(wanted.values(), key=lambda one: one.number):
        _hold(anchor, hashes, sign, result)
    return result


def _hold(anchor: Anchor, hashes: dict[int, str], sign: Sign, result: Audit) -> None:
    if not _same(anchor.mac, sign("checkpoint", str(anchor.number), anchor.hash)):
        result.problem(f"the anchor at row {anchor.number} was not signed with this log's key")
    elif anchor.number in hashes and hashes[anchor.number] != anchor.hash:
        result.problem(f"row {anchor.number} is not what was anchored: the log was written anew")
    elif anchor.number not in hashes and anchor.number > result.last:
        result.problem(
            f"row {anchor.number} was anchored, the log ends at {result.last}: its end was cut off"
        )
    elif anchor.number not in hashes and anchor.number > result.cut_through:
        result.problem(f"row {anchor.number} was anchored and is gone, and no signed cut says so")
    else:
        result.anchors += 1
        result.anchored_through = max(result.anchored_through, anchor.number)


@dataclass(slots=True)
class _Walk:
    """The chain as far as it was walked: the hash of the last row that could be read, and what was met on the way."""

    sign: Sign
    result: Audit
    before: bytes | None = None
    first_row: tuple[bytes, bytes] = (b"", b"")
    """The body and the hash of the first row, whose predecessor only a cut may tell."""
    cuts: dict[int, str] = field(default_factory=dict[int, str])

    def line(self, line: bytes, path: Path, *, whole: bool) -> tuple[int, str] | None:
        """Take in one line; its row's number and hash, None where it is no row."""
        result, body = self.result, line[_HASH_CHARS + 1 :]
        try:
            row = orjson.loads(body)
            digest, number, kind = bytes.fromhex(line[:_HASH_CHARS].decode()), int(row["n"]), str(row["kind"])
        except (ValueError, KeyError, TypeError):
            what = "is no row" if whole else "is torn: the next start repairs it and says so"
            result.problem(f"{path.name}: a line after row {result.last} {what}")
            self.before = None
            return None
        before = self._chained(number, body, digest)
        result.rows += 1
        result.last, result.head, self.before = number, digest.hex(), digest
        self._signed(kind, number, row, before)
        return number, digest.hex()

    def _chained(self, number: int, body: bytes, digest: bytes) -> bytes | None:
        result, before = self.result, self.before
        if not result.rows:
            result.first, self.first_row = number, (body, digest)
            before = GENESIS if number == 1 else None
        elif number != result.last + 1:
            result.problem(
                f"row {number} follows row {result.last}: rows between them are gone, or it was moved"
            )
        if before is not None and hashlib.sha256(before + body).digest() != digest:
            result.problem(
                f"row {number} is not what was chained to row {number - 1}: one of them was edited"
            )
        return before

    def _signed(self, kind: str, number: int, row: Mapping[str, Any], before: bytes | None) -> None:
        result = self.result
        result.unsigned_rows += 1
        result.decisions += kind == "decision"
        result.answers += kind in ("decision", "replay")
        result.repaired += kind == "repaired"
        if kind == "checkpoint":
            result.checkpoints += 1
            result.unsigned_rows = 0
            of, head = number - 1, before.hex() if before else str(row.get("head"))
            if not _same(row.get("mac"), self.sign("checkpoint", str(of), head)):
                result.problem(
                    f"the checkpoint at row {number} does not sign what is before it: the chain was made anew"
                )
        elif kind == "cut":
            through, head = int(row.get("through", 0)), str(row.get("head"))
            if _same(row.get("mac"), self.sign("cut", str(through), head)):
                self.cuts[through] = head
                result.cut_through = max(result.cut_through, through)
            else:
                result.problem(f"the cut at row {number} was not signed with this log's key")

    def end(self) -> None:
        """The begin of the log is row 1, or what a signed cut left."""
        result = self.result
        if result.first <= 1:
            return
        head = self.cuts.get(result.first - 1)
        body, digest = self.first_row
        if head is None or hashlib.sha256(bytes.fromhex(head) + body).digest() != digest:
            result.problem(f"the log begins at row {result.first}, and no signed cut says why")


def _same(given: object, right: str) -> bool:
    return hmac.compare_digest(str(given).encode(), right.encode())


def _lines(path: Path) -> Iterator[tuple[bytes, bool]]:
    with path.open("rb") as file:
        while line := file.readline(_LINE_BYTES_MAX):
            yield line.rstrip(b"\n"), line.endswith(b"\n")
