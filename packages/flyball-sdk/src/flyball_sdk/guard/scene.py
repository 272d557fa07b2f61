"""What stands around a call while it is read: the session, the files, and which names mean which environment."""

from __future__ import annotations

from typing import NamedTuple

from flyball_sdk.guard.call import ToolCall
from flyball_sdk.guard.files import NO_FILES, Files
from flyball_sdk.guard.policy import Targets
from flyball_sdk.guard.session import Session


class Scene(NamedTuple):
    """All that reading a call may depend on; nothing else does."""

    call: ToolCall
    session: Session
    files: Files = NO_FILES
    targets: Targets = Targets()
