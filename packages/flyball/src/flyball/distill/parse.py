"""Parse: where in a record's text the message is, how severe it calls itself, and when it says it happened.

Three kinds of text are known: JSON (its message field, else its sorted keys; also behind a prefix or a message in
plain text), logfmt (its msg field; without one it stays as it is, since its keys come in one order and some of its
values say what happened), and plain text, perhaps behind a time stamp and a level. A text of many lines is reduced
to what it says and where it was (`traces.gist`). Time stamp and level are no part of the message: the same message
then has the same shape whether it came over OTLP, from a file or in JSON.

`messages` works on texts and touches in Python only JSON, multi-line and coloured ones; `head` works on masked keys, of
which a batch has few.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any, cast

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from flyball.distill.traces import gist
from flyball.model.pattern import WILDCARD
from flyball.model.severity import Severity

KEYS_MAX = 64
"""A map without a message is told by its keys, by so many at most."""

DEPTH_MAX = 4
"""A message within a message (an application's JSON in the line of a container runtime) is looked for so deep."""

ITEMS_MAX = 16
"""An array is told by the kinds of its first so many items."""

# The names that loggers and runtimes give to it; `@mt` is a message template, the best there is.
_MESSAGE_FIELDS = [
    "message",
    "msg",
    "event",
    "@mt",
    "@m",
    "@message",
    "Message",
    "MESSAGE",
    "short_message",
    "textPayload",
    "jsonPayload",
    "fields",
    "log",
]
_SURE_FIELDS = _MESSAGE_FIELDS[:3]
_STACK_FIELDS = [
    "stack",
    "stack_trace",
    "stacktrace",
    "stackTrace",
    "traceback",
    "exc_info",
    "exception.stacktrace",
    "error.stack_trace",
]
_NESTED_ERRORS = ("exception", "error", "err")
_LEVEL_FIELDS = (
    "level",
    "severity",
    "lvl",
    "levelname",
    "log.level",
    "severity_text",
    "loglevel",
    "@level",
    "Level",
)
_WORDS = {
    Severity.TRACE: "trace trc finest finer verbose v",
    Severity.DEBUG: "debug dbg dbug fine config d",
    Severity.INFO: "info inf information informational notice success log default i n",
    Severity.WARN: "warn warning wrn w",
    Severity.ERROR: "error err eror severe fail failure e",
    Severity.FATAL: "fatal ftl critical crit crt alert emergency emerg panic dpanic f",
}
_SEVERITY = {word: int(severity) for severity, words in _WORDS.items() for word in words.split()}
_PINO = {
    10: Severity.TRACE,
    20: Severity.DEBUG,
    30: Severity.INFO,
    40: Severity.WARN,
    50: Severity.ERROR,
    60: Severity.FATAL,
}

_LEVEL = (
    r"(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|ERR|SEVERE|CRITICAL|CRIT|FATAL|ALERT|EMERG|PANIC"
    r"|[Tt]race|[Dd]ebug|[Ii]nfo|[Nn]otice|[Ww]arn(?:ing)?|[Ee]rror|[Cc]ritical|[Ff]atal|trce|dbug|fail|crit)"
)
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
# On keys: each number is 0, "2024-01-31" and "07.412" are one number each.
_CLOCK = r"0:0:0(?:[,.]0)?(?: ?(?:Z|UTC|GMT|[+-]0(?::0)?)(?!\w))?"
_DATE = rf"(?:0(?:/0(?:/0)?)?|(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?(?:{_MONTH} +0|0[ /-]{_MONTH}[ /-]0)(?:,? 0)?)"
_STAMP = re.compile(
    rf"(?:<0>0? ?)?[\[(]?(?:{_DATE}[ T:,]+)?{_CLOCK}(?: 0(?= \w+ ))?[\])]?[:,]?(?=\s|$)\s*(?:[-|] )?"
)
_PREFIX_LEVEL = re.compile(rf"(?:0 +)*[\[(<]?({_LEVEL})[\])>]?(?=[:\s|\]-]|$)[:\]]?\s*(?:[-|:] +)?")
_BRACKET_LEVEL = re.compile(rf"[\[(<]({_LEVEL})[\])>]:?\s*(?:[-|:] +)?")
_NUMBERED_LEVEL = re.compile(rf"(?:0 +){{2,}}({_LEVEL})(?=[:\s])[:\s]\s*")
_LETTER_LEVEL = re.compile(r"(?:0 +)*([VDIWEF])[ /](?=\S)")
_LEADING_LEVEL = re.compile(rf"({_LEVEL})(?=[:\s|\]]|$)")
_FIELD_LEVEL = re.compile(
    r"(?i)(?<![\w.])(?:level|lvl|severity|loglevel|log\.level)\\?[\"']?\s?[=:]\s?\\?[\"']?([a-z]+)(?![\w])"
)
_LATER_LEVEL = re.compile(
    r"(?:^|[\s\[(|])(TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|SEVERE|CRITICAL|FATAL)(?=[\s\])|:]|$)"
)
_PAIR = r"[A-Za-z_][\w.-]*=(?:\"(?:[^\"\\]|\\.)*\"|[^\s\"=]*)"
_LOGFMT = re.compile(rf"{_PAIR}(?:\s+{_PAIR})+\s*$")
_LOGFMT_MESSAGE = re.compile(r"(?:^|\s)(?:msg|message|event)=(?:\"((?:[^\"\\]|\\.)*)\"|(\S+))")
_GLOG = r"^[IWEF][0-9]{4} [0-9]"

# JSON at the start; or at the end, behind what a runtime or a logger puts before it.
_JSON_BEGIN = re.compile(r"\s*[\[{]")
_JSON_TAIL = re.compile(r"(?<=[\s:=|\-])\{\s*\"")
_SPECIAL = rf"\n|\x1b\[|^\s*\{{|^\s*\[[{{\[\"]|[\s:=|-]\{{\s*\"[^\n]*\}}\s*$|{_GLOG}"

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")

_TIME = re.compile(
    r"(?<![0-9])([0-9]{4})[-/]([0-9]{2})[-/]([0-9]{2})[T ]([0-9]{2}):([0-9]{2}):([0-9]{2})"
    r"(?:[.,]([0-9]{1,9}))? ?(Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2})?"
)
TIME_CHARS = 256
"""A line says its time in its first so many characters, or it says none."""


def severity_of(word: str) -> int:
    """The severity range number that a level word stands for, 0 when it is none."""
    return _SEVERITY.get(word.strip().lower(), 0)


def messages(texts: pa.Array, exception_types: pa.Array | None = None) -> tuple[pa.Array, NDArray[np.uint8]]:
    """The text to distil of each body, and the severity that a JSON body states (0 elsewhere).

    Args:
        texts: redacted bodies without nulls.
        exception_types: the records' `exception.type` attributes (null or empty where there is none); added
            to the message unless it is in it.
    """
    severity = np.zeros(len(texts), np.uint8)
    special = pc.match_substring_regex(texts, _SPECIAL)
    if special.true_count:
        rows = np.flatnonzero(special.to_numpy(zero_copy_only=False))
        found = [_message(text) for text in texts.take(pa.array(rows)).to_pylist()]
        severity[rows] = [level for _text, level in found]
        texts = pc.replace_with_mask(texts, special, pa.array([text for text, _level in found], texts.type))
    return (texts if exception_types is None else _with_exceptions(texts, exception_types)), severity


def _with_exceptions(texts: pa.Array, types: pa.Array) -> pa.Array:
    given = pc.fill_null(pc.not_equal(types, ""), fill_value=False)
    if not given.true_count:
        return texts
    pairs = zip(texts.filter(given).to_pylist(), types.filter(given).to_pylist(), strict=True)
    joined = [text if kind in text else f"{text} {kind}".strip() for text, kind in pairs]
    return pc.replace_with_mask(texts, given, pa.array(joined, texts.type))


def _message(text: str) -> tuple[str, int]:
    """The message and severity of one JSON, glog or multi-line text."""
    severity = 0
    if "\x1b[" in text:
        text = _COLOUR.sub("", text)
    begun = _JSON_BEGIN.match(text)
    if begun and (said := _of_json(text)):
        text, severity = said
    elif re.match(_GLOG, text):
        text, severity = text[5:].lstrip(), severity_of(text[0])
    elif (tail := _json_tail(text)) and (said := _of_json(text[tail:])):
        text, severity = f"{text[:tail]}{said[0]}", said[1]
    return (gist(text) if "\n" in text else text), severity


def _json_tail(text: str) -> int:
    """Where the JSON object begins with which the text ends; 0 when it does not."""
    begin = _JSON_TAIL.search(text) if "\n" not in text and text.rstrip().endswith("}") else None
    return begin.start() if begin else 0


def _of_json(text: str, depth: int = 0) -> tuple[str, int] | None:
    """What a JSON object or array says, and how severe; None when it is none."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return _of_map(value, depth) if isinstance(value, dict) else (_as_text(value), 0)


def _of_map(value: dict[str, Any], depth: int = 0) -> tuple[str, int]:
    text, severity = None, _level_in(value)
    for name in _MESSAGE_FIELDS:
        inner = value.get(name)
        if inner in (None, ""):
            continue
        if isinstance(inner, dict):
            held = cast("dict[str, Any]", inner)
            severity = severity or _level_in(held)
            if depth >= DEPTH_MAX or not (name in _SURE_FIELDS or _has_message(held)):
                continue
            text = _of_map(held, depth + 1)[0]
        elif isinstance(inner, str) and inner.lstrip()[:1] == "{" and depth < DEPTH_MAX:
            text, stated = _of_json(inner, depth + 1) or (inner, 0)
            severity = severity or stated
        else:
            text = _as_text(inner)
        break
    if text is None:
        text = "{" + ", ".join(sorted(value)[:KEYS_MAX]) + "}"
    return _with_error(text.rstrip("\n"), value), severity


def _level_in(value: dict[str, Any]) -> int:
    return next((_level(value[key]) for key in _LEVEL_FIELDS if key in value), 0)


def _has_message(value: dict[str, Any]) -> bool:
    return any(value.get(name) not in (None, "") for name in _MESSAGE_FIELDS)


def _with_error(text: str, value: dict[str, Any]) -> str:
    """The text with the exception that stands beside it in the map: its trace, else its type."""
    nested = [
        cast("dict[str, Any]", value[name]) for name in _NESTED_ERRORS if isinstance(value.get(name), dict)
    ]
    for holder in (value, *nested):
        for name in _STACK_FIELDS:
            stack = holder.get(name)
            if isinstance(stack, str) and "\n" in stack:
                told = gist(stack)
                return text if told in text else f"{text} {told}".strip()
    kind = _exception_type(value)
    return text if not kind or kind in text else f"{text} {kind}"


def _as_text(value: Any, depth: int = 0) -> str:
    """A value as text to mask; an array by the kinds of its items, so that its length makes no difference."""
    if isinstance(value, dict):
        return _of_map(cast("dict[str, Any]", value), DEPTH_MAX)[0]
    if isinstance(value, list):
        items = cast("list[Any]", value)[:ITEMS_MAX]
        inner = [
            _as_text(item, depth + 1) if isinstance(item, dict | list) and depth < DEPTH_MAX else WILDCARD
            for item in items
        ]
        return f"[{', '.join(dict.fromkeys(inner))}]"
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _exception_type(value: dict[str, Any]) -> str:
    for name in ("exception", "error"):
        flat, nested = value.get(f"{name}.type"), value.get(name)
        if isinstance(nested, dict):
            flat = flat or cast("dict[str, Any]", nested).get("type")
        if isinstance(flat, str) and flat:
            return flat
    return ""


def _level(value: Any) -> int:
    if isinstance(value, str):
        return severity_of(value)
    return int(_PINO.get(value, 0)) if isinstance(value, int) else 0


def head(key: str) -> tuple[str, int]:
    """A key without time stamp and level in front, or a logfmt line's message; and the severity it states."""
    key = key.strip()
    if "=" in key and _LOGFMT.match(key):
        return _logfmt(key)
    rest, stamped = key, False
    while match := _STAMP.match(rest):
        rest, stamped = rest[match.end() :], True
    for pattern in (_PREFIX_LEVEL, _LETTER_LEVEL) if stamped else (_BRACKET_LEVEL, _NUMBERED_LEVEL):
        level = pattern.match(rest)
        if level:
            return _content(_unstamped(rest[level.end() :])), severity_of(level[1])
    return (_content(rest) if stamped else rest), _stated(rest)


def _content(rest: str) -> str:
    """What follows a time stamp and a level may be logfmt as well."""
    return _logfmt(rest)[0] if "=" in rest and _LOGFMT.match(rest) else rest


def _unstamped(rest: str) -> str:
    """The rest after a level; some loggers write the level before the time."""
    match = _STAMP.match(rest)
    return rest[match.end() :] if match else rest


def _logfmt(key: str) -> tuple[str, int]:
    message = _LOGFMT_MESSAGE.search(key)
    return (message[1] or message[2] or key) if message else key, _stated(key)


def _stated(key: str) -> int:
    for pattern in (_LEADING_LEVEL, _FIELD_LEVEL):
        match = pattern.search(key[:512]) if pattern is _FIELD_LEVEL else pattern.match(key)
        if match and (severity := severity_of(match[1])):
            return severity
    match = _LATER_LEVEL.search(key[:128])
    return severity_of(match[1]) if match else 0


def time_ns(text: str) -> int | None:
    """Nanoseconds since 1970 UTC that a line states (ISO 8601 or RFC 3339; without a zone UTC), else None."""
    match = _TIME.search(text, 0, TIME_CHARS)
    if not match:
        return None
    *fields, fraction, zone = match.groups()
    offset = "+0000" if zone in (None, "Z", "UTC", "GMT") else zone.replace(":", "")
    try:
        moment = datetime.strptime("".join(fields) + offset, "%Y%m%d%H%M%S%z").astimezone(UTC)
    except (ValueError, OverflowError):  # no such day; before the year 1 or after 9999
        return None
    seconds = int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    return seconds * 1_000_000_000 + int((fraction or "").ljust(9, "0"))
