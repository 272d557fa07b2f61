"""No process of the shop outlives the one that started it.

Each child's standard input is a pipe whose other end only its parent holds. However the parent goes (Ctrl-C, a
crash, kill -9), the kernel closes that end and the child reads the end of file. Nothing has to poll.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable


def hold(let_go: Callable[[], object]) -> None:
    """Call `let_go` from a thread of its own when standard input ends."""
    threading.Thread(target=_watch, args=(let_go,), daemon=True).start()


def _watch(let_go: Callable[[], object]) -> None:
    while os.read(sys.stdin.fileno(), 64):
        pass
    let_go()
