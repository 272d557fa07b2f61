"""RunDiagnosis: what happened in one run of an agent. Claims cite spans; their figures can be measured again from these."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class RunKind(enum.StrEnum):
    """What a run can turn out to be. One value for each thing that has a fix of its own."""

    REGRESSION = "regression after commit"
    MODEL_DRIFT = "model drift"
    CONFIG_DRIFT = "prompt or config drift"
    TOKEN_BLOAT = "token bloat"  # noqa: S105 - tokens of a model
    LOOP = "loop"
    TOOL_ERRORS = "tool-error rise"
    BUDGET = "budget"
    POISONED_INPUT = "poisoned input"
    FALSE_COMPLETION = "false completion"
    SILENCE = "silence"
    NOTHING_WRONG = "nothing wrong"
    INCONCLUSIVE = "inconclusive"
    """Something is wrong, or nothing could be read, and the spans do not tell what."""


class Measure(enum.StrEnum):
    """What is counted of cited steps. The first group looks at the steps alone, the second at the runs they are of."""

    STEPS = "steps"
    FAILED = "failed steps"
    ALIKE = "equal calls"
    """How many there are, when all are the same call; 0 when they are not."""
    ANSWERS = "different answers"
    INPUT_TOKENS = "input tokens a call"
    OUTPUT_TOKENS = "median output tokens a call"
    SECONDS = "seconds from the first begin to the last end"
    GAP_S = "longest seconds in which nothing happened"
    GUARDED = "calls that the guard asked about, changed or blocked"
    RUNS = "runs"
    RUNS_FAILED = "runs that ended in an error"
    RUN_STEPS = "median steps of a run"
    RUN_INPUT = "median input tokens a call of a run"
    RUN_OUTPUT = "median output tokens a call of a run"
    RUN_TOKENS = "median tokens of a run"
    RUN_SECONDS = "median seconds of a run"
    RUN_ALL_FAILED = "failed calls of all tools"
    RUN_CALL_MS = "median milliseconds of a call of the same tool, in all runs"
    RUN_CALLS_FAILED = "failed calls of the same tool, in all runs"
    RUN_CALLS = "calls of the same tool, in all runs"
    RUN_REPEATS = "most equal calls in one run"
    RUN_ANSWERED = "runs whose last step is a model's"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number of a sentence: what was measured, of which spans. Whoever has the spans can measure it again."""

    measure: Measure
    spans: tuple[str, ...]
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunClaim:
    """A sentence, the spans it stands on, and the figures it states."""

    text: str
    spans: tuple[str, ...]
    figures: tuple[Figure, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RuledOut:
    """A kind that was looked for and is not it, with the reason."""

    kind: RunKind
    why: RunClaim


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What later runs of an agent show that earlier ones do not; `p` where that was judged, None where it is a fact."""

    kind: RunKind
    claim: RunClaim
    p: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDiagnosis:
    """What happened, why, and what to do; or that nothing is wrong; or that it cannot be told and what is missing.

    `others` are kinds that the spans also show and that the root cause explains, or that weigh less. `tags` are
    words to find runs by. `confidence` is 0 to 1: how directly the spans tell of this kind. `left_out` counts steps
    that were not read.
    """

    run_id: str
    kind: RunKind
    confidence: float
    root_cause: RunClaim | None = None
    explanation: tuple[RunClaim, ...] = ()
    fix: RunClaim | None = None
    tags: tuple[str, ...] = ()
    others: tuple[RunKind, ...] = ()
    ruled_out: tuple[RuledOut, ...] = ()
    missing: tuple[str, ...] = ()
    left_out: int = 0

    @property
    def wrong(self) -> bool:
        """Whether a kind of failure was named."""
        return self.kind not in {RunKind.NOTHING_WRONG, RunKind.INCONCLUSIVE}

    def sentences(self) -> tuple[RunClaim, ...]:
        """Every sentence that cites spans."""
        top = (self.root_cause, *self.explanation, self.fix)
        return (*(one for one in top if one), *(one.why for one in self.ruled_out))
