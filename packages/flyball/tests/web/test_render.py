"""What a page makes of hostile text and of evidence."""

from __future__ import annotations

import pytest
from flyball.queries.incidents import Cited
from flyball.web.render import chip, render


@pytest.mark.parametrize("hostile", ["\x1b[2J", "\x07", "\x9b31m", "\u202e", "\u2066", "\u2069"])
def test_nothing_that_an_app_wrote_acts_or_turns_our_words_round(hostile: str) -> None:
    page = bytes(render("error.html", message=f"a{hostile}<b>").body).decode()
    assert hostile[0] not in page
    assert "&lt;b&gt;" in page


def test_a_chip_has_the_number_of_its_evidence() -> None:
    def cited(id_: str, kind: str) -> Cited:
        return Cited(id=id_, kind=kind, parameters={}, numbers={}, records=())

    known = {"ev_1": cited("ev_1", "signals: log"), "ev_2": cited("ev_2", "counts: again")}
    assert [chip(id_, known) for id_ in ("ev_1", "ev_2", "ev_3")] == ["log 1", "counts: again 2", "evidence"]
