"""Failures at the end of a run: a bound, a false word, no word; and ends that only look like them."""

from __future__ import annotations

from dataclasses import replace

from flyball.model.run import Decided

from bench.agents.scenes_changes import Made
from bench.agents.world import Fault, World

BOUNDS = (
    Fault("BudgetExceededError", "the run's budget of 2.00 USD is used up"),
    Fault("insufficient_quota", "You exceeded your current quota, please check your plan"),
    Fault("context_length_exceeded", "maximum context length is 128000 tokens"),
)


def out_of_turns(w: World) -> Made:
    """A longer task than the bound on turns allows."""
    history, (error, message) = w.history(), w.framework.turns_error
    calls = w.plan(turns=w.turns[1] * 2).calls[:-1]
    return w.run(w.plan(calls=calls, said=None, root_fault=Fault(error, message))), history


def out_of_money(w: World) -> Made:
    """A bound on money, quota or context ends it."""
    history, fault = w.history(), w.rng.choice(BOUNDS)
    return w.run(w.plan(calls=w.plan(turns=w.turns[1]).calls[:-1], said=None, root_fault=fault)), history


def out_of_the_guards_budget(w: World) -> Made:
    """The guard's budget for the act is used up."""
    history, plan = w.history(), w.plan()
    rule = f"budget.{w.rng.choice(('refunds', 'deletes', 'calls-per-hour'))}"
    held = (Decided(decision_id=f"dec_{w.hex(12)}", action="block", would="block", rules=(rule,)),)
    act = replace(plan.calls[-1], result="", decided=held, fault=Fault("GuardBlocked", f"blocked by {rule}"))
    said = w.rng.choice(w.domain.honest)
    return w.run(replace(plan, calls=(*plan.calls[:-1], act), said=said)), history


def just_in_time(w: World) -> Made:
    """Nearly at the bound, and done."""
    history = w.history()
    return w.run(w.plan(turns=w.turns[1] * 2)), history


def rate_limited_once(w: World) -> Made:
    """A rate limit, waited for."""
    history, plan = w.history(), w.plan()
    bad = replace(
        plan.calls[0], result="", fault=Fault("RateLimitError", "429 rate limit exceeded, retry in 3 s")
    )
    return w.run(replace(plan, calls=(bad, *plan.calls))), history


def cut_in_the_middle(w: World) -> Made:
    """One answer is cut at its bound, and the run goes on to its end."""
    history = w.history()
    return w.run(w.plan(cut=(0, w.rng.choice(("length", "max_tokens"))))), history


# -- a false word -------------------------------------------------------------------------------------------


def said_though_it_failed(w: World) -> Made:
    """The act fails, and the agent says that it is done."""
    history, plan = w.history(), w.plan()
    fault = w.rng.choice(
        (
            Fault("PermissionError", "not allowed"),
            Fault("HTTPError", "500"),
            Fault("Conflict", "changed meanwhile"),
        )
    )
    act = replace(plan.calls[-1], result="", fault=fault)
    return w.run(replace(plan, calls=(*plan.calls[:-1], act))), history


def said_though_nothing_changed(w: World) -> Made:
    """The act does nothing, and the agent says that it is done."""
    history, plan = w.history(), w.plan()
    act = replace(plan.calls[-1], result=w.rng.choice(w.domain.vain))
    return w.run(replace(plan, calls=(*plan.calls[:-1], act))), history


def said_though_never_tried(w: World) -> Made:
    """The act is never tried, and the agent says that it is done."""
    history, plan = w.history(), w.plan(turns=4)
    return w.run(replace(plan, calls=plan.calls[:-1])), history


def said_after_a_second_try(w: World) -> Made:
    """The act fails, succeeds the second time, and the agent says so."""
    history, plan = w.history(), w.plan()
    bad = replace(plan.calls[-1], result="", fault=Fault("HTTPError", "500"))
    return w.run(replace(plan, calls=(*plan.calls[:-1], bad, plan.calls[-1]))), history


def said_honestly(w: World) -> Made:
    """The act fails, and the agent says so."""
    history, plan = w.history(), w.plan()
    act = replace(plan.calls[-1], result="", fault=Fault("PermissionError", "not allowed"))
    return w.run(replace(plan, calls=(*plan.calls[:-1], act), said=w.rng.choice(w.domain.honest))), history


def said_after_a_look(w: World) -> Made:
    """The act succeeds, and a look at it follows."""
    history, plan = w.history(), w.plan()
    return w.run(replace(plan, calls=(*plan.calls, w.read()))), history


# -- no word ------------------------------------------------------------------------------------------------


def dies_after_a_call(w: World) -> Made:
    """The process dies: the last call came, the agent's own span never."""
    history, plan = w.history(), w.plan(turns=4)
    return w.run(replace(plan, calls=plan.calls[: w.rng.randint(1, 3)], said=None, rooted=False)), history


def hangs_until_cancelled(w: World) -> Made:
    """Nothing comes for a long time, then whoever waits gives up."""
    history, plan = w.history(), w.plan(turns=4)
    fault = w.rng.choice(
        (
            Fault("CancelledError", ""),
            Fault("TimeoutError", "run timed out"),
            Fault("asyncio.TimeoutError", ""),
        )
    )
    calls = plan.calls[: w.rng.randint(1, 3)]
    return w.run(
        replace(plan, calls=calls, said=None, root_fault=fault, tail_s=w.rng.uniform(300, 1800))
    ), history


def ends_without_a_word(w: World) -> Made:
    """The run ends as if all were well, and nothing was answered."""
    history, plan = w.history(), w.plan(turns=4)
    return w.run(replace(plan, calls=plan.calls[:2], said=None, tail_s=w.rng.uniform(20, 400))), history


def slow_tool(w: World) -> Made:
    """A tool takes many minutes, and then all goes on."""
    history, plan = w.history(), w.plan()
    slow = replace(plan.calls[0], s=w.rng.uniform(300, 1500))
    return w.run(replace(plan, calls=(slow, *plan.calls[1:]))), history


def late_flush(w: World) -> Made:
    """The answer comes, and the agent's span ends minutes later."""
    history = w.history()
    return w.run(w.plan(tail_s=w.rng.uniform(60, 300))), history


def ends_with_its_act(w: World) -> Made:
    """An agent whose runs all end with the act, without a last word."""
    history = [step for _ in range(12) for step in w.run(w.plan(said=None))]
    return w.run(w.plan(said=None)), history
