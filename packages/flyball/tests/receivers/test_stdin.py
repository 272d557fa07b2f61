"""Standard input keeps the contract of receivers, and what is its own: the end of input, files, quiet."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from contracts.receiver import ReceiverContract, Taken, started
from flyball.component.protocols import Receiver
from flyball.receivers.stdin import Stdin

pytestmark = pytest.mark.anyio


@pytest.fixture
def writer(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The writing end of a pipe that is this process's standard input."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "r") as pipe:
        monkeypatch.setattr(sys, "stdin", pipe)
        yield writing
        os.close(writing)


class TestStdin(ReceiverContract):
    @pytest.fixture
    def receiver(self, writer: int) -> Receiver:
        self._writer = writer
        return Stdin(service="checkout")

    async def send(self, receiver: Receiver, texts: list[str]) -> bool:
        assert isinstance(receiver, Stdin)
        os.write(self._writer, "".join(f"{text}\n" for text in texts).encode())
        return True

    async def send_rubbish(self, receiver: Receiver, rubbish: bytes) -> None:
        assert isinstance(receiver, Stdin)
        os.write(self._writer, rubbish + b"\n")


async def test_after_the_end_of_a_file_it_stays_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "app.log"
    file.write_text("one\ntwo without a newline")
    with file.open() as opened:
        monkeypatch.setattr(sys, "stdin", opened)
        async with started(Stdin(), Taken()) as taken:
            assert await taken.wait_for(2) == ["one", "two without a newline"]


async def test_an_empty_input_is_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    with Path(os.devnull).open() as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        async with started(Stdin(), Taken()) as taken:
            assert taken.bodies == []
