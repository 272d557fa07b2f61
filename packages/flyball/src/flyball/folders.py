"""Where data lives: known without reading any setting, so that a command which needs no more starts at once."""

from __future__ import annotations

import os
from pathlib import Path


def default_folder() -> Path:
    """Where data lives unless said otherwise: $XDG_DATA_HOME/flyball, that is ~/.local/share/flyball."""
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "flyball"
