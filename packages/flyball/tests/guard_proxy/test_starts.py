"""The proxy stands in front of a server that a client waits for: what it does not need, it does not load."""

from __future__ import annotations

import subprocess
import sys

HEAVY = (
    "chdb",
    "pyarrow",
    "numpy",
    "sqlalchemy",
    "httpx",
    "starlette",
    "uvicorn",
    "sqlglot",
    "tree_sitter",
    "mcp",
)


def test_stdio_loads_nothing_heavy() -> None:
    script = (
        "import sys; from flyball.cli.main import run\n"
        "import os; os._exit = lambda code: None\n"
        "run(['guard', 'proxy', '--data', '/nonexistent', '--', 'true'])\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stdout + done.stderr
