"""The write-ahead log: durable before acknowledged, the same batches after a crash, bounded, deduplicated."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest
import zstandard
from flyball.errors import Overloaded
from flyball.model.export import Export, Signal
from flyball.pipeline import bus_local
from flyball.pipeline.bus_local import LocalBus, Sealed
from harness.clock import ManualClock

pytestmark = pytest.mark.anyio


def export(text: str, clock: ManualClock, **cursors: str) -> Export:
    return Export(signal=Signal.LOGS, payload=text.encode(), received_ns=clock.now_ns(), cursors=cursors)


def payloads(sealed: Sealed) -> list[str]:
    return [entry.export.payload.decode() for entry in sealed.entries]


async def opened(folder: Path, clock: ManualClock, *, committed_ms: int = 0) -> LocalBus:
    bus = LocalBus(folder, clock)
    bus.start(committed_ms)
    return bus


async def abandon(bus: LocalBus) -> None:
    """What a crash leaves: the files as they are; only the writer thread is ended."""
    await bus.close()


async def test_what_is_appended_is_sealed_in_order(tmp_path: Path, clock: ManualClock) -> None:
    bus = await opened(tmp_path, clock)
    for text in ("one", "two", "three"):
        await bus.append(export(text, clock))
    sealed = await bus.seal()
    assert payloads(sealed) == ["one", "two", "three"]
    assert sealed.received_ms == clock.now_ns() // 1_000_000
    await bus.commit(sealed)
    assert bus.pending_bytes == 0
    await bus.close()


async def test_batch_names_rise_even_when_the_clock_stands_still_or_steps_back(
    tmp_path: Path, clock: ManualClock
) -> None:
    bus = await opened(tmp_path, clock)
    names: list[int] = []
    for number in range(5):
        clock.advance(-1)
        await bus.append(export(f"{number}", clock))
        sealed = await bus.seal()
        names.append(sealed.received_ms)
        await bus.commit(sealed)
    assert names == sorted(set(names))
    await bus.close()


async def test_a_sender_s_own_frame_is_kept_and_read_back(tmp_path: Path, clock: ManualClock) -> None:
    text = "a line that repeats " * 1_000
    frame = zstandard.ZstdCompressor(level=19).compress(text.encode())
    bus = await opened(tmp_path, clock)
    await bus.append(replace(export(text, clock), packed=frame))
    await bus.append(export("packed by us", clock))
    waiting = (await bus.seal()).entries
    assert [entry.export.packed for entry in waiting] == [b"", b""], "memory holds the payload only"
    await abandon(bus)
    assert any(frame in file.read_bytes() for file in tmp_path.glob("*.log"))
    again = await opened(tmp_path, clock)
    assert payloads(await again.seal()) == [text, "packed by us"]
    await again.close()


async def test_after_a_crash_unsealed_exports_come_back(tmp_path: Path, clock: ManualClock) -> None:
    bus = await opened(tmp_path, clock)
    await bus.append(export("one", clock, file="7"))
    await abandon(bus)
    again = await opened(tmp_path, clock)
    sealed = await again.seal()
    assert payloads(sealed) == ["one"]
    assert dict(sealed.entries[0].export.cursors) == {"file": "7"}
    await again.close()


async def test_after_a_crash_a_sealed_batch_comes_back_under_its_name(
    tmp_path: Path, clock: ManualClock
) -> None:
    bus = await opened(tmp_path, clock)
    await bus.append(export("one", clock))
    await bus.append(export("two", clock))
    sealed = await bus.seal()
    await bus.append(export("three", clock))
    await abandon(bus)
    clock.advance(3600)
    again = await opened(tmp_path, clock)
    replayed = await again.seal()
    assert (replayed.received_ms, payloads(replayed)) == (sealed.received_ms, ["one", "two"])
    later = await again.seal()
    assert payloads(later) == ["three"]
    assert later.received_ms > replayed.received_ms
    await again.close()


async def test_after_a_crash_a_committed_batch_does_not_come_back(tmp_path: Path, clock: ManualClock) -> None:
    bus = await opened(tmp_path, clock)
    await bus.append(export("one", clock))
    sealed = await bus.seal()  # the store committed it, then came the crash
    await abandon(bus)
    again = await opened(tmp_path, clock, committed_ms=sealed.received_ms)
    assert not again.waiting
    await again.append(export("two", clock))
    assert payloads(await again.seal()) == ["two"]
    await again.close()


async def test_what_is_committed_stays_so_through_crash_upon_crash(
    tmp_path: Path, clock: ManualClock
) -> None:
    bus = await opened(tmp_path, clock)
    await bus.append(export("committed", clock))
    sealed = await bus.seal()
    await bus.append(export("waiting", clock))  # in the same segment
    for _ in range(3):
        await abandon(bus)
        bus = await opened(tmp_path, clock, committed_ms=sealed.received_ms)
    assert payloads(await bus.seal()) == ["waiting"]
    assert not bus.waiting
    await bus.close()


async def test_the_same_bytes_count_once_for_ten_minutes_across_restarts(
    tmp_path: Path, clock: ManualClock
) -> None:
    bus = await opened(tmp_path, clock)
    await asyncio.gather(*(bus.append(export("same", clock)) for _ in range(5)))
    sealed = await bus.seal()
    assert payloads(sealed) == ["same"]
    assert bus.duplicates == 4
    await bus.commit(sealed)
    await abandon(bus)
    clock.advance(300)
    again = await opened(tmp_path, clock, committed_ms=sealed.received_ms)
    await again.append(export("same", clock))
    assert again.duplicates == 1
    clock.advance(301)
    await again.append(export("same", clock))
    assert payloads(await again.seal()) == ["same"], "beyond ten minutes it is at least once"
    await again.close()


async def test_the_same_bytes_of_another_signal_or_workspace_are_another_request(
    tmp_path: Path, clock: ManualClock
) -> None:
    bus = await opened(tmp_path, clock)
    for signal, workspace in ((Signal.LOGS, "a"), (Signal.TRACES, "a"), (Signal.LOGS, "b")):
        await bus.append(Export(signal=signal, payload=b"x", received_ns=clock.now_ns(), workspace=workspace))
    assert len((await bus.seal()).entries) == 3
    await bus.close()


async def test_a_torn_end_was_never_acknowledged_and_is_cut_off(tmp_path: Path, clock: ManualClock) -> None:
    bus = await opened(tmp_path, clock)
    await bus.append(export("whole", clock))
    await abandon(bus)
    segment = next(tmp_path.glob("*.log"))
    size = segment.stat().st_size
    for keep in range(1, size):
        whole = segment.read_bytes()
        segment.write_bytes(whole + whole[:keep])
        again = await opened(tmp_path, clock)
        assert again.damage.torn_bytes == keep
        sealed = await again.seal()
        assert payloads(sealed) == ["whole"]
        await abandon(again)
        (tmp_path / "batches.jsonl").unlink()
        segment.write_bytes(whole)
        if keep > 40:
            break


async def test_damage_in_the_middle_is_skipped_and_counted(tmp_path: Path, clock: ManualClock) -> None:
    bus = await opened(tmp_path, clock)
    for text in ("first", "second", "third"):
        await bus.append(export(text, clock))
        await asyncio.sleep(0.03)
    await abandon(bus)
    segment = next(tmp_path.glob("*.log"))
    data = bytearray(segment.read_bytes())
    length = len(data) // 3
    data[length + 40 : length + 60] = os.urandom(20)
    segment.write_bytes(data)
    again = await opened(tmp_path, clock)
    assert payloads(await again.seal()) == ["first", "third"]
    assert again.damage.skipped_bytes > 0
    await again.close()


async def test_a_full_buffer_refuses_and_recovers(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus_local, "_PENDING_BYTES_MAX", 2_000)
    bus = await opened(tmp_path, clock)
    await bus.append(export("x" * 1_200, clock))
    with pytest.raises(Overloaded, match="buffer"):
        await bus.append(export("y" * 1_200, clock))
    await bus.commit(await bus.seal())
    await bus.append(export("y" * 1_200, clock))
    await bus.close()


async def test_a_disk_that_cannot_be_written_refuses_and_may_be_tried_again(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus = await opened(tmp_path, clock)
    await bus.append(export("before", clock))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("os.fsync", full)
        with pytest.raises(Overloaded, match="No space left"):
            await bus.append(export("lost", clock))
    await bus.append(export("lost", clock))
    await bus.append(export("after", clock))
    await abandon(bus)
    again = await opened(tmp_path, clock)
    assert payloads(await again.seal()) == ["before", "lost", "after"]
    await again.close()


async def test_a_rejected_batch_is_split_and_survives_a_crash(tmp_path: Path, clock: ManualClock) -> None:
    bus = await opened(tmp_path, clock)
    for text in ("a", "b", "c"):
        await bus.append(export(text, clock))
    whole = await bus.seal()
    await bus.split(whole)
    half = await bus.seal()
    assert payloads(half) == ["a"]
    assert half.received_ms > whole.received_ms
    await bus.commit(half)
    await abandon(bus)
    again = await opened(tmp_path, clock, committed_ms=half.received_ms)
    rest = await again.seal()
    assert payloads(rest) == ["b", "c"]
    await again.close()


async def test_segments_that_are_through_are_deleted(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus_local, "_SEGMENT_BYTES_MAX", 1_000)
    bus = await opened(tmp_path, clock)
    for number in range(20):
        await bus.append(export(os.urandom(300).hex() + str(number), clock))
        await bus.commit(await bus.seal())
    assert len(list(tmp_path.glob("*.log"))) <= 2
    await bus.close()
