"""`flyball guard`: the wall at the tool call: its state, its switches, approvals, policies, and what a call would do."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from flyball.cli.whats_new import Json, Server, ask, print_view

guard = typer.Typer(help="The wall at the tool call of coding agents.", no_args_is_help=True)
policies = typer.Typer(help="Policies: which rules hold for whom, in which mode.", no_args_is_help=True)
guard.add_typer(policies, name="policies")

Data = Annotated[
    Path | None, typer.Option(help="The data folder that holds the operator's token (guard/operator.token)")
]
Reason = Annotated[str, typer.Option(help="Why, for the log")]


@guard.command()
def status(*, json: Json = False, server: Server = None) -> None:
    """Whether the guard is on: mode, who was last seen, latency, what it stopped."""
    print_view(ask(server, "/api/v1/guard/status"), "guard_status", as_json=json)


@guard.command()
def check(
    command: Annotated[str, typer.Argument(help="A shell command, or with --tool the tool's input as JSON")],
    *,
    tool: Annotated[str, typer.Option(help="The tool that is called")] = "Bash",
    policy: Annotated[Path | None, typer.Option(help="A policy file; the built-in rules without")] = None,
    json: Json = False,
) -> None:
    """Explain in words what the guard makes of a call; nothing is run, and no server is needed."""
    from flyball.cli.guard_check import checked  # noqa: PLC0415 - `flyball --help` stays quick

    print_view(checked(command, tool=tool, policy=policy), "guard_check", as_json=json)


@guard.command("test")
def prove(
    *,
    policy: Annotated[Path | None, typer.Option(help="A policy file with rules of one's own")] = None,
) -> None:
    """Hold every rule against its own examples; ends with 1 where one does not hold."""
    from flyball.cli.guard_check import tested  # noqa: PLC0415

    examples, failures = tested(policy)
    for line in failures:
        sys.stdout.write(line + "\n")
    sys.stdout.write(f"{examples} examples, {len(failures)} do not hold\n")
    if failures:
        raise typer.Exit(1)


@guard.command("compile")
def compile_words(
    words: Annotated[str, typer.Argument(help="The rule in plain English")],
    *,
    model: Annotated[str, typer.Option(help="provider:name, as the setting `model`")],
    base_url: Annotated[str, typer.Option(help="Its address, where it is not the provider's own")] = "",
) -> None:
    """Have a language model draft a rule, try its examples, and print it for a policy file; nothing is put in force."""
    from flyball.cli.guard_check import compiled  # noqa: PLC0415

    found = compiled(words, model=model, base_url=base_url)
    sys.stdout.write(found.text)
    for line in found.examples:
        sys.stdout.write(f"# {line}\n")


@guard.command()
def pause(
    *,
    duration: Annotated[str, typer.Option("--for", help="How long: 30s, 10m, 2h; at most a day")],
    reason: Reason = "",
    data: Data = None,
    server: Server = None,
) -> None:
    """Enforce nothing for a while; what would have been stopped is recorded."""
    _act(server, data, "/pause", {"for": duration, "reason": reason})
    sys.stdout.write(f"the guard is paused for {duration}; `flyball guard resume` ends it\n")


@guard.command()
def lockdown(*, reason: Reason = "", data: Data = None, server: Server = None) -> None:
    """Block every tool call until `flyball guard resume`."""
    _act(server, data, "/lockdown", {"reason": reason})
    sys.stdout.write("every tool call is blocked; `flyball guard resume` ends it\n")


@guard.command()
def resume(*, reason: Reason = "", data: Data = None, server: Server = None) -> None:
    """End a pause or a lockdown."""
    _act(server, data, "/resume", {"reason": reason})
    sys.stdout.write("the policies hold again\n")


@guard.command()
def enforce(
    policy: Annotated[str, typer.Argument(help="The policy")] = "default",
    *,
    off: Annotated[bool, typer.Option("--off", help="Back to audit: record, stop nothing")] = False,
    data: Data = None,
    server: Server = None,
) -> None:
    """Let a policy stop what it only recorded so far."""
    mode = "audit" if off else "enforce"
    _act(server, data, "/mode", {"mode": mode, "policy": policy})
    sys.stdout.write(f"policy {policy}: mode {mode}\n")


@guard.command()
def approvals(
    *,
    state: Annotated[str | None, typer.Option(help="asked, approved, denied, used or expired")] = "asked",
    json: Json = False,
    server: Server = None,
) -> None:
    """List calls that wait for a person: effects first, then the whole call."""
    print_view(ask(server, "/api/v1/guard/approvals", state=state), "guard_approvals", as_json=json)


@guard.command()
def approve(
    approval: Annotated[str, typer.Argument(metavar="ID", help="apr_...")],
    *,
    data: Data = None,
    server: Server = None,
) -> None:
    """Let exactly this call pass once, in its session, with the files that it runs as they are."""
    _verdict(server, data, approval, "approve")


@guard.command()
def deny(
    approval: Annotated[str, typer.Argument(metavar="ID", help="apr_...")],
    *,
    data: Data = None,
    server: Server = None,
) -> None:
    """Block this call."""
    _verdict(server, data, approval, "deny")


@guard.command()
def decisions(
    *,
    action: Annotated[str | None, typer.Option(help="allow, modify, ask, block, or stopped")] = None,
    rule: Annotated[str | None, typer.Option(help="The id of a rule that spoke")] = None,
    session: Annotated[str | None, typer.Option(help="The agent's session")] = None,
    agent: Annotated[str | None, typer.Option(help="The agent's name")] = None,
    limit: Annotated[int, typer.Option(help="Most decisions to list")] = 50,
    json: Json = False,
    server: Server = None,
) -> None:
    """List what was answered to tool calls, newest first."""
    asked = {"action": action, "rule": rule, "session": session, "agent": agent, "limit": limit}
    print_view(ask(server, "/api/v1/guard/decisions", **asked), "guard_decisions", as_json=json)


@guard.command()
def rules(
    contains: Annotated[str | None, typer.Argument(help="Part of a rule's id or title")] = None,
    *,
    json: Json = False,
    server: Server = None,
) -> None:
    """List the rules in force."""
    print_view(ask(server, "/api/v1/guard/rules", contains=contains), "guard_rules", as_json=json)


@guard.command()
def proposals(
    *,
    state: Annotated[str | None, typer.Option(help="proposed, accepted, rejected or all")] = None,
    json: Json = False,
    server: Server = None,
) -> None:
    """List what the guard would learn from what agents did, each with its back-test."""
    print_view(ask(server, "/api/v1/guard/proposals", state=state), "guard_proposals", as_json=json)


@guard.command()
def record(
    rule: Annotated[str, typer.Argument(help="The id of a rule in force")],
    *,
    json: Json = False,
    server: Server = None,
) -> None:
    """What a rule did: how often calls do what it speaks of, before it was accepted and after."""
    print_view(ask(server, f"/api/v1/guard/rules/{rule}/record"), "guard_rule_record", as_json=json)


@guard.command()
def accept(
    proposal: Annotated[str, typer.Argument(metavar="ID", help="prp_...")],
    *,
    rule: Annotated[
        Path | None, typer.Option(help="A file with the rule as you edited it (YAML, a list of one)")
    ] = None,
    data: Data = None,
    server: Server = None,
) -> None:
    """Put a proposal in force; a new rule begins in audit."""
    _settle(server, data, proposal, {"verdict": "accept", "rule": _text_of(rule) if rule else ""})


@guard.command()
def reject(
    proposal: Annotated[str, typer.Argument(metavar="ID", help="prp_...")],
    *,
    reason: Reason = "",
    data: Data = None,
    server: Server = None,
) -> None:
    """Let a proposal go; it is not shown again unless asked for."""
    _settle(server, data, proposal, {"verdict": "reject", "reason": reason})


@policies.command("list")
def list_policies(*, json: Json = False, server: Server = None) -> None:
    """List the policies in force."""
    print_view(ask(server, "/api/v1/guard/policies"), "guard_policies", as_json=json)


@policies.command("apply")
def apply_policy(
    file: Annotated[Path, typer.Argument(help="NAME.yaml; it is held against its own examples first")],
    *,
    data: Data = None,
    server: Server = None,
) -> None:
    """Put a policy in force, in the place of the one of its name."""
    text = _text_of(file)
    answer = _act(server, data, f"/policies/{file.stem}", {"text": text}, method="PUT")
    sys.stdout.write(f"policy {answer['name']}: {answer['rules']} rules, mode {answer['mode']}\n")


@policies.command("remove")
def remove_policy(
    name: Annotated[str, typer.Argument(help="The policy")], *, data: Data = None, server: Server = None
) -> None:
    """Let a policy go; `default` becomes the built-in one again."""
    _act(server, data, f"/policies/{name}", {"text": ""}, method="PUT")
    sys.stdout.write(f"policy {name} is removed\n")


@guard.command()
def audit(
    *,
    anchor: Annotated[
        Path | None, typer.Option(help="A file of anchors: tells tampering that the log alone cannot")
    ] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Check the decision log: its chain, its signatures, and with --anchor that it is what was anchored."""
    from flyball.cli.guard_check import audited  # noqa: PLC0415

    view = audited(folder_of(data), anchor)
    print_view(view, "guard_audit", as_json=json)
    if view["problems"]:
        raise typer.Exit(1)


@guard.command("open")
def open_page(*, data: Data = None, server: Server = None) -> None:
    """Print a link that signs a browser in to the guard's page, once, within a minute."""
    answer = _act(server, data, "/sign-in-link", {})
    sys.stdout.write(answer["url"] + "\n")


def _verdict(server: str | None, data: Path | None, approval: str, verdict: str) -> None:
    answer = _act(server, data, f"/approvals/{approval}", {"verdict": verdict})
    again = "; the same call passes once when it is made again" if answer["state"] == "approved" else ""
    sys.stdout.write(f"{answer['id']}: {answer['state']}{again}\n")


def _settle(server: str | None, data: Path | None, proposal: str, said: dict[str, str]) -> None:
    answer = _act(server, data, f"/proposals/{proposal}", said)
    where = f" in policy {', '.join(answer['policies'])}" if answer["policies"] else ""
    sys.stdout.write(f"{answer['id']}: {answer['verdict']}, rule {answer['rule']}{where}\n")


def _text_of(file: Path) -> str:
    from flyball.errors import InputError  # noqa: PLC0415

    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} cannot be read: {error}") from error
    if not text.strip():
        raise InputError(f"{file} is empty; `flyball guard policies remove {file.stem}` lets a policy go")
    return text


def _act(
    server: str | None, data: Path | None, path: str, body: dict[str, str], *, method: str = "POST"
) -> Any:
    """One write, with the operator's token."""
    from flyball.cli.client import call, server_url  # noqa: PLC0415
    from flyball.guard.keys import guard_folder, operator_token  # noqa: PLC0415

    token = operator_token(guard_folder(folder_of(data)))
    given = {name: value for name, value in body.items() if value or name == "text"}
    if path != "/sign-in-link":
        given["by"] = getpass.getuser()
    return call(method, server_url(server), f"/api/v1/guard{path}", body=given, token=token)


def folder_of(data: Path | None) -> Path:
    """The data folder: the one that is given, else $FLYBALL_DATA_FOLDER, else the default one."""
    import os  # noqa: PLC0415

    from flyball.folders import default_folder  # noqa: PLC0415

    given = os.environ.get("FLYBALL_DATA_FOLDER")
    return data or (Path(given) if given else default_folder())
