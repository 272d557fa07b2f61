"""What happened here? The engine's diagnosis of one run, held against the runs of the same agent before it.

Steps come from whoever reads them: `queries/steps.py` is a `StepReader` by having these two functions, and what a test makes
up is one as well. Nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Protocol

from flyball.distill.mask import key, mask
from flyball.errors import NotFound
from flyball.explain.agents.corpus import Corpus
from flyball.explain.agents.engine import explained
from flyball.explain.agents.foreign import foreign
from flyball.model.run import Step
from flyball.model.run_diagnosis import RunClaim, RunDiagnosis
from flyball.queries import steps
from flyball.queries.ports import Ports

RUNS_MAX = 50
"""Runs before it that are read: enough for any of the tests, and a second of reading."""


class StepReader(Protocol):
    """Where the steps of runs are read: a module of these two functions."""

    def steps_of_run(self, ports: Ports, run_id: str) -> Awaitable[tuple[Step, ...]]:
        """All steps of a run, empty where it is not known."""
        ...

    def steps_before(
        self, ports: Ports, agent: str, before_ns: int, runs_max: int
    ) -> Awaitable[tuple[Step, ...]]:
        """The steps of the latest runs of an agent that began before a time."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidOfRun:
    """A sentence, fit to be shown, and the spans that hold it."""

    text: str
    spans: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class NotThis:
    """A kind that was looked for and is not it, with the reason."""

    kind: str
    text: str
    spans: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatHappenedView:
    """What a run turned out to be: its kind, why, what to do, how sure, and what it was not."""

    question: str
    run_id: str
    agent: str
    kind: str
    confidence: float
    root_cause: SaidOfRun | None
    explanation: Sequence[SaidOfRun]
    suggested_fix: SaidOfRun | None
    tags: Sequence[str]
    others: Sequence[str]
    ruled_out: Sequence[NotThis]
    missing: Sequence[str]
    runs_before: int
    steps_left_out: int


async def what_happened(ports: Ports, *, run_id: str) -> WhatHappenedView:
    """What happened in a run of an agent: root cause, explanation, fix and what was ruled out, each citing spans.

    Args:
        ports: the stores.
        run_id: 32 hexadecimal digits, as list_runs gives it.

    Raises:
        InputError: that is no run's id.
        NotFound: no step of this run is stored.
    """
    return await told_of(ports, run_id, reader=steps)


async def told_of(ports: Ports, run_id: str, *, reader: StepReader) -> WhatHappenedView:
    """The same, of steps that `reader` reads.

    Raises:
        NotFound: no step of this run is stored.
    """
    corpus = await read_corpus(ports, run_id, reader=reader)
    return view_of(explained(corpus, ports.clock.now_ns()), corpus)


async def read_corpus(ports: Ports, run_id: str, *, reader: StepReader) -> Corpus:
    """The run and those before it, for the engine and for a model that looks closer.

    Raises:
        NotFound: no step of this run is stored.
    """
    found = await reader.steps_of_run(ports, run_id)
    if not found:
        raise NotFound(f"no run {run_id[:64]!r} is stored")
    first = min(found, key=lambda one: (one.begin_ns, one.span_id))
    agent = next((one.agent for one in sorted(found, key=lambda one: one.begin_ns) if one.agent), first.agent)
    before = await reader.steps_before(ports, agent, first.begin_ns, RUNS_MAX) if agent else ()
    return Corpus.of(found, before, error_shape)


def error_shape(message: str) -> str:
    """An error message as distill masks it: what varies is `<*>`."""
    return mask(key(message))


def view_of(diagnosis: RunDiagnosis, corpus: Corpus) -> WhatHappenedView:
    """A diagnosis as it is shown: whatever a sentence quotes becomes no link, image or markup."""
    root = corpus.run.root or (corpus.run.steps[0] if corpus.run.steps else None)
    return WhatHappenedView(
        question="What happened here?",
        run_id=diagnosis.run_id,
        agent=foreign(root.agent, 200) if root else "",
        kind=diagnosis.kind.value,
        confidence=diagnosis.confidence,
        root_cause=_shown(diagnosis.root_cause),
        explanation=[one for claim in diagnosis.explanation if (one := _shown(claim))],
        suggested_fix=_shown(diagnosis.fix),
        tags=list(diagnosis.tags),
        others=[kind.value for kind in diagnosis.others],
        ruled_out=[
            NotThis(kind=out.kind.value, text=foreign(out.why.text), spans=list(out.why.spans))
            for out in diagnosis.ruled_out
        ],
        missing=list(diagnosis.missing),
        runs_before=len(corpus.before),
        steps_left_out=diagnosis.left_out,
    )


def _shown(claim: RunClaim | None) -> SaidOfRun | None:
    return SaidOfRun(text=foreign(claim.text), spans=list(claim.spans)) if claim else None
