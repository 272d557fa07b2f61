"""The gallery sent to a real server: everything is accepted and counted."""

from __future__ import annotations

from pathlib import Path

import pytest
from gallery.live import checked, report
from gallery.play import play

pytestmark = pytest.mark.e2e


def test_what_was_sent_is_counted(tmp_path: Path) -> None:
    sent, counted = checked(play("probe kills healthy app", 21)[0], tmp_path)
    assert min(sent["logs"], sent["traces"], sent["metrics"], sent["changes"]) > 0
    assert counted == sent


def test_each_scenario_is_reported_with_what_was_counted(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(["connection-pool exhaustion"], 21) == 0
    said = capsys.readouterr().out
    assert "| connection-pool exhaustion | sent {" in said
    assert "| the same counted |" in said
