"""The wiring of runs of agents: what a batch goes through, what is said of runs, what the guard hears of their cost.

A part of the composition root (`app.py`), which is the only one to call it.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable

from flyball.commands.annotate_run import annotate_run
from flyball.distill.count import Counter
from flyball.distill.shapes import Distiller
from flyball.distill.stage import Distil
from flyball.enrich.resource import enrich
from flyball.enrich.runs.prices import cost_nusd
from flyball.enrich.runs.stage import Runs
from flyball.errors import NotFound, StoreError
from flyball.model.annotation import Annotation
from flyball.pipeline.runner import Stage
from flyball.queries.ports import Ports
from flyball.queries.run import run_of
from flyball.queries.run_budgets import measured

_log = logging.getLogger(__name__)

MEASURE_SECONDS = 5
"""How far a budget of tokens or dollars may be behind what was received."""


def stages_of(distiller: Distiller) -> tuple[Stage, ...]:
    """The stages between decoding and the store, in their order."""
    return Distil(distiller=distiller).process, enrich, Runs(price=cost_nusd).process, Counter().process


async def annotated(ports: Ports, **arguments: str) -> Annotation:
    """Carry out the command that says something of a run."""
    if ports.annotations is None:
        raise NotFound("this server keeps no annotations")
    return await annotate_run(ports.annotations, ports.clock, functools.partial(run_of, ports), **arguments)


async def keep_measured(ports: Ports, count: Callable[[str, str, int], None]) -> None:
    """Tell the guard what telemetry shows of its budgets of tokens and dollars, again and again.

    The whole is measured each time and put in the place of what was told before: a restart forgets nothing of it.
    """
    while ports.wall is not None:
        try:
            uses = await measured(ports)
            ports.wall.spending.measured = {use.key: use.used for use in uses}
        except StoreError as error:
            count("guard", "failed measurements of budgets", 1)
            _log.warning("budgets could not be measured: %s", error)
        await asyncio.sleep(MEASURE_SECONDS)
