"""Parse: where in a record's text the message is, how severe it calls itself, and when it says it happened.

Three kinds of text are known: a JSON object (its message field, else its sorted keys), logfmt (its msg field),
and plain text, perhaps behind a time stamp and a level. A text of many lines is reduced to what it says
without its stack frames (`traces.gist`). Time stamp and level are no part of the message: the same message
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
from flyball.model.severity import Severity

KEYS_MAX = 64
"""A map without a message is told by its keys, by so many at most."""

_MESSAGE_FIELDS = ("message", "msg", "event")
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

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")

_TIME = re.compile(
    r"(?<!\d)(\d{4})[-/](\d\d)[-/](\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?\s?(Z|UTC|GMT|[+-]\d\d:?\d\d)?"
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
    special = pc.match_substring_regex(texts, rf"\n|\x1b\[|^\s*\{{|{_GLOG}")
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
    if text.lstrip()[:1] == "{":
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError:
            pass
        else:
            text, severity = _of_map(value)
    elif re.match(_GLOG, text):
        text, severity = text[5:].lstrip(), severity_of(text[0])
    return (gist(text) if "\n" in text else text), severity


def _of_map(value: dict[str, Any]) -> tuple[str, int]:
    severity = next((_level(value[key]) for key in _LEVEL_FIELDS if key in value), 0)
    log = value.get("log")
    if not severity and isinstance(log, dict):
        severity = _level(cast("dict[str, Any]", log).get("level"))
    text = next((_as_text(value[key]) for key in _MESSAGE_FIELDS if value.get(key) not in (None, "")), None)
    if text is None:
        text = "{" + ", ".join(sorted(value)[:KEYS_MAX]) + "}"
    kind = _exception_type(value)
    return (text if not kind or kind in text else f"{text} {kind}"), severity


def _as_text(value: Any) -> str:
    if isinstance(value, dict):
        return _of_map(cast("dict[str, Any]", value))[0]
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
            return _unstamped(rest[level.end() :]), severity_of(level[1])
    return rest, _stated(rest)


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
        moment = datetime.strptime("".join(fields) + offset, "%Y%m%d%H%M%S%z")
    except ValueError:
        return None
    seconds = int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    return seconds * 1_000_000_000 + int((fraction or "").ljust(9, "0"))
