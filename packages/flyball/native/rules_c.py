"""The rules of `flyball.distill` as C: what mask.c, redact.c, learn.c and settle.c include.

    python packages/flyball/native/rules_c.py     prints them

Patterns and word lists are taken, and the order of redaction; the other orders in which they apply stand in the C,
beside Python's in `distill/mask.py`, `distill/parse.py` and `distill/templates.py`. Tests hold one against the other.
"""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

from regex_c import Writer, starts

_PACKAGES = Path(__file__).resolve().parents[2]
_SOURCES = (_PACKAGES / "flyball" / "src", _PACKAGES / "flyball-sdk" / "src")
_BESIDE = ("pyarrow", "pyarrow.compute", "numpy", "numpy.typing", "orjson")
"""What the modules import for their work on arrays; while a distribution is built it need not be there."""

_MASK = (
    "QUOTED KEY_VALUE URL PATH ADDRESS DOTTED TELLING_NAME ENUM LEADING_NAME EMPTINESS HOLLOW DATE HEX_WORD COLONS"
    " COMPOUND SIZE UNDER STARS LIST RUN"
)
_HEAD = (
    "LOGFMT LOGFMT_MESSAGE STAMP PREFIX_LEVEL BRACKET_LEVEL NUMBERED_LEVEL LETTER_LEVEL LEADING_LEVEL FIELD_LEVEL"
    " LATER_LEVEL"
)


_WHOLE = ("OUTCOME", "VERB", "CAPITALS")
_WITHIN = ("PART", "IDENTIFIER", "ENUMERATED")


def files() -> dict[str, str]:
    """Name -> C of the files to include."""
    return {
        "rules.inc": rules(),
        "redact.inc": redaction(),
        "learn.inc": learning(),
        "fields.inc": fields(),
        "settle.inc": times(),
    }


def rules() -> str:
    """The patterns and word lists of masking."""
    mask, parse, traces = (_rules(name) for name in ("mask", "parse", "traces"))
    writer = Writer()
    for module, names in ((mask, _MASK), (parse, _HEAD)):
        for name in names.split():
            pattern: re.Pattern[str] = getattr(module, f"_{name}")
            writer.add(name.lower(), pattern.pattern, pattern.flags & re.IGNORECASE)
    writer.add("special", parse._SPECIAL)  # noqa: SLF001 - the core is made of the modules' insides
    writer.add("frame", traces.FRAME_RE2)
    writer.words("frame_starts", starts(traces._FRAMES))  # noqa: SLF001
    writer.words("states", mask._STATES)  # noqa: SLF001
    writer.words("meaning", mask._MEANING)  # noqa: SLF001
    levels: dict[str, int] = parse._SEVERITY  # noqa: SLF001
    writer.words("level_words", levels)
    writer.numbers("level_numbers", [levels[word] for word in sorted(levels)])
    return writer.text()


def redaction() -> str:
    """The rules of redaction, in their order: each with the name of the function that replaces its matches."""
    redact = _rules("flyball_sdk.redact")
    writer = Writer()
    writer.add("suspect", redact._NAMED_SECRETS)  # noqa: SLF001
    for name in ("ISSUERS", "TELLING_CREDENTIAL", "TELLING_VALUE"):
        writer.add(name.lower(), getattr(redact, f"_{name}").pattern)
    writer.words("not_secret", redact._NOT_SECRET)  # noqa: SLF001
    rules: list[tuple[str, str]] = []
    for rule in redact.RULES:
        name = rule.name.replace(" ", "_")
        writer.add(name, rule.pattern.pattern)
        writer.names(f"hints_{name}", rule.hints)
        for group, number in rule.pattern.groupindex.items():
            writer.constant(f"{name}_{group}", number)
        rules.append((name, rule.replace.__name__.lstrip("_")))
    writer.each("EACH_RULE", rules)
    return writer.text()


def learning() -> str:
    """The patterns, words and bounds of the learner."""
    templates = _rules("templates")
    writer = Writer()
    for name in _WHOLE:
        writer.add(name.lower(), rf"(?:{getattr(templates, f'_{name}').pattern})\Z")
    for name in _WITHIN:
        writer.add(name.lower(), getattr(templates, f"_{name}").pattern)
    writer.words("grammar", templates._GRAMMAR)  # noqa: SLF001
    writer.words("meaning", templates.MEANING)
    writer.words("units", templates.UNITS)
    writer.words("slot_words", templates._SLOT)  # noqa: SLF001
    for name in ("CONSTANT_WORDS_MIN", "IDENTIFIERS_MIN", "SLOT_WORDS_MIN", "PLAIN_WORDS_MIN", "COLUMNS_MAX"):
        writer.constant(name.lower(), getattr(templates, name))
    return writer.text()


def fields() -> str:
    """The names under which JSON has a message, a level, an error; the numbers that stand for levels."""
    parse = _rules("parse")
    writer = Writer()
    writer.names("message_fields", parse._MESSAGE_FIELDS)  # noqa: SLF001
    writer.names("level_fields", parse._LEVEL_FIELDS)  # noqa: SLF001
    writer.names("stack_fields", parse._STACK_FIELDS)  # noqa: SLF001
    writer.names("nested_errors", parse._NESTED_ERRORS)  # noqa: SLF001
    writer.names("type_fields", ["exception.type", "error.type"])
    writer.numbers("pino_numbers", list(parse._PINO))  # noqa: SLF001
    writer.numbers("pino_levels", [int(level) for level in parse._PINO.values()])  # noqa: SLF001
    return writer.text()


def times() -> str:
    """How a line states its time."""
    parse = _rules("parse")
    writer = Writer()
    writer.add("time", parse._TIME.pattern)  # noqa: SLF001
    writer.constant("time_chars", parse.TIME_CHARS)
    return writer.text()


def _rules(name: str) -> Any:
    """A module of `flyball.distill`, or another by its whole name."""
    for source in _SOURCES:
        if str(source) not in sys.path:
            sys.path.insert(0, str(source))
    for absent in _BESIDE:
        try:
            importlib.import_module(absent)
        except ImportError:
            sys.modules[absent] = MagicMock()
    return importlib.import_module(name if "." in name else f"flyball.distill.{name}")


if __name__ == "__main__":
    sys.stdout.writelines(files().values())
