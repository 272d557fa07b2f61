"""The wiring of runs of agents: what a batch goes through on its way to the store.

A part of the composition root (`app.py`), which is the only one to call it.
"""

from __future__ import annotations

from flyball.distill.count import Counter
from flyball.distill.shapes import Distiller
from flyball.distill.stage import Distil
from flyball.enrich.resource import enrich
from flyball.enrich.runs.prices import cost_nusd
from flyball.enrich.runs.stage import Runs
from flyball.pipeline.runner import Stage


def stages_of(distiller: Distiller) -> tuple[Stage, ...]:
    """The stages between decoding and the store, in their order."""
    return Distil(distiller=distiller).process, enrich, Runs(price=cost_nusd).process, Counter().process
