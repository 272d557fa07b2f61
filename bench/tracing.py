"""What tracing adds to one call of a model, without content: ours beside OpenInference's and OpenLLMetry's, in one run.

    python -m bench.tracing [--calls 400] [--rounds 5]

The real clients of OpenAI and Anthropic, with a transport that answers at once, so that nothing but client and tracing is
timed. Each kind is a process of its own, and the kinds take turns; what is printed is the median of their medians, less the
one without tracing. All spans end in the same batch processor with an exporter that takes them. The peers' switches for
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
KINDS = ("none", "flyball", "openinference", "openllmetry")
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

kind, client, calls = sys.argv[1], sys.argv[2], int(sys.argv[3])
taken = []

class Taking(SpanExporter):
    def export(self, spans):
        taken.extend(spans)
        return SpanExportResult.SUCCESS

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(Taking()))
if kind == "flyball":
    from flyball_sdk import init
    init(service="bench", tracer_provider=provider)
elif kind == "openinference" and client == "openai":
    from openinference.instrumentation.openai import OpenAIInstrumentor as Instrumentor
elif kind == "openinference":
    from openinference.instrumentation.anthropic import AnthropicInstrumentor as Instrumentor
elif kind == "openllmetry" and client == "openai":
    from opentelemetry.instrumentation.openai import OpenAIInstrumentor as Instrumentor
elif kind == "openllmetry":
    from opentelemetry.instrumentation.anthropic import AnthropicInstrumentor as Instrumentor
if kind.startswith("open"):
    Instrumentor().instrument(tracer_provider=provider)

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

took = []
for _ in range(calls + 50):
    began = time.perf_counter()
    call()
    took.append(time.perf_counter() - began)
provider.force_flush()
print(json.dumps({"ms": median(took[50:]) * 1000, "spans": len(taken)}))
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
    expected = 0 if kind == "none" else calls + 50
    if told["spans"] != expected:
        print(f"{kind}, {client}: {told['spans']} spans, {expected} calls", file=sys.stderr)
        return float("nan")
    return float(told["ms"])


def _print(seen: dict[tuple[str, str], list[float]]) -> int:
    print("| client | tracing | added to one call, ms | least to most | times ours |")
    print("|---|---|---|---|---|")
    worst = 0.0  # a NaN stays one: what was not measured does not hold
    for client in CLIENTS:
        added = {
            kind: [one - base for one, base in zip(seen[kind, client], seen["none", client], strict=True)]
            for kind in KINDS[1:]
        }
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
