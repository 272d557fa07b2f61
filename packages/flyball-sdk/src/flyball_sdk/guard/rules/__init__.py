"""The catalogue: rules that are on unless a policy says otherwise."""

from __future__ import annotations

from flyball_sdk.guard.rule import Example, Rule, is_

RULES: tuple[Rule, ...] = (
    Rule(
        id="files.delete",
        title="deletes a tree",
        acts=("file.delete",),
        where=(is_("recursive", value=True),),
        action="block",
        severity="critical",
        safer="move it away (`mv DIR DIR.old`) and delete it when nothing misses it",
        hits=(Example("rm -rf /"),),
        passes=(Example("ls"),),
    ),
)
