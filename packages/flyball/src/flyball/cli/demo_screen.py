"""What `flyball demo` shows a person: stages with their second, the findings, the verdict.

What comes from the API holds log text, which anyone can write: it is shown as text, never as markup, and
without control characters.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from flyball.model.severity import Severity

FINDINGS_SHOWN_MAX = 8
EVIDENCE_SHOWN_MAX = 2
CLAIMS_SHOWN_MAX = 4
LIMITS_SHOWN_MAX = 3
WIDE_COLUMNS = 120
COMMAND_CHARS_MAX = 160

_SEVERITY_STYLE = {Severity.WARN: "yellow", Severity.ERROR: "red", Severity.FATAL: "bold red"}
_VERDICT_STYLE = {"fixed": "bold green", "not fixed": "bold red", "worse": "bold red"}

View = Mapping[str, Any]


class Screen:
    """Writes the story; with `--json` to standard error, since standard output then holds the object alone."""

    def __init__(self, *, to_stderr: bool) -> None:
        self._console = Console(stderr=to_stderr, highlight=False)
        self._started = time.monotonic()

    def title(self) -> None:
        """The first line."""
        self._console.print(Text("Flyball demo", style="bold") + Text("  no key, no account, no settings"))

    def stage(self, text: str) -> None:
        """One step, with the seconds since the start."""
        seconds = time.monotonic() - self._started
        self._console.print(Text(f"{seconds:6.1f} s  ", style="dim") + _plain(text))

    def say(self, text: str) -> None:
        """A line without a time."""
        self._console.print(_plain(text))

    @contextmanager
    def waiting(self, for_what: str) -> Generator[None]:
        """Show on a terminal that something runs."""
        with self._console.status(for_what):
            yield

    def findings(self, answer: View, *, seconds: float, address: str) -> None:
        """What is new: a table, one exemplar of the first finding, and what the answer could not see."""
        found: Sequence[View] = answer["findings"]
        if not found:
            self.stage(f"Nothing is new {seconds:.0f} s after the deploy, so there is no fix to verify")
            self._limits(answer)
            return
        self.stage(
            f"What is new since that deploy, {seconds:.1f} s after it ({_many(len(found), 'finding')}):"
        )
        self._console.print(
            Padding(
                _table(found[:FINDINGS_SHOWN_MAX], wide=self._console.width >= WIDE_COLUMNS), (1, 0, 1, 2)
            )
        )
        if len(found) > FINDINGS_SHOWN_MAX:
            self.say(f"  and {len(found) - FINDINGS_SHOWN_MAX} more at {address}/")
        first = found[0]
        if first["exemplar"]:
            self._line("as seen", str(first["exemplar"]["text"]))
        for evidence in first["evidence"][:EVIDENCE_SHOWN_MAX]:
            self._line("evidence", f"{address}/api/v1/evidence/{evidence}")
        self._limits(answer)

    def verdict(self, reply: View) -> None:
        """Whether the fix worked, overall and for each finding."""
        verdict = str(reply["verdict"])
        self.stage("Did it work?")
        self._console.print(
            Text("\n  verdict   ", style="dim") + Text(verdict, _VERDICT_STYLE.get(verdict, "bold"))
        )
        for each in reply["verdicts"][:FINDINGS_SHOWN_MAX]:
            self._console.print(Padding(_plain(str(each["why"])), (0, 0, 0, 12)))
        self._limits(reply)

    def incident(self, answer: View, *, address: str) -> None:
        """What opened by itself: the cause, what it rests on, what to do first, what was ruled out."""
        row = answer["incident"]
        self.stage(f"An incident opened by itself: {row['title']} (confidence {row['confidence']:.2f})")
        for claim in answer["claims"][1:CLAIMS_SHOWN_MAX]:
            self._line("because", str(claim["text"]))
        if answer["first_step"]:
            self._line("first", str(answer["first_step"]["text"]))
        named = [one for one in answer["ruled_out"] if one["object"]]
        for one in named[:LIMITS_SHOWN_MAX]:
            self._line("ruled out", f"{one['cause']} of {one['object']}")
        self._line("", f"{len(answer['ruled_out']) - len(named)} other causes were looked for and not seen")
        self._line("open", f"{address}/incidents/{row['id']}")

    def resolved(self, answer: View) -> None:
        """That it stopped, after which change; that is remembered."""
        row, change = answer["incident"], answer["resolved_by"]
        if row["state"] != "resolved":
            self.stage("The incident has not resolved itself yet")
            return
        after = f" after the {change['kind']} of {change['service']} {change['version']}" if change else ""
        self.stage(f"The incident resolved itself{after}; what worked is remembered for the next time")

    def act(self, text: str) -> None:
        """Another act begins."""
        self._console.print()
        self.stage(text)

    def blocked(self, decisions: Sequence[View], *, address: str) -> None:
        """What the wall stopped: each call as it was written, and what it would have done."""
        if not decisions:
            self.stage("The wall stopped nothing")
            return
        self.stage(
            f"It tried to apply to production in {_many(len(decisions), 'disguise')}; none of them ran:"
        )
        for row in decisions[:FINDINGS_SHOWN_MAX]:
            call = row["call"]
            self._line(
                "call", str(call.get("command") if isinstance(call, Mapping) else call)[:COMMAND_CHARS_MAX]
            )
            self._line("blocked", str(row["reason"]))
        if decisions[0].get("trace_id"):
            self._line("the run", f"{address}/runs/{decisions[0]['trace_id']}")

    def proposal(self, proposals: Sequence[View], *, address: str) -> None:
        """What the guard would learn from what ran beside it, with the back-test."""
        if not proposals:
            self.stage("Nothing recurs that the guard could learn")
            return
        first = proposals[0]
        rests, tested = first["support"], first["backtest"]
        self.stage(f"The guard proposes: {first['title']}")
        if first["warning"]:
            self._line("warning", str(first["warning"]))
        near = f", {rests['near']} of {rests['calls']} calls near-misses" if rests["near"] else ""
        self._line(
            "rests on", f"{_many(rests['sessions'], 'session')} of {_many(rests['users'], 'user')}{near}"
        )
        self._line(
            "back-test",
            f"of {tested['calls']} calls it speaks to {tested['hits']}, {tested['newly']} of which ran, and to"
            f" {tested['false_hits']} of {tested['benign']} benign ones",
        )
        self._line("accept", f"flyball guard accept {first['id']}   or at {address}/guard/proposals")

    def open_page(self, address: str) -> None:
        """Where to look while it runs on."""
        self._console.print()
        self._console.print(Text("Open ") + Text(f"{address}/", "bold") + Text("  (Ctrl-C ends the demo)"))

    def _limits(self, answer: View) -> None:
        limits: Sequence[Any] = answer["limits"]
        for limit in limits[:LIMITS_SHOWN_MAX]:
            self._line("limit", str(limit))
        if len(limits) > LIMITS_SHOWN_MAX:
            self._line("", f"and {_many(len(limits) - LIMITS_SHOWN_MAX, 'limit')} more")

    def _line(self, name: str, text: str) -> None:
        self._console.print(Text(f"  {name:<10}", style="dim") + _plain(text))


def _table(findings: Sequence[View], *, wide: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("kind", "", "service", "pattern"):
        table.add_column(heading, overflow="fold")
    table.add_column("count", justify="right")
    table.add_column("first seen", justify="right")
    if wide:
        table.add_column("evidence")
    for finding in findings:
        severity = Severity.of(finding["severity_number"])
        style = _SEVERITY_STYLE.get(severity, "")
        table.add_row(
            _plain(str(finding["kind"])),
            Text(severity.glyph, style),
            _plain(str(finding["service"])),
            _plain(str(finding["template"])),
            str(finding["count"]),
            _after(finding["after_change_s"]),
            *([" ".join(finding["evidence"][:EVIDENCE_SHOWN_MAX])] if wide else []),
        )
    return table


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _after(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:+.0f} s"


def _plain(text: str) -> Text:
    """No markup is read from it; what a terminal would obey (escapes, direction marks) is shown as a mark."""
    return Text("".join(char if char.isprintable() or char == "\n" else "\ufffd" for char in text))
