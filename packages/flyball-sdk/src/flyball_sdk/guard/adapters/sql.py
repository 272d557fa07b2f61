"""Tools that run SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flyball_sdk.guard.adapters.reading import Reading, unread
from flyball_sdk.guard.effects.hosts import host_of, kind_of
from flyball_sdk.guard.effects.iac import first_known
from flyball_sdk.guard.effects.sql import statements
from flyball_sdk.guard.scene import Scene

_TEXTS = ("sql", "query", "statement", "sql_query", "queries", "statements", "command")
_TARGETS = (
    "host",
    "hostname",
    "database",
    "db",
    "dbname",
    "connection",
    "connection_name",
    "dsn",
    "url",
    "environment",
    "env",
    "cluster",
    "instance",
    "project",
    "project_id",
    "branch",
    "profile",
    "warehouse",
)


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, (list, tuple)) else (value,)


def sql(scene: Scene) -> Reading:
    """The statements of `sql`, `query`, `statement`, with what names the database."""
    tool_input = scene.call.tool_input
    texts = [(name, one) for name in _TEXTS for one in _listed(tool_input.get(name)) if isinstance(one, str)]
    if not texts:
        return unread("a database tool without a statement")
    said = tuple(
        (name, str(tool_input[name])) for name in _TARGETS if isinstance(tool_input.get(name), (str, int))
    )
    target = first_known(tuple((name, value.rpartition("@")[2]) for name, value in said), scene)
    if target.environment == "unknown" and any(kind_of(host_of(value)) == "loopback" for _, value in said):
        target = type(target)("development", target.name, target.source)
    whole = ";\n".join(text for _, text in texts)
    return Reading(list(statements(whole, target=target, base={"found_in": texts[0][0]})))


TOOLS = dict.fromkeys(
    (
        "execute_sql",
        "run_sql",
        "sql",
        "query",
        "run_query",
        "execute_query",
        "sql_query",
        "db_query",
        "postgres_query",
        "mysql_query",
    ),
    sql,
)
