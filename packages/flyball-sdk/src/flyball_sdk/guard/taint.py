"""Taint: what came from outside, or was secret, and now flows into an act."""

from __future__ import annotations

from collections.abc import Sequence

from flyball_sdk.guard.effect import Effect
from flyball_sdk.guard.scene import Scene


def flows(_scene: Scene, _effects: Sequence[Effect]) -> list[Effect]:
    """Effects `taint.flow`: which act carries what, from which step of the session."""
    return []
