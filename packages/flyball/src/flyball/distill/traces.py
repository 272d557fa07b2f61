"""The grammar of stack traces: Python, Java (Kotlin, Scala), Go, Node, .NET, Ruby, PHP and Rust.

It answers two questions. Which lines of a stream are one record (`spans`, for files and stdin)? And what of a
record's many lines says what happened (`gist`, for the shape)? A line continues a trace because it is a frame,
a chained cause or what a frame is followed by, never because it is indented: many systems log lines that
begin with a blank.

A trace belongs to the line before it when that line reports a failure (`ERROR Cannot charge`, then the trace):
that is how loggers write it. After a line of another kind it is a record of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from flyball.distill.frames import places

TRACE_LINES_MAX = 1024
"""A trace with more lines (an endless recursion) ends here; what follows is a record of its own."""

LINE_CHARS_MAX = 2048
"""So much of a line is looked at: a longer one is no frame, and must not take for ever."""

LOOK_BACK = 6
"""At most so many lines before a frame belong to its trace: file, source, caret, blank, header, a log line."""

LOOK_AHEAD = 5
"""So many lines are looked at to tell whether a blank line is inside a trace."""

# Frames. RE2 understands these too: `spans` finds its starting points with them, a whole batch at once.
_FRAMES = (
    r"\s*at (?:async )?(?:new )?[\w$.<>/@\[\]` ,~-]+ ?\([^()]*(?:\([^()]*\)[^()]*)?\)(?: in .+:line \d+)?(?: ~?\[[^\]]*\])?\s*\{?\s*$",
    r"\s+at (?:async )?(?:file://|node:|/|[A-Za-z]:\\|\./|webpack|<anonymous>).*:\d+:\d+\s*\{?\s*$",
    r"\s+at (?:<anonymous>|async .+|\[native code\])\s*$",
    r"\s+at [\w.`<>+|$\[\], ]+\(.*\)(?: in .+:line \d+)?\s*$",
    r"\s*\.\.\. \d+ (?:more|common frames omitted|lines matching cause stack trace \.\.\.)\s*$",
    r"\s*(?:Caused by|Suppressed): ?\S",
    r"\s*(?:Wrapped by|\[CIRCULAR REFERENCE): ?\S",
    r"\s*---> [\w.+`]+: ",
    r"\s*--- End of (?:inner exception stack trace|stack trace from previous location).* ---\s*$",
    r"\s*\[cause\]: ",
    r"\s+from (?:/|\./|[\w./-]+\.rb|\(?irb|<internal:).*:\d+:in [`'].*'\s*$",
    r"\s+\d+: from .+:\d+:in [`'].*'\s*$",
    r"\s*File \"[^\"]+\", line \d+(?:, in .+)?\s*$",
    r"Traceback \(most recent call last\):\s*$",
    r"\s*\+ Exception Group Traceback \(most recent call last\):\s*$",
    r"goroutine \d+ (?:gp=\S+ m=\S+ (?:mp=\S+ )?)?\[[^\]]+\]:\s*$",
    r"\s+\S+\.(?:go|s):\d+(?: \+0x[0-9a-f]+)?\s*$",
    r"\s*\^+\s*$",
    r"(?:PHP )?Stack trace:\s*$",
    r"#\d+ (?:\S+\(\d+\)|\[internal function\]): .+\(.*\)\s*$",
    r"#\d+ \{main\}\s*$",
    r"\s+thrown in \S+ on line \d+\s*$",
    r"stack backtrace:\s*$",
    r"\s+\d+: (?:0x[0-9a-f]+ - )?(?:<?[A-Za-z_][\w<>, &]*::[\w:<>{}, &\[\]()-]+|_*rust_\w+|main|_start|__libc_start\w+)\s*$",
    r"\s+at \S+\.rs:\d+(?::\d+)?\s*$",
    r"note: (?:run with `RUST_BACKTRACE=|Some details are omitted, run with `RUST_BACKTRACE=)",
)
FRAME_RE2 = "^(?:" + "|".join(_FRAMES) + ")"
_FRAME = re.compile(FRAME_RE2)
_HEADER = re.compile(
    r"\s*(?:Exception in thread \"[^\"]*\" |Unhandled [Ee]xception[.:] |Uncaught (?:exception: )?)?"
    r"(?:[A-Za-z_$][\w$]*(?:\.|::))*(?:[A-Za-z_$][\w$]*)?(?:Exception|Error|Throwable|Fault|Failure|Exit|Interrupt|Abort)\b"
    r"(?: \[[^\]]*\])?(?::|\s*$| \()"
)
_RUBY_HEADER = re.compile(r"\S+\.rb:\d+:in [`'].*'?: .+\([\w:]+\)\s*$")
_GO_PANIC = re.compile(r"(?:panic|fatal error): |\[signal |\tpanic: ")
_GO_CALL = re.compile(r"(?:created by )?[\w./*()\-·\[\]{}]+(?:\(.*\)|(?: in goroutine \d+))?\s*$")
_GO_FILE = re.compile(r"\s+\S+\.(?:go|s):\d+(?: \+0x[0-9a-f]+)?\s*$")
_PYTHON_FILE = re.compile(r"[\s|]*File \"[^\"]+\", line \d+")
_PYTHON_END = re.compile(r"[\s|]*[A-Za-z_][\w.]*(?:: |:?\s*$)")
_PYTHON_MARK = re.compile(r"[\s|]*[\^~]+[\s\^~]*$|[\s|]*\[Previous line repeated \d+ more times?\]\s*$")
_CHAIN = re.compile(
    r"[\s|]*(?:During handling of the above exception, another exception occurred|The above exception was the direct"
    r" cause of the following exception):\s*$"
)
_GROUP = re.compile(r"\s*(?:\|(?:\s|$)|\+[-+])")
_RUST_PANIC = re.compile(r"thread '[^']*' (?:\(\d+\) )?panicked at ")
_BARS = re.compile(r"^\s*(?:[|+] ?)+")
_RULE = re.compile(r"[-+ ]*-{4,}(?: \S+ -{4,})?\s*$")
_NODE_PLACE = re.compile(r"(?:file://)?\S*[/\\]\S+:\d+\s*$")
_CARET = re.compile(r"\s*\^+\s*$")
_REPORTS_FAILURE = re.compile(
    r"(?i)(?<![a-z])(?:err(?:or)?s?|warn(?:ing)?|fatal|critical|severe|alert|emerg\w*|panic\w*|crash\w*|exception\w*"
    r"|fail\w*|unhandled|uncaught|unexpected|unable|could not|cannot|can't|traceback|abort\w*)(?![a-z])"
    r"|\w+(?:Error|Exception)\b"
)
_CALM_LEVEL = re.compile(
    r"(?<![A-Za-z])(?:TRACE|DEBUG|INFO|NOTICE|trace|debug|info|notice|Information)(?![A-Za-z])"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """How to read the lines of a stream: the text and the bytes of one, and how many there are."""

    text: Callable[[int], str]
    size: Callable[[int], int]
    total: int


def spans(lines: Lines, starts: list[int], bytes_max: int) -> list[tuple[int, int]]:
    """The traces among the lines, as (first, after last). Pure; what is no frame or near one is not read.

    Args:
        lines: the lines.
        starts: those that FRAME_RE2 matches, ascending.
        bytes_max: a trace does not grow over this.
    """
    found: list[tuple[int, int]] = []
    floor = 0
    for start in starts:
        if start < floor:
            continue
        first = _first(lines.text, start, floor)
        after = _after(lines, first, start, bytes_max)
        if after - first > 1:
            found.append((first, after))
            floor = after
    return found


def _first(line: Callable[[int], str], start: int, floor: int) -> int:
    """Where the trace begins whose first frame is `start`, not before `floor`."""
    text = line(start)
    first = start
    lowest = max(floor, start - LOOK_BACK)
    if _CARET.match(text):  # Node: file:line, source, caret
        is_node = start - 2 >= lowest and _NODE_PLACE.match(line(start - 2))
        return start - 2 if is_node else start
    if text.startswith("goroutine "):
        return _first_of_go(line, start, lowest)
    if first > lowest and not _opens(text):
        before = line(first - 1)
        if not before.strip():
            return first
        first -= 1
        if first > lowest and _RUST_PANIC.match(line(first - 1)):
            return first - 1  # place, message, frames
        if not (_HEADER.match(before) or _RUBY_HEADER.match(before)):
            return first
    if first > lowest and _is_failure(line(first - 1)):
        first -= 1
    return first


def _first_of_go(line: Callable[[int], str], start: int, lowest: int) -> int:
    first = at = start
    while at > lowest:
        at -= 1
        text = line(at)
        if _GO_PANIC.match(text):
            first = at
        elif text.strip():
            break
    return first


def _opens(text: str) -> bool:
    """Whether the line starts a trace by itself, without a header before it."""
    return text.startswith("Traceback ") or "Exception Group Traceback" in text


def _is_failure(text: str) -> bool:
    """Whether a log line reports a failure, so that the trace after it is its own."""
    return (
        bool(_REPORTS_FAILURE.search(text)) and not _CALM_LEVEL.search(text[:64]) and not _FRAME.match(text)
    )


@dataclass(slots=True)
class _Reader:
    """Where in a trace we are: what the grammar allows next."""

    python: bool = False
    source_due: bool = False
    end_due: bool = False
    group: bool = False
    header_due: bool = False
    braces: bool = False
    begun: bool = False
    chained: bool = False

    def take(self, text: str) -> bool:
        """Whether this line goes on with the trace; remembers what may follow."""
        if _opens(text) and self.begun and not self.chained:
            return False  # another error's trace
        self.begun = True
        if self.braces:
            self.braces = not text.startswith("}")
            return True
        if _FRAME.match(text):
            self._frame(text)
            return True
        if self.source_due and text[:1].isspace() and text.strip():
            self.source_due = False
            return True
        marked = (self.python and _PYTHON_MARK.match(text)) or (self.group and _GROUP.match(text))
        return bool(marked) or self._closes(text)

    def _frame(self, text: str) -> None:
        if _opens(text):
            self.python, self.group, self.chained = True, self.group or "Group" in text, False
        if _PYTHON_FILE.match(text):
            self.python = True
        self.source_due = bool(_PYTHON_FILE.match(text))
        self.end_due = self.python
        self.header_due = bool(_CARET.match(text)) and not self.python
        self.braces = text.rstrip().endswith("{")

    def _closes(self, text: str) -> bool:
        """The lines that follow frames once: Python's exception, its chain, Node's header after the caret."""
        if self.end_due and _PYTHON_END.match(text):
            self.end_due = self.source_due = False
            return True
        if self.header_due and _HEADER.match(text):
            self.header_due = False
            return True
        self.chained = self.chained or bool(_CHAIN.match(text))
        return bool(_CHAIN.match(text))


def _after(lines: Lines, first: int, start: int, bytes_max: int) -> int:
    """The line after the trace's last."""
    reader = _Reader()
    size = sum(lines.size(at) + 1 for at in range(first, start))
    at = start
    while at < lines.total and at - first < TRACE_LINES_MAX:
        size += lines.size(at) + 1
        if size > bytes_max:
            break
        text = lines.text(at)
        if not text.strip():
            if not _goes_on(lines.text, at, lines.total, reader):
                break
        elif not (reader.take(text) or _go_call(lines.text, at, lines.total, text)):
            break
        at += 1
    while at > start and not lines.text(at - 1).strip():
        at -= 1
    return at


def _goes_on(line: Callable[[int], str], at: int, total: int, reader: _Reader) -> bool:
    """Whether a blank line has more of the trace after it."""
    for ahead in range(at + 1, min(at + LOOK_AHEAD, total)):
        text = line(ahead)
        if text.strip():
            return replace(reader).take(text) or _go_call(line, ahead, total, text)
    return False


def _go_call(line: Callable[[int], str], at: int, total: int, text: str) -> bool:
    """A Go frame is two lines, the call and its file; the program's end follows the last."""
    if text.startswith("exit status ") and text[12:].strip().isdigit():
        return True
    return bool(_GO_CALL.match(text)) and at + 1 < total and bool(_GO_FILE.match(line(at + 1)))


def gist(text: str) -> str:
    """What a text of many lines says, in one line: its message, the exceptions, and the frames that matter."""
    kept: list[str] = []
    lines = _ungrouped(
        [line[:LINE_CHARS_MAX] for line in text.split("\n", TRACE_LINES_MAX)[:TRACE_LINES_MAX]]
    )
    reader, inside = _Reader(), False
    for at, one in enumerate(lines):
        stripped = one.strip()
        if not stripped:
            continue
        is_frame = bool(_FRAME.match(one))
        if not (is_frame or inside):
            kept.append(stripped)
            continue
        tells = not is_frame and (reader.end_due or reader.header_due) and not reader.source_due
        taken = reader.take(one) or _go_call(lines.__getitem__, at, len(lines), one)
        if not taken and is_frame:  # a further trace in the same record
            reader = _Reader()
            taken = reader.take(one)
        inside = taken
        if not taken or _tells(one, is_frame=is_frame, due=tells):
            kept.append(stripped)
    where = places(lines)
    return " ".join([*kept, "at", ", ".join(where)] if where else kept)


def _ungrouped(lines: list[str]) -> list[str]:
    """Python's exception groups without the bars they are drawn with."""
    if not any("Exception Group Traceback" in line for line in lines):
        return lines
    bare = [_BARS.sub("", line).replace("Exception Group Traceback", "Traceback") for line in lines]
    return [line for line in bare if not _RULE.match(line)]


def _tells(text: str, *, is_frame: bool, due: bool) -> bool:
    """Whether a line inside a trace names an exception."""
    if is_frame:
        return bool(re.match(r"\s*(?:Caused by|Suppressed|Wrapped by|\[cause\]|--->)", text))
    return due and not _PYTHON_MARK.match(text) and not _CHAIN.match(text)
