"""Starts the hook: a script is compiled at every start, what it imports is not."""

import posix
import sys

sys.path.insert(0, __file__.rpartition("/")[0].rpartition("/")[0])
code = 12  # neither an answer nor a word why
try:
    from alone.process import main  # pyright: ignore[reportMissingImports] - where it is installed

    code = main(sys.argv[1:])
finally:
    posix._exit(code)  # noqa: SLF001 - nothing is left to tidy: the interpreter's own end takes 2 ms
