"""Tools that write files: `Write`, `Edit`, `NotebookEdit`, `apply_patch`, and what editors of other clients call them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from flyball_sdk.guard.adapters.reading import Reading, unread
from flyball_sdk.guard.effect import Effect
from flyball_sdk.guard.effects.paths import place
from flyball_sdk.guard.effects.secrets import sensitivity
from flyball_sdk.guard.effects.system import DEFENSIVE, PERSISTENT
from flyball_sdk.guard.effects.tamper import guarded_path
from flyball_sdk.guard.scene import Scene

# PATH_MAX of Linux: what is longer names no file
PATH_CHARS_MAX = 4_096
_PATHS = ("file_path", "path", "notebook_path", "filename", "file", "target_file", "filePath", "uri")
_TEXTS = (
    "content",
    "contents",
    "new_string",
    "new_str",
    "file_text",
    "new_source",
    "text",
    "code_edit",
    "insert_text",
)
# The grammar of apply_patch as Codex documents it: one header a file, then its lines.
_PATCH = re.compile(r"^\*\*\* (Add|Update|Delete) File: (.+)$|^\*\*\* Move to: (.+)$", re.MULTILINE)
_UNIFIED = re.compile(r"^\+\+\+ (?:b/)?([^\t\n]+)", re.MULTILINE)


def path_of(tool_input: Mapping[str, Any]) -> str:
    """The path a file tool names, "" if none."""
    for name in _PATHS:
        value = tool_input.get(name)
        if isinstance(value, str):
            return value.removeprefix("file://")[:PATH_CHARS_MAX]
    return ""


def write(scene: Scene) -> Reading:
    """A tool that replaces or edits one file."""
    tool_input = scene.call.tool_input
    path = path_of(tool_input)
    if not path:
        return unread("a file tool without a path")
    if tool_input.get("command") == "view":
        return read(scene)
    edits = tool_input.get("edits")
    pieces = (
        [one.get("new_string", "") for one in edits if isinstance(one, Mapping)]
        if isinstance(edits, (list, tuple))
        else []
    )
    text = "\n".join(
        str(value) for value in (*(tool_input[name] for name in _TEXTS if name in tool_input), *pieces)
    )
    whole = "content" in tool_input or "file_text" in tool_input or "contents" in tool_input
    return Reading(list(written(path, scene, overwrite=whole)), "complete", {path: text} if whole else {})


def written(path: str, scene: Scene, *, overwrite: bool, deleted: bool = False) -> Iterator[Effect]:
    """What it means that a tool writes this path."""
    if guarded_path(path, scene.protected):
        yield Effect("guard.tamper", path, {"how": "write"}, found_in="file_path")
    found = place(path, "", scene.call.context.cwd)
    attributes = {
        "scope": found.scope,
        "whole": found.whole,
        "regenerable": found.regenerable,
        "recursive": False,
    }
    act = "file.delete" if deleted else "file.overwrite" if overwrite else "file.write"
    yield Effect(act, path, attributes, found_in="file_path")
    if PERSISTENT.search(path):
        yield Effect("system.persist", path, attributes, found_in="file_path")
    elif DEFENSIVE.search(path):
        yield Effect("system.defense", path, attributes, found_in="file_path")


def read(scene: Scene) -> Reading:
    """A tool that reads files: `Read`, `Grep`, `view_image`."""
    path = path_of(scene.call.tool_input)
    effects: list[Effect] = []
    kind = sensitivity(path) if path else ""
    if "../" in path or "..\\" in path or "%2e%2e" in path.lower():
        found = place(path.replace("\\", "/"), "", scene.call.context.cwd)
        attributes = {"scope": found.scope, "traversal": True}
        effects.append(Effect("file.read", path, attributes, found_in="file_path"))
    if kind:
        effects.append(Effect("secret.read", path, {"kind": kind}, found_in="file_path"))
    return Reading(effects)


def patch(scene: Scene) -> Reading:
    """`apply_patch`: every file it adds, changes, moves or deletes."""
    return patched(
        next((value for value in scene.call.tool_input.values() if isinstance(value, str)), ""), scene
    )


def patched(text: str, scene: Scene) -> Reading:
    """What a patch would do, file by file."""
    effects: list[Effect] = []
    created: dict[str, str] = {}
    found = list(_PATCH.finditer(text))
    for at, one in enumerate(found):
        path = (one[2] or one[3]).strip()
        effects += written(path, scene, overwrite=one[1] == "Add", deleted=one[1] == "Delete")
        if one[1] == "Add":
            end = found[at + 1].start() if at + 1 < len(found) else len(text)
            created[path] = "\n".join(
                line[1:] for line in text[one.end() : end].splitlines() if line[:1] == "+"
            )
    for one in _UNIFIED.finditer(text) if not found else ():
        effects += written(one[1].strip(), scene, overwrite=False)
    return Reading(effects, "complete", created) if effects else unread("a patch without a file")


TOOLS = (
    dict.fromkeys(("Write", "Edit", "MultiEdit", "NotebookEdit", "write_file", "edit_file", "create_file", "str_replace_editor", "str_replace_based_edit_tool", "replace", "replace_in_file",
                   "write_to_file", "insert_edit_into_file"), write)
    | dict.fromkeys(("Read", "read_file", "NotebookRead", "view_image", "view_file", "read_text_file", "Grep", "Glob", "LS", "list_dir", "grep_files"), read)
    | {"apply_patch": patch}
)  # fmt: skip
