"""What the guard does by itself, all day: sign its log and force it to the disk, anchor it, copy decisions."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from flyball.commands.record_decisions import ROUND_SECONDS, RecordDecisions
from flyball.errors import StoreError
from flyball.guard.anchor import ANCHOR_SECONDS
from flyball.guard.log import SYNC_SECONDS
from flyball.guard.operator import past_decisions
from flyball.guard.wall import Wall

_log = logging.getLogger(__name__)

Count = Callable[[str, str, int], None]
"""(edge, outcome, number): what failed is counted where the pipeline shows it."""


async def keep_log(wall: Wall, count: Count) -> None:
    """Sign the log and force it to the disk; a disk that refuses is told and asked again."""
    while True:
        await asyncio.sleep(SYNC_SECONDS)
        try:
            wall.log.checkpoint()
            if (sync := wall.log.syncing()) is not None:
                await asyncio.to_thread(sync)
        except StoreError as error:
            count("guard", "failed syncs", 1)
            _log.warning("%s", error)


async def keep_anchored(wall: Wall) -> None:
    """Put the signed end of the log where it cannot be written from here."""
    while True:
        await asyncio.sleep(ANCHOR_SECONDS)
        await wall.anchoring.put(wall.log.head(), wall.clock.now_ns() // 1_000_000)


async def keep_recording(recording: RecordDecisions, wall: Wall, count: Count) -> None:
    """Copy decisions into the telemetry store, first those of before the start."""
    behind = True
    while True:
        try:
            if behind:
                await recording.catch_up(past_decisions(wall.log))
                behind = False
            await recording.round()
        except StoreError as error:
            count("guard", "failed rounds", 1)
            _log.warning("decisions could not be copied: %s", error)
        await asyncio.sleep(ROUND_SECONDS)


async def close_wall(wall: Wall) -> None:
    """Sign the end of the log and anchor it."""
    wall.log.close()
    await wall.anchoring.put(wall.log.head(), wall.clock.now_ns() // 1_000_000)
