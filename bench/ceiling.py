"""The store's bare insert ceiling: the tables that the pipeline makes of the requests, inserted and nothing else.

    python -m bench.ceiling FIRST NUMBER ROUNDS

A process of its own (the engine takes one folder per process). The same stages as in the server make the
tables of NUMBER requests, one batch a round; only the inserts are the ceiling, what the stages cost is told
beside it. CPU is of all threads of the process. The first round warms up. Prints one JSON object.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import tempfile
import time
from pathlib import Path

import orjson
from flyball.cli.up import tune_process
from flyball.distill.count import Counter
from flyball.distill.redact import redact_attributes
from flyball.distill.shapes import Distiller
from flyball.distill.stage import Distil
from flyball.enrich.resource import enrich
from flyball.model.batch import Batch
from flyball.model.export import Export, Signal
from flyball.pipeline.runner import tables_of
from flyball.receivers.otlp_decode import Decoder, check
from flyball.stores.telemetry_chdb import ChdbTelemetry

from bench.otlp_load import request


class Stages:
    """The stages of the server, with the CPU seconds that each has taken."""

    def __init__(self) -> None:
        self._decoder = Decoder(redact_attributes)
        self._stages = {
            "distil": Distil(distiller=Distiller()).process,
            "enrich": enrich,
            "count": Counter().process,
        }
        self.cpu_s: dict[str, float] = {}

    def prepare(self, payloads: list[bytes], received_ms: int) -> Batch:
        """What the server does with these requests between acknowledgement and insert."""
        begun = time.process_time()
        for payload in payloads:
            check(Signal.LOGS, payload)
        self._lap("check", begun)
        begun = time.process_time()
        exports = [
            Export(signal=Signal.LOGS, payload=p, received_ns=received_ms * 1_000_000) for p in payloads
        ]
        batch = self._decoder.decode(exports, received_ms=received_ms)
        self._lap("decode", begun)
        for name, stage in self._stages.items():
            begun = time.process_time()
            batch = stage(batch)
            self._lap(name, begun)
        return batch

    def _lap(self, name: str, begun: float) -> None:
        self.cpu_s[name] = self.cpu_s.get(name, 0.0) + time.process_time() - begun


async def measure(first: int, number: int, rounds: int) -> dict[str, object]:
    """Rows and CPU seconds of the inserts and of each stage."""
    tune_process()
    rows, insert_s = 0, 0.0
    stages = Stages()
    gc.disable()  # as the runner does while it prepares a batch
    with tempfile.TemporaryDirectory() as folder:
        store = ChdbTelemetry(Path(folder) / "telemetry")
        await store.migrate()
        for turn in range(rounds + 1):
            payloads = [request(first + turn * number + position) for position in range(number)]
            batch = stages.prepare(payloads, time.time_ns() // 1_000_000)
            if turn == 0:
                stages.cpu_s.clear()
            begun = time.process_time()
            await store.insert(tables_of(batch), received_ms=batch.received_ms)
            if turn:
                insert_s += time.process_time() - begun
                rows += batch.records
        await store.close()
    return {"rows": rows, "insert_s": insert_s, "stages_s": stages.cpu_s}


if __name__ == "__main__":
    sys.stdout.buffer.write(orjson.dumps(asyncio.run(measure(*map(int, sys.argv[1:])))) + b"\n")
