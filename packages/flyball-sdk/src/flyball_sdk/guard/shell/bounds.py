"""What judging one text may cost at most. Whoever attacks a guard looks for what is unbounded in it."""

from __future__ import annotations

from collections.abc import Sequence

# Longer texts are not parsed at all (the bound of one argument to exec is 128 KiB on Linux).
BYTES_MAX = 256 * 1024
# Nodes of all syntax trees of one text together; a real script of 1,000 lines has about 10,000.
NODES_MAX = 12_000
# Seconds of CPU of one parsing, and of all of one judgement before the last. Recovering from errors the parser takes 4 ms for 50
# bytes, otherwise 10 us: a text of so many errors asks.
PARSE_SECONDS_MAX = 0.007
# Parsings of one text that ran out of time while other work had the machine.
PREEMPTED_MAX = 8
# Statements inside statements; each level takes three of Python's 1,000 frames.
STATEMENT_DEPTH_MAX = 80
# Substitutions inside substitutions, a dozen frames each.
SUBSTITUTION_DEPTH_MAX = 16
# Code given to an interpreter by code given to an interpreter, and calls of functions.
CODE_DEPTH_MAX = 8
COMMANDS_MAX = 800
# Words of one command.
COMMAND_WORDS_MAX = 1_500
# Words that one word may expand to; more of them are cut and the cut is told.
WORDS_MAX = 256
# Values that a variable may have had instead, each of which a command is tried with.
MAYBES_MAX = 3
# Here-documents of one text.
HEREDOCS_MAX = 500
# Rounds of a loop whose values are known.
ROUNDS_MAX = 16
# Characters that a variable, a pipe or a file is remembered with; more becomes unknown.
TEXT_MAX = BYTES_MAX
# Simple commands, expansions and scanned quotes, together.
STEPS_MAX = 10_000


class TooMuch(Exception):
    """A bound was reached: its name is the argument."""


class Meter:
    """Counts what one judgement has cost so far; raises `TooMuch` at a bound."""

    # defaults of the class: most judgements count few of them
    steps = 0
    nodes = 0
    # seconds that parsing took so far
    parsing = 0.0
    statements = 0
    substitutions = 0
    code = 0
    # the name of a bound at which something was cut and the work went on
    noted = ""

    def rounds(self, values: Sequence[str]) -> Sequence[str]:
        """The values that a loop is run with: the first ones; a cut is told, but for plain numbers, which are alike."""
        if len(values) > ROUNDS_MAX and not all(value.isdigit() for value in values):
            self.noted = "rounds"
        return values[:ROUNDS_MAX]

    def step(self, count: int = 1) -> None:
        """Count work that was done."""
        self.steps += count
        if self.steps > STEPS_MAX:
            raise TooMuch("steps")
