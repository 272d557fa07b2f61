"""A guard in a folder of its own, with a clock that a test moves; `again` opens the folder as a new process would."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import orjson
from flyball.guard.keys import Keys
from flyball.guard.log import DecisionLog, rows, segments
from flyball.guard.operator import open_wall, put_policy
from flyball.guard.policies import Policies
from flyball.guard.request import read_request
from flyball.guard.wall import Wall
from harness.clock import ManualClock

DELETE = "rm -rf /srv/data"
"""A call that `ASKING` asks about."""
ASKING = """
name: asking
mode: enforce
catalogue: []
failure_mode: open
rules:
  - id: own.delete
    title: deletes
    acts: [file.delete, sql.ddl]
    action: ask
    safer: move it away
    hits: ["rm -rf /srv/data", {call: psql -f clean.sql, files: {clean.sql: drop table orders}}]
    passes: ["ls"]
"""


@dataclass
class Guarded:
    """A wall and its folder."""

    folder: Path
    clock: ManualClock = field(default_factory=ManualClock)
    segment_bytes: int = 64 * 1024 * 1024
    bytes_max: int = 2_000_000_000
    wall: Wall = field(init=False)

    def __post_init__(self) -> None:
        self.again()

    def again(self) -> None:
        """Open the folder anew; what was open before is left as kill -9 leaves it."""
        keys = Keys.at(self.folder)
        log = DecisionLog(
            self.folder / "log",
            keys.sign,
            lambda: self.clock.now_ns() // 1_000_000,
            segment_bytes=self.segment_bytes,
            bytes_max=self.bytes_max,
        )
        self.wall = Wall(keys=keys, log=log, policies=Policies(self.folder / "policies"), clock=self.clock)
        open_wall(self.wall)

    def policy(self, text: str, name: str = "asking") -> None:
        """Put a policy in force."""
        put_policy(self.wall, name, text, by="a test")

    def ask(
        self, command: str = "ls", *, tool: str = "Bash", local: bool = False, last: bool = False, **more: Any
    ) -> dict[str, Any]:
        """The answer to a call; fields of the context may stand beside those of the request."""
        context = {
            name: more.pop(name)
            for name in (
                *("session_id", "agent_name", "user_id", "environment", "cwd", "client", "event"),
                *("trace_id", "span_id", "tool_call_id"),
            )
            if name in more
        }
        given = {
            "tool_name": tool,
            "tool_input": more.pop("tool_input", {"command": command}),
            "context": {"session_id": "s1", **context},
            **more,
        }
        asked = read_request(orjson.dumps(given), None)
        return orjson.loads(self.wall.answer(asked, local=local, begun_ns=perf_counter_ns(), last=last))

    def rows(self, *kinds: str) -> list[dict[str, Any]]:
        """What the log holds, of these kinds where given."""
        found = [row for path in segments(self.folder / "log") for row in rows(path)]
        return [row for row in found if not kinds or row["kind"] in kinds]

    def text(self) -> str:
        """Every byte of the log."""
        return "".join(path.read_text() for path in segments(self.folder / "log"))
