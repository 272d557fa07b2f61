"""Decisions of the past, as proposals and back-tests read them: typed effects, who made the call, what became of it.

Pure: rows of the decision log or of its copy in, values out. Nothing of a call's own text is a fact here: facets are what
the evaluator made of it, from words that are the evaluator's own, so that whoever writes a call cannot write a pattern.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from flyball_sdk.guard.effect import Effect, Target
from flyball_sdk.guard.rule import STRICTNESS

Judged = Literal["", "approved", "denied"]
"""What a person said of a call that was asked about."""

_VOCABULARY: Mapping[str, frozenset[str]] = {
    "scope": frozenset({"root", "system", "installed", "home", "temporary", "project", "outside", "unknown"}),
    "kind": frozenset(
        {"metadata", "loopback", "inside", "outside", "unknown", "critical", "env", "likely", "keyring"}
    ),
    "store": frozenset({"aws", "gcloud", "azure", "kubernetes", "vault"}),
}
"""Attributes whose words are the evaluator's own. `resource`, `host` and the like come out of the call."""
_ENVIRONMENTS = frozenset({"production", "staging", "development"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One decision. `t` is Unix seconds; `blamed` says that a diagnosis or a person found the call to be the cause."""

    id: str
    t: float
    session: str
    user: str
    agent: str
    tool: str
    call: Any
    effects: tuple[Effect, ...]
    rules: tuple[str, ...]
    action: str
    would: str
    judged: Judged = ""
    blamed: bool = False

    @property
    def stopped(self) -> bool:
        """Whether the call did not simply run."""
        return self.action in ("block", "ask")

    @property
    def violates(self) -> bool:
        """Whether a rule spoke against it, in whatever mode."""
        return STRICTNESS.get(self.would, 0) >= STRICTNESS["ask"] or self.stopped


def recorded(
    rows: Iterable[Mapping[str, Any]],
    *,
    judged: Mapping[str, Judged] | None = None,
    blamed: frozenset[str] = frozenset(),
) -> list[Recorded]:
    """The decisions in these rows, oldest first; the guard's own trial calls are none.

    Args:
        rows: as the log has them.
        judged: approval id -> what a person said.
        blamed: ids of decisions that a diagnosis, or a person on a run's page, found to be the cause of harm.
    """
    said = judged or {}
    made = [_recorded(row, said, blamed) for row in rows if not row.get("canary")]
    return sorted(made, key=lambda one: one.t)


def _recorded(row: Mapping[str, Any], said: Mapping[str, Judged], blamed: frozenset[str]) -> Recorded:
    effects = tuple(_effect(one) for one in row.get("effects", ()))
    return Recorded(
        id=row["id"], t=row["t"] / 1000, session=row.get("session", ""), user=row.get("user", ""),
        agent=row.get("agent", ""), tool=row.get("tool", ""), call=row.get("call"), effects=effects,
        rules=tuple(row.get("rules", ())), action=row["action"], would=row["would"],
        judged=said.get(row.get("approval", ""), ""), blamed=row["id"] in blamed,
    )  # fmt: skip


def _effect(given: Mapping[str, Any]) -> Effect:
    target = Target(given["target"], given.get("target_name", "")) if given.get("target") else None
    return Effect(
        given["act"], given.get("what", ""), given.get("attributes", {}), target,
        via=tuple(given.get("via", ())), confidence=given.get("confidence", 1.0),
    )  # fmt: skip


Facets = tuple[tuple[str, str | bool], ...]


def place_of(effect: Effect) -> Facets:
    """Where an act is aimed: environment, scope, kind; never dropped from a rule that is made of it."""
    found: list[tuple[str, str | bool]] = []
    if effect.target is not None and effect.target.counts_as in _ENVIRONMENTS:
        found.append(("target", effect.target.counts_as))
    for name, words in _VOCABULARY.items():
        value = effect.attributes.get(name)
        if isinstance(value, str) and value in words:
            found.append((name, value))
    return tuple(found)


def traits_of(effect: Effect) -> Facets:
    """What else is true of it: `recursive`, `force`, `whole`, ..."""
    return tuple(sorted((name, True) for name, value in effect.attributes.items() if value is True))
