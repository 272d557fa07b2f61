"""Corpus: the run that is asked about and the runs before it, in one order, each step once, whatever order they came in.

Two libraries that tell of the same call (a client and the framework around it, an MCP client inside a tool) give a step
inside a step of the same kind: the outer one counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from flyball.explain.agents.words import soft_error
from flyball.model.run import Step, StepKind

STEPS_MAX = 5_000
"""Steps of the run that are read, the earliest: the cause stands there."""
RUNS_MAX = 200
"""Runs before it that are read, the latest."""
RUN_STEPS_MAX = 1_000
"""Steps of each of these."""
ANCESTORS_MAX = 50
_TOOL_FINISHES = frozenset({"tool_calls", "tool_call", "tool_use", "tool", "function_call", "tool-calls"})
"""Finish reasons of a model that asks for a tool: no last word."""

Shape = Callable[[str], str]
"""What an error message looks like without its values: `mask` of distill, given by the caller."""


def order(step: Step) -> tuple[int, int, str, str, str]:
    """A total order of steps: in time, then by what cannot depend on how they came."""
    return (step.begin_ns, step.end_ns, step.span_id, step.run_id, step.name)


@dataclass(frozen=True, eq=False)
class Run:
    """One run: its steps in order. What is derived is derived once."""

    id: str
    steps: tuple[Step, ...]

    @cached_property
    def by_span(self) -> dict[str, Step]:
        """Steps by their id; of equal ids the first."""
        return {step.span_id: step for step in reversed(self.steps)}

    @cached_property
    def tools(self) -> tuple[Step, ...]:
        """Calls of tools, each told once."""
        return tuple(one for one in self.steps if one.kind is StepKind.TOOL and not self._told_outside(one))

    @cached_property
    def models(self) -> tuple[Step, ...]:
        """Calls of models, each told once."""
        return tuple(one for one in self.steps if one.kind is StepKind.MODEL and not self._told_outside(one))

    @cached_property
    def acts(self) -> tuple[Step, ...]:
        """Calls of tools and models, in the order of their ends."""
        both = (*self.tools, *self.models)
        return tuple(sorted(both, key=lambda one: (one.end_ns or one.begin_ns, order(one))))

    @cached_property
    def root(self) -> Step | None:
        """The agent's own step: of those without a parent here the longest."""
        tops = [s for s in self.steps if s.kind is StepKind.AGENT and s.parent_id not in self.by_span]
        return max(tops, key=lambda one: (one.ms, order(one)), default=None)

    @cached_property
    def last(self) -> Step | None:
        """The last call of a tool or a model."""
        return self.acts[-1] if self.acts else None

    @property
    def failed(self) -> bool:
        """Whether it ended in an error: the agent's own, or of the last call where no agent's step is told."""
        end = self.root or self.last
        return bool(end and end.error)

    @property
    def answered(self) -> bool:
        """Whether the last call is a model's that said its last word."""
        last = self.last
        return bool(
            last
            and last.kind is StepKind.MODEL
            and not last.error
            and last.finish.lower() not in _TOOL_FINISHES
        )

    @property
    def answer(self) -> str:
        """What the agent said at its end; empty where that was not captured."""
        last, root = self.last, self.root
        said = last.said if last and last.kind is StepKind.MODEL else ""
        return said or (root.said if root else "")

    @property
    def inputs(self) -> list[float]:
        """Input tokens of each model call, where told."""
        return [float(one.usage.input) for one in self.models if one.usage.input is not None]

    @property
    def tokens(self) -> float:
        """All tokens told."""
        return float(sum((one.usage.input or 0) + (one.usage.output or 0) for one in self.models))

    @property
    def seconds(self) -> float:
        """From the first begin to the last end."""
        ends = [max(one.end_ns, one.begin_ns) for one in self.steps]
        return (max(ends) - min(one.begin_ns for one in self.steps)) / 1e9 if ends else 0.0

    @cached_property
    def by_tool(self) -> dict[str, list[Step]]:
        """Calls by the tool that is called."""
        found: dict[str, list[Step]] = {}
        for step in self.tools:
            found.setdefault(step.tool, []).append(step)
        return found

    def of(self, tool: str) -> list[Step]:
        """The calls of one tool."""
        return self.by_tool.get(tool, [])

    def values(self, attribute: str) -> Counter[str]:
        """What the steps say of an attribute, empty left out."""
        return Counter(value for one in self.steps if (value := str(getattr(one, attribute))))

    def _told_outside(self, step: Step) -> bool:
        parent = self.by_span.get(step.parent_id)
        for _ in range(ANCESTORS_MAX):
            if parent is None or parent is step or parent.kind is StepKind.AGENT:
                return False
            if parent.kind is step.kind and (step.kind is StepKind.MODEL or parent.tool == step.tool):
                return True
            parent = self.by_span.get(parent.parent_id)
        return False


@dataclass(frozen=True, eq=False)
class Corpus:
    """The run and the runs before it, the earliest first; `shape` tells what an error message looks like."""

    run: Run
    before: tuple[Run, ...]
    shape: Shape
    left_out: int = 0

    @staticmethod
    def of(steps: Iterable[Step], history: Iterable[Step], shape: Shape) -> Corpus:
        """Order and bound what was given. A run that is asked about is none of its own history."""
        mine = _once(steps)
        ids = {one.run_id for one in mine}
        earlier: dict[str, list[Step]] = {}
        for step in _once(history):
            if step.run_id not in ids:
                earlier.setdefault(step.run_id, []).append(step)
        kept = list(earlier.items())[-RUNS_MAX:]
        total = len(mine) + sum(len(one) for one in earlier.values())
        runs = tuple(Run(run_id, tuple(some[:RUN_STEPS_MAX])) for run_id, some in kept)
        run = Run(mine[0].run_id if mine else "", tuple(mine[:STEPS_MAX]))
        read = len(run.steps) + sum(len(one.steps) for one in runs)
        return Corpus(run, runs, shape, total - read)

    @cached_property
    def spans(self) -> dict[str, tuple[Run, Step]]:
        """Every step that may be cited; where ids collide the run's own counts."""
        found: dict[str, tuple[Run, Step]] = {}
        for run in (*self.before, self.run):
            for step in reversed(run.steps):
                found[step.span_id] = (run, step)
        return found

    def heads(self, runs: Sequence[Run]) -> list[Step]:
        """One step for each run, to cite the run by."""
        return [one.root or one.steps[0] for one in runs if one.steps]

    def error(self, step: Step) -> str:
        """What kind of failure a step is, without values."""
        return f"{step.error}: {self.shape(step.message[:_MESSAGE_CHARS_MAX])}" if step.error else ""


_MESSAGE_CHARS_MAX = 1_000


def _once(steps: Iterable[Step]) -> list[Step]:
    """Each span once, in order. Of several that claim one id the choice is arbitrary, and always the same."""
    found: dict[tuple[str, str], Step] = {}
    for step in steps:
        known = found.setdefault((step.run_id, step.span_id), step)
        if known is not step and repr(step) < repr(known):
            found[step.run_id, step.span_id] = step
    return sorted(found.values(), key=order)


def call_of(step: Step) -> str | None:
    """What is equal for equal calls; None where the arguments are not known."""
    told = step.digest or step.arguments
    return f"{step.tool}\0{told}" if told else None


def fails(step: Step) -> bool:
    """Whether a call failed: its span says so, or, of a tool, its answer."""
    return bool(step.error) or (step.kind is StepKind.TOOL and soft_error(step.result))


def outcome_of(step: Step) -> str:
    """What came of a call, to tell whether the next equal one brought anything new."""
    return f"{step.error}\0{step.message}\0{step.result}"
