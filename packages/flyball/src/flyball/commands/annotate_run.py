"""The command that says something of a run: that its answer was right, how good it was, of which kind it is."""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from flyball.component.ports import AnnotationStore, Clock
from flyball.errors import InputError
from flyball.model.annotation import Annotation
from flyball.model.export import DEFAULT_WORKSPACE

ANNOTATIONS_MAX = 100
"""Names of one run."""
_TEXT_CHARS_MAX = 200
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")

Exists = Callable[[str], Awaitable[Any]]
"""The run of that id; raises where there is none."""


async def annotate_run(
    store: AnnotationStore,
    clock: Clock,
    exists: Exists,
    *,
    run_id: str,
    name: str,
    by: str = "",
    **value: str,
) -> Annotation:
    """Say it, in the place of what was said under that name.

    Raises:
        InputError: the name or the value is none, or too much is said of one run.
        NotFound: there is no such run.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"name is lower-case letters, digits, dots, - and _, at most 64, this is {name[:80]!r}"
        )
    if len(value) != 1:
        raise InputError("an annotation has exactly one of number, category and boolean")
    if len(by) > _TEXT_CHARS_MAX or not by.isprintable():
        raise InputError(f"by is a printable name of at most {_TEXT_CHARS_MAX} characters")
    ((kind, text),) = value.items()
    run = await exists(run_id)
    annotation = Annotation(
        workspace=DEFAULT_WORKSPACE,
        run_id=run.run_id,
        name=name,
        **{kind: _READ[kind](text)},
        by=by,
        time=datetime.fromtimestamp(clock.now_ns() / 1e9, UTC),
    )
    known = await store.annotations(DEFAULT_WORKSPACE, run.run_id)
    if len(known) >= ANNOTATIONS_MAX and name not in {one.name for one in known}:
        raise InputError(f"a run has at most {ANNOTATIONS_MAX} annotations")
    await store.put_annotation(annotation)
    return annotation


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"number is a finite number, this is {text[:64]!r}")
    return number


def _category(text: str) -> str:
    if len(text) > _TEXT_CHARS_MAX or not text.isprintable():
        raise InputError(f"category is a printable word of at most {_TEXT_CHARS_MAX} characters")
    return text


def _boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise InputError(f"boolean is true or false, this is {text[:64]!r}")
    return text == "true"


_READ: dict[str, Callable[[str], Any]] = {"number": _number, "category": _category, "boolean": _boolean}
