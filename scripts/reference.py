"""Write docs/reference from the code: `python scripts/reference.py [FOLDER]`.

A command, question, tool, setting or receiver without a description is refused: what a user can touch is
described where it is defined. A test holds the committed pages against what this writes.
"""

from __future__ import annotations

import ast
import dataclasses
import enum
import importlib.metadata
import inspect
import itertools
import os
import sys
import textwrap
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio
import typer
from flyball.api.routes import openapi_document
from flyball.cli import commands
from flyball.cli.exit_codes import EXIT_CODES
from flyball.cli.main import ENVIRONMENT, app
from flyball.component.registry import receiver_names
from flyball.folders import default_folder
from flyball.hook.status import reach
from flyball.mcp.server import mcp_server
from flyball.mcp.words import TOKENS_DEFAULT, TOKENS_MAX, TOKENS_MIN
from flyball.queries.questions import QUESTIONS
from flyball.settings import Settings
from mcp import Client
from reference_guard import guard

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"
_NOTE = "<!-- Made from the code by `make reference`; edit the docstrings instead. -->\n\n"


class Undescribed(Exception):
    """Something a user can touch has no description."""


def described(text: str | None, what: str) -> str:
    """The text on one line.

    Raises:
        Undescribed: there is none.
    """
    if not text or not text.strip():
        raise Undescribed(f"{what} has no description")
    return " ".join(text.split())


def pages() -> dict[str, str]:
    """File name -> text of every page of the reference."""
    made = {
        "cli": cli(),
        "rest": rest(),
        "mcp": mcp(),
        "settings": settings(),
        "receivers": receivers(),
        "guard": guard(),
        "clients": clients(),
    }
    return {f"{name}.md": _NOTE + text.rstrip() + "\n" for name, text in made.items()}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; a bar inside a cell is escaped."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


# -- coding agents --------------------------------------------------------------------------------------


def clients() -> str:
    """Which tools of which client ask the hook, as `make reach` found it with the real ones."""
    told = """\
        Which of a client's tools ask the guard before they run, found with the real clients and a scripted model by
        `make reach`. Each tool that a client offers was called once: *asks* means that its hook was asked. A call that
        the client refuses before it asks anybody (an id that does not exist) shows nothing. `flyball status` names
        the tools that never ask.
        """
    parts = ["# Coding agents\n", textwrap.dedent(told)]
    for client, versions in reach().items():
        parts.append(f"## {client}\n")
        tools = sorted({tool for found in versions.values() for tool in found})
        rows = [(f"`{tool}`", *(found.get(tool, "-") for found in versions.values())) for tool in tools]
        parts.append(table(("tool", *versions), rows))
    return "\n".join(parts)


# -- command line ---------------------------------------------------------------------------------------


def cli() -> str:
    """Every command with its arguments, and what every command shares."""
    if not app.registered_commands:
        commands.register(app)
    parts = ["# Command line\n"]
    for name, command in _commands(typer.main.get_command(app), "flyball"):
        parts.append(f"## {name}\n\n{_paragraphs(command.help, name)}\n\n{_parameters(command, name)}")
    codes = table(("code", "meaning"), ((str(code), text) for code, text in EXIT_CODES.items()))
    parts.append(f"## Exit codes\n\nEvery error is one line on standard error.\n\n{codes}")
    parts.append("## Environment\n\n" + table(("variable", ""), _code_first(ENVIRONMENT.items())))
    return "\n".join(parts)


def _commands(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    for name, child in getattr(command, "commands", {}).items():
        yield f"{path} {name}", child
        yield from _commands(child, f"{path} {name}")


def _parameters(command: Any, name: str) -> str:
    rows = [
        (
            f"`{_spelling(parameter)}`",
            described(parameter.help, f"{name} {parameter.name}"),
            "required" if parameter.required else _default(parameter.default),
        )
        for parameter in command.params
        if parameter.name != "help"
    ]
    return table(("option", "", "default"), rows) if rows else ""


def _spelling(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return parameter.metavar or parameter.name.upper()
    return ", ".join(parameter.opts) + ("" if parameter.is_flag else f" {parameter.metavar or 'VALUE'}")


def _default(value: Any) -> str:
    return "" if value in (None, False, "", [], ()) else f"`{value}`"


def _paragraphs(text: str | None, what: str) -> str:
    blocks = inspect.cleandoc(text or "").replace("\f", "").split("\n\n")
    return "\n\n".join(described(block, what) for block in blocks)


# -- REST -----------------------------------------------------------------------------------------------


def rest() -> str:
    """Every path of the OpenAPI document, and the fields of what answers."""
    intro = (
        "Everything is on port 4320, as OpenAPI at `/api/v1/openapi.json`. An error is"
        ' `{"error": "one sentence"}`. With a token configured every request carries'
        " `Authorization: Bearer TOKEN`. `GET /healthz` tells the pipeline's state, 503 when it is in trouble.\n"
    )
    parts = ["# REST\n", intro]
    answers = {q.name: typing.get_type_hints(q.ask)["return"] for q in QUESTIONS}
    for path, methods in openapi_document()["paths"].items():
        for method, operation in methods.items():
            parts.append(_operation(path, method, operation, answers))
    parts.append("## What the answers hold\n")
    parts += [_view(view) for view in _views(answers.values())]
    return "\n".join(parts)


def _operation(path: str, method: str, operation: Mapping[str, Any], answers: Mapping[str, type]) -> str:
    title = f"{method.upper()} {path}"
    rows = [
        (
            f"`{p['name']}`",
            p["schema"]["type"],
            described(p["description"], f"{title} {p['name']}"),
            "required" if p["required"] else _default(p["schema"].get("default")),
        )
        for p in operation.get("parameters", [])
    ]
    if body := operation.get("requestBody"):
        schema = body["content"]["application/json"]["schema"]
        rows = [
            (
                f"`{name}`",
                field["type"],
                described(field.get("description"), f"{title} {name}"),
                "required" if name in schema["required"] else "",
            )
            for name, field in schema["properties"].items()
        ]
    view = answers.get(operation["operationId"])
    told = (
        f"\nAnswers with [{view.__name__}](#{view.__name__.lower()}).\n" if view and method == "get" else ""
    )
    head = ("field" if body else "parameter", "", "", "default")
    return f"## {title}\n\n{described(operation['summary'], title)}\n\n{table(head, rows)}{told}"


def _views(roots: Iterable[Any]) -> list[type]:
    """The dataclasses that answers are made of, each once, in the order they are met."""
    found: dict[type, None] = {}
    waiting = list(roots)
    while waiting:
        hint = waiting.pop(0)
        waiting = [*typing.get_args(hint), *waiting]
        if dataclasses.is_dataclass(hint) and isinstance(hint, type) and hint not in found:
            found[hint] = None
            waiting += typing.get_type_hints(hint).values()
    return list(found)


def _view(view: type) -> str:
    hints = typing.get_type_hints(view)
    rows = [(f"`{f.name}`", _json_type(hints[f.name])) for f in dataclasses.fields(view)]
    return (
        f"### {view.__name__}\n\n{_paragraphs(view.__doc__, view.__name__)}\n\n{table(('field', ''), rows)}"
    )


_JSON_TYPES = {"str": "text", "int": "number", "float": "number", "bool": "true or false", "datetime": "time"}


def _json_type(hint: Any) -> str:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if isinstance(hint, types.UnionType) or origin is typing.Union:
        return " or ".join("null" if a is type(None) else _json_type(a) for a in arguments)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return "object"
    if origin is not None:
        return f"list of {_json_type(arguments[0])}"
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return ", ".join(f"`{member.value}`" for member in hint)
    name = getattr(hint, "__name__", str(hint))
    return f"[{name}](#{name.lower()})" if dataclasses.is_dataclass(hint) else _JSON_TYPES.get(name, "any")


# -- MCP ------------------------------------------------------------------------------------------------


def mcp() -> str:
    """Every tool as a client is told of it."""

    async def listed() -> tuple[str, Sequence[Any]]:
        async def ask(*_: Any) -> Any:
            raise NotImplementedError

        async with Client(mcp_server(ask, ask, base_url="")) as client:
            return client.instructions or "", (await client.list_tools()).tools

    instructions, tools = anyio.run(listed)
    intro = (
        "Streamable HTTP at `http://127.0.0.1:4320/mcp`, or `flyball mcp` on stdio. Every tool reads; only"
        " `record_fix` writes, into the memory."
        f" An answer has at most {TOKENS_DEFAULT} tokens (estimated) unless `max_tokens` ({TOKENS_MIN} to"
        f" {TOKENS_MAX}) says otherwise; what is cut is counted, with the `cursor` that continues.\n"
    )
    parts = ["# MCP\n", intro, f"Clients are told: {described(instructions, 'the MCP server')}\n"]
    for tool in tools:
        needed = tool.input_schema.get("required", [])
        rows = [
            (
                f"`{name}`",
                schema["type"],
                described(schema.get("description"), f"{tool.name} {name}"),
                "required" if name in needed else "",
            )
            for name, schema in tool.input_schema["properties"].items()
        ]
        parts.append(f"## {tool.name}\n\n{described(tool.description, tool.name)}\n")
        parts.append(table(("argument", "", "", ""), rows))
    return "\n".join(parts)


# -- settings and receivers -----------------------------------------------------------------------------


def settings() -> str:
    """Every setting of `flyball up`."""
    rows = [
        (
            f"`{name}`",
            f"`{Settings.model_config.get('env_prefix', '')}{name.upper()}`",
            described(field.description, f"setting {name}") + _limits(field.metadata),
            _setting_default(name, field),
        )
        for name, field in Settings.model_fields.items()
    ]
    return (
        "# Settings\n\nOf `flyball up`. The first that is given counts: command line, environment, the YAML file of"
        " `--config`. Lists and mappings stand in an environment variable as JSON.\n\n"
        + table(("key in the file", "environment", "", "default"), rows)
        + "\nThe options of `flyball up` are on [the command line's page](cli.md#flyball-up); what stands under"
        " `receivers` on [that of the receivers](receivers.md).\n"
    )


def _limits(metadata: Sequence[Any]) -> str:
    bounds = [("at least", m.ge) for m in metadata if hasattr(m, "ge")]
    bounds += [("at most", m.le) for m in metadata if hasattr(m, "le")]
    return f" ({', '.join(f'{word} {number}' for word, number in bounds)})" if bounds else ""


def _setting_default(name: str, field: Any) -> str:
    if name == "data_folder":
        os.environ.pop("XDG_DATA_HOME", None)
        return f"`{str(default_folder()).replace(str(Path.home()), '~')}`"
    value = field.get_default(call_default_factory=True)
    return _default(value)


def receivers() -> str:
    """Every receiver that is installed with Flyball."""
    parts = [
        "# Receivers\n",
        "What stands under `receivers:` in the YAML file of `flyball up --config`, by name:\n",
        "```yaml\nreceivers:\n  file:\n    paths: [/var/log/checkout/*.log]\n    service: checkout\n```\n",
    ]
    for name in receiver_names():
        (point,) = importlib.metadata.entry_points(group="flyball.receivers", name=name)
        component = point.load()
        told = _field_docs(component)
        rows = [
            (f"`{f.name}`", described(told.get(f.name), f"receiver {name}.{f.name}"), _field_default(f))
            for f in dataclasses.fields(component)
        ]
        parts.append(f"## {name}\n\n{_paragraphs(component.__doc__, name)}\n")
        parts.append(table(("field", "", "default"), rows))
    return "\n".join(parts)


def _field_docs(component: type) -> dict[str, str]:
    """The string that stands under each field."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(component))).body
    body = typing.cast("ast.ClassDef", definition).body
    docs: dict[str, str] = {}
    for node, following in itertools.pairwise(body):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            value = following.value if isinstance(following, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                docs[node.target.id] = value.value
    return docs


def _field_default(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        return "`true`" if field.default is True else _default(field.default)
    return ""


def _code_first(rows: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    return ((f"`{name}`", text) for name, text in rows)


def main() -> None:
    """Write every page."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text)
        sys.stdout.write(f"{folder / name}\n")


if __name__ == "__main__":
    main()
