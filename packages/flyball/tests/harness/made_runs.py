"""Runs of a made-up agent, a few lines each: for what tests say of them in their names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from flyball.model.run import Step, StepKind, Usage

S = 1_000_000_000
BEGIN = 1_790_000_000 * S


def tool(name: str = "search", **told: Any) -> Step:
    """A call of a tool; equal arguments are equal calls."""
    asked: dict[str, Any] = {"arguments": "", "result": "fine", **told}
    return Step(
        run_id="", span_id="", kind=StepKind.TOOL, name=name, tool=name, begin_ns=0, end_ns=0, **asked
    )


def model(said: str = "", finish: str = "tool_calls", read: int | None = 1_000, **told: Any) -> Step:
    """A call of a model."""
    asked: dict[str, Any] = {"model": "acme-large", "answered_by": "acme-large-7", **told}
    usage = Usage(input=read, output=100 if read is not None else None)
    return Step(
        run_id="",
        span_id="",
        kind=StepKind.MODEL,
        name="chat",
        said=said,
        finish=finish,
        usage=usage,
        begin_ns=0,
        end_ns=0,
        **asked,
    )


def run(
    number: int, *acts: Step, root: dict[str, Any] | None = None, rooted: bool = True, **told: Any
) -> tuple[Step, ...]:
    """A run of these acts, one a second, under an agent's step."""
    run_id, begin = f"{number:032x}", BEGIN + number * 600 * S
    top = f"{number:08x}{0:08x}"
    every: dict[str, Any] = {"run_id": run_id, "agent": "helper", "commit": "c0ffee1", "config": "v1", **told}
    steps = [
        replace(
            act,
            span_id=f"{number:08x}{at + 1:08x}",
            parent_id=top,
            begin_ns=begin + at * S,
            end_ns=begin + at * S + S // 2,
            **{key: value for key, value in every.items() if not getattr(act, key)},
        )
        for at, act in enumerate(acts)
    ]
    end = begin + len(acts) * S
    agent = Step(
        span_id=top,
        kind=StepKind.AGENT,
        name="invoke_agent helper",
        begin_ns=begin,
        end_ns=end,
        **{**every, **(root or {})},
    )
    return (*steps, agent) if rooted else tuple(steps)


def normal(number: int, **told: Any) -> tuple[Step, ...]:
    """A run as they are: look, act, say that it is done."""
    acts = (
        model(),
        tool("search", arguments=f"q{number}"),
        model(read=1_100),
        tool("write", arguments=f"w{number}", result="ok"),
    )
    return run(number, *acts, model("Done, the file is written.", "stop", read=1_200), **told)


def history(runs: int = 12, **told: Any) -> tuple[Step, ...]:
    """Normal runs, one after the other."""
    return tuple(step for number in range(runs) for step in normal(number, **told))


def flat(runs: Sequence[Sequence[Step]]) -> tuple[Step, ...]:
    """The steps of several runs."""
    return tuple(step for one in runs for step in one)
