"""The gallery: what each scenario is called, and how it is played. A name is for people; no telemetry holds it."""

from __future__ import annotations

from collections.abc import Callable

from gallery.scenarios import code, database, negatives, network, platform, resources
from gallery.stream import Expected, Stage

NEGATIVES = tuple(negatives.SCENARIOS)
SCENARIOS: dict[str, Callable[[Stage], Expected]] = {
    **platform.SCENARIOS,
    **network.SCENARIOS,
    **database.SCENARIOS,
    **code.SCENARIOS,
    **resources.SCENARIOS,
    **negatives.SCENARIOS,
}
