"""Where a path lies: what would be lost if it went."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from flyball_sdk.guard.shell.command import UNKNOWN

# Filesystem Hierarchy Standard 3.0, and what macOS has beside it.
_SYSTEM = frozenset({
    "bin", "boot", "dev", "etc", "lib", "lib32", "lib64", "libx32", "opt", "proc", "root", "run", "sbin", "sys", "usr",
    "var", "Applications", "Library", "System", "private", "nix",
})  # fmt: skip
_TEMPORARY = ("/tmp/", "/var/tmp/", "/dev/shm/", "/private/tmp/", "/var/folders/")  # noqa: S108 - names, not uses
_HOMES = ("/home/", "/Users/")
# What a build or a package manager makes again.
_REGENERABLE = frozenset({
    "node_modules", "build", "dist", "target", "out", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache",
    ".tox", ".nox", ".venv", "venv", ".next", ".nuxt", ".cache", "coverage", "htmlcov", ".gradle", ".turbo",
    ".parcel-cache", "tmp", "temp", ".eggs", "bin", "obj", "cmake-build-debug", "cmake-build-release", ".terraform",
    "_build", ".hypothesis", "logs", "bazel-out",
})  # fmt: skip
_REGENERABLE_ENDS = (".egg-info", ".dist-info", ".pyc", ".pyo", ".o", ".class", ".tmp", ".log", ".lock")
# packages that were installed: changed with care, but not the system's own
_INSTALLED = ("/site-packages/", "/dist-packages/", "/lib/node_modules/", "/gems/", "/pkg/mod/")
_WHOLE = frozenset({"", ".", "./", "*", "./*", ".*", "./.*", "**", "./**", "{*,.*}", ".git", "./.git"})


@dataclass(frozen=True, slots=True)
class Place:
    """`scope` is root, system, installed (packages), home, temporary, project, outside or unknown.

    `whole` says that it is all of its scope (`~`, `.`, `/etc`); `regenerable` that a build makes it again.
    """

    path: str
    scope: str
    whole: bool = False
    regenerable: bool = False


def place(path: str, cwd: str = "", project: str = "") -> Place:
    """Where a path lies.

    Args:
        path: as the program would get it; globs as written, `~` for the user's home, `UNKNOWN` for what is not known.
        cwd: where an earlier `cd` led, "" if nowhere else.
        project: the session's directory, "" if not known.
    """
    # every directory below an unknown one is unknown; below a known one it is there: /tmp/<unknown> is temporary
    known = path.split(UNKNOWN, 1)[0]
    if not known and UNKNOWN in path:
        return Place(path, "unknown", whole=path == UNKNOWN)
    whole_path = known if known[:1] in ("/", "~") else posixpath.join(cwd or "", known)
    if UNKNOWN in path and whole_path.rstrip("/") in ("", "/", "~"):
        return Place(path, "unknown")
    if UNKNOWN in whole_path:
        return Place(path, "unknown")
    if whole_path[:1] not in ("/", "~"):
        return _relative(path, whole_path, project, part=UNKNOWN in path)
    return _absolute(path, _tidy(whole_path), _tidy(project) if project else "", part=UNKNOWN in path)


def _tidy(path: str) -> str:
    tidy = posixpath.normpath(path)
    return "/" + tidy.lstrip("/") if tidy.startswith("//") else tidy


def _relative(path: str, relative: str, project: str, *, part: bool) -> Place:
    tidy = posixpath.normpath(relative) if relative else "."
    if tidy == ".." or tidy.startswith("../"):
        if project:
            return _absolute(path, _tidy(posixpath.join(project, relative)), _tidy(project), part=part)
        return Place(path, "outside", whole=tidy.strip("./*") == "" and not part)
    if not part and (relative in _WHOLE or tidy in _WHOLE):
        return Place(path, "project", whole=True)
    return Place(path, "project", regenerable=_regenerable(tidy))


def _absolute(  # noqa: PLR0911 - a table of places, one return each
    path: str, tidy: str, project: str, *, part: bool
) -> Place:
    if project and project != "/" and (tidy == project or tidy.startswith(project + "/")):
        rest = tidy[len(project) + 1 :]
        return Place(path, "project", whole=rest in _WHOLE and not part, regenerable=_regenerable(rest))
    if tidy in ("/", "/*", "/.", "/.*", "/**"):
        return Place(path, "root", whole=True)
    if tidy.startswith(_TEMPORARY):
        return Place(path, "temporary")
    if tidy[0] == "~":
        return _home(path, tidy.partition("/")[2], part=part)
    if tidy.startswith(_HOMES) or tidy in ("/home", "/Users"):
        below = tidy.split("/", 3)[3:]
        return _home(path, below[0] if below else "", part=part)
    if any(one in tidy for one in _INSTALLED):
        return Place(path, "installed", regenerable=_regenerable(tidy))
    top = tidy.split("/", 2)[1]
    if top in _SYSTEM or tidy in ("/tmp", "/tmp/"):  # noqa: S108 - a name
        return Place(path, "system", whole=tidy.count("/") == 1 or tidy.endswith("/*"))
    return Place(path, "outside", whole=tidy.count("/") == 1, regenerable=_regenerable(tidy))


def _home(path: str, below: str, *, part: bool) -> Place:
    whole = below in ("", "*", ".*", "**") and not part
    return Place(path, "home", whole=whole, regenerable=below.startswith(".cache/") or _regenerable(below))


def _regenerable(path: str) -> bool:
    last = path.rstrip("/*").rpartition("/")[2]
    return last in _REGENERABLE or last.endswith(_REGENERABLE_ENDS)
