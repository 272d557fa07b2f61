"""The scorer: kinds against labels, and every claim against the raw steps, by counting of its own.

Nothing of `flyball.explain` is used here but what it said: figures are counted again with a few lines for each measure,
names are looked up in the fields of the cited steps.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import mean, median

from flyball.model.run import Step
from flyball.model.run_diagnosis import Figure, RunClaim, RunDiagnosis, RunKind

from bench.agents.layout import Case, Label


@dataclass(slots=True)
class Score:
    """Counts over cases."""

    faulty: int = 0
    named: int = 0
    fine: int = 0
    quiet: int = 0
    sentences: int = 0
    existing: int = 0
    supported: int = 0
    misses: list[str] = field(default_factory=list[str])

    def add(self, case: Case, label: Label, diagnosis: RunDiagnosis) -> None:
        """Count one case."""
        told = (
            f"{case.name}: {label.kind}{f' (like {label.like})' if label.like else ''}, said {diagnosis.kind}"
        )
        if label.kind == RunKind.NOTHING_WRONG:
            self.fine += 1
            self.quiet += not diagnosis.wrong
            good = not diagnosis.wrong
        else:
            self.faulty += 1
            good = diagnosis.kind == label.kind
            self.named += good
        if not good:
            cause = diagnosis.root_cause.text if diagnosis.root_cause else ""
            self.misses.append(f"{told} ({diagnosis.confidence}) {cause}")
        steps = {step.span_id: step for step in (*case.history, *case.steps)}
        runs: dict[str, list[Step]] = {}
        for step in steps.values():
            runs.setdefault(step.run_id, []).append(step)
        for claim in diagnosis.sentences():
            self.sentences += 1
            exists = bool(claim.spans) and all(span in steps for span in _cited(claim))
            self.existing += exists
            holds = exists and _supported(claim, steps, runs)
            self.supported += holds
            if not holds:
                self.misses.append(f"{case.name}: does not hold: {claim.text}")


def _cited(claim: RunClaim) -> list[str]:
    return [*claim.spans, *(span for one in claim.figures for span in one.spans)]


def _supported(claim: RunClaim, steps: Mapping[str, Step], runs: Mapping[str, Sequence[Step]]) -> bool:
    for one in claim.figures:
        again = _again(one, [steps[span] for span in one.spans], runs)
        if abs(again - one.value) > 0.0011:
            return False
    plain = re.sub(r"`[^`]*`", " ", claim.text)
    values = [one.value for one in claim.figures]
    for number in re.findall(r"(?<![\w.])\d+(?:\.\d+)?", plain):
        digits = len(number.partition(".")[2])
        if not any(abs(value - float(number)) <= 0.5 * 10**-digits + 1e-9 for value in values):
            return False
    text = "\n".join(_flat(asdict(steps[span])) for span in claim.spans)
    squeezed = " ".join(text.replace("`", "'").split())
    return all(
        " ".join(quote.removesuffix("…").split()) in squeezed
        for quote in re.findall(r"`([^`]*)`", claim.text)
    )


def _flat(value: object) -> str:
    if isinstance(value, Mapping):
        return "\n".join(_flat(one) for one in value.values())
    if isinstance(value, list | tuple):
        return "\n".join(_flat(one) for one in value)
    return str(value)


def _again(one: Figure, cited: Sequence[Step], runs: Mapping[str, Sequence[Step]]) -> float:
    """The figure, counted again."""
    count = _of_steps(cited).get(one.measure) or _of_runs(cited, runs)[one.measure]
    return float(count())


Counts = dict[str, Callable[[], float]]


def _of_steps(cited: Sequence[Step]) -> Counts:
    begins = [step.begin_ns for step in cited]
    inputs = _inputs(cited)
    return {
        "steps": lambda: len(cited),
        "failed steps": lambda: sum(_bad(step) for step in cited),
        "equal calls": lambda: (
            len(cited) if len({(s.tool, s.digest or s.arguments or s.said) for s in cited}) == 1 else 0
        ),
        "different answers": lambda: len({(s.error, s.message, s.result) for s in cited}),
        "input tokens a call": lambda: mean(inputs) if inputs else 0,
        "median output tokens a call": lambda: median(_outputs(cited) or [0]),
        "seconds from the first begin to the last end": lambda: (
            (max(s.end_ns for s in cited) - min(begins)) / 1e9
        ),
        "calls that the guard asked about, changed or blocked": lambda: sum(
            any(d.action != "allow" or d.would not in {"", "allow"} for d in s.decided) for s in cited
        ),
    }


def _of_runs(cited: Sequence[Step], runs: Mapping[str, Sequence[Step]]) -> Counts:
    ids = {step.run_id for step in cited}
    whole = [_calls(runs[run]) for run in ids]
    tools = {step.tool for step in cited}
    return {
        "runs": lambda: len(ids),
        "median output tokens a call of a run": lambda: median(
            median(told) for calls in whole if (told := _outputs(calls))
        ),
        "runs that ended in an error": lambda: sum(_failed(runs[run]) for run in ids),
        "median steps of a run": lambda: median(len(calls) for calls in whole),
        "median input tokens a call of a run": lambda: median(
            mean(told) for calls in whole if (told := _inputs(calls))
        ),
        "median tokens of a run": lambda: median(
            sum((s.usage.input or 0) + (s.usage.output or 0) for s in calls)
            for calls in whole
            if _inputs(calls)
        ),
        "median seconds of a run": lambda: median(_seconds(runs[run]) for run in ids),
        "median milliseconds of a call of the same tool, in all runs": lambda: median(
            (s.end_ns - s.begin_ns) / 1e6
            for calls in whole
            for s in calls
            if s.kind == "tool" and s.tool in tools
        ),
        "failed calls of the same tool, in all runs": lambda: sum(
            _bad(s) for calls in whole for s in calls if s.tool and s.tool in tools
        ),
        "calls of the same tool, in all runs": lambda: sum(
            1 for calls in whole for s in calls if s.tool and s.tool in tools
        ),
        "most equal calls in one run": lambda: max(
            max(
                Counter((s.tool, s.digest or s.arguments) for s in calls if s.kind == "tool").values(),
                default=0,
            )
            for calls in whole
        ),
        "runs whose last step is a model's": lambda: sum(_answered(calls) for calls in whole),
    }


def _bad(step: Step) -> bool:
    says = re.search(
        r"^\W{0,3}(error|fatal|traceback|failed)\b|[1-9] (tests? )?failed|status.{1,4}error",
        step.result,
        re.IGNORECASE,
    )
    return step.error != "" or bool(says and step.kind == "tool")


def _calls(steps: Iterable[Step]) -> list[Step]:
    """Calls of tools and models, without a client's span inside the framework's."""
    by_id = {step.span_id: step for step in steps}
    return [
        step
        for step in by_id.values()
        if step.kind in {"tool", "model"}
        and not ((parent := by_id.get(step.parent_id)) and parent.kind == step.kind)
    ]


def _outputs(calls: Iterable[Step]) -> list[int]:
    return [step.usage.output for step in calls if step.usage.output is not None]


def _inputs(calls: Sequence[Step]) -> list[int]:
    return [step.usage.input for step in calls if step.usage.input is not None]


def _seconds(steps: Sequence[Step]) -> float:
    return (max(s.end_ns for s in steps) - min(s.begin_ns for s in steps)) / 1e9


def _failed(steps: Sequence[Step]) -> bool:
    tops = [step for step in steps if step.kind == "agent" and step.parent_id == ""]
    end = tops[0] if tops else max(_calls(steps), key=lambda one: one.end_ns, default=steps[0])
    return end.error != ""


def _answered(calls: Sequence[Step]) -> bool:
    last = max(calls, key=lambda one: (one.end_ns, one.begin_ns), default=None)
    return last is not None and last.kind == "model" and not last.error and "tool" not in last.finish
