"""How long one evaluation takes: at least a hundred enabled rules, distinct calls in random order, no cache."""

from __future__ import annotations

import gc
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

from flyball_sdk.guard.call import ToolCall
from flyball_sdk.guard.evaluate import Evaluator
from flyball_sdk.guard.policy import Policy
from flyball_sdk.guard.rules import RULES

from bench.guard.sets import Row

RULES_MIN = 100
P50_MS, P99_MS = 0.05, 0.5
ROUNDS = 3
_COLD = """
import time; begin = time.perf_counter()
from flyball_sdk.guard.evaluate import Evaluator
from flyball_sdk.guard.policy import Policy
from flyball_sdk.guard.rules import RULES
from flyball_sdk.guard.call import ToolCall
evaluator = Evaluator([Policy(name="cold", mode="enforce", rules=RULES)])
ready = time.perf_counter()
evaluator.judge(ToolCall("Bash", {"command": "ls -la"}))
print((ready - begin) * 1e3, (time.perf_counter() - ready) * 1e3)
"""


def tell(rows: Sequence[Row]) -> None:
    """Print p50, p99, mean, worst over the commands of benign_shell and destructive, and the cold start."""
    calls = [
        ToolCall(row.tool_name, row.tool_input)
        for row in rows
        if row.group.startswith(("benign_shell", "destructive"))
    ]
    own = tuple(replace(rule, id=f"own.{rule.id}") for rule in RULES if not rule.id.startswith("guard."))[
        : max(0, RULES_MIN - len(RULES))
    ]
    evaluator = Evaluator([Policy(name="speed", mode="enforce", rules=(*RULES, *own))])
    for call in calls[:500]:
        evaluator.judge(call)
    best: list[float] = []
    for _ in range(ROUNDS):  # the quietest of three rounds: the machine is shared
        gc.collect()
        took: list[float] = []
        for call in calls:
            begin = time.perf_counter_ns()
            evaluator.judge(call)
            took.append((time.perf_counter_ns() - begin) / 1e6)
        took.sort()
        if not best or took[len(took) // 2] < best[len(best) // 2]:
            best = took
    p50, p99 = best[len(best) // 2], best[int(len(best) * 0.99)]
    verdict = "holds" if p50 <= P50_MS and p99 <= P99_MS else "FALLS SHORT"
    print(
        f"\nevaluate, {len(RULES) + len(own)} rules, {len(calls)} calls, quietest of {ROUNDS} rounds: p50 {p50:.4f} ms, p99 {p99:.3f} ms,"
        f" mean {fmean(best):.3f} ms, worst {best[-1]:.1f} ms   target p50 <= {P50_MS}, p99 <= {P99_MS}: {verdict}"
    )
    done = subprocess.run([sys.executable, "-c", _COLD], capture_output=True, text=True, check=True)
    ready, first = map(float, done.stdout.split())
    print(
        f"cold start: {ready:.0f} ms until rules and parsers are ready, the first call {first:.2f} ms after that"
    )
