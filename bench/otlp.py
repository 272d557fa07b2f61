"""T3: OTLP bytes to counts of shapes, beside the least that Python does with them: parse with upb, read each body.

Both on one core, CPU time, the same requests. Ours walks the bytes, scans each body where it lies and counts codes;
`t3_rate` is what the whole server could reach if nothing else cost anything.
"""

from __future__ import annotations

import functools

import numpy as np
from flyball import native
from flyball.distill.scanner import Scanner
from flyball.distill.shapes import OTHER, SHAPES_MAX
from numpy.typing import NDArray
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from bench.distill import holds, one_core, rate
from bench.otlp_load import RECORDS, request

TARGET = 8.0
"""Times what upb and reading the bodies reach."""
REQUESTS = 50
_SECONDS_MIN = 1.0


def run() -> None:
    """Measure, print."""
    if native.library() is None:
        print("T3 otlp: the compiled core was not built, not measured")
        return
    ours = t3_rate()
    payloads = [request(number) for number in range(REQUESTS)]
    with one_core():
        upb = rate(lambda: _parse(payloads), len(payloads) * RECORDS, seconds_min=_SECONDS_MIN)
    size = sum(map(len, payloads)) / len(payloads) / RECORDS
    print(
        f"T3 otlp: log records of {size:.0f} B with 5 attributes, {RECORDS:,} a request; one core, CPU time"
    )
    print(f"  {'OTLP bytes to counts':<22}{ours:>12,.0f} records/s")
    said = f"ratio {ours / upb:>8.1f}   target >= {TARGET:g}: {holds(ours / upb >= TARGET)}"
    print(f"  {'upb and read bodies':<22}{upb:>12,.0f} records/s   {said}")


@functools.cache
def t3_rate() -> float:
    """Records per CPU-second from OTLP bytes to counts, on one core."""
    payloads = [request(number) for number in range(REQUESTS)]
    scanner = Scanner(other=OTHER.id, shapes_max=SHAPES_MAX)
    _count(scanner, payloads)
    with one_core():
        return rate(lambda: _count(scanner, payloads), len(payloads) * RECORDS, seconds_min=_SECONDS_MIN)


def _count(scanner: Scanner, payloads: list[bytes]) -> dict[int, int]:
    """How often each shape occurs; what the core leaves (a number that may be a card's) is counted under 0."""
    left = 0
    batches: list[NDArray[np.int32]] = []
    for payload in payloads:
        codes, found = scanner.logs(payload, RECORDS)
        left += len(found.odd)
        batches.append(codes[codes >= 0] if len(found.odd) else codes)
    shapes = scanner.shapes  # of all entries, those of earlier requests too
    counts = np.bincount(np.concatenate(batches), minlength=len(shapes))
    total = {0: left}
    for shape, count in zip(shapes.tolist(), counts.tolist(), strict=True):
        total[shape] = total.get(shape, 0) + count
    if sum(total.values()) != len(payloads) * RECORDS or left > len(payloads):
        raise AssertionError(f"{sum(total.values())} records counted, {left} of them left by the core")
    return total


def _parse(payloads: list[bytes]) -> None:
    read = 0
    for payload in payloads:
        parsed = ExportLogsServiceRequest.FromString(payload)
        for resource in parsed.resource_logs:
            for scope in resource.scope_logs:
                for record in scope.log_records:
                    read += record.body.string_value != ""
    if read != len(payloads) * RECORDS:
        raise AssertionError(f"{read} bodies read")


if __name__ == "__main__":
    run()
