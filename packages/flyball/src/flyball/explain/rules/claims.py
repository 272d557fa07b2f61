"""Volume claims that find no volume: the claim is pending, and the volumes show which of its wishes none meets."""

from __future__ import annotations

from collections.abc import Iterator

from flyball.explain.exhibit import Exhibit
from flyball.explain.facts import Facts
from flyball.explain.rule import HINTS, SAYS, SHOWS, Match, Rule, Said, name, quote, say
from flyball.explain.rules.objects import amount
from flyball.model.cause import Cause
from flyball.model.signal import Signal, Surface

_STEPS = {
    Cause.VOLUME_OCCUPIED: "Free the volume for {0}, or give it another.",
    Cause.CLAIM_STORAGE_CLASS: "Ask in {0} for a storage class that the volume has.",
    Cause.CLAIM_ACCESS_MODE: "Ask in {0} for an access mode that the volume offers.",
    Cause.CLAIM_CAPACITY: "Ask in {0} for no more than the volume holds.",
    Cause.CLAIM_SELECTOR: "Correct the selector of {0}, or the labels of the volume.",
    Cause.CLAIM_UNBOUND: "Compare what {0} asks for with the volumes there are.",
}


def _find(facts: Facts) -> Iterator[Match]:
    for phase in list(facts.states("claim", "status.phase")):
        if phase.value == "Pending":
            yield _match(facts, phase)


def _match(facts: Facts, phase: Signal) -> Match:
    claim = phase.entity
    cause, weight, why = _why(facts, claim)
    waits, of = user(facts, claim)
    shown = facts.exhibit(phase)
    told = [
        say(
            f"{name(claim)} has the event {quote(event.key)}: {quote(str(event.value))}.",
            facts.exhibit(event),
        )
        for event in facts.on(Surface.EVENT)
        if event.entity == claim
    ][:1]
    said = (say(f"{name(claim)} is {quote(str(phase.value))}.", shown), *why, *told)
    step = say(_STEPS[cause].format(name(claim)), shown, *(_owners(facts, of) if of else ()))
    if of:
        said = (
            *said,
            say(f"{name(waits)} uses {name(claim)}.", facts.exhibit(of), shown, *_owners(facts, of)),
        )
    return Match(cause=cause, object=waits, weight=weight, said=said, step=step)


def _owners(facts: Facts, used: Signal) -> tuple[Exhibit, ...]:
    """What tells whose the pod is that uses the claim."""
    return facts.ownership(f"pod/{str(used.value).split(',')[0]}" if used.key == "usedBy" else used.entity)


def user(facts: Facts, claim: str) -> tuple[str, Signal | None]:
    """The service whose pods wait for the claim; the claim itself when nobody is known to."""
    used = facts.state(claim, "usedBy")
    if used and used.value:
        return facts.owner(f"pod/{str(used.value).split(',')[0]}"), used
    wanted = claim.partition("/")[2]
    for signal in facts.on(Surface.STATE):
        if signal.key == "spec.volumes.ClaimName" and wanted in str(signal.value).split(","):
            return facts.owner(signal.entity), signal
    return claim, None


def _why(facts: Facts, claim: str) -> tuple[Cause, float, tuple[Said, ...]]:
    """Which wish no volume meets, told by the fields of both; what is not printed is what remains."""
    volumes = facts.entities("volume")
    mine = claim.partition("/")[2]
    taken = [
        s
        for s in facts.states("volume", "spec.claimRef")
        if s.value
        and str(s.value).rpartition("/")[2] != mine
        and facts.text(s.entity, "status.phase") != "Available"
    ]
    free = [v for v in volumes if facts.text(v, "status.phase") == "Available"]
    if not free and taken:
        said = say(
            f"{name(taken[0].entity)} is bound to {quote(str(taken[0].value))}.", facts.exhibit(taken[0])
        )
        return Cause.VOLUME_OCCUPIED, SAYS, (said,)
    for volume in free:
        cause, said = _differs(facts, claim, volume)
        if cause:
            return cause, SAYS, (said,) if said else ()
    if free:
        return _rest(facts, free[0])
    return Cause.CLAIM_UNBOUND, HINTS + 0.2, ()


def _differs(facts: Facts, claim: str, volume: str) -> tuple[Cause | None, Said | None]:
    """A field of claim and volume that cannot go together."""
    for key, cause in (
        ("spec.storageClassName", Cause.CLAIM_STORAGE_CLASS),
        ("spec.accessModes", Cause.CLAIM_ACCESS_MODE),
        ("spec.capacity", Cause.CLAIM_CAPACITY),
    ):
        asked = facts.state(claim, key)
        offered = facts.state(volume, "status.capacity" if key == "spec.capacity" else key)
        if asked is None or offered is None or (key != "spec.storageClassName" and not asked.value):
            continue
        if not _fits(key, str(asked.value), str(offered.value)):
            text = f"{name(claim)} asks for {_shown(asked)}, {name(volume)} offers {_shown(offered)}."
            return cause, say(text, facts.exhibit(asked, offered))
    return None, None


def _shown(signal: Signal) -> str:
    return quote(str(signal.value)) if signal.value else "none"


def _fits(key: str, asked: str, offered: str) -> bool:
    if key == "spec.accessModes":
        return set(asked.split(",")) <= set(offered.split(","))
    if key == "spec.capacity":
        wanted, held = amount(asked), amount(offered)
        return wanted is None or held is None or wanted <= held
    return asked == offered


def _rest(facts: Facts, volume: str) -> tuple[Cause, float, tuple[Said, ...]]:
    """Class agrees, a volume is free, and still none is bound. A labelled volume is meant to be selected."""
    labels = facts.state(volume, "labels")
    phase = facts.state(volume, "status.phase")
    if labels and labels.value:
        text = (
            f"{name(volume)} is free and carries the labels {quote(str(labels.value))}, yet it is not taken."
        )
        return Cause.CLAIM_SELECTOR, SHOWS - 0.1, (say(text, facts.exhibit(labels, phase)),)
    modes = facts.state(volume, "spec.accessModes")
    text = f"{name(volume)} is free and carries no labels to select by, yet it is not taken."
    said = [say(text, facts.exhibit(phase))]
    if modes:
        said.append(
            say(f"{name(volume)} offers the access modes {quote(str(modes.value))}.", facts.exhibit(modes))
        )
    return Cause.CLAIM_ACCESS_MODE, HINTS + 0.2, tuple(said)


RULES = (
    Rule(
        causes=tuple(_STEPS),
        surfaces=(Surface.STATE,),
        tells="a volume claim that waits",
        reads=("claim/",),
        find=_find,
    ),
)
