"""Rules about git."""

from __future__ import annotations

from flyball_sdk.guard.rule import Rule, is_, isnt
from flyball_sdk.guard.rules.write import beside, shell

RULES = (
    Rule(
        id="git.force-push",
        title="replaces the history of a branch that others have",
        acts=("git.rewrite",),
        where=(is_("target", "production"), isnt("leased", True)),
        action="block",
        severity="critical",
        safer="push a new commit (`git revert`), or `--force-with-lease` on your own branch",
        hits=(
            *shell(
                "git push --force upstream main",
                "git push -f",
                "git push origin +master",
                "git push --mirror backup",
            ),
            beside("git push --force", {".git/HEAD": "ref: refs/heads/main\n"}),
        ),
        passes=(
            *shell("git push origin main", "git push --force origin feature/x", "git push -f origin staging"),
            beside("git push -f", {".git/HEAD": "ref: refs/heads/feature/y\n"}),
        ),
    ),
    Rule(
        id="git.force-push-leased",
        title="replaces the history of a protected branch, if nobody pushed since",
        acts=("git.rewrite",),
        where=(is_("target", "production"), is_("leased", True)),
        action="ask",
        severity="high",
        safer="push a new commit (`git revert`)",
        hits=shell("git push --force-with-lease origin main"),
        passes=shell("git push --force-with-lease upstream feature/x"),
    ),
    Rule(
        id="git.prefer-lease",
        title="replaces a branch of one's own without looking whether somebody pushed",
        acts=("git.rewrite",),
        where=(is_("target", "development"), isnt("leased", True)),
        action="modify",
        severity="low",
        safer="--force-with-lease looks first",
        mode="audit",
        rewrite=(r"(\s)(?:--force(?:=true)?|-f)(\s|$)", r"\1--force-with-lease\2"),
        hits=shell("git push --force upstream feature/x", "git push -f upstream fix/y"),
        passes=shell("git push --force-with-lease upstream feature/x", "git push upstream feature/x"),
    ),
    Rule(
        id="git.delete-remote",
        title="deletes a branch or tag that others have",
        acts=("git.delete",),
        where=(is_("remote", True),),
        action="ask",
        severity="high",
        safer="leave it, or let its owner delete it",
        hits=shell("git push upstream --delete main", "git push origin :release"),
        passes=shell("git branch -d done", "git push origin main"),
    ),
    Rule(
        id="git.delete-local",
        title="deletes commits, stashes or the reflog that may be nowhere else",
        acts=("git.delete",),
        where=(isnt("remote", True), is_("lasting", True)),
        action="ask",
        severity="high",
        safer="`git branch -d` refuses to lose commits; `git stash list` first",
        hits=shell(
            "git branch -D feature",
            "git stash clear",
            "git reflog expire --expire=now --all",
            "git gc --prune=now",
        ),
        passes=shell("git branch -d merged", "git stash list", "git tag -d v1", "git gc"),
    ),
    Rule(
        id="git.discard",
        title="throws away changes that are committed nowhere",
        acts=("git.discard",),
        where=(isnt("soft", True),),
        action="ask",
        severity="high",
        safer="`git stash` keeps them",
        hits=shell(
            "git reset --hard HEAD~3",
            "git checkout -- .",
            "git clean -fd",
            "git restore src",
            "git checkout -f main",
            "git worktree remove --force ../w",
        ),
        passes=shell(
            "git reset --soft HEAD~1",
            "git checkout main",
            "git clean -n",
            "git restore --staged a",
            "git checkout -b new",
        ),
    ),
)
