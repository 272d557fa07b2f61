"""Archives of many small files, read by folder."""

from __future__ import annotations

import tarfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

FILE_BYTES_MAX = 20_000_000
"""A file that is larger is left out."""


def folders(archive: Path, *, never: tuple[str, ...] = ()) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Each folder that holds files, with its files by name; those named in `never` are not opened."""
    held: dict[str, dict[str, bytes]] = defaultdict(dict)
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            folder, _, name = member.name.rpartition("/")
            if not member.isfile() or name in never or member.size > FILE_BYTES_MAX:
                continue
            data = tar.extractfile(member)
            if data:
                held[folder.removeprefix("./")][name] = data.read()
    yield from sorted(held.items())
