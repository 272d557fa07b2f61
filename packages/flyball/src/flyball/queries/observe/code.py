"""Where in the code a record comes from: function, file and line, as its trace or its attributes tell.

A trace tells where something broke, the attributes where it was logged: so the trace counts first.
Source: https://opentelemetry.io/docs/specs/semconv/registry/attributes/code/
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from flyball_sdk import semconv

from flyball.distill.frames import places

SEVERITY_MIN = 17
"""OpenTelemetry's ERROR: of lesser records nobody asks for the line."""
STACK_CHARS_MAX = 20_000
"""Characters of a stack trace that are read."""
ATTRIBUTES = (
    semconv.CODE_FUNCTION_NAME,
    semconv.CODE_FILE_PATH,
    semconv.CODE_LINE_NUMBER,
    semconv.EXCEPTION_STACKTRACE,
    "code.function",
    "code.filepath",
    "code.lineno",
)
"""What of a record tells of code; the last three are the names before semconv 1.30."""


def of_text(text: str) -> str:
    """The innermost frame of a trace that is no library's, as `take() in pool.py:9`; empty without a trace."""
    held = text[:STACK_CHARS_MAX]
    found = places(held.splitlines())
    if not found:
        return ""
    file, _, function = found[0].rpartition("::")
    if not file:
        return function
    spelt = re.escape(file).replace(r"\-", "[.-]")
    line = re.search(rf"{spelt}(?:\", line |:line |:|\()(\d+)", held)
    return f"{function} in {file}" + (f":{line[1]}" if line else "")


def of_attributes(attributes: Mapping[str, str]) -> str:
    """The same from a record's attributes."""
    stack = of_text(attributes.get(semconv.EXCEPTION_STACKTRACE, ""))
    if stack:
        return stack
    function, file, line = (
        attributes.get(name) or attributes.get(older, "")
        for name, older in (
            (semconv.CODE_FUNCTION_NAME, "code.function"),
            (semconv.CODE_FILE_PATH, "code.filepath"),
            (semconv.CODE_LINE_NUMBER, "code.lineno"),
        )
    )
    place = f"{file}:{line}" if file and line else file
    return f"{function}() in {place}" if function and place else f"{function}()" if function else place
