"""`make bench`: our figures and the peers', side by side in one run. Ratios are the result, not absolutes.

`python -m bench --only NAME` runs one of them.
"""

from __future__ import annotations

import argparse
import os
import time

from bench import distill, memory, novelty, observe, otlp, server

QUIET_LOAD = 0.5
"""A load average per core above this, before anything of ours runs, and the figures are not to be trusted."""

BENCHES = {
    "distill": distill.run,
    "otlp": otlp.run,
    "memory": memory.run,
    "novelty": novelty.run,
    "observe": observe.run,
    "server": server.run,
}


def main() -> None:
    """Run all benchmarks, or the one that is named."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Figures and ratios; about 5 minutes."
    )
    parser.add_argument("--only", choices=BENCHES, metavar="NAME", help=f"one of: {', '.join(BENCHES)}")
    only = parser.parse_args().only
    _print_load("before")
    begun = time.monotonic()
    for name, bench in BENCHES.items():
        if only in {None, name}:
            bench()
    print(f"took {time.monotonic() - begun:.0f} s")


def _print_load(when: str) -> None:
    cores = os.cpu_count() or 1
    load = os.getloadavg()[0]
    print(f"load average {when}: {load:.2f} on {cores} cores", end="")
    print(
        "" if load <= QUIET_LOAD * cores else ": NOT QUIET, others share the machine; the ratios suffer less"
    )


if __name__ == "__main__":
    main()
