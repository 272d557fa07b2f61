"""What containers died of, as their status tells: exit codes, reasons, waiting states."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from flyball.explain.facts import Facts
from flyball.explain.rule import HINTS, IMPLIES, SAYS, SHOWS, Match, Rule, name, quote, say
from flyball.model.cause import Cause
from flyball.model.signal import Signal, Surface


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of a container whose value tells of a cause."""

    cause: Cause
    suffixes: tuple[str, ...]
    values: tuple[str, ...]
    tells: str
    step: str
    weight: float = SAYS


_REASON = ("state.reason", "lastState.reason", "status.reason")
_FIELDS = (
    Field(
        cause=Cause.OOM_KILLED,
        suffixes=_REASON,
        values=("OOMKilled",),
        tells="a container killed for lack of memory",
        step="Raise the memory limit of {0}, or find what it holds.",
    ),
    Field(
        cause=Cause.SECRET_MISSING,
        suffixes=_REASON,
        values=("CreateContainerConfigError",),
        tells="a container whose configuration cannot be made",
        step="Create the secret or config map that {0} refers to.",
        weight=IMPLIES,
    ),
    Field(
        cause=Cause.IMAGE_REFERENCE,
        suffixes=_REASON,
        values=("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"),
        tells="an image that cannot be pulled",
        step="Correct the image of {0}, or push it.",
        weight=IMPLIES,
    ),
    Field(
        cause=Cause.COMMAND_FAILED,
        suffixes=_REASON,
        values=("StartError", "ContainerCannotRun", "RunContainerError"),
        tells="a command that cannot be run",
        step="Correct the command of {0}.",
        weight=SHOWS,
    ),
    Field(
        cause=Cause.INIT_FAILED,
        suffixes=("status.reason",),
        values=("Init:CrashLoopBackOff", "Init:Error"),
        tells="an init container that fails",
        step="Read the log of the init container of {0}.",
        weight=SHOWS,
    ),
    Field(
        cause=Cause.CRASH_LOOP,
        suffixes=_REASON,
        values=("CrashLoopBackOff", "Error"),
        tells="a container that crashes",
        step="Read the last lines of {0} before it ended.",
        weight=HINTS + 0.15,
    ),
)


def _find(field: Field, facts: Facts) -> Iterator[Match]:
    by_owner: dict[str, list[Signal]] = {}
    for signal in facts.on(Surface.STATE):
        if signal.key.endswith(field.suffixes) and str(signal.value) in field.values:
            by_owner.setdefault(facts.owner(signal.entity), []).append(signal)
    for owner, seen in by_owner.items():
        shown = facts.exhibit(*seen[:3])
        said = [say(f"{name(seen[0].entity)} has {quote(seen[0].key)} {quote(str(seen[0].value))}.", shown)]
        limit = [s for s in facts.fields(seen[0].entity, "container.") if s.key.endswith("limits.memory")]
        if field.cause is Cause.OOM_KILLED and limit:
            text = f"Its memory limit is {quote(str(limit[0].value))}."
            said.append(say(text, facts.exhibit(limit[0])))
        step = say(field.step.format(name(owner)), shown, *facts.ownership(seen[0].entity))
        yield Match(cause=field.cause, object=owner, weight=field.weight, said=tuple(said), step=step)


RULES = tuple(
    Rule(
        causes=(field.cause,),
        surfaces=(Surface.STATE,),
        tells=field.tells,
        find=partial(_find, field),
        reads=field.suffixes,
    )
    for field in _FIELDS
)
