"""Steps as patterns: what fails, and in which order tools are called."""

from __future__ import annotations

from flyball.distill import steps as module
from flyball.distill.steps import error_patterns, path_of, paths, tool_grams
from harness.made_runs import model, normal, run, tool


def test_failures_that_differ_in_values_are_one_pattern() -> None:
    bad = [
        tool("fetch", error="HTTPError", message=f"no answer from 10.0.0.{n} after {n * 7} ms")
        for n in range(5)
    ]
    (found,) = error_patterns(run(1, model(), *bad))
    assert (found.name, found.count) == ("fetch", 5)
    assert found.template == "HTTPError: no answer from <*> after <*> ms"
    assert found.span_id == "0000000100000002"


def test_a_path_counts_equal_neighbours_and_an_inner_span_once() -> None:
    steps = run(1, model(), tool("search"), tool("search"), model(), tool("write"))
    assert path_of(steps) == "search x2 > write"
    long = run(2, *[tool(f"t{n}") for n in range(60)])
    assert path_of(long).endswith(" > …")
    assert path_of(long).count(">") == module.PATH_CALLS_MAX


def test_runs_that_call_the_same_are_one_path() -> None:
    found = paths([normal(1), normal(2), run(3, tool("search"))])
    assert [(one.path, one.count) for one in found] == [("search > write", 2), ("search", 1)]


def test_sequences_are_counted_over_runs() -> None:
    counted = tool_grams([run(1, tool("a"), tool("b"), tool("c")), run(2, tool("a"), tool("b"), tool("c"))])
    assert counted == {("a", "b", "c"): 2}
