"""Failures that come with a change, and changes that come without one: commits, checkpoints, prompts, tokens."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flyball.model.run import Step

from bench.agents.world import Call, Fault, Plan, World

Made = tuple[list[Step], list[Step]]
CODE_FAULTS = (
    Fault("TypeError", "cannot unpack non-iterable NoneType object"),
    Fault("KeyError", "'customer_id'"),
    Fault("AttributeError", "'dict' object has no attribute 'items_by_day'"),
    Fault("ReferenceError", "formatTotal is not defined"),
    Fault("java.lang.NullPointerException", 'Cannot invoke "Order.lines()" because "order" is null'),
)
MISUSE = (
    Fault("ValidationError", "1 validation error: field 'target' is required"),
    Fault("ToolInputError", "input does not match the schema: 'page' must be an integer"),
    Fault("InvalidArguments", "unexpected property 'query_text'"),
)


def new_commit_breaks_the_act(w: World) -> Made:
    """The tool behind the task raises since the commit; the run ends in its error."""
    history, fault = w.history(), w.rng.choice(CODE_FAULTS)
    bad = broken(w, fault, commit=w.hex(40))
    if w.rng.random() < 0.4:
        history += w.run(replace(bad, calls=w.plan().calls[:1] + bad.calls[-1:]))
    return w.run(bad), history


def new_commit_breaks_a_reader(w: World) -> Made:
    """A tool that reads fails on each of its calls since the commit."""
    history, fault, tool = w.history(), w.rng.choice(CODE_FAULTS), w.domain.readers[0]
    calls = tuple(w.read(tool, result="", fault=fault) for _ in range(w.rng.randint(4, 6)))
    plan = w.plan(
        commit=w.hex(40),
        calls=calls,
        said=None,
        root_fault=Fault("AgentRunError", "a tool failed repeatedly"),
    )
    return w.run(plan), history


def new_commit_keeps_answers_whole(w: World) -> Made:
    """Since the commit the answers of tools are no longer cut: every call reads several times as much."""
    history = w.history()
    calls = tuple(replace(one, tokens=w.rng.randint(9, 14) * w.base) for one in w.plan(turns=6).calls)
    return w.run(w.plan(commit=w.hex(40), calls=calls)), history


def commit_and_nothing_worse(w: World) -> Made:
    """A commit, and the run is as ever."""
    return w.run(w.plan(commit=w.hex(40))), w.history()[:]


def commit_and_a_hiccup(w: World) -> Made:
    """A commit, and a call that fails in passing and succeeds at once."""
    history, plan = w.history(), w.plan(commit=w.hex(40))
    late = replace(plan.calls[0], result="", fault=Fault("HTTPError", "503 Service Unavailable"))
    return w.run(replace(plan, calls=(late, *plan.calls))), history


def commit_long_ago(w: World) -> Made:
    """A commit some runs ago, which went well; this run fails once as runs before did."""
    commit = w.hex(40)
    fault = Fault("NotFound", "no entry of that name")
    odd = w.plan()
    history = (
        w.history(8)
        + w.run(replace(odd, calls=(w.read(result="", fault=fault), *odd.calls)))
        + w.history(6, commit=commit)
    )
    plan = w.plan(commit=commit)
    return w.run(replace(plan, calls=(w.read(result="", fault=fault), *plan.calls))), history


def broken(w: World, fault: Fault, **changed: Any) -> Plan:
    """A run whose act fails and which ends in that error."""
    plan = w.plan(**changed)
    calls = (*plan.calls[:-1], replace(plan.calls[-1], result="", fault=fault))
    return replace(plan, calls=calls, said=None, root_fault=fault)


# -- a checkpoint behind a name ---------------------------------------------------------------------------


def checkpoint_misuses_tools(w: World) -> Made:
    """Another checkpoint answers, and calls tools with arguments they do not take."""
    return _misused(w, answered_by=w.checkpoint.format(2))


def checkpoint_takes_more_turns(w: World) -> Made:
    """Another checkpoint answers, and needs several times the turns."""
    history = w.history()
    return w.run(w.plan(turns=w.turns[1] * w.rng.randint(3, 4), answered_by=w.checkpoint.format(2))), history


def checkpoint_refuses(w: World) -> Made:
    """Another checkpoint answers, and its last answer is cut by a filter before the act."""
    history, plan = w.history(), w.plan(answered_by=w.checkpoint.format(2))
    finish = w.rng.choice(("content_filter", "refusal"))
    return w.run(replace(plan, calls=plan.calls[:-1], finish=finish, said="I can't help with that.")), history


def alias_pinned(w: World) -> Made:
    """The name that is asked for is now the checkpoint that answered all along."""
    history, pinned = w.history(), w.checkpoint.format(1)
    return w.run(w.plan(model=pinned, answered_by=pinned)), history


def checkpoint_and_nothing_worse(w: World) -> Made:
    """Another checkpoint answers, and as well."""
    history = w.history()
    return w.run(w.plan(answered_by=w.checkpoint.format(2))), history


def two_checkpoints_all_along(w: World) -> Made:
    """Two checkpoints take turns behind the name, and did so before."""
    history = [s for n in range(14) for s in w.run(w.plan(answered_by=w.checkpoint.format(1 + n % 2)))]
    return w.run(w.plan(answered_by=w.checkpoint.format(w.rng.randint(1, 2)))), history


def _misused(w: World, **changed: Any) -> Made:
    history, fault, plan = w.history(), w.rng.choice(MISUSE), w.plan(**changed)
    bad = tuple(w.read(w.domain.readers[1], result="", fault=fault) for _ in range(w.rng.randint(3, 5)))
    return w.run(replace(plan, calls=(*bad, *plan.calls[-1:]))), history


# -- a prompt or setting ----------------------------------------------------------------------------------


def prompt_misuses_tools(w: World) -> Made:
    """Since the prompt changed, tools are called with what they do not take."""
    return _misused(w, config=_newer(w))


def prompt_asks_for_more(w: World) -> Made:
    """Since the prompt changed, a task takes several times the turns."""
    history = w.history()
    return w.run(w.plan(turns=w.turns[1] * w.rng.randint(3, 4), config=_newer(w))), history


def prompt_breaks_the_form(w: World) -> Made:
    """Since the prompt changed, the answer is not of the form that is asked for."""
    history, plan = w.history(), w.plan(config=_newer(w))
    fault = Fault("UnexpectedModelBehavior", "Exceeded maximum retries (1) for output validation")
    return w.run(replace(plan, root_fault=fault)), history


def prompt_and_nothing_worse(w: World) -> Made:
    """Another prompt, and the run is as ever."""
    history = w.history()
    return w.run(w.plan(config=_newer(w))), history


def prompt_saves(w: World) -> Made:
    """A shorter prompt: fewer tokens than before."""
    history = w.history()
    return w.run(w.plan(config=_newer(w), base=0.5)), history


def prompt_rolled_back(w: World) -> Made:
    """The prompt goes back to the one before."""
    old = w.config
    history = w.history(6) + w.history(6, config=_newer(w))
    return w.run(w.plan(config=old)), history


def _newer(w: World) -> str:
    return f"sha256:{w.hex(12)}" if w.config.startswith("sha") else f"v{int(w.config[1:]) + 1}"


# -- tokens -------------------------------------------------------------------------------------------------


def prompt_bloats(w: World) -> Made:
    """The first call already reads several times as much."""
    history = w.history()
    return w.run(w.plan(base=w.rng.uniform(3.5, 6.0))), history


def context_bloats(w: World) -> Made:
    """Each answer of a tool stays in the context, whole."""
    history = w.history()
    calls = tuple(replace(one, tokens=w.rng.randint(4, 8) * w.base) for one in w.plan(turns=w.turns[1]).calls)
    return w.run(w.plan(calls=calls)), history


def one_answer_bloats(w: World) -> Made:
    """One answer of a tool is huge, and every call after it reads it again."""
    history, plan = w.history(), w.plan(turns=w.turns[1])
    huge = replace(plan.calls[0], tokens=w.rng.randint(10, 16) * (w.base + 3 * w.growth))
    return w.run(replace(plan, calls=(huge, *plan.calls[1:]))), history


def longer_task(w: World) -> Made:
    """Three times the turns, each as ever: more tokens, and no bloat."""
    history = w.history()
    return w.run(w.plan(turns=w.turns[1] * 2 + w.rng.randint(1, 4))), history


def somewhat_more(w: World) -> Made:
    """A fifth more, as between two tasks."""
    history = w.history()
    return w.run(w.plan(base=1.2)), history


def long_answer_once(w: World) -> Made:
    """A larger answer of a tool at the end, that one call reads."""
    history, plan = w.history(), w.plan()
    last: Call = replace(plan.calls[-1], tokens=int(0.8 * w.base))
    return w.run(replace(plan, calls=(*plan.calls[:-1], last))), history
