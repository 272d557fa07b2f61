"""Build the compiled core: every `*.c` beside this file, and the rules of Python as C, become `src/flyball/_core.so`.

    python packages/flyball/native/core_build.py [--out FILE]

Plain C against libc alone, no Python headers: what has gcc (or any `cc`) can build it, and the same library serves
every Python version. The build hook of the distribution runs this at install; without a compiler the
installation goes on and `flyball.native` says once that it runs without.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import rules_c

HERE = Path(__file__).resolve().parent
LIBRARY = HERE.parent / "src" / "flyball" / "_core.so"
_FLAGS = ("-std=gnu11", "-O3", "-fPIC", "-shared", "-fvisibility=hidden", "-Wall", "-Wextra")
_SECONDS_MAX = 300


class BuildError(Exception):
    """The compiler is missing or refused; the text says which."""


def build(out: Path = LIBRARY) -> Path:
    """Compile into `out`, which is replaced only by a whole library.

    Raises:
        BuildError: no compiler, or it failed.
    """
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise BuildError("no C compiler (cc or gcc) is on the PATH")
    part = out.with_suffix(".part")
    sources = sorted(map(str, HERE.glob("*.c")))
    try:
        with tempfile.TemporaryDirectory() as folder:
            for name, text in rules_c.files().items():
                Path(folder, name).write_text(text, encoding="ascii")
            command = [*compiler.split(), *_FLAGS, "-I", str(HERE), "-I", folder, "-o", str(part), *sources]
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=_SECONDS_MAX)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(f"{compiler}: {error}") from error
    except subprocess.CalledProcessError as error:
        raise BuildError(f"{compiler} failed: {error.stderr.strip()}") from error
    part.replace(out)
    return out


def main() -> None:
    """Build, or say why not."""
    parser = argparse.ArgumentParser(description="Build the compiled core.")
    parser.add_argument("--out", type=Path, default=LIBRARY)
    options = parser.parse_args()
    try:
        build(options.out)
    except BuildError as error:
        sys.exit(f"flyball: the compiled core was not built: {error}")


if __name__ == "__main__":
    main()
