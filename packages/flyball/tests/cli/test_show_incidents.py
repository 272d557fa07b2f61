"""Incidents on a terminal of 80 columns: what is needed first stands first, and nothing that an app wrote acts."""

from __future__ import annotations

import io
from typing import Any

import pytest
from flyball.cli.show_incidents import fixed, incident, incidents
from flyball.cli.terminal import Terminal

COLUMNS = 80
STEP = {"text": "See who holds the connections.", "evidence": ["ev_1"]}
CHANGE = {
    "id": "chg_1", "kind": "deploy", "service": "checkout", "version": "v2", "previous_version": "v1", "what": "",
    "time": "2026-11-21T00:00:00Z", "author": "Ada", "author_kind": "agent", "message": "Settle at once\n\nbody",
}  # fmt: skip
LESSON = {
    "likeness": "exact",
    "occurrence": {
        "incident_id": "inc_1.1", "opened": "2026-11-20T00:00:00Z", "cause": "bad", "object": "service/checkout",
    },
    "fixes": [{"fix": {"text": "raised the pool"}, "result": "worked", "came_back": None}],
}  # fmt: skip
RULED_OUT = {"cause": "a version fails", "object": "service/x", "reasons": [STEP]}
UNSEEN = {"cause": "disk full", "object": "", "reasons": []}


def row(**fields: Any) -> dict[str, Any]:
    return {
        "id": "inc_0123456789abcdef", "state": "active", "muted": False, "title": "checkout: pool exhausted",
        "severity_number": 17, "services": ["checkout"], "environment": "prod", "began": "2026-11-21T00:00:00Z",
        "last_seen": "2026-11-21T00:00:00Z", "resolved": None, "episode": 2, "touched": 1_234, "cause": "bad",
        "object": "service/checkout", "confidence": 0.9,
    } | fields  # fmt: skip


def view(**fields: Any) -> dict[str, Any]:
    return {
        "incident": row(), "diagnosed": "2026-11-21T00:00:09Z", "inconclusive": False, "first_step": STEP,
        "claims": [{"text": "The pool is exhausted.", "evidence": ["ev_2"]}], "missing": [], "held": [],
        "ruled_out": [RULED_OUT, UNSEEN], "unknown": [], "seen_before": [LESSON], "suspect": CHANGE,
        "resolved_by": None, "narrative": None, "limits": ["No spans were sent."], "as_of": "2026-11-21T00:04:00Z",
        "history": [{"time": "2026-11-21T00:00:01Z", "what": "found: it", "by": "flyball", "evidence": []}],
    } | fields  # fmt: skip


def said(show: Any, shown: Any) -> str:
    console = Terminal(file=io.StringIO(), width=COLUMNS, force_terminal=True, color_system=None)
    show(shown, console)
    return console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]


def test_what_is_needed_first_stands_first() -> None:
    text = " ".join(said(incident, view()).split())
    order = (
        *(
            "checkout: pool exhausted",
            "4 min ago",
            "Why (confidence 0.90 of 1)",
            "The pool is exhausted.",
            "ev_2",
        ),
        *(
            "First step",
            "Changes",
            "suspect: deploy v1 → v2",
            "chg_1",
            "by Ada (an agent)",
            "“Settle at once”",
        ),
        *("Ruled out", "a version fails of service/x", "1 cause of which nothing was seen", "Seen before"),
        *("worked: raised the pool", "What happened (UTC)", "00:00:01 found: it", "limit: No spans"),
    )
    places = [text.index(part) for part in order]
    assert places == sorted(places)


@pytest.mark.parametrize("state", ["active", "resolved"])
def test_a_row_fits_a_narrow_terminal(state: str) -> None:
    listed = {"incidents": [row(state=state, muted=True)], "total": 3}
    lines = said(incidents, listed).splitlines()
    assert max(map(len, lines)) <= COLUMNS
    assert "inc_0123456789abcdef  began 2026-11-21 00:00:00 UTC" in lines[0]
    assert lines[1].rstrip() == "  checkout: pool exhausted  checkout prod; 1,234 records; 2 times"
    assert lines[2].startswith("2 more")


def test_one_that_is_over_tells_when_and_how_long_it_was() -> None:
    over = row(state="resolved", resolved="2026-11-21T00:03:00Z")
    assert "resolved 2026-11-21 00:03:00 UTC after 3 min" in said(incident, view(incident=over))


def test_names_move_no_cursor() -> None:
    hostile = row(title="\x1b[2J\u202e", services=["\x1b]0;owned\x07"], environment="\x9b31m")
    for text in (
        said(incidents, {"incidents": [hostile], "total": 1}),
        said(incident, view(incident=hostile)),
    ):
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(text)


def test_a_fix_with_its_change_tells_what_was_measured() -> None:
    made = {"incident_id": "inc_1.1", "text": "raised the pool", "id": "fix_1", "change_id": "chg_1"}
    assert said(fixed, made | {"result": "worked"}).rstrip().endswith("(fix_1): worked")
    assert said(fixed, made | {"result": "unknown", "change_id": ""}).rstrip().endswith("(fix_1)")
