"""A shell text becomes the commands it would run, with what is known of their words."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping

from flyball_sdk.guard.shell.bounds import BYTES_MAX, TooMuch
from flyball_sdk.guard.shell.command import NOTHING, UNKNOWN, Command, Opaque, Program, Redirect
from flyball_sdk.guard.shell.heredocs import MARK, lift
from flyball_sdk.guard.shell.scope import Text, Where
from flyball_sdk.guard.shell.state import ShellState
from flyball_sdk.guard.shell.statements import Evaluator

__all__ = ["UNKNOWN", "Command", "Opaque", "Program", "Redirect", "ShellState", "program"]

_NO_STATE = ShellState()
_OUTERMOST = Where()


def program(text: str, state: ShellState = _NO_STATE) -> Program:
    """All that a shell text would run, in order; it never raises and takes a bounded time."""
    if len(text) > BYTES_MAX:
        return Program(too_much="bytes")
    if not text.isascii():
        encoded = text.encode("utf-8", "replace")
        if len(encoded) > BYTES_MAX:
            return Program(too_much="bytes")
        text = encoded.decode()
    if UNKNOWN in text or MARK in text:
        text = text.replace(UNKNOWN, "\x1a").replace(MARK, "\ufffd")
    evaluator = Evaluator(state)
    cuts: list[tuple[int, int]] = []
    too_much = ""
    try:
        lifted, cuts = lift(text, evaluator.bodies, evaluator.meter)
        evaluator.walk(lifted, _OUTERMOST, None)
    except TooMuch as bound:
        too_much = str(bound)
    except RecursionError:
        too_much = "depth"
    # the two know each other: parted, they are freed at once and not by a later collection
    del evaluator.expander.shell
    commands, opaque = evaluator.commands, evaluator.opaque
    if cuts or not text.isascii():
        place = _placer(text, cuts)
        commands = [command._replace(span=place(command.span)) for command in commands]
        opaque = [one._replace(span=place(one.span)) for one in opaque]
    return Program(
        tuple(commands),
        tuple(opaque),
        evaluator.partial,
        too_much or evaluator.meter.noted,
        _written(evaluator.files) if evaluator.files else NOTHING,
    )


def _written(files: Mapping[str, Text]) -> Mapping[str, str]:
    """The files whose contents are known."""
    return {
        path: file.text for path, file in files.items() if UNKNOWN not in file.text and path[:5] != "/dev/"
    }


def _placer(text: str, cuts: list[tuple[int, int]]) -> Callable[[tuple[int, int]], tuple[int, int]]:
    """From a span in the text without here-documents to byte offsets in the text as it was given."""
    starts = [start for start, _ in cuts]

    def place(offset: int) -> int:
        found = bisect_right(starts, offset) - 1
        at = offset if found < 0 else cuts[found][1] + offset - starts[found]
        return len(text[:at].encode("utf-8", "replace"))

    return lambda span: (place(span[0]), place(span[1]))
