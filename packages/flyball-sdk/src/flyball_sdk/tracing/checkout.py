"""Which commit and branch the agent's code is at, and whether it was changed since: read once, from `.git`'s own files.

Whether it is dirty only git can tell: it is asked in a thread, once, for at most `GIT_S`. Nothing here raises or waits.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
from pathlib import Path

from flyball_sdk import semconv

GIT_S = 1.0
PARENTS_MAX = 32
FILE_BYTES_MAX = 1024 * 1024
_REVISION = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?$")


class Checkout:
    """What is known of a working copy, as attributes of spans; empty outside of one."""

    def __init__(self, start: Path) -> None:
        """Read the files now, and ask git behind the scenes."""
        self.attributes: dict[str, str | bool] = {}
        try:
            self._read(start)
        except (OSError, ValueError):
            return  # what cannot be read is not told

    def _read(self, start: Path) -> None:
        start = start.absolute()
        root = next((one for one in (start, *start.parents)[:PARENTS_MAX] if (one / ".git").exists()), None)
        if root is None:
            return
        git = _git_folder(root)
        head = _text(git / "HEAD")
        name = head.removeprefix("ref:").strip() if head.startswith("ref:") else ""
        revision = _revision(git, name) if name else head
        if _REVISION.match(revision):
            self.attributes[semconv.VCS_REF_HEAD_REVISION] = revision
        if name:
            self.attributes[semconv.VCS_REF_HEAD_NAME] = name.removeprefix("refs/heads/")
        threading.Thread(target=self._ask, args=(root,), name="flyball-checkout", daemon=True).start()

    def _ask(self, root: Path) -> None:
        """Ask git for changes of tracked files. Optional locks and the file monitor, which runs programs, stay off."""
        git = shutil.which("git")
        if git is None:
            return
        try:
            done = subprocess.run(  # noqa: S603 - fixed words, no shell
                [
                    *(git, "--no-optional-locks", "-c", "core.fsmonitor=false"),
                    *("status", "--porcelain", "--untracked-files=no"),
                ],
                cwd=root,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                timeout=GIT_S,
            )
        except (OSError, subprocess.SubprocessError):
            return
        if done.returncode == 0:
            self.attributes = {**self.attributes, semconv.FLYBALL_VCS_DIRTY: bool(done.stdout.strip())}


def _git_folder(root: Path) -> Path:
    """The folder of a working copy's HEAD: `.git` itself, or where the file of that name points to."""
    git = root / ".git"
    if git.is_dir():
        return git
    return (root / _text(git).removeprefix("gitdir:").strip()).resolve()


def _revision(git: Path, name: str) -> str:
    """The commit that a reference names; a second working copy keeps references in the first one's folder."""
    common = git / "commondir"
    folders = [git, (git / _text(common)).resolve()] if common.exists() else [git]
    for folder in folders:
        if (folder / name).is_file():
            return _text(folder / name)
    packed = folders[-1] / "packed-refs"
    lines = _text(packed).splitlines() if packed.is_file() else []
    return next((line.split(" ")[0] for line in lines if line.endswith(f" {name}")), "")


def _text(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.read(FILE_BYTES_MAX).strip()
