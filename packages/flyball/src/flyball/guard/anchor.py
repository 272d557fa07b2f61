"""The signed end of the log, put where whoever can write the log cannot: a file elsewhere, or a webhook.

One JSON object: {"n": row, "t": milliseconds, "head": its hash, "mac": signature}. An anchor that cannot be delivered is
counted and shown; the next one holds all that is before it too.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

import httpx
import orjson

from flyball.guard.log import Head

ANCHOR_SECONDS = 10.0
"""At most so often the end of the log is anchored, if it has moved."""
_POST_SECONDS_MAX = 5.0


@dataclass(slots=True)
class Anchoring:
    """Where anchors go: an absolute path, an http(s) address, or nowhere when empty."""

    place: str
    delivered: int = 0
    failed: int = 0
    last: int = 0
    """The row that was anchored last."""
    trouble: str = ""

    async def put(self, head: Head, now_ms: int) -> None:
        """Anchor the end of the log, if it is another than the last."""
        if not self.place or head.number == self.last or not head.number:
            return
        line = orjson.dumps({"n": head.number, "t": now_ms, "head": head.hash, "mac": head.mac})
        try:
            if self.place.startswith(("http://", "https://")):
                await _post(self.place, line)
            else:
                await asyncio.to_thread(_append, Path(self.place), line)
        except (OSError, httpx.HTTPError) as error:
            self.failed += 1
            self.trouble = f"the anchor {self.place} does not take the end of the log: {type(error).__name__}"
            return
        self.delivered += 1
        self.last, self.trouble = head.number, ""


async def _post(url: str, line: bytes) -> None:
    async with httpx.AsyncClient(
        timeout=_POST_SECONDS_MAX, trust_env=False, follow_redirects=False
    ) as client:
        answer = await client.post(url, content=line, headers={"content-type": "application/json"})
        answer.raise_for_status()


def _append(path: Path, line: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(handle, line + b"\n")
        os.fsync(handle)
    finally:
        os.close(handle)
