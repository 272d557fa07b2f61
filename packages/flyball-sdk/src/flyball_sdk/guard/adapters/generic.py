"""Tools nobody told us about (MCP servers, an agent's own functions): read by their name's verb and their arguments."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from flyball_sdk.guard.adapters import edit, http, kubernetes, shell, sql
from flyball_sdk.guard.adapters.reading import Reading
from flyball_sdk.guard.effect import Effect
from flyball_sdk.guard.effects.iac import first_known
from flyball_sdk.guard.linear import Pattern
from flyball_sdk.guard.scene import Scene
from flyball_sdk.guard.texts import signals

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_READS = frozenset(
    {
        "get",
        "list",
        "read",
        "search",
        "find",
        "show",
        "describe",
        "view",
        "check",
        "query",
        "lookup",
        "count",
        "fetch",
        "browse",
        "preview",
        "download",
        "status",
        "explain",
        "retrieve",
        "scan",
    }
)
# the verb of a tool's name -> the act
_VERBS: Mapping[str, str] = {
    **dict.fromkeys(("delete", "remove", "destroy", "purge", "drop", "erase", "wipe", "clear", "terminate", "uninstall", "revoke", "deregister", "cancel"), "record.delete"),
    **dict.fromkeys(("pay", "transfer", "withdraw", "buy", "purchase", "sell", "refund", "charge", "trade", "wire", "donate", "payout"), "money.transfer"),
    **dict.fromkeys(("email", "message", "notify", "tweet", "publish", "reply", "forward", "sms", "dm", "broadcast", "post"), "message.send"),
    **dict.fromkeys(("invite", "grant", "share", "authorize", "permit", "add_user", "promote"), "access.grant"),
    **dict.fromkeys(("create", "update", "set", "edit", "modify", "change", "write", "insert", "upload", "schedule", "reschedule", "book", "reserve", "move", "rename", "append", "apply", "put", "patch", "replace",
                     "register", "assign", "approve", "submit", "save", "add", "enable", "disable", "reset", "archive", "merge", "close", "open", "lock", "unlock", "start", "stop", "restart", "run", "execute", "deploy", "scale"), "record.change"),
}  # fmt: skip
_MONEY = frozenset(
    {
        "money",
        "payment",
        "funds",
        "transaction",
        "invoice",
        "order",
        "bitcoin",
        "crypto",
        "stock",
        "refund",
        "payout",
        "charge",
        "subscription",
    }
)
_MESSAGE = frozenset(
    {"email", "mail", "message", "sms", "tweet", "post", "dm", "notification", "chat", "webpage"}
)
_ACCESS = frozenset(
    {
        "password",
        "permission",
        "permissions",
        "access",
        "role",
        "user",
        "collaborator",
        "member",
        "key",
        "token",
        "credentials",
    }
)
_STATEMENTS = ("sql", "query", "statement", "sql_query")
# a statement, not a search for "delete my account"
_SQL = Pattern(
    r"(?i)^\s*(?:/\*.*?\*/\s*)?(?:select\s.*\sfrom\s|select\s+\S|with\s+\w+\s+as\s*\(|insert\s+(?:into|overwrite)\s|update\s+\S+\s+set\s|delete\s+from\s|merge\s+into\s|explain\s|copy\s+\S"
    r"|(?:drop|alter|create|truncate)\s+(?:table|database|schema|view|index|user|role|extension|function|or\s)|truncate\s+\w+\s*;?\s*$|grant\s.*\sto\s|revoke\s.*\sfrom\s)"
)
_DESTINATIONS = ("destination", "target_path", "to_path", "new_path", "dest")
_COMMANDS = ("command", "cmd", "bash", "shell_command")
URL_CHARS_MAX = 2_000
_AMOUNTS = ("amount", "total", "price", "value", "sum", "amount_usd", "quantity")


def adapter_for(scene: Scene) -> Callable[[Scene], Reading]:
    """Which adapter reads a tool whose name is not known: by what its arguments look like, then by its verb."""
    tool_input, name = scene.call.tool_input, bare_name(scene.call.tool_name)
    if kubernetes.concerns(words_of(scene.call.tool_name), scene.call.tool_name):
        return by_cluster
    if any(isinstance(tool_input.get(one), (str, list)) and tool_input.get(one) for one in _COMMANDS):
        return shell.bash
    texts = [tool_input.get(one) for one in _STATEMENTS]
    if name in sql.TOOLS or any(isinstance(text, str) and _SQL.search(text) for text in texts):
        return sql.sql
    if name in edit.TOOLS:
        return edit.TOOLS[name]
    if name in http.TOOLS and any(isinstance(tool_input.get(one), str) for one in ("url", "uri")):
        return http.http
    return by_name


def by_cluster(scene: Scene) -> Reading:
    """A tool whose name speaks of a cluster: by its verb, else by its command, else by its name alone."""
    found = kubernetes.cluster(words_of(scene.call.tool_name), scene)
    if found is not None:
        return found
    return shell.bash(scene) if "command" in scene.call.tool_input else by_name(scene)


def bare_name(tool_name: str) -> str:
    """The name a server gives its tool: all that follows `mcp__SERVER__`, which the server cannot choose."""
    return tool_name.split("__", 2)[-1] if tool_name.startswith("mcp__") else tool_name


def words_of(tool_name: str) -> list[str]:
    """The words of a tool's name in lower case: `mcp__bank__send_money` -> `send money`; `GmailSendEmail` -> ..."""
    return [word.lower() for word in _WORDS.findall(bare_name(tool_name))]


def by_name(scene: Scene) -> Reading:
    """The act that the name's verb says, on what the arguments name."""
    call = scene.call
    words = words_of(call.tool_name)
    act = act_of(words)
    effects = _of_server(call.tool_name)
    if act:
        attributes: dict[str, Any] = {
            "tool": True,
            "verb": next((word for word in words if word in _VERBS or word == "send"), ""),
        }
        amount = next(
            (call.tool_input[one] for one in _AMOUNTS if isinstance(call.tool_input.get(one), (int, float))),
            None,
        )
        if amount is not None:
            attributes["amount"] = float(amount)
        names = tuple(
            (name, str(call.tool_input[name]))
            for name in ("environment", "env", "namespace", "context", "cluster", "project")
            if isinstance(call.tool_input.get(name), str)
        )
        target = first_known(names, scene) if names else None
        effects.append(Effect(act, " ".join(words), attributes, target, found_in=""))
    for name, value in call.tool_input.items():
        if (
            isinstance(value, str)
            and value.startswith(("http://", "https://"))
            and len(value) < URL_CHARS_MAX
            and "\n" not in value
        ):
            effects += [one for one in http.request(value, "GET", None, scene) if one.act == "net.internal"]
        if name in _DESTINATIONS and isinstance(value, str) and act:
            effects += edit.written(value[: edit.PATH_CHARS_MAX], scene, overwrite=False)
        if name in ("path", "file_path", "filename") and isinstance(value, str):
            effects += [] if _only_names(words) else edit.read(scene).effects
            if act in ("record.change", "record.delete"):
                effects += edit.written(
                    value[: edit.PATH_CHARS_MAX], scene, overwrite=False, deleted=act == "record.delete"
                )
    effects += signals((name, value) for name, value in call.tool_input.items() if isinstance(value, str))
    return Reading(effects)


def _only_names(words: list[str]) -> bool:
    """Whether a tool tells names and sizes of files, not what is in them."""
    return not {"list", "search", "info", "tree", "stat", "exists", "find"}.isdisjoint(words)


def _of_server(tool_name: str) -> list[Effect]:
    """What a tool server asks of its client, as `flyball guard proxy` names it."""
    prefix, _, asked = tool_name.rpartition("__")
    if prefix.startswith("mcp__") and asked in ("sampling", "elicitation"):
        return [Effect(f"mcp.{asked}", prefix.removeprefix("mcp__"))]
    return []


def act_of(words: list[str]) -> str:
    """The act a tool's name says, "" where it reads."""
    first = next((word for word in words if word in _VERBS or word in _READS or word == "send"), "")
    if first == "send":
        return "money.transfer" if not _MONEY.isdisjoint(words) else "message.send"
    act = "" if first in _READS else _VERBS.get(first, "")
    if act != "record.change":
        return act
    # what is changed says more than that it is changed: an order, a password, a post
    if not _MONEY.isdisjoint(words) and first in _COMMITS:
        return "money.transfer"
    return next((kind for names, kind in _CHANGED if not names.isdisjoint(words)), act)


_COMMITS = frozenset({"create", "submit", "schedule", "execute", "update"})
_CHANGED = ((_ACCESS, "access.grant"), (_MESSAGE, "message.send"))
