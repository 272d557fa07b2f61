"""Run a flyball command that ends when its parent does: `python -m flyball.cli.leash up --data DIR`.

For a parent that starts Flyball as a child, as `flyball demo` does. Standard input must be a pipe whose other
end only the parent holds: however the parent goes (Ctrl-C, a crash, kill -9), the kernel closes that end. The
command then gets the SIGTERM that a person would send, and is ended hard if it does not follow. Nothing polls.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

GRACE_S = 10.0


def _watch() -> None:
    while os.read(sys.stdin.fileno(), 64):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    os._exit(1)


def main() -> None:
    """Start watching, then be the flyball command that the arguments name."""
    threading.Thread(target=_watch, daemon=True).start()
    from flyball.cli.main import main as flyball  # noqa: PLC0415 - the leash holds before anything can hang

    sys.argv[0] = "flyball"
    flyball()


if __name__ == "__main__":
    main()
