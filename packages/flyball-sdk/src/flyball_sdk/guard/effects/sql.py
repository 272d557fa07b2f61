"""SQL: what a text would do to a database. sqlglot reads it; what it does not know is read by its first words."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from itertools import islice
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from flyball_sdk.guard.effect import Effect, Target
from flyball_sdk.guard.linear import Pattern

# So many tokens are parsed (about 10 us each); a longer text is judged by its statements' first words.
_PARSED_TOKENS_MAX = 300
_READ_CHARS_MAX = 256 * 1024
STATEMENTS_MAX = 200
_HARMLESS = re.compile(
    r"^\s*(?:select|show|describe|desc|explain|values|use|pragma\s+\w+\s*;?\s*$|begin|commit|rollback|end|start)\b",
    re.IGNORECASE,
)
# a text without any of these words changes nothing: it is not parsed
_CHANGES = Pattern(
    r"(?i)\b(?:drop|truncate|delete|update|insert|alter|create|grant|revoke|copy|merge|replace|into|call|exec|execute|do|load|attach|detach|vacuum|lock|rename|"
    r"reassign|security|set|kill|shutdown|optimize|xp_\w+|pg_\w+|lo_\w+|dblink\w*|sys_\w+|import|export|backup|restore|unload|flush|reset|purge|comment|refresh|outfile|dumpfile|load_file|load_extension|analyze|system|alter)\b|\\!|\\copy|\\o\s|^\s*\."
)
_EXECUTES = Pattern(
    r"(?im)\bcopy\b[^;]*\b(?:to|from)\s+program\b|\binto\s+(?:outfile|dumpfile)\b|\bload_file\s*\(|\bload\s+data\b|\bxp_cmdshell\b|\bsp_oacreate\b|\bsys_exec\b|\bsys_eval\b|"
    r"\bpg_read_(?:binary_)?file\s*\(|\bpg_ls_dir\s*\(|\blo_(?:import|export)\s*\(|\bdblink\w*\s*\(|\bcreate\s+(?:or\s+replace\s+)?function\b[^;]*\blanguage\s+['\"]?(?:c|plpythonu|plpython3u|plperlu|plsh)\b|"
    r"\bcreate\s+extension\b|\butl_http\b|\butl_file\b|\bdbms_scheduler\b|\\!\s*\S|\\copy\b[^\n]*\bprogram\b|\battach\s+database\b|^\s*\.(?:shell|system|load|import)\b|\bload_extension\s*\(|\bcopy\b[^;]*\b(?:to|from)\s+'|"
    r"\bcreate\s+(?:trigger|event)\b|\bsystem\s+(?:rm|sh|bash|curl)\b|\burl\s*\(\s*'http|\bremote\s*\("
)
_STOPS = Pattern(
    r"(?i)\b(?:pg_terminate_backend|pg_cancel_backend|pg_reload_conf|pg_rotate_logfile)\s*\(|^\s*(?:kill|shutdown)\b"
)
_FIRST = (
    (
        "sql.ddl",
        re.compile(
            r"^\s*(?:drop|truncate|rename|alter\s+(?:table|database|schema|role|user|system|index|type)|detach|optimize|purge|flush|reset)\b",
            re.IGNORECASE,
        ),
    ),
    (
        "sql.grant",
        re.compile(
            r"^\s*(?:grant|revoke|reassign|alter\s+(?:user|role|default)|create\s+(?:user|role|login)|drop\s+(?:user|role|owned)|deny|set\s+password)\b",
            re.IGNORECASE,
        ),
    ),
    (
        "sql.write",
        re.compile(
            r"^\s*(?:insert|update|delete|merge|replace|copy|call|exec|execute|do|load|create|import|restore)\b",
            re.IGNORECASE,
        ),
    ),
)
_ALWAYS = re.compile(
    r"^\(?\s*(?:true|1|\(?\s*['\"]?(\w+)['\"]?\s*=\s*['\"]?\1['\"]?\s*\)?)\s*\)?$", re.IGNORECASE
)


def statements(
    text: str, *, target: Target | None, dialect: str = "", base: dict[str, Any] | None = None
) -> Iterator[Effect]:
    """The effects of a SQL text, statement by statement.

    `base` holds what every effect carries (span, found_in, via). Never raises: what cannot be parsed is read by its
    first words.
    """
    common = base or {}
    if not _CHANGES.search(text):
        return
    for found in _EXECUTES.finditer(text):
        yield Effect("sql.execute", _short(found[0] or ""), target=target, **common)
    if _STOPS.search(text):
        yield Effect("service.change", _short(text), target=target, **common)
    parsed = _parsed(text, dialect)
    if parsed is None:
        for one in _split(text)[:STATEMENTS_MAX]:
            yield from _by_first_words(one, target, common)
        return
    for tree, words in parsed:
        if tree is None:
            yield from _by_first_words(words, target, common)
        else:
            yield from _of_tree(tree, target, common)


def _short(text: str) -> str:
    return " ".join(text.split())[:120]


def _split(text: str) -> list[str]:
    bare = re.sub(r"/\*.*?\*/|--[^\n]*", " ", text[:_READ_CHARS_MAX], flags=re.DOTALL)
    return [one for one in bare.split(";") if one.strip()]


_TOKEN = re.compile(r"\w+|[^\w\s]")


def _parsed(text: str, dialect: str) -> list[tuple[Any, str]] | None:
    """(tree or None, text) for each statement; None where the text as a whole cannot be parsed."""
    if (
        len(text) > _READ_CHARS_MAX
        or sum(1 for _ in islice(_TOKEN.finditer(text), _PARSED_TOKENS_MAX + 1)) > _PARSED_TOKENS_MAX
    ):
        return None

    logging.getLogger("sqlglot").addFilter(_UNHEARD)  # adding it twice changes nothing
    clean = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith(("\\", ".")))
    _UNHEARD.here.parsing = True
    try:
        trees = sqlglot.parse(clean, read=dialect or None, error_level=sqlglot.ErrorLevel.RAISE)
    except (
        SqlglotError,
        RecursionError,
        ValueError,
        AttributeError,
        TypeError,
        IndexError,
        KeyError,
    ):
        return None
    finally:
        _UNHEARD.here.parsing = False
    if len(trees) > STATEMENTS_MAX:
        return None
    return [
        (None if isinstance(tree, exp.Command) else tree, tree.sql() if isinstance(tree, exp.Command) else "")
        for tree in trees
        if tree is not None
    ]


class _Unheard(logging.Filter):
    """Keeps sqlglot from telling the host's log, with the text, what it could not parse for us."""

    here = threading.local()

    def filter(self, record: logging.LogRecord) -> bool:
        del record
        return not getattr(self.here, "parsing", False)


_UNHEARD = _Unheard()


def _by_first_words(text: str, target: Target | None, common: dict[str, Any]) -> Iterator[Effect]:
    if re.match(r"^\s*explain\b", text, re.IGNORECASE):
        if not re.match(r"^\s*explain\s+\(?\s*analy[sz]e", text, re.IGNORECASE):
            return
        text = re.sub(
            r"^\s*explain\s+(?:\([^)]*\)|analy[sz]e)\s*(?:verbose\s+)?",
            "",
            text,
            count=1,
            flags=re.IGNORECASE,
        )
    for act, pattern in (_FIRST[1], _FIRST[0], _FIRST[2]):
        if pattern.match(text):
            mass = (
                act == "sql.write"
                and re.match(r"^\s*(?:delete|update)\b", text, re.IGNORECASE)
                and not re.search(r"\bwhere\b", text, re.IGNORECASE)
            )
            yield Effect("sql.mass_write" if mass else act, _short(text), target=target, **common)
            return


def _of_tree(tree: Any, target: Target | None, common: dict[str, Any]) -> Iterator[Effect]:

    for node in tree.walk():
        kind = type(node)
        if kind in (exp.Drop, exp.TruncateTable):
            yield Effect("sql.ddl", _short(node.sql()), {"drops": True}, target, **common)
        elif kind is exp.Alter:
            lossy = any(
                isinstance(one, (exp.Drop, exp.AlterRename)) for one in node.args.get("actions") or ()
            )
            yield Effect("sql.ddl", _short(node.sql()), {"drops": lossy, "alters": True}, target, **common)
        elif kind in (exp.Delete, exp.Update) and not isinstance(node.parent, exp.When):
            where = node.args.get("where")
            mass = where is None or _ALWAYS.match(where.this.sql()) is not None
            yield Effect(
                "sql.mass_write" if mass else "sql.write",
                _short(node.sql()),
                {"verb": kind.key},
                target,
                **common,
            )
        elif kind in (exp.Insert, exp.Merge):
            yield Effect(
                "sql.ddl" if node.args.get("overwrite") else "sql.write",
                _short(node.sql()),
                {"verb": kind.key},
                target,
                **common,
            )
        elif kind is exp.Create:
            replaces = bool(node.args.get("replace")) and node.args.get("kind") in (
                "TABLE",
                "SCHEMA",
                "DATABASE",
            )
            yield Effect(
                "sql.ddl" if replaces else "sql.write",
                _short(node.sql()),
                {"verb": "create", "drops": replaces},
                target,
                **common,
            )
        elif kind in (exp.Grant, getattr(exp, "Revoke", exp.Grant)):
            yield Effect("sql.grant", _short(node.sql()), target=target, **common)
        elif kind is exp.Copy:
            yield Effect("sql.write", _short(node.sql()), {"verb": "copy"}, target, **common)
