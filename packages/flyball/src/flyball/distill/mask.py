"""Mask: what varies in a line becomes `<*>`, what it says stays. A pure function of the line.

Two steps, so that a batch costs one regular expression and not twenty. `key` runs over a whole Arrow array in
RE2: each token that holds a digit becomes `0`. A batch of any size has few distinct keys, and `mask` works on
those, in Python, through the caller's memo. `mask` therefore sees no digits but `0`, and `mask(key(line))` is
the line's template.

Span names go their own way (`name_keys`, `mask_name`): in a line a path is a value, in a name it is the name.
Its constant segments stay, and so do the places that a route template names.

The rules come from how people write logs (key=value, quotes, paths, units, lists), never from one system's
words. Words that carry meaning stay: `failed` is no variable, however often it differs. What masking cannot
know (a user's name in the middle of a sentence) is the learner's work, see `templates`.
"""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

from flyball.model.pattern import WILDCARD

MASK_CHARS_MAX = 4096
"""Only so much of a text makes its shape; what comes after says no more about what the line is."""

PASSES_MAX = 8
"""Masking repeats until nothing changes; each pass only shortens, so few are ever needed."""

# A token with a digit, and what hangs on it by dots and dashes (10.0.0.1, 2024-01-31, part-0007.gz).
_KEY = r"[A-Za-z_]*[0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SPACE = re.compile(r"\s+")
_UNICODE_DIGITS = re.compile(r"\d+")

_VERB = "GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|CONNECT|TRACE"
# A quoted string is a value, unless it is a key ('TimeRemaining': 12).
_QUOTED = re.compile(
    rf'"(?:({_VERB}) )?((?:[^"\\]|\\.)*)"(?!:)'
    r"|(?<!\w)'((?:[^'\\]|\\.)*)'(?![\w:])"
    r"|`([^`]+)`"
)
# A state is what the line says, in quotes and under a key as well.
_STATES = _words(
    "active inactive open opened closed on off up down yes no enabled disabled ok failed success"
    " succeeded failure error connected disconnected running stopped started healthy unhealthy"
    " ready degraded available unavailable valid invalid allowed denied accepted rejected online offline"
)
# Values under these keys are what the line says, not what it says it about.
_MEANING = _words(
    "msg message event error err reason cause exception level lvl severity status state result outcome"
)
_KEY_VALUE = re.compile(
    r"(?<![\w.$-])([\w.$\-]+)(\)?\]? ?)=( ?)(?![=> ]|\w+=)([^\s,;()\[\]{}<>|&\"'`]+)(?![\w(\[{])"
)
_URL = re.compile(r"\b[A-Za-z][A-Za-z0+.-]*://[^\s\"'`<>,;()\[\]{}|]*[^\s\"'`<>,;()\[\]{}|.:!?]")
_PATH = re.compile(
    r"(?<![\w/.*)\]}>])(?:~|\.{1,2})?/[^\s\"'`<>,;:()\[\]{}|=?]*[^\s\"'`<>,;:()\[\]{}|=.!?]"
    r"(?:\?[^\s\"'`<>,;()\[\]{}|]*[^\s\"'`<>,;()\[\]{}|.:!?])?"
    r"|(?<=\w )/(?= 0)"
    r"|(?<![\w/])[\w.$~+-]+(?:/[\w.$~+-]+){2,}/?"
    r"|(?<!\w)(?:[A-Za-z]:|\\)(?:\\[^\s\"'`<>|:,;()\[\]{}\\]+)+"
)
_ADDRESS = re.compile(r"(?<![\w.+-])[\w.+-]*\w@[\w$](?:[\w.$-]*[\w$])?")
# com.example.app.Thing, db.internal.example.org; an exception's class is kept, it is what happened
_DOTTED = re.compile(
    r"(?<![\w.$@/-])[A-Za-z_$0][\w$-]*(?:\.[\w$-]+){2,}(?:/\.?[\w$-]+(?:\.[\w$-]+)*)*(?![\w(])"
)
# ... and so is an enumerated name (com.example.action.SCREEN_ON): it says which event this is
_TELLING_NAME = re.compile(r"(?:Exception|Error|Fault|Failure|Warning|Panic|\.[A-Z]+(?:_[A-Z]+)+)$")
_ENUM = re.compile(r"[A-Z]+(?:_[A-Z]+)+")
_LEADING_NAME = re.compile(r"[\w$.-]+(?=: )")
_EMPTINESS = re.compile(
    r"(?<![\w-])(?:true|false|null|nil|nan|undefined|True|False|None|NaN|TRUE|FALSE|NULL)(?![\w-])"
)
_CALENDAR = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*|(?:Jan|Feb|Mar|Apr|May|June?|July?|Aug|Sept?|Oct|Nov|Dec)(?:[a-z]{3,})?"
_HOLLOW = re.compile(r"(?<= )\(\)")
_DATE = re.compile(
    rf"(?<!\w)(?:{_CALENDAR})(?=[ ,/.-]+(?:(?:{_CALENDAR})[ ,/.-]+)?0)"
    rf"|(?<=0[ /.-])(?:{_CALENDAR})(?!\w)|(?<=0 )(?:AM|PM|am|pm|UTC|GMT|[A-Z]{{1,3}}[SD]T|CET|CEST)(?!\w)"
)
_HEX_WORD = re.compile(r"(?<![\w.-])(?:[a-f]{8,}|[A-F]{8,}|f{4,}|F{4,})(?![\w.-])")
_COLONS = re.compile(r"(?<!\w)(?:[0A-Fa-f]{1,4}(?:[:%]{1,2}[0A-Fa-f]{1,4}){2,16}|::[0A-Fa-f]{1,4})(?![\w:])")
_COMPOUND = re.compile(r"(?:[A-Za-z0_$%+~^&*@\\-]|(?<!\.)\.(?=[A-Za-z0_$%+~^&*@\\-]))*0[A-Za-z0_$%^~\\]*")
_SIZE = re.compile(r"0 ?(?:[KMGTPEk]i?B|B|[KMG]bit)(?:/s)?(?![\w])")
# "<1 sec" is how a duration is written that is too short to measure: it stands where else the duration does
_UNDER = re.compile(r"(?<![\w<])<0 ?(?:[mnu]?s|secs?|seconds?|mins?|minutes?)(?![\w>])")
# asterisks among numbers stand for one that is hidden or does not fit
_STARS = re.compile(r"(?<=[0(\[] )\*{2,}(?= [0*)\]])")
_LIST = re.compile(r"\[(?:[\w.$-]+(?:, ?[\w.$-]+)+)\]")
# What joins values without a space makes one value; commas and bare spaces make lists. A colon or a dash with
# a space ends a phrase: `from 10.0.0.1: 11: Bye` has two values.
_RUN = re.compile(r"0(?:(?: ?[,;|] ?|/|\.\.|x|@|\.|\\|\+|\*|%|~|&|[+!-]?::?|-+>?|=>| \*?)0)+|00+")


def keys(texts: pa.Array) -> pa.Array:
    """The key of each text: tokens that hold a digit become `0`. Vectorised; same length as `texts`."""
    return pc.replace_substring_regex(texts, _KEY, "0")


def key(text: str) -> str:
    """The key of one text, as `keys` makes it."""
    return keys(pa.array([text], pa.string()))[0].as_py()


def mask(line_key: str) -> str:
    """The template of a line, from its key. Idempotent: a template is its own template."""
    text = _SPACE.sub(" ", _UNICODE_DIGITS.sub("0", line_key.replace(WILDCARD, "0"))).strip()
    for _ in range(PASSES_MAX):
        masked = _pass(text)
        if masked == text:
            break
        text = masked
    return text.replace("0", WILDCARD)


# What a name keeps although it holds a digit: an API's version and the places of a route ({order2}). The rest is
# a UUID, or a token with a digit and what hangs on it.
_NAME_KEEPS = r"\bv[0-9]{1,2}\b|\{[A-Za-z_]\w*\}"
_NAME_VALUE = (
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
    r"|[A-Za-z]*[0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?"
)
_MARK = "\N{NULL}"
_NAME_QUOTED = re.compile(r"\"(?:[^\"\\]|\\.)*\"|(?<!\w)'(?:[^'\\]|\\.)*'(?!\w)")
_NAME_QUERY = re.compile(r"(?<=[/\w>}])\?[\w\[\]%.<*>-]+=\S*")
_NAME_ADDRESS = re.compile(r"(?<![\w.+*<>-])[\w.+*<>-]+(?:@[\w.*<>-]+)+")
_NAME_HEX = re.compile(r"(?<![\w.{-])(?:[a-f]{8,}|[A-F]{8,})(?![\w.}-])")
# a segment that holds a value is one
_NAME_SEGMENT = re.compile(r"(?<=/)[^\s/?#:{}]*<\*>[^\s/?#:{}]*")
# elsewhere words in front of a value stay (send_email_<*>), other letters do not (aB_<*>)
_NAME_STEM = re.compile(r"(?<![\w.-])(?!(?:[A-Za-z]{3,}[_.-])+<\*>)[\w.-]*[\w-]<\*>")
_NAME_RUN = re.compile(r"<\*>(?:(?: ?[,:;|+.x-] ?| )?<\*>)+")


def name_keys(names: pa.Array) -> pa.Array:
    """The key of each span name: values become `<*>`. Vectorised; same length as `names`."""
    names = pc.replace_substring(names, _MARK, " ")
    marked = pc.replace_substring_regex(names, f"({_NAME_KEEPS})|{_NAME_VALUE}", rf"\1{_MARK}")
    kept = pc.replace_substring_regex(marked, f"({_NAME_KEEPS}){_MARK}", r"\1")
    return pc.replace_substring(kept, _MARK, WILDCARD)


def mask_name(name_key: str) -> str:
    """The template of a span name, from its key. Idempotent: a template is its own template."""
    text = _SPACE.sub(" ", name_key).strip()
    for _ in range(PASSES_MAX):
        masked = _NAME_QUOTED.sub(lambda quoted: f"{quoted[0][0]}{WILDCARD}{quoted[0][0]}", text)
        masked = _NAME_ADDRESS.sub(WILDCARD, _NAME_QUERY.sub(f"?{WILDCARD}", masked))
        masked = _NAME_SEGMENT.sub(WILDCARD, _NAME_HEX.sub(WILDCARD, masked))
        masked = _NAME_RUN.sub(WILDCARD, _NAME_STEM.sub(WILDCARD, masked))
        if masked == text:
            break
        text = masked
    return text


def _pass(text: str) -> str:
    """One round of all rules; works on keys, in which `0` is a variable."""
    if '"' in text or "'" in text or "`" in text:
        text = _QUOTED.sub(_quoted, text)
    if "/" in text or "\\" in text:
        text = _PATH.sub("0", _URL.sub("0", text))
    if "@" in text:
        text = _ADDRESS.sub("0", text)
    if "." in text:
        text = _dotted(text)
    if "=" in text:
        text = _KEY_VALUE.sub(_key_value, text)
    text = _EMPTINESS.sub("0", _HOLLOW.sub("(0)", text))
    text = _HEX_WORD.sub("0", _DATE.sub("0", text))
    if ":" in text:
        text = _COLONS.sub(_colons, text)
    if "0" in text:
        text = _COMPOUND.sub(_compound, text)
        text = _STARS.sub("0", _UNDER.sub("0", _SIZE.sub("0", text)))
    if "[" in text:
        text = _LIST.sub("[0]", text)
    return _SPACE.sub(" ", _RUN.sub("0", text))


def _quoted(match: re.Match[str]) -> str:
    verb, double, single, tick = match.groups()
    if (double or single or tick or "").lower() in _STATES:
        return match.group()
    if double is not None:
        return f'"{verb} 0"' if verb else '"0"'
    return "'0'" if single is not None else "`0`"


def _key_value(match: re.Match[str]) -> str:
    name, close, space, value = match.groups()
    if "0" not in value and (name.lower() in _MEANING or value.lower() in _STATES or _ENUM.fullmatch(value)):
        return match.group()
    return f"{name}{close}={space}0" + ("." if value.endswith(".") and value != "." else "")


def _dotted(text: str) -> str:
    leading = _LEADING_NAME.match(text)
    start = leading.end() if leading else 0

    def name(match: re.Match[str]) -> str:
        return match.group() if _TELLING_NAME.search(match.group()) else "0"

    return text[:start] + _DOTTED.sub(name, text[start:])


def _colons(match: re.Match[str]) -> str:
    return "0" if "0" in match.group() else match.group()


def _compound(match: re.Match[str]) -> str:
    lead = match.group()[:1]
    return lead + "0" if lead in ("$", "*") and len(match.group()) > 1 else "0"
