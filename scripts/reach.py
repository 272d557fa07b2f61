"""Which tools of the real clients ask the hook, into flyball/hook/reach.json: `make reach`, after `make e2e-agents`."""

from __future__ import annotations

import sys
from pathlib import Path

import orjson
from harness import reach
from harness.agents import clis

FILE = Path(__file__).resolve().parent.parent / "packages/flyball/src/flyball/hook/reach.json"


def main() -> None:
    """Try every client in build/agents."""
    here = clis()
    if not here:
        sys.exit("flyball: no coding agent is in build/agents; scripts/get-agents.sh installs them")
    found: dict[str, dict[str, dict[str, str]]] = {}
    for cli in here:
        found.setdefault(cli.client, {})[cli.version] = reach.of(cli)
    FILE.write_bytes(orjson.dumps(found, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


if __name__ == "__main__":
    main()
