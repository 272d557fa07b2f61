"""The decision log: torn ends, files that are cut, and an audit that tells every way of tampering."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import orjson
import pytest
from flyball.guard.anchor import Anchoring
from flyball.guard.audit import Anchor, Audit, audit, read_anchors
from flyball.guard.keys import Keys
from flyball.guard.log import GENESIS, DecisionLog, segments

pytestmark = pytest.mark.anyio


@dataclass
class Written:
    """A log of ten rows, signed in the middle and at its end, and one anchor of each."""

    folder: Path
    keys: Keys
    anchors: list[Anchor]

    @property
    def file(self) -> Path:
        return segments(self.folder)[-1]

    def lines(self) -> list[bytes]:
        return self.file.read_bytes().splitlines(keepends=True)

    def put(self, lines: Sequence[bytes]) -> None:
        self.file.write_bytes(b"".join(lines))

    def audited(self, *, anchored: bool) -> Audit:
        return audit(self.folder, self.keys.sign, self.anchors if anchored else None)


@pytest.fixture
def written(tmp_path: Path) -> Written:
    keys = Keys.at(tmp_path)
    log = _log(tmp_path / "log", keys)
    anchors: list[Anchor] = []
    for number in range(10):
        log.append("decision", {"id": f"dec_{number}", "action": "allow", "would": "allow"})
        if number in (4, 9):
            log.checkpoint()
            head = log.head()
            anchors.append(Anchor(number=head.number, hash=head.hash, mac=head.mac))
    return Written(tmp_path / "log", keys, anchors)


def _log(folder: Path, keys: Keys, **bounds: int) -> DecisionLog:
    log = DecisionLog(folder, keys.sign, lambda: 1_000, **bounds)  # pyright: ignore[reportArgumentType]
    log.open()
    return log


def _chained(bodies: Sequence[bytes]) -> list[bytes]:
    """The lines of a chain made anew."""
    before, lines = GENESIS, list[bytes]()
    for body in bodies:
        before = hashlib.sha256(before + body).digest()
        lines.append(before.hex().encode() + b" " + body + b"\n")
    return lines


def _bodies(written: Written) -> list[bytes]:
    return [line[65:].rstrip(b"\n") for line in written.lines()]


def test_a_log_that_nobody_touched(written: Written) -> None:
    found = written.audited(anchored=True)
    assert (found.verdict, found.rows, found.decisions, found.checkpoints) == ("untampered", 12, 10, 2)
    assert found.anchored_through == 12
    assert written.audited(anchored=False).verdict == "internally consistent"


def _edit(written: Written) -> None:
    lines = written.lines()
    lines[2] = lines[2].replace(b'"action":"allow"', b'"action":"block"')
    written.put(lines)


def _delete(written: Written) -> None:
    lines = written.lines()
    del lines[3]
    written.put(lines)


def _swap(written: Written) -> None:
    lines = written.lines()
    lines[1], lines[2] = lines[2], lines[1]
    written.put(lines)


def _insert(written: Written) -> None:
    lines = written.lines()
    written.put([*lines[:3], lines[2], *lines[3:]])


def _rebuild_without_key(written: Written) -> None:
    bodies = _bodies(written)
    bodies[2] = bodies[2].replace(b'"action":"allow"', b'"action":"block"')
    written.put(_chained(bodies))


def _rebuild_and_reuse_signatures(written: Written) -> None:
    """The row is gone, the numbers are made to fit, and each signature names the head that it was made for."""
    bodies = [body for number, body in enumerate(_bodies(written)) if number != 2]
    for number, body in enumerate(bodies):
        bodies[number] = orjson.dumps(orjson.loads(body) | {"n": number + 1})
    written.put(_chained(bodies))


@pytest.mark.parametrize(
    "tamper", [_edit, _delete, _swap, _insert, _rebuild_without_key, _rebuild_and_reuse_signatures]
)
def test_what_the_log_tells_by_itself(written: Written, tamper: Callable[[Written], None]) -> None:
    tamper(written)
    found = written.audited(anchored=False)
    assert found.verdict == "tampered or damaged"
    assert found.problems


def test_a_cut_end_is_told_by_an_anchor_alone(written: Written) -> None:
    written.put(written.lines()[:8])
    assert written.audited(anchored=False).verdict == "internally consistent"
    found = written.audited(anchored=True)
    assert found.problems == ["row 12 was anchored, the log ends at 8: its end was cut off"]


def test_a_chain_made_anew_with_the_key_is_told_by_an_anchor_alone(written: Written, tmp_path: Path) -> None:
    other = _log(tmp_path / "other", written.keys)
    for _ in range(20):
        other.append("decision", {"id": "dec_x", "action": "allow"})
    other.checkpoint()
    written.put(segments(tmp_path / "other")[0].read_bytes().splitlines(keepends=True))
    assert written.audited(anchored=False).verdict == "internally consistent"
    found = written.audited(anchored=True)
    assert "row 6 is not what was anchored: the log was written anew" in found.problems


def test_an_anchor_of_another_log_is_told(written: Written) -> None:
    written.anchors[0] = Anchor(number=6, hash=written.anchors[0].hash, mac="0" * 64)
    assert "was not signed with this log's key" in written.audited(anchored=True).problems[0]


def test_an_emptied_file_of_anchors_is_no_proof(written: Written) -> None:
    assert audit(written.folder, written.keys.sign, []).verdict == "tampered or damaged"


def test_an_anchored_log_that_is_gone_is_told(written: Written) -> None:
    written.file.unlink()
    assert written.audited(anchored=True).problems


@hypothesis.given(cut=st.integers(min_value=1, max_value=120))
@hypothesis.settings(max_examples=30)
def test_a_torn_end_is_repaired_and_said(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    folder = tmp_path_factory.mktemp("torn")
    keys = Keys.at(folder)
    log = _log(folder / "log", keys)
    for number in range(3):
        log.append("decision", {"id": f"dec_{number}", "action": "allow"})
    (file,) = segments(folder / "log")
    whole = file.read_bytes()
    last = len(whole.splitlines(keepends=True)[-1])
    file.write_bytes(whole[: -min(cut, last - 1)])
    again = _log(folder / "log", keys)
    assert again.repaired_bytes > 0
    found = audit(folder / "log", keys.sign)
    assert (found.verdict, found.decisions, found.repaired) == ("internally consistent", 2, 1)


def test_old_files_go_and_a_signed_row_says_so(tmp_path: Path) -> None:
    keys = Keys.at(tmp_path)
    log = _log(tmp_path / "log", keys, segment_bytes=1_000, bytes_max=4_000)
    first = None
    for number in range(60):
        log.append("decision", {"id": f"dec_{number}", "action": "allow", "text": "x" * 100})
        if number % 4 == 3:
            log.checkpoint()
            first = first or log.head()
    assert first is not None
    files = segments(tmp_path / "log")
    assert sum(file.stat().st_size for file in files) < 6_000
    early = Anchor(number=first.number, hash=first.hash, mac=first.mac)
    late = log.head()
    found = audit(
        tmp_path / "log", keys.sign, [early, Anchor(number=late.number, hash=late.hash, mac=late.mac)]
    )
    assert (found.verdict, found.problems) == ("untampered", [])
    assert found.first > 1

    files[0].unlink()  # that one no row tells of
    assert "no signed cut says why" in audit(tmp_path / "log", keys.sign).problems[0]


def test_a_log_goes_on_after_a_clean_end_and_after_a_fresh_file(tmp_path: Path) -> None:
    keys = Keys.at(tmp_path)
    log = _log(tmp_path / "log", keys, segment_bytes=200)
    for _ in range(3):
        log.append("decision", {"id": "dec", "action": "allow"})
    log.close()
    again = _log(tmp_path / "log", keys, segment_bytes=200)
    again.append("decision", {"id": "dec", "action": "allow"})
    found = audit(tmp_path / "log", keys.sign)
    assert (found.verdict, found.decisions) == ("internally consistent", 4)
    assert len(segments(tmp_path / "log")) > 1


async def test_anchors_go_to_a_file_and_failures_are_counted(written: Written, tmp_path: Path) -> None:
    place = tmp_path / "elsewhere.jsonl"
    log = _log(written.folder, written.keys)
    anchoring = Anchoring(str(place))
    await anchoring.put(log.head(), 5)
    await anchoring.put(log.head(), 6)  # it has not moved
    assert anchoring.delivered == 1
    assert audit(written.folder, written.keys.sign, read_anchors(place)).verdict == "untampered"
    nowhere = Anchoring(str(tmp_path / "missing" / "file"))
    await nowhere.put(log.head(), 5)
    assert nowhere.failed == 1
    assert "does not take" in nowhere.trouble
    place.write_text("{}\n")
    with pytest.raises(ValueError, match="is no anchor"):
        read_anchors(place)
