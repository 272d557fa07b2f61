"""Which server commands ask."""

from __future__ import annotations

import os

DEFAULT_SERVER = "http://127.0.0.1:4320"


def server_url(given: str | None) -> str:
    """`--server`, else $FLYBALL_SERVER, else this machine."""
    return (given or os.environ.get("FLYBALL_SERVER") or DEFAULT_SERVER).rstrip("/")
