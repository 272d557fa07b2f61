"""A shell text becomes the commands it would run, with what is known of their words."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import replace

from flyball_sdk.guard.shell.bounds import BYTES_MAX, TooMuch
from flyball_sdk.guard.shell.command import UNKNOWN, Command, Opaque, Program, Redirect
from flyball_sdk.guard.shell.heredocs import MARK, lift
from flyball_sdk.guard.shell.scope import Call, Where
from flyball_sdk.guard.shell.state import ShellState
from flyball_sdk.guard.shell.statements import Evaluator

__all__ = ["UNKNOWN", "Command", "Opaque", "Program", "Redirect", "ShellState", "program"]

_NO_STATE = ShellState()
# Texts of these characters alone are one command of plain words; `=` before it, braces and quotes need the parser.
_PLAIN = re.compile(r"[\w./:,@%+^*?~= -]+", re.ASCII)
_RESERVED = frozenset(
    "if then else elif fi case esac for select while until do done in function coproc export declare typeset local "
    "readonly unset".split()
)


def program(text: str, state: ShellState = _NO_STATE) -> Program:
    """All that a shell text would run, in order; it never raises and takes a bounded time."""
    evaluator = Evaluator(state)
    if _PLAIN.fullmatch(text) and len(text) < BYTES_MAX:
        words = text.split()
        if words and "=" not in words[0] and words[0] not in _RESERVED:
            return _finish(evaluator, text, lambda: evaluator.run(Call(words, Where(span=(0, len(text))))), [])
    if len(text) > BYTES_MAX or len(text.encode("utf-8", "replace")) > BYTES_MAX:
        return Program(too_much="bytes")
    text = text.replace(UNKNOWN, "\ufffd").replace(MARK, "\ufffd")
    cuts: list[tuple[int, int]] = []

    def work() -> None:
        lifted, found = lift(text, evaluator.bodies, evaluator.meter)
        cuts.extend(found)
        evaluator.walk(lifted, Where(), None)

    return _finish(evaluator, text, work, cuts)


def _finish(evaluator, text, work, cuts):
    too_much = ""
    try:
        work()
    except TooMuch as bound:
        too_much = str(bound)
    except RecursionError:
        too_much = "depth"
    commands, opaque = tuple(evaluator.commands), tuple(evaluator.opaque)
    return Program(
        commands,
        opaque,
        evaluator.partial,
        too_much or evaluator.meter.noted,
        {path: written.text for path, written in evaluator.files.items() if UNKNOWN not in written.text},
    )
