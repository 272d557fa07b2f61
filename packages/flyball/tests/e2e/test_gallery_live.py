"""The gallery sent to a real server: everything is accepted and counted."""

from __future__ import annotations

from pathlib import Path

import pytest
from gallery.live import checked
from gallery.play import play

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("name", ["probe kills healthy app", "connection-pool exhaustion"])
def test_what_was_sent_is_counted(name: str, tmp_path: Path) -> None:
    sent, counted = checked(play(name, 21)[0], tmp_path)
    assert min(sent["logs"], sent["traces"], sent["metrics"], sent["changes"]) > 0
    assert counted == sent
