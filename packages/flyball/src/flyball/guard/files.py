"""The files that a call may be judged by, and which of them were looked at: an approval is bound to those."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from flyball_sdk.guard.files import Files, GivenFiles, LocalFiles
from flyball_sdk.guard.session import Session

SCRIPTS_MAX = 64
"""Scripts of the session that one call is bound to."""
_BASE_CHARS_MIN = 3
_HOME = str(Path.home())


class SeenFiles:
    """Files that note what was read of them.

    A caller on this machine is judged by what lies on it, whatever it says; what is not there, and every other caller,
    by what came with the request.
    """

    __slots__ = ("_given", "_local", "seen")

    def __init__(self, given: Mapping[str, str], *, cwd: str, local: bool) -> None:
        self._given: Files = GivenFiles(given)
        self._local: Files | None = LocalFiles(cwd, _HOME) if local and cwd else None
        self.seen: dict[str, str] = {}

    def text(self, path: str) -> str | None:
        """The beginning of the file; None where there is none."""
        found = self._local.text(path) if self._local else None
        if found is None:
            found = self._given.text(path)
        self.seen[path] = (
            "" if found is None else hashlib.sha256(found.encode("utf-8", "replace")).hexdigest()
        )
        return found

    def with_scripts(self, session: Session, text: str) -> dict[str, str]:
        """Digests of all that the call runs: what was read, and scripts of the session that it, or they, name."""
        bound = dict(self.seen)
        waiting = [text]
        while waiting and len(bound) < SCRIPTS_MAX:
            within = waiting.pop()
            for path, script in session.scripts.items():
                base = path.rpartition("/")[2]
                if path not in bound and len(base) >= _BASE_CHARS_MIN and base in within:
                    bound[path] = hashlib.sha256(script.encode("utf-8", "replace")).hexdigest()
                    waiting.append(script)
        return bound
