"""Following files keeps the contract of receivers, and what is its own: rotation, truncation, resuming."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from contracts.receiver import ReceiverContract, Taken, started
from flyball.component.protocols import Receiver
from flyball.errors import ConfigurationError
from flyball.receivers.file import File

pytestmark = pytest.mark.anyio


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "checkout.log"
    path.touch()
    return path


def append(log: Path, text: str | bytes) -> None:
    with log.open("ab") as file:
        file.write(text if isinstance(text, bytes) else text.encode())


class TestFile(ReceiverContract):
    @pytest.fixture
    def receiver(self, log: Path) -> Receiver:
        return File(paths=[str(log)])

    async def send(self, receiver: Receiver, texts: list[str]) -> bool:
        assert isinstance(receiver, File)
        append(Path(receiver.paths[0]), "".join(f"{text}\n" for text in texts))
        return True

    async def send_rubbish(self, receiver: Receiver, rubbish: bytes) -> None:
        assert isinstance(receiver, File)
        append(Path(receiver.paths[0]), rubbish + b"\n")
        await asyncio.sleep(0.1)


async def test_a_restart_continues_where_reading_stopped(log: Path) -> None:
    append(log, "one\ntwo\n")
    first = Taken()
    async with started(File(paths=[str(log)]), first):
        await first.wait_for(2)
    append(log, "three\n")
    second = Taken()
    second.cursors = first.cursors
    async with started(File(paths=[str(log)]), second):
        assert await second.wait_for(1) == ["three"]


async def test_a_rotated_file_is_read_to_its_end_and_its_successor_from_the_start(log: Path) -> None:
    append(log, "one\n")
    async with started(File(paths=[str(log)]), Taken()) as taken:
        await taken.wait_for(1)
        append(log, "two\n")
        log.rename(log.with_suffix(".log.1"))
        append(log, "three\n")
        assert sorted(await taken.wait_for(3)) == ["one", "three", "two"]


async def test_a_truncated_file_is_read_again_and_counted(log: Path) -> None:
    append(log, "one long line\n")
    async with started(File(paths=[str(log)]), Taken()) as taken:
        await taken.wait_for(1)
        await asyncio.sleep(0.1)
        log.write_bytes(b"two\n")
        assert (await taken.wait_for(2))[1] == "two"
        assert taken.counted["truncated"] == 1


async def test_globs_and_files_that_come_later(tmp_path: Path) -> None:
    async with started(File(paths=[str(tmp_path / "*.log")]), Taken()) as taken:
        append(tmp_path / "a.log", "one\n")
        append(tmp_path / "b.txt", "not this\n")
        await taken.wait_for(1)
        append(tmp_path / "c.log", "two\n")
        assert await taken.wait_for(2) == ["one", "two"]


async def test_a_stack_trace_is_one_record(log: Path) -> None:
    trace = (
        "ERROR payment failed\nTraceback (most recent call last):\n"
        '  File "pool.py", line 3, in acquire\n    raise PoolTimeout\npool.PoolTimeout: 8 of 8 in use'
    )
    append(log, f"before\n{trace}\nafter\n")
    async with started(File(paths=[str(log)]), Taken()) as taken:
        bodies = await taken.wait_for(3)
    assert len(bodies) == 3
    assert "PoolTimeout: 8 of 8" in bodies[1]


async def test_a_line_of_100_mb_is_cut_and_counted(log: Path) -> None:
    append(log, b"x" * 100_000_000 + b"\nshort\n")
    async with started(File(paths=[str(log)]), Taken()) as taken:
        bodies = await taken.wait_for(2)
    assert [len(body) for body in bodies] == [1024 * 1024, 5]
    assert taken.counted["dropped: end of a line over 1 MiB"] == 1


async def test_while_there_is_no_room_nothing_is_lost(log: Path) -> None:
    append(log, "one\n")
    taken = Taken()
    taken.full = True
    async with started(File(paths=[str(log)]), taken):
        await asyncio.sleep(0.5)
        assert taken.bodies == []
        taken.full = False
        assert await taken.wait_for(1) == ["one"]


async def test_without_a_path_it_refuses() -> None:
    with pytest.raises(ConfigurationError, match=r"paths: \["):
        async with started(File(), Taken()):
            pass
