"""What Kubernetes says of itself: events with a reason and a message that name what is wrong.

Only warnings that still matter are read: an event of a pod that is gone, or of a service whose replicas are all
ready and were never restarted, is history (every start writes some).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from flyball.explain.facts import Facts
from flyball.explain.rule import Match, Rule, name, quote, say
from flyball.explain.rules.claims import user
from flyball.explain.rules.event_texts import CREATED
from flyball.explain.rules.objects import open_events
from flyball.explain.rules.platform_texts import CARRIED
from flyball.explain.rules.text import NAMESPACE, NODE, USER, Text
from flyball.model.signal import Signal, Surface


def _find(text: Text, facts: Facts) -> Iterator[Match]:
    by_object: dict[str, list[tuple[Signal, str]]] = {}
    for event in open_events(facts, normal=text.normal):
        told = text.told(f"{event.key}: {event.value}")
        if told and (not text.reasons or event.key in text.reasons) and not _over(text, facts, event, told):
            by_object.setdefault(_object(text, facts, event), []).append((event, told))
    for it, seen in by_object.items():
        shown = facts.exhibit(*(event for event, _ in seen))
        event, told = seen[0]
        placed = facts.state(event.entity, "spec.nodeName") if text.of == NODE else None
        on = (facts.exhibit(placed),) if placed else ()
        said = say(
            f"{name(event.entity)} has the event {quote(event.key)}: {quote(str(event.value))}.", shown, *on
        )
        step = say(
            text.step.format(told=quote(told), it=name(facts.owner(event.entity))),
            shown,
            *facts.ownership(event.entity),
        )
        yield Match(cause=text.cause, object=it, weight=text.weight, said=(said,), step=step)


def _over(text: Text, facts: Facts, event: Signal, told: str) -> bool:
    """Whether what was missing is there by now, or the object says that it has passed."""
    key, value = text.over
    passed = bool(key) and facts.text(event.entity, key).partition(" ")[0] == value
    return passed or facts.state(f"{text.exists}/{told}", "exists") is not None


def _object(text: Text, facts: Facts, event: Signal) -> str:
    owner = facts.owner(event.entity)
    if text.of == NAMESPACE:
        return _namespace(facts, owner)
    if text.of == USER and event.entity.startswith("claim/"):
        return user(facts, event.entity)[0]
    placed = facts.text(event.entity, "spec.nodeName").partition("/")[0]
    return f"node/{placed}" if text.of == NODE and placed else owner


def _namespace(facts: Facts, owner: str) -> str:
    """The namespace that the quotas belong to; where none and several namespaces were read, whose pod it is."""
    spaces = [str(s.value) for s in facts.states("quota", "owner")]
    known = facts.entities("namespace")
    return spaces[0] if spaces else known[0] if len(known) == 1 else owner


RULES = tuple(
    Rule(causes=(text.cause,), surfaces=(Surface.EVENT,), tells=text.tells, find=partial(_find, text))
    for text in (*CREATED, *CARRIED)
)
