"""What tracing adds to one call of a model, without content: ours beside OpenInference's and OpenLLMetry's, in one run.

    python -m bench.tracing [--calls 400] [--rounds 5]

The real clients of OpenAI and Anthropic, with a transport that answers at once, so that nothing but client and tracing is
timed. Each kind has a process of its own, in which twenty calls with it take turns with twenty without; the kinds take turns,
too, and what is printed is the median of what each process found that tracing adds. All spans end in the same batch processor with an exporter that takes them. The peers' switches for
content are off. They are installed into `build/tracing` and are no dependency of anything.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from statistics import median

BUILD = Path("build/tracing")
INSTALL_SECONDS_MAX = 300
RUN_SECONDS_MAX = 120
TARGET_MS = 0.2

_PEERS = (
    *("openinference-instrumentation-openai", "openinference-instrumentation-anthropic"),
    *("opentelemetry-instrumentation-openai", "opentelemetry-instrumentation-anthropic"),
)
KINDS = ("flyball", "openinference", "openllmetry")
CLIENTS = ("openai", "anthropic")
_QUIET = {
    "OPENINFERENCE_HIDE_INPUTS": "true",
    "OPENINFERENCE_HIDE_OUTPUTS": "true",
    "TRACELOOP_TRACE_CONTENT": "false",
    "TRACELOOP_TELEMETRY": "false",
}
_RUN = r"""
import json, sys, time
from statistics import median
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

kind, client, calls, BLOCK = sys.argv[1], sys.argv[2], int(sys.argv[3]), 20
taken = []

class Taking(SpanExporter):
    def export(self, spans):
        taken.extend(spans)
        return SpanExportResult.SUCCESS

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(Taking()))
if kind == "flyball":
    from flyball_sdk import init
    from flyball_sdk.tracing import runtime
    import openai, anthropic
    init(service="bench", tracer_provider=provider)
    made_runtime = runtime.current()
    on, off = lambda: runtime.use(made_runtime), lambda: runtime.use(None)
    off()
else:
    if kind == "openinference" and client == "openai":
        from openinference.instrumentation.openai import OpenAIInstrumentor as Instrumentor
    elif kind == "openinference":
        from openinference.instrumentation.anthropic import AnthropicInstrumentor as Instrumentor
    elif client == "openai":
        from opentelemetry.instrumentation.openai import OpenAIInstrumentor as Instrumentor
    else:
        from opentelemetry.instrumentation.anthropic import AnthropicInstrumentor as Instrumentor
    instrumentor = Instrumentor()
    on, off = lambda: instrumentor.instrument(tracer_provider=provider), instrumentor.uninstrument
    if kind == "openllmetry":  # put off and on again, it traces a call twice: the function it patches is swapped instead
        import openai.resources.chat.completions, anthropic.resources.messages
        where = openai.resources.chat.completions.Completions if client == "openai" else anthropic.resources.messages.Messages
        plain = where.create
        on()
        traced = where.create
        assert traced is not plain
        on, off = lambda: setattr(where, "create", traced), lambda: setattr(where, "create", plain)
        off()

import httpx2
tool = {"type": "object", "properties": {"city": {"type": "string", "description": "where to look"}}}
said = [{"role": "user", "content": "How is the weather in Paris? " * 20}]
if client == "openai":
    from openai import OpenAI, DefaultHttpxClient
    answer = {"id": "c", "object": "chat.completion", "created": 1, "model": "m-1", "choices": [{"index": 0, "finish_reason": "tool_calls",
        "message": {"role": "assistant", "content": None, "tool_calls": [{"id": "t", "type": "function", "function": {"name": "look", "arguments": "{\"city\": \"Paris\"}"}}]}}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}}
    made = OpenAI(api_key="k", base_url="http://model.example/v1", http_client=DefaultHttpxClient(transport=httpx2.MockTransport(lambda _: httpx2.Response(200, json=answer))))
    tools = [{"type": "function", "function": {"name": f"look_{n}", "description": "Look it up.", "parameters": tool}} for n in range(5)]
    call = lambda: made.chat.completions.create(model="m", messages=[{"role": "system", "content": "Be kind. " * 100}, *said], tools=tools, temperature=0.5)
else:
    from anthropic import Anthropic, DefaultHttpxClient
    answer = {"id": "c", "type": "message", "role": "assistant", "model": "m-1", "stop_reason": "tool_use", "stop_sequence": None,
        "content": [{"type": "tool_use", "id": "t", "name": "look", "input": {"city": "Paris"}}], "usage": {"input_tokens": 9, "output_tokens": 3}}
    made = Anthropic(api_key="k", base_url="http://model.example", http_client=DefaultHttpxClient(transport=httpx2.MockTransport(lambda _: httpx2.Response(200, json=answer))))
    tools = [{"name": f"look_{n}", "description": "Look it up.", "input_schema": tool} for n in range(5)]
    call = lambda: made.messages.create(model="m", max_tokens=50, system="Be kind. " * 100, messages=said, tools=tools)

def block():
    for _ in range(BLOCK):
        began = time.perf_counter()
        call()
        yield time.perf_counter() - began

took = {on: [], off: []}
for turn in range(2 + calls // BLOCK):
    for switch in (on, off) if turn % 2 else (off, on):
        if switch is on or turn:  # what was never on cannot be put off
            switch()
        seen = list(block())
        took[switch] += seen if turn > 1 else []
        if switch is on:
            off()
provider.force_flush()
added = median(took[on]) - median(took[off])
print(json.dumps({"ms": added * 1000, "call_ms": median(took[off]) * 1000, "spans": len(taken)}))
"""


def main() -> int:
    """Install, measure in turns, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.tracing", description=__doc__)
    parser.add_argument("--calls", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    python = _installed()
    seen: dict[tuple[str, str], list[float]] = defaultdict(list)
    for turn in range(asked.rounds):
        for client in CLIENTS:
            order = KINDS if turn % 2 == 0 else KINDS[::-1]
            for kind in order:
                told = _run(python, kind, client, asked.calls)
                seen[kind, client].append(told)
    return _print(seen)


def _run(python: Path, kind: str, client: str, calls: int) -> float:
    """The median of one process, NaN where a peer does not trace this client's version."""
    done = subprocess.run(
        [python, "-W", "ignore", "-c", _RUN, kind, client, str(calls)],
        env=os.environ | _QUIET,
        capture_output=True,
        text=True,
        check=False,
        timeout=RUN_SECONDS_MAX,
    )
    if done.returncode:
        print(f"{kind}, {client}: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return float("nan")
    told = json.loads(done.stdout.splitlines()[-1])
    expected = calls + 2 * 20
    if told["spans"] != expected:
        print(f"{kind}, {client}: {told['spans']} spans, {expected} calls", file=sys.stderr)
        return float("nan")
    return float(told["ms"])


def _print(seen: dict[tuple[str, str], list[float]]) -> int:
    print("| client | tracing | added to one call, ms | least to most | times ours |")
    print("|---|---|---|---|---|")
    worst = 0.0  # a NaN stays one: what was not measured does not hold
    for client in CLIENTS:
        added = {kind: seen[kind, client] for kind in KINDS}
        ours = median(added["flyball"])
        worst = ours if ours != ours else max(worst, ours)  # noqa: PLR0124
        for kind, ms in added.items():
            middle = median(ms)
            told = f"{middle:.3f}" if middle == middle else "does not trace it"  # noqa: PLR0124 - NaN is not itself
            print(f"| {client} | {kind} | {told} | {min(ms):.3f} to {max(ms):.3f} | {middle / ours:.1f} |")
    holds = worst <= TARGET_MS
    print(f"target: at most {TARGET_MS} ms; {worst:.3f}, {'holds' if holds else 'does not hold'}")
    return 0 if holds else 1


def _installed() -> Path:
    """The interpreter of an environment with the peers, made on a first run."""
    python = BUILD / "bin" / "python"
    ready = BUILD / ".ready"
    if not ready.exists():
        uv = str(Path(".uv/bin/uv"))
        subprocess.run(
            [uv, "venv", "--quiet", "--allow-existing", "--python", sys.executable, str(BUILD)], check=True
        )
        subprocess.run(
            [
                uv,
                "pip",
                "install",
                "--quiet",
                "--python",
                str(BUILD),
                "-e",
                "packages/flyball-sdk",
                *CLIENTS,
                *_PEERS,
            ],
            check=True,
            timeout=INSTALL_SECONDS_MAX,
        )
        ready.touch()
    return python


if __name__ == "__main__":
    raise SystemExit(main())
