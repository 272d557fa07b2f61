"""Where a stack trace was: the few frames that tell one crash from another, as `file::function()`.

Two crashes with the same exception are two patterns when they happened in different places, and one when only
line numbers, addresses, or the counters of lambdas, proxies and anonymous classes differ. So a frame is its file's
name and its function, the innermost first, beginning at the cause of the causes.

Frames of libraries and of the language's own runtime say little (everything dies in `execute`): they count only
when there are no others. Recursion counts once, and after FRAMES_MAX frames the callers are how one got there
rather than what broke.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

FRAMES_MAX = 3
"""Frames that make a trace's shape: where it broke, who called that, and who called that."""

NAME_CHARS_MAX = 80
"""A file's or a function's name is cut there."""

_PYTHON = re.compile(r"[\s|+]*File \"([^\"]+)\", line \d+, in (.+?)\s*$")
_JAVA = re.compile(
    r"\s*at (?:[\w.@-]*/)*((?:[\w$<>/-]+\.)+[\w$<>-]+)\(([\w$.-]+\.\w+(?::\d+)?|Native Method|Unknown Source|<generated>)\)"
)
_DOTNET = re.compile(r"\s+at ([\w.`<>+|$\[\],]+)\(([^:]*)\)(?: in (.+):line \d+)?\s*$")
_NODE = re.compile(r"\s*at (?:async )?(?:new )?(.+?) ?\(([^()]*)\)\s*\{?\s*$")
_NODE_BARE = re.compile(r"\s+at (?:async )?(\S.*?):\d+:\d+\s*\{?\s*$")
_NODE_PLACE = re.compile(r":\d+(?::\d+)?$")
_RUBY = re.compile(r"\s*(?:\d+: )?(?:from )?(\S.*?):\d+:in [`'](.+?)'(?:$|:|\s)")
_GO_FILE = re.compile(r"\s+(\S+\.(?:go|s)):\d+")
_RUST_NAME = re.compile(r"\s+\d+: (?:0x[0-9a-f]+ - )?(<?[A-Za-z_].*?)\s*$")
_RUST_FILE = re.compile(r"\s+at (\S+\.rs):\d+")
_PHP = re.compile(r"#\d+ (?:(.+?)\(\d+\)|\[internal function\]): (.+?)\(")

# Innermost last; everyone else prints the innermost first.
_TRACEBACK = re.compile(r"[\s|+]*(?:Exception Group )?Traceback \(most recent call last\):")
_CAUSE = re.compile(r"\s*(?:Caused by|Wrapped by|\[cause\]): ?\S")
_SUPPRESSED = re.compile(r"\s*Suppressed: ?\S")

_LIBRARY_FILE = re.compile(
    r"[/\\](?:site|dist)-packages[/\\]|[/\\]lib(?:64)?[/\\]python\d|node_modules|^node:|[/\\]gems[/\\]|[/\\]lib[/\\]ruby"
    r"|[/\\]go[/\\](?:src|pkg[/\\]mod)[/\\]|[/\\]rustc[/\\]|[/\\]\.cargo[/\\]|[/\\]vendor[/\\]|^<(?:frozen|internal)|^internal/"
)
_LIBRARY_NAME = re.compile(
    r"(?:java|javax|jdk|sun|com\.sun|jakarta|kotlinx?|scala|groovy|clojure|org\.(?:springframework|apache|hibernate|eclipse|jboss"
    r"|junit|postgresql)|io\.(?:netty|undertow|grpc|micrometer|reactivex)|reactor|com\.(?:google\.common|fasterxml|zaxxer)"
    r"|System|Microsoft|Newtonsoft|Npgsql|runtime|testing|core|std|alloc|tokio|rust_\w+|__rust\w*)(?:\.|::|$)|panic$"
)

# What a compiler numbered or made up around the name that a person wrote.
_MADE_UP = re.compile(
    r"\$\d+(?=\.|$|\$)|(?<=Accessor)\d+"  # Java's anonymous classes
    r"|\.func\d+(?:\.\d+)*|\.gowrap\d+|-fm$|-range\d+|\[\.\.\.\]"  # Go's closures, method values, generics
    r"|<>c(?:__DisplayClass\w+)?[.+]|\.MoveNext$|`\d+(?:\[[^\]]*\])?"  # .NET's closures, state machines, generics
    r"|::\{\{closure\}\}|::h[0-9a-f]{16}$|(?<=[\w:])<[^<>]*>"  # Rust
    r"| \[as .*\]$|^(?:block|rescue|ensure)(?: \(\d+ levels\))? in |^Object\.(?=<anonymous>)"  # Node, Ruby
)
_WRAPPED = re.compile(r"lambda\$(\w+?)\$\d+|<(\w+)>[a-z]__[\w|]*")


def places(lines: Sequence[str]) -> list[str]:
    """Where a trace was, as `file::function()`: at most FRAMES_MAX, the innermost first; empty for other texts."""
    own: dict[str, None] = {}
    others: dict[str, None] = {}
    for file, function in _innermost_first(lines):
        library = _LIBRARY_FILE.search(file) or _LIBRARY_NAME.match(function)
        (others if library else own)[_place(file, function)] = None
        if len(own) == FRAMES_MAX:
            break
    return [place for place in own or others if place][:FRAMES_MAX]


def _innermost_first(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The frames as (file, function): of Python's first traceback, of the others' last cause, then the rest."""
    parts: list[list[tuple[str, str]]] = [[]]
    suppressed: list[tuple[str, str]] = []
    into, python = parts[0], False
    for at, line in enumerate(lines):
        if line.startswith("goroutine ") and parts[-1]:
            break  # the first one crashed, the others were only there
        traceback = bool(_TRACEBACK.match(line))
        python = python or traceback
        if traceback or _CAUSE.match(line):
            into = []
            parts.append(into)
        elif _SUPPRESSED.match(line):
            into = suppressed
        frame = _frame(line, lines[at + 1] if at + 1 < len(lines) else "")
        if frame:
            into.append(frame)
    for part in parts if python else reversed(parts):
        yield from reversed(part) if python else part
    yield from suppressed


def _frame(line: str, below: str) -> tuple[str, str] | None:
    """The file and function that a line names, with the line below it; None when it is no frame."""
    found = _PYTHON.match(line)
    if found:
        return found[1], found[2]
    if " at " in line or "\tat " in line or line.startswith("at "):
        return _at(line)
    found = _PHP.match(line)
    if found:
        return found[1] or "", found[2].replace("->", ".").replace("::", ".").replace("\\", ".")
    found = _RUBY.match(line)
    if found:
        return found[1], found[2].replace("#", ".")
    return _two_lines(line, below)


def _two_lines(line: str, below: str) -> tuple[str, str] | None:
    """Go and Rust write the function, and below it the file."""
    found = _GO_FILE.match(below)
    if found and not _GO_FILE.match(line):
        return found[1], _go_name(line)
    found = _RUST_NAME.match(line)
    if found and "::" in found[1]:
        file = _RUST_FILE.match(below)
        return (file[1] if file else ""), found[1]
    return None


def _at(line: str) -> tuple[str, str] | None:
    """Java, .NET and Node write `at`."""
    found = _JAVA.match(line)
    if found:
        file = found[2].partition(":")[0]
        made_up = (
            "$$" in found[1] or "$Proxy" in found[1]
        )  # lambda classes and proxies stand around the real frame
        return None if made_up else ("" if " " in file or file.startswith("<") else file, found[1])
    found = _DOTNET.match(line)
    if found and not found[2].endswith("<anonymous>"):
        return found[3] or "", found[1]
    found = _NODE.match(line)
    if found:
        file, line_number = _NODE_PLACE.subn("", found[2])
        return (file if line_number else ""), found[1]
    found = _NODE_BARE.match(line)
    return (found[1], "") if found and not _RUST_FILE.match(line) else None


def _go_name(line: str) -> str:
    """`created by main.main in goroutine 1`, `example.org/x/pkg.(*Pool).Get(0xc0, 0x2)` -> `pkg.Pool.Get`."""
    name = line.strip().removeprefix("created by ").partition(" in goroutine")[0]
    name = re.sub(r"\((?![*\w]+\)\.).*$", "", name)
    return name.rpartition("/")[2].replace("(*", "").replace("(", "").replace(")", "")


def _place(file: str, function: str) -> str:
    """In a spelling that masking leaves alone: no directories, one dot in a name, nothing in brackets."""
    file = re.split(r"[/\\]", file.partition("?")[0])[-1]
    stem, _, ending = file.rpartition(".")
    file = f"{stem.replace('.', '-')}.{ending}" if stem else file
    name = _MADE_UP.sub("", _WRAPPED.sub(lambda match: match[1] or match[2], function))
    words = [word for word in re.split(r"[.:+/]+", name) if word]
    name = ".".join(re.sub(r"[^\w$?!~-]", "", word) for word in words[-2:])
    file = re.sub(r"[^\w.$-]", "", file)
    if not (file or name):
        return ""
    head = f"{file[:NAME_CHARS_MAX]}::" if file else ""
    return f"{head}{name[:NAME_CHARS_MAX] or 'anonymous'}()"
