"""Failures that somebody wrote, or switched on."""

from __future__ import annotations

from flyball.model.cause import Cause
from gallery import texts
from gallery.scenarios.pods import expect
from gallery.stream import Expected, Stage


def swallowed(stage: Stage) -> Expected:
    """A new version catches an exception and goes on: the line that closed an operation is not written any more."""
    service, draw = stage.victim(), stage.draw
    stage.change(-draw.uniform(3, 20), service.name)
    stage.fault(
        service.name, silences=True, share=draw.uniform(0.7, 1.0), operation=draw.choice(service.operations)
    )
    return expect(service, Cause.CODE_PATH, step="read|back|code|path")


def bad_version(stage: Stage) -> Expected:
    """A new version raises in one of its operations."""
    service, draw = stage.victim(), stage.draw
    stage.change(-draw.uniform(3, 20), service.name)
    said = texts.raised(draw, service.language, service.noun)
    stage.fault(
        service.name, share=draw.uniform(0.4, 0.9), fails=True, says=lambda _draw: said,
        operation=draw.choice(service.operations),
    )  # fmt: skip
    return expect(service, Cause.BAD_VERSION, Cause.EXCEPTION, step="back|read")


def drift(stage: Stage) -> Expected:
    """A flag or a setting changes, no version does, and a part of the requests is refused."""
    service, draw = stage.victim(), stage.draw
    kind = draw.choice(("flag", "config"))
    names = ("new-quota-engine", "strict-validation", "async-writes", "eu-routing")
    stage.change(
        -draw.uniform(2, 15),
        service.name,
        kind=kind,
        version=f"{draw.choice(names)}={draw.choice(('on', 'v2', 'true'))}",
    )
    said = draw.choice(
        (
            "request rejected: {noun} {n} has no region assigned",
            "validation failed for {noun} {n}: owner is required",
            "unsupported mode for {noun} {n}, giving up",
        )
    )
    stage.fault(
        service.name, share=draw.uniform(0.5, 0.8), fails=True,
        says=lambda draw: said.format(noun=service.noun, n=draw.randint(1000, 99999)),
    )  # fmt: skip
    return expect(service, Cause.CONFIG_CHANGE, step="back|flag|configuration")


SCENARIOS = {
    "swallowed exception": swallowed,
    "bad version": bad_version,
    "config or flag drift without a deploy": drift,
}
