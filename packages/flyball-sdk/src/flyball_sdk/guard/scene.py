"""What stands around a call while it is read: the session, the files, and which names mean which environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from flyball_sdk.guard.call import ToolCall
from flyball_sdk.guard.files import NO_FILES, Files
from flyball_sdk.guard.policy import Targets
from flyball_sdk.guard.session import Session


@dataclass(frozen=True, slots=True)
class Protected:
    """What is the guard's own where it runs, and nobody but its operator may touch.

    `paths` are files and folders, absolute; `pids` its processes; `ports` where it listens.
    """

    paths: tuple[str, ...] = ()
    pids: frozenset[int] = frozenset()
    ports: frozenset[int] = frozenset({4317, 4318, 4320})


NOTHING_OWN = Protected()


class Scene(NamedTuple):
    """All that reading a call may depend on; nothing else does."""

    call: ToolCall
    session: Session
    files: Files = NO_FILES
    targets: Targets = Targets()
    protected: Protected = NOTHING_OWN
