"""Hostile calls at the evaluator: it may not raise, run past 50 ms, or grow by more than 64 MB.

    python -m bench.guard.fuzz [--seconds 120] [--seed N]

Calls are made from the rules' own examples by cutting, joining, nesting, repeating, and by swapping in characters that
parsers trip over; and from small grammars of shell, SQL and JSON bombs. Time is the thread's own CPU time, so that a busy
machine does not fail it. Prints the seed, so that a failure can be played again.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

from flyball_sdk.guard.call import Context, ToolCall
from flyball_sdk.guard.decision import Decision
from flyball_sdk.guard.evaluate import Evaluator
from flyball_sdk.guard.policy import Policy
from flyball_sdk.guard.rules import RULES
from flyball_sdk.guard.session import Session
from flyball_sdk.guard.taint import observe, remember

MS_MAX = 50.0
GROWTH_BYTES_MAX = 64 * 1024 * 1024
EVALUATOR = Evaluator([Policy(name="fuzz", mode="enforce", rules=RULES)])
SEEDS = [one.call for rule in RULES for one in (*rule.hits, *rule.passes) if isinstance(one.call, str)]
TOOLS = (
    "Bash",
    "exec_command",
    "Write",
    "Edit",
    "apply_patch",
    "Read",
    "WebFetch",
    "execute_sql",
    "query",
    "http_request",
    "send_money",
    "mcp__x__delete_it",
    "kubectl_delete",
    "x",
)
FIELDS = (
    "command",
    "cmd",
    "file_path",
    "content",
    "sql",
    "query",
    "url",
    "body",
    "input",
    "patch",
    "path",
    "recipient",
    "amount",
    "edits",
    "method",
)
ODD = ["\0", "\u202e", "\ud800", "\ufeff", "\u200b", "\x1b[2J", "'", '"', "`", "$(", "${", "))", "<<E\n", "\\", "\r\n", "|", "&&", ";", "{1..9999}", "${x//a/b}", "$((1<<62))", "*" * 50, "\U0001f600", "%00", "=", "~", "!", "#", "[[", "<(", "\t", "é" * 10]  # fmt: skip
Make = Callable[[random.Random], Any]


def mutated(rng: random.Random) -> str:
    """A command of the catalogue, broken."""
    text = rng.choice(SEEDS)
    for _ in range(rng.randint(1, 6)):
        at = rng.randint(0, len(text))
        kind = rng.randint(0, 6)
        if kind == 0:
            text = text[:at] + rng.choice(ODD) + text[at:]
        elif kind == 1:
            text = text[:at] + text[rng.randint(at, len(text)) :]
        elif kind == 2:
            text = text + rng.choice((" | ", " && ", "; ", "\n", " & ")) + rng.choice(SEEDS)
        elif kind == 3:
            text = rng.choice(
                (
                    "bash -c '{}'",
                    "$({})",
                    'eval "{}"',
                    "sh <<E\n{}\nE",
                    "python3 -c 'import os; os.system(\"{}\")'",
                    "f() {{ {}; }}; f",
                    "for i in 1 2; do {}; done",
                )
            ).format(text)
        elif kind == 4:
            text = text[:at] + text[max(0, at - 20) : at] * rng.randint(2, 60) + text[at:]
        elif kind == 5:
            text = "".join(rng.sample(text, len(text))) if len(text) < 2_000 else text
        else:
            text = text.encode("utf-8", "surrogatepass")[rng.randint(0, 3) :].decode("utf-8", "replace")
    return text[:300_000]


def bomb(rng: random.Random) -> str:
    """A text that a careless reader takes a second or a gigabyte for."""
    n = rng.choice((10, 100, 1_000, 10_000, 60_000))
    if rng.random() < 0.3:  # a command of the catalogue, many times: what is quadratic in it shows
        return ((rng.choice(SEEDS) + rng.choice((" ", " ; ", "\n", " | ", '"'))) * min(n, 2_000))[:300_000]
    return rng.choice(
        (
            "$(" * n, "`" * n, "(" * n + "ls" + ")" * n, "{" * n, "${a:-" * n, "echo " + "{a,b}" * min(n, 40), "a=$a$a;" * n, "<<A " * n, "[[ " * n, "'" * n, "\\" * n,
            "ls | " * n + "ls", "if true; then " * n, "for i in " + "x " * n + "; do for j in $i $i $i; do echo $j; done; done", "f(){ f|f; };" * n, "sudo " * n + "ls",
            "bash -c " * min(n, 1_000) + "ls", "X=" + "$X" * n, "echo " + "'a'" * n, "cat <<E\n" + "x\n" * n + "E\n", "rm " + "-r " * n, "find . " + "-o -name a " * n,
            "python3 -c '" + "(" * n + "'", "python3 -c '" + "[" * min(n, 90) + "]" * min(n, 90) + "'", "python3 -c 'x=" + "1+" * n + "1'", "echo " + "QUFB" * n + " | base64 -d | sh",
            "case x in " + "a) ls;; " * n + "esac", "eval " * n + "ls", "alias a=a;" * n + "a", "$((" + "1+" * n + "1))", "printf '%s' " + "x " * n + "| xargs rm", "a[$(" * n, "rm ${" + "x" * n + "}",
        )
    )[:300_000]  # fmt: skip


def sql_text(rng: random.Random) -> str:
    """SQL, deep, long or broken."""
    n = rng.choice((1, 5, 50, 500, 5_000))
    return rng.choice(
        ("SELECT " + "(" * n + "1" + ")" * n, "DELETE FROM t WHERE " + "a=1 OR " * n + "b=2", "DROP TABLE t;" * n, "UPDATE t SET a=" + "(SELECT " * n + "1" + ")" * n, "INSERT INTO t VALUES " + "(1)," * n + "(2)",
         "COPY t TO PROGRAM '" + "x" * n, "EXPLAIN " * n + "DELETE FROM t", "WITH a AS (" * n + "DELETE FROM t", "/*" * n + "DROP TABLE t", 'DELETE FROM "' + "\ud800" * n, "SELECT 1 " + "UNION SELECT 1 " * n + "; DROP TABLE t",
         "CREATE TABLE t (" + "a int," * n + "b int)", "ALTER TABLE t " + "DROP COLUMN a," * n, "GRANT ALL ON t TO " + "a," * n, "--" * n + "\nTRUNCATE t", "$$" * n + "DROP", "delete from t where x in (" + "1," * n + "1)")
    )[:300_000]  # fmt: skip


def nested(rng: random.Random) -> Any:
    """JSON, deep or wide."""
    n = rng.choice((3, 30, 100, 5_000, 30_000))
    deep: Any = rng.choice(("x", 1, None, True, float("nan")))
    for _ in range(min(n, 900)):
        deep = {"a": deep} if rng.random() < 0.5 else [deep]
    return rng.choice((deep, ["x"] * n, {f"k{i}": "v" for i in range(n)}, "y" * n * 10, n * 10**30))


def call(rng: random.Random) -> ToolCall:
    """One hostile call."""
    make: Make = rng.choices((mutated, bomb, sql_text, nested), (10, 2, 2, 2))[0]
    tool = rng.choice(TOOLS) if rng.random() < 0.6 else "Bash"
    names = rng.sample(FIELDS, rng.randint(1, 3))
    if tool in ("Bash", "exec_command") and rng.random() < 0.9:
        names = ["command", *names]
    return ToolCall(
        tool,
        {name: make(rng) for name in names},
        Context(goal="do it" if rng.random() < 0.3 else "", cwd=rng.choice(("", "/srv/app"))),
    )


def main() -> None:
    """Run until the time is over; the first fault is told and ends it."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.guard.fuzz",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--seed", type=int, default=None)
    asked = parser.parse_args()
    seed = asked.seed if asked.seed is not None else time.time_ns() % 1_000_000_000
    rng = random.Random(seed)
    session = Session()
    for _ in range(300):  # what is loaded once is no growth
        EVALUATOR.judge(call(rng), session=session)
    gc.collect()
    before, begin, runs, worst = _rss(), time.monotonic(), 0, 0.0
    while time.monotonic() - begin < asked.seconds:
        one = call(rng)
        decision, took = _judged(one, session)
        if (
            took > MS_MAX
        ):  # a machine that does other things takes longer for the same work: the quickest of four counts
            took = min(took, *(_judged(one, session)[1] for _ in range(3)))
        runs, worst = runs + 1, max(worst, took)
        if decision.status == "error" or took > MS_MAX:
            _fail(f"{decision.status}, {took:.1f} ms, {decision.reason}", one, seed, runs)
        remember(session, one, decision)
        observe(session, one, decision, str(next(iter(one.tool_input.values()), ""))[:20_000])
    grown = _rss() - before
    print(
        f"guard: {runs:,} hostile calls in {asked.seconds:.0f} s, worst {worst:.1f} ms of CPU, grown by {grown / 1e6:.0f} MB (seed {seed})"
    )
    if grown > GROWTH_BYTES_MAX:
        sys.exit("grown by more than 64 MB")


def _judged(one: ToolCall, session: Session) -> tuple[Decision, float]:
    """The decision, and the milliseconds of CPU that it took."""
    started = time.thread_time()
    decision = EVALUATOR.judge(one, session=session)
    return decision, (time.thread_time() - started) * 1e3


def _rss() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _fail(why: str, one: ToolCall, seed: int, runs: int) -> None:
    text = json.dumps([one.tool_name, one.tool_input], default=str)
    sys.exit(f"guard: {why}\nseed {seed}, call {runs}: {text[:2_000]}{'...' if len(text) > 2_000 else ''}")


if __name__ == "__main__":
    main()
