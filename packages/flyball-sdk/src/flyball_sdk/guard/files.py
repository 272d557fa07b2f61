"""The files the evaluator may look at: passed in, bounded, never opened by itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

FILE_BYTES_MAX = 64 * 1024
FILES_MAX = 64


class Files(Protocol):
    """A bounded view of the files beside a call."""

    def text(self, path: str) -> str | None:
        """The beginning of the file (at most `FILE_BYTES_MAX`); None where there is none or it is not for us."""
        ...


@dataclass(frozen=True, slots=True)
class GivenFiles:
    """A snapshot that came with the call: path -> text. Relative paths begin at the session's directory."""

    texts: Mapping[str, str] = field(default_factory=dict)

    def text(self, path: str) -> str | None:
        """The text given for this path, as it was written."""
        found = self.texts.get(path)
        return found if found is None else found[:FILE_BYTES_MAX]


@dataclass(slots=True)
class LocalFiles:
    """The files of this machine, at most `FILES_MAX` looks a call: for an evaluator beside the agent."""

    cwd: str
    home: str = ""
    looks: int = 0

    def text(self, path: str) -> str | None:
        """The beginning of a regular file. Devices, pipes and directories are not opened."""
        if self.looks >= FILES_MAX or "\0" in path:
            return None
        self.looks += 1
        whole = Path(self.cwd, self.home + path[1:] if path.startswith("~/") else path)
        try:
            if not whole.is_file():
                return None
            with whole.open("rb") as file:
                return file.read(FILE_BYTES_MAX).decode("utf-8", "replace")
        except OSError:
            return None


NO_FILES = GivenFiles()
