"""`make gallery SEED=n`: play every scenario, and score what the engine says of it.

    PYTHONPATH=examples python -m gallery [--seed N] [--only WORDS] [--live]

Without `--live` each stream goes through the loader (`signals.py`) into `diagnose`. With it, all are sent to one
`flyball up`, which is then asked for its diagnosis of each; that is printed beside the loader's.
"""

from __future__ import annotations

import argparse

from gallery import live
from gallery.scenarios import SCENARIOS
from gallery.score import scored, table


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m gallery", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="scenarios whose name holds these words")
    parser.add_argument("--live", action="store_true", help="send it to a server instead")
    asked = parser.parse_args()
    chosen = [name for name in SCENARIOS if asked.only in name]
    if asked.live:
        return live.report(chosen, asked.seed)
    print(f"seed {asked.seed}, through the loader\n\n{table(scored(asked.seed, chosen))}")  # noqa: T201
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
