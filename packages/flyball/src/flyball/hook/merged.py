"""Our hooks in a client's table of hooks, and out of it again; what else is there stays as it is. Pure.

Both clients have the same table: event -> groups -> handlers.

    {"PreToolUse": [{"matcher": "Bash", "hooks": [{"type": "command", "command": "..."}]}]}
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from flyball.errors import ConfigurationError
from flyball.hook.command import RUN

HTTP_PATH = "/v1/guard/hook/"
"""Of the address that an HTTP hook calls."""

Handler = dict[str, Any]


def with_ours(settings: Mapping[str, Any], ours: Mapping[str, Handler], where: str) -> dict[str, Any]:
    """The settings with one handler of ours for each event: where one of ours was, else last.

    Codex trusts a hook by its place: a hook that is moved is trusted no more.

    Raises:
        ConfigurationError: the table of hooks is not what the client reads; `where` names the file.
    """
    made = copy.deepcopy(dict(settings))
    hooks = _table(made, where)
    for event, handler in ours.items():
        groups = _list(hooks.get(event, []), f"hooks.{event}", where)
        if not any(_put_in_place(group, handler, event, where) for group in groups):
            hooks[event] = [*groups, {"hooks": [dict(handler)]}]
    made["hooks"] = hooks
    # what an older version put at events that are no longer asked about goes, and so does a second one
    return _without(made, where, but=set(ours))


def without_ours(settings: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The settings without any handler of ours; groups and events that only held ours go with them.

    Raises:
        ConfigurationError: as above.
    """
    return _without(copy.deepcopy(dict(settings)), where, but=set())


def handlers(settings: Mapping[str, Any]) -> Iterator[tuple[str, str, Handler]]:
    """Event, matcher and handler of all that can be made out, ours or not; what cannot is passed over."""
    hooks = settings.get("hooks")
    for event, groups in hooks.items() if isinstance(hooks, dict) else ():
        for group in groups if isinstance(groups, list) else ():
            held = group.get("hooks") if isinstance(group, dict) else None
            for handler in held if isinstance(held, list) else ():
                if isinstance(handler, dict):
                    yield str(event), str(group.get("matcher") or ""), handler


def is_ours(handler: Any) -> bool:
    """Whether a handler runs or calls Flyball's hook."""
    if not isinstance(handler, dict):
        return False
    return f"/{RUN}" in str(handler.get("command", "")) or HTTP_PATH in str(handler.get("url", ""))


def _without(made: dict[str, Any], where: str, *, but: set[str]) -> dict[str, Any]:
    """Without ours, but for the first of each event in `but`."""
    hooks = _table(made, where)
    had = bool(hooks)
    for event in list(hooks):
        groups = _list(hooks[event], f"hooks.{event}", where)
        kept = [left for group in groups if (left := _left_of(group, event, where, but)) is not None]
        if kept or not groups:
            hooks[event] = kept
        else:
            del hooks[event]
    if had and not hooks:
        del made["hooks"]
    return made


def _left_of(group: Any, event: str, where: str, but: set[str]) -> Any:
    """The group without ours; None where nothing is left of it. What is kept is taken out of `but`."""
    held = _held(group, event, where)
    kept: list[Any] = []
    for handler in held:
        first = event in but and not group.get("matcher")
        if is_ours(handler) and not first:
            continue
        if is_ours(handler):
            but.discard(event)
        kept.append(handler)
    if len(kept) == len(held):
        return group
    return {**group, "hooks": kept} if kept else None


def _put_in_place(group: Any, handler: Handler, event: str, where: str) -> bool:
    """Whether one of ours was in this group, which asks about all tools; it is the new one now."""
    held = _held(group, event, where)
    for at, one in enumerate(held):
        if is_ours(one) and not group.get("matcher"):
            held[at] = dict(handler)
            return True
    return False


def _held(group: Any, event: str, where: str) -> list[Any]:
    if not isinstance(group, dict):
        raise ConfigurationError(
            f"{where}: hooks.{event} holds what is no group of hooks: nothing was touched"
        )
    return _list(group.get("hooks", []), f"hooks.{event}[].hooks", where)


def _table(settings: dict[str, Any], where: str) -> dict[str, Any]:
    hooks = settings.get("hooks", {})
    if not isinstance(hooks, dict):
        raise ConfigurationError(f"{where}: `hooks` is no object: nothing was touched")
    return hooks


def _list(value: Any, name: str, where: str) -> list[Any]:
    if not isinstance(value, list):
        raise ConfigurationError(f"{where}: `{name}` is no list: nothing was touched")
    return value
