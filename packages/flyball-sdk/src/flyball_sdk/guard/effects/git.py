"""Git: what rewrites history that others have, deletes refs, or throws away what is committed nowhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from flyball_sdk.guard.effect import Effect, Target
from flyball_sdk.guard.effects.make import Reader, effect
from flyball_sdk.guard.effects.options import Options, options
from flyball_sdk.guard.scene import Scene
from flyball_sdk.guard.shell.command import UNKNOWN, Command

_GLOBAL = (
    "-C",
    "-c",
    "--git-dir",
    "--work-tree",
    "--namespace",
    "--exec-path",
    "--config-env",
    "--super-prefix",
)
_VALUED = (
    "-m",
    "-b",
    "-B",
    "-u",
    "--author",
    "-F",
    "-o",
    "--push-option",
    "--receive-pack",
    "--exec",
    "--repo",
    "-s",
    "--source",
)
_PROTECTED = (
    "main",
    "master",
    "trunk",
    "default",
    "production",
    "prod",
    "release",
    "release/*",
    "releases/*",
    "stable",
    "hotfix/*",
)
_OWN = ("feature/*", "feat/*", "fix/*", "bugfix/*", "chore/*", "wip/*", "topic/*", "user/*", "users/*", "docs/*", "test/*",
        "refactor/*", "spike/*", "dependabot/*", "renovate/*", "agent/*", "claude/*", "codex/*", "copilot/*")  # fmt: skip


def git(command: Command, scene: Scene) -> Iterator[Effect]:
    """One git command; its global options are skipped as git-config(1) names them."""
    words, where = _after_globals(command.words)
    if not words:
        return
    verb, rest = words[0], words[1:]
    if UNKNOWN in verb:
        yield effect("exec.opaque", "git with a subcommand that is not known", command)
        return
    reader = _VERBS.get(verb)
    if reader:
        given = options(rest, _VALUED)
        if not given.has("--dry-run", "--help", "-h") and not (
            given.has("-n") and verb in ("push", "clean", "rm")
        ):
            yield from reader(given, command, scene, where)


def _after_globals(words: Sequence[str]) -> tuple[Sequence[str], str]:
    where, at = "", 0
    while at < len(words) and words[at][:1] == "-":
        if words[at] == "-C" and at + 1 < len(words):
            where = words[at + 1]
        at += 2 if words[at] in _GLOBAL else 1
    return words[at:], where


def branch_target(branch: str, remote: str, scene: Scene) -> Target:
    """What a branch stands for; one that is not known counts as production."""
    name = branch.removeprefix("refs/heads/").removeprefix("origin/")
    shown = f"{remote}/{name}" if remote else name
    if not name or UNKNOWN in name:
        return Target("unknown", shown, "branch")
    if any(fnmatchcase(name, one) for one in _PROTECTED):
        return Target("production", shown, "branch")
    if any(fnmatchcase(name, one) for one in _OWN):
        return Target("development", shown, "branch")
    return Target(scene.targets.environment(name), shown, "branch")


def _current_branch(command: Command, scene: Scene, where: str) -> str:
    base = where or command.cwd
    head = scene.files.text(f"{base}/.git/HEAD" if base else ".git/HEAD") or ""
    return head.strip().removeprefix("ref: refs/heads/") if head.startswith("ref: ") else ""


def _push(given: Options, command: Command, scene: Scene, where: str) -> Iterator[Effect]:
    remote, refs = (given.words[0] if given.words else ""), list(given.words[1:])
    forced = given.has("-f", "--force", "--mirror")
    leased = not forced and any(
        flag.startswith("--force-with-lease") or flag == "--force-if-includes" for flag in given.flags
    )
    if given.has("-d", "--delete") or any(ref.startswith(":") and len(ref) > 1 for ref in refs):
        for ref in refs:
            yield effect(
                "git.delete",
                ref.lstrip(":"),
                command,
                target=branch_target(ref.lstrip(":"), remote, scene),
                remote=True,
            )
        return
    if given.has("--prune"):
        yield effect(
            "git.delete",
            "branches that are not here",
            command,
            target=Target("unknown", remote, "branch"),
            remote=True,
        )
    named = [ref.lstrip("+").rpartition(":")[2] or ref for ref in refs] or [
        _current_branch(command, scene, where)
    ]
    every = given.has("--all", "--mirror", "--branches", "--tags") and not refs
    for ref, name in zip(refs or [""], ["" if every else name for name in named], strict=False):
        act = "git.rewrite" if forced or ref.startswith("+") or leased else "git.push"
        target = branch_target("" if name == "HEAD" else name, remote, scene)
        yield effect(
            act, name or remote or "the current branch", command, target=target, leased=leased, remote=True
        )


def _reset(given: Options, command: Command, *_: object) -> Iterator[Effect]:
    if given.has("--hard", "--merge", "--keep"):
        yield effect(
            "git.discard", " ".join(given.words) or "all changes", command, soft=not given.has("--hard")
        )


def _checkout(given: Options, command: Command, *_: object) -> Iterator[Effect]:
    words = command.words
    paths = words[words.index("--") + 1 :] if "--" in words else ()
    if given.has("-f", "--force", "--discard-changes") or paths or "." in given.words:
        yield effect(
            "git.discard", " ".join(paths) or " ".join(given.words) or "all changes", command, soft=False
        )


def _restore(given: Options, command: Command, *_: object) -> Iterator[Effect]:
    if not given.has("--staged", "-S") or given.has("--worktree", "-W"):
        yield effect("git.discard", " ".join(given.words), command, soft=False)


def _clean(given: Options, command: Command, *_: object) -> Iterator[Effect]:
    if given.has("-f", "--force"):
        yield effect("git.discard", "files that are not tracked", command, soft=False)


def _stash(given: Options, command: Command, *_: object) -> Iterator[Effect]:
    if given.words[:1] in (("drop",), ("clear",)):
        yield effect("git.delete", "stash", command, remote=False, lasting=True)


def _branch(given: Options, command: Command, scene: Scene, _where: str) -> Iterator[Effect]:
    if given.has("-D") or (given.has("-d", "--delete") and given.has("-f", "--force")):
        for name in given.words:
            yield effect(
                "git.delete", name, command, target=branch_target(name, "", scene), remote=False, lasting=True
            )
    elif given.has("-f", "--force", "-M", "-C"):
        yield effect("git.discard", " ".join(given.words), command, soft=True)


def _tag(given: Options, command: Command, *_: object) -> Iterator[Effect]:
    if given.has("-d", "--delete"):
        yield effect("git.delete", " ".join(given.words), command, remote=False, lasting=False)


def _reflog(given: Options, command: Command, *_: object) -> Iterator[Effect]:
    if given.words[:1] in (("expire",), ("delete",)):
        yield effect("git.delete", "reflog", command, remote=False, lasting=True)


def _gc(given: Options, command: Command, *_: object) -> Iterator[Effect]:
    if given.value("--prune") in ("now", "all"):
        yield effect("git.delete", "unreachable objects", command, remote=False, lasting=True)


def _all_history(command: Command) -> Effect:
    return effect(
        "git.rewrite",
        "all history",
        command,
        target=Target("unknown", "all history", "branch"),
        leased=False,
        remote=False,
    )


def _filter(_given: Options, command: Command, *_: object) -> Iterator[Effect]:
    yield _all_history(command)


def _update_ref(given: Options, command: Command, *_: object) -> Iterator[Effect]:
    if given.has("-d"):
        yield effect("git.delete", " ".join(given.words), command, remote=False, lasting=True)


def _worktree(given: Options, command: Command, *_: object) -> Iterator[Effect]:
    if given.words[:1] == ("remove",) and given.has("-f", "--force"):
        yield effect("git.discard", " ".join(given.words[1:]), command, soft=False)


def _switch(given: Options, command: Command, *_: object) -> Iterator[Effect]:
    if given.has("-f", "--force", "--discard-changes", "-C"):
        yield effect("git.discard", " ".join(given.words), command, soft=given.has("-C"))


def _rm(given: Options, command: Command, *_: object) -> Iterator[Effect]:
    if given.has("-f", "--force") and not given.has("--cached"):
        yield effect("git.discard", " ".join(given.words), command, soft=False)


def _submodule(given: Options, command: Command, *_: object) -> Iterator[Effect]:
    if given.words[:1] == ("deinit",) and given.has("-f", "--force"):
        yield effect("git.discard", " ".join(given.words[1:]), command, soft=False)


_VERBS = {
    "push": _push, "reset": _reset, "checkout": _checkout, "restore": _restore, "clean": _clean, "stash": _stash,
    "branch": _branch, "tag": _tag, "reflog": _reflog, "gc": _gc, "prune": _filter, "filter-branch": _filter,
    "filter-repo": _filter, "update-ref": _update_ref, "worktree": _worktree, "switch": _switch, "rm": _rm,
    "submodule": _submodule,
}  # fmt: skip


def cleaner(command: Command, _scene: Scene) -> Iterator[Effect]:
    """`git-filter-repo`, `bfg`: all of history rewritten."""
    yield _all_history(command)


READERS: Mapping[str, Reader] = {"git": git, "hub": git, "git-filter-repo": cleaner, "bfg": cleaner}
