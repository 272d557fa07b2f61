"""How fast questions about runs are answered with 10 million spans in the store, over HTTP from a real `flyball up`.

The rows are made in the store by INSERT SELECT FROM numbers(), an hour of receiving at a time: the tables, their sort keys
and parts are the ones that receiving makes, the way through decoding is not taken. Every span is a step of an agent and is
in `spans` too; 1,000 runs have 2,000 spans, the others 100. Rows of runs are as receiving leaves them in the first hour:
one for each batch that brought steps of the run and each model. Cold is the first request of its kind after the start of
the server; the operating system may hold the files.

    python -m bench.runs [--spans 10000000] [--requests 20] [--seed 1] [--folder DIR]   (a folder that has rows keeps them)
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import httpx
from flyball.stores.telemetry_chdb import ChdbTelemetry

TARGET_MS = 300.0
LONG_SPANS, SHORT_SPANS = 2_000, 100
LONG_RUNS_MAX = 1_000
_HOURS = 23
"""Raw rows live for 24."""
_AGENTS, _USERS = 50, 2_000
_START_SECONDS_MAX = 120

_OF_RUN = """
    'default' AS workspace, toFixedString(MD5(toString(run)), 16) AS id, ['checkout','billing','search'][run % 3 + 1] AS service,
    'prod' AS environment, concat('v', toString(run % 7)) AS version, concat('agent-', toString(run % {agents})) AS agent,
    concat('user-', toString(run % {users})) AS user, concat('conversation-', toString(intDiv(run, 3))) AS conversation
"""
_MODEL = "['gpt-4o','claude-opus-4-8','our-own-7b'][run % 3 + 1]"
_STEPS = """
INSERT INTO {db}.agent_steps (workspace, run_id, span_id, parent_id, received, part, kind, name, service, environment, version,
    agent, conversation, user, begin_ns, end_ns, error, message, provider, model, answered_by, input, output, cost_nusd,
    first_chunk_ms, finish, tool, tool_call_id, digest, arguments, result, said, config, commit, branch, decided)
SELECT workspace, id, unhex(leftPad(hex(step + 1), 16, '0')), unhex(leftPad(hex(if(step = 0, 0, 1)), 16, '0')),
    fromUnixTimestamp64Milli(begin_ms + step * 10), false, kind, multiIf(kind = 'agent', agent, kind = 'model', model, tool), service, environment,
    version, agent, conversation, user, (begin_ms + step * 50) * 1000000, (begin_ms + step * 50 + 40) * 1000000,
    if(kind = 'tool' AND cityHash64(run, step) % 50 = 0, 'TimeoutError', '') AS error, if(error = '', '', 'no answer in 30 s'),
    if(kind = 'model', 'openai', ''), model, model, if(kind = 'model', 1000 + step, NULL), if(kind = 'model', 100, NULL),
    if(kind = 'model' AND run % 3 != 2, 2500000, NULL), if(kind = 'model', 210.5, NULL), if(kind = 'model', 'stop', ''), tool,
    if(kind = 'tool', concat('call_', toString(run), '_', toString(step)), ''), if(kind = 'tool', hex(cityHash64(tool, step % 9)), ''),
    if(kind = 'tool', concat('{{"query": "order ', toString(step % 9), '", "limit": 20}}'), ''), if(kind = 'tool', 'found 20 rows', ''),
    if(kind = 'model', 'I shall look that up.', ''), concat('cfg-', toString(run % 5)), '', '', ''
FROM (SELECT {run} AS run, {step} AS step, {begin} AS begin_ms, multiIf(step = 0, 'agent', step % 2, 'model', 'tool') AS kind,
    if(kind = 'model', {model}, '') AS model, if(kind = 'tool', ['search','read','write','bash'][step % 4 + 1], '') AS tool,
    {of_run} FROM numbers({first}, {count}))
"""
_SPANS = """
INSERT INTO {db}.spans (workspace, service, environment, version, shape, severity, time, received, origin, start_time_unix_nano,
    end_time_unix_nano, trace_id, span_id, parent_span_id, name, kind, status_code, attributes, attribute_types)
SELECT workspace, service, environment, version, cityHash64(step % 20), 0, fromUnixTimestamp64Milli(begin_ms + step * 50),
    fromUnixTimestamp64Milli(begin_ms + step * 10), 7, (begin_ms + step * 50) * 1000000, (begin_ms + step * 50 + 40) * 1000000, id,
    unhex(leftPad(hex(step + 1), 16, '0')), if(step = 0, '', '0000000000000001'), concat('chat ', toString(step % 20)), 3, 0,
    map('gen_ai.operation.name', 'chat', 'gen_ai.provider.name', 'openai', 'gen_ai.request.model', {model}, 'gen_ai.agent.name', agent,
        'gen_ai.conversation.id', conversation, 'user.id', user, 'gen_ai.usage.input_tokens', toString(1000 + step),
        'gen_ai.usage.output_tokens', '100'),
    map('gen_ai.usage.input_tokens', 'int', 'gen_ai.usage.output_tokens', 'int')
FROM (SELECT {run} AS run, {step} AS step, {begin} AS begin_ms, {of_run} FROM numbers({first}, {count}))
"""
_RUNS = """
INSERT INTO {db}.agent_runs (workspace, time, run_id, service, environment, version, agent, user, model, conversation, name, config,
    received, begin_ns, end_ns, steps, model_calls, tool_calls, errors, input, output, cost_nusd, priced, told_nusd, told)
SELECT workspace, fromUnixTimestamp64Milli(at_ms), id, service, environment, version, agent, user,
    if(part % 2, {model}, '') AS model, conversation, if(part = 0, agent, ''), concat('cfg-', toString(run % 5)),
    fromUnixTimestamp64Milli(at_ms + 500), at_ms * 1000000, (at_ms + 990) * 1000000, 10, if(model = '', 0, 10), if(model = '', 9, 0),
    cityHash64(run, part) % 9 = 0, if(model = '', 0, 10500), if(model = '', 0, 1000),
    if(model = '' OR run % 3 = 2, 0, 25000000), if(model = '' OR run % 3 = 2, 0, 10), 0, 0
FROM (SELECT {run} AS run, {step} AS part, {begin} AS begin_ms, begin_ms + intDiv(part, 2) * 1000 AS at_ms, {of_run}
    FROM numbers({first}, {count}))
"""


def _fill(folder: Path, spans: int) -> tuple[int, int]:
    """Make the rows, unless the folder has them; how many long and short runs there are."""
    long_runs = min(LONG_RUNS_MAX, spans // (5 * LONG_SPANS))
    short_runs = (spans - long_runs * LONG_SPANS) // SHORT_SPANS
    if not (folder / "telemetry").exists():
        asyncio.run(_filled(folder, long_runs, short_runs))
    return long_runs, short_runs


async def _filled(folder: Path, long_runs: int, short_runs: int) -> None:
    store = ChdbTelemetry(folder / "telemetry")
    await store.migrate()
    start_ms = int(time.time() * 1000) - _HOURS * 3_600_000  # noqa: TID251 - rows expire by the engine's clock
    for runs, offset, spans in ((long_runs, 0, LONG_SPANS), (short_runs, long_runs, SHORT_SPANS)):
        for hour in range(_HOURS):
            first, last = runs * hour // _HOURS, runs * (hour + 1) // _HOURS
            width = 3_600_000 / max(last - first, 1)
            for sql, of_run in ((_STEPS, spans), (_SPANS, spans), (_RUNS, spans // 10)):
                text = sql.format(
                    db="{db}", model=_MODEL, of_run=_OF_RUN.format(agents=_AGENTS, users=_USERS),
                    run=f"(intDiv(number, {of_run}) + {offset})", step=f"(number % {of_run})",
                    begin=f"toInt64({start_ms} + {hour} * 3600000 + (intDiv(number, {of_run}) - {first}) * {width * 0.95})",
                    first=first * of_run, count=(last - first) * of_run,
                )  # fmt: skip
                if last > first:
                    store._write(text)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - made where receiving does not go
    store._write(  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - as above: the batch that commits them all
        f"INSERT INTO {{db}}.batches SELECT fromUnixTimestamp64Milli({start_ms + _HOURS * 3_600_000})"
    )
    await store.close()


@contextmanager
def _server(folder: Path) -> Generator[str]:
    with socket.socket() as a, socket.socket() as b, socket.socket() as c:
        for one in (a, b, c):
            one.bind(("127.0.0.1", 0))
        ports = [one.getsockname()[1] for one in (a, b, c)]
    command = [sys.executable, "-m", "flyball", "up", "--data", str(folder), "--port", str(ports[0])]
    command += ["--otlp-http-port", str(ports[1]), "--otlp-grpc-port", str(ports[2])]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{ports[0]}"
    deadline = time.monotonic() + _START_SECONDS_MAX
    try:
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{url}/healthz", timeout=5).status_code in (200, 503):
                    break
            except httpx.TransportError:
                time.sleep(0.1)
        yield url
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def _timed(client: httpx.Client, path: str) -> float:
    begun = time.perf_counter()
    answer = client.get(path)
    answer.read()
    answer.raise_for_status()
    return (time.perf_counter() - begun) * 1000


def main() -> None:
    """Fill, start, ask, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.runs")
    parser.add_argument("--spans", type=int, default=10_000_000)
    parser.add_argument("--requests", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    rng = random.Random(given.seed)
    with tempfile.TemporaryDirectory(prefix="flyball-bench-") as temporary:
        folder = given.folder or Path(temporary)
        begun = time.monotonic()
        long_runs, short_runs = _fill(folder, given.spans)
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        print(
            f"runs: {long_runs:,} of {LONG_SPANS:,} spans and {short_runs:,} of {SHORT_SPANS}, {size / 1e9:.2f} GB,"
            f" made in {time.monotonic() - begun:.0f} s"
        )

        def run_id(number: int) -> str:
            return hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()

        kinds: dict[str, Callable[[], str]] = {
            "list runs": lambda: f"/api/v1/runs?since={rng.randrange(2, 24)}h",
            "list runs of an agent": lambda: f"/api/v1/runs?agent=agent-{rng.randrange(_AGENTS)}",
            "costliest runs": lambda: f"/api/v1/runs?sort=costliest&since={rng.randrange(2, 24)}h",
            "open a run of 2,000 spans": lambda: f"/api/v1/runs/{run_id(rng.randrange(long_runs))}",
            "open a run of 100 spans": lambda: (
                f"/api/v1/runs/{run_id(long_runs + rng.randrange(short_runs))}"
            ),
            "cost by day": lambda: f"/api/v1/run-costs?since={rng.randrange(1, 31)}d",
            "cost by model": lambda: "/api/v1/run-costs?by=model",
            "conversations": lambda: f"/api/v1/conversations?since={rng.randrange(2, 24)}h",
            "the page of runs": lambda: f"/runs?since={rng.randrange(2, 24)}h",
        }
        with _server(folder) as url, httpx.Client(base_url=url, timeout=60) as client:
            print(
                f"{'':28}{'cold':>9}{'p50':>9}{'p95':>9}  ms, {given.requests} warm requests, target {TARGET_MS:.0f}"
            )
            for name, path in kinds.items():
                cold = _timed(client, path())
                warm = sorted(_timed(client, path()) for _ in range(given.requests))
                p95 = warm[max(0, round(len(warm) * 0.95) - 1)]
                mark = "" if p95 < TARGET_MS else "  over"
                print(f"{name:28}{cold:9.1f}{statistics.median(warm):9.1f}{p95:9.1f}{mark}")


if __name__ == "__main__":
    main()
