"""Infrastructure as code: what is applied or destroyed, and in which environment."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from flyball_sdk.guard.effect import Effect, Target
from flyball_sdk.guard.effects.make import Reader, effect
from flyball_sdk.guard.effects.options import Options, options
from flyball_sdk.guard.scene import Scene
from flyball_sdk.guard.shell.command import UNKNOWN, Command

_VALUED = ("-s", "--stack", "-c", "--context", "-i", "--inventory", "-e", "--extra-vars", "-l", "--limit", "--profile",
           "--cwd", "-C", "--stack-name", "--terragrunt-working-dir", "-m", "-a", "--region")  # fmt: skip


def terraform(command: Command, scene: Scene) -> Iterator[Effect]:
    """`terraform`, `tofu`, `terragrunt`: https://developer.hashicorp.com/terraform/cli/commands."""
    given = options(command.words, ("-var", "-var-file", "-target", "-state", "-replace"))
    if given.has("-help", "--help", "-h") or not given.words:
        return
    words = [word for word in given.words if word != "run-all"]
    verb, rest = words[0] if words else "", words[1:]
    if verb == "run" and rest:
        verb, rest = rest[0], rest[1:]
    target = terraform_target(given, command, scene)
    if verb == "destroy" or (verb in ("apply", "plan") and given.has("-destroy") and verb == "apply"):
        yield effect(
            "iac.destroy", target.name or "everything", command, target=target, unasked=_unasked(given)
        )
    elif verb == "apply":
        counts = saved_plan(rest[0], command, scene) if rest else {}
        act = "iac.destroy" if counts.get("delete") else "iac.apply"
        yield effect(
            act, rest[0] if rest else target.name, command, target=target, unasked=_unasked(given), **counts
        )
    elif verb == "state" and rest[:1] and rest[0] in ("rm", "push", "replace-provider", "mv"):
        yield effect("iac.state", " ".join(rest), command, target=target)
    elif verb in ("force-unlock", "taint", "untaint", "import"):
        yield effect("iac.state", " ".join(rest) or verb, command, target=target)
    elif verb == "workspace" and rest[:1] == ["delete"]:
        yield effect("iac.state", " ".join(rest), command, target=target)


def _unasked(given: Options) -> bool:
    return given.has("-auto-approve", "--auto-approve", "--terragrunt-non-interactive", "--yes", "-y")


def terraform_target(given: Options, command: Command, scene: Scene) -> Target:
    """Workspace, directory or variables' file, in the order in which they decide."""
    folder = (given.value("-chdir", "--terragrunt-working-dir") or command.cwd).rstrip("/")
    beside = scene.files.text(f"{folder}/.terraform/environment" if folder else ".terraform/environment")
    said = (
        ("TF_WORKSPACE", command.env.get("TF_WORKSPACE", "")),
        ("-var-file", " ".join(given.all("-var-file"))),
        (
            "-var",
            " ".join(v for v in given.all("-var") if re.match(r"(env|environment|stage|workspace)=", v)),
        ),
        (".terraform/environment", (beside or "").strip()),
        ("-chdir", given.value("-chdir", "--terragrunt-working-dir")),
        ("directory", command.cwd),
        ("directory", scene.call.context.cwd.rpartition("/")[2]),
    )
    return first_known(said, scene)


def first_known(said: tuple[tuple[str, str], ...], scene: Scene) -> Target:
    """The first of (source, name) that names an environment; production wins over what stands before it."""
    found = [
        Target(scene.targets.environment(name), name, source)
        for source, name in said
        if name and UNKNOWN not in name
    ]
    hidden = [Target("unknown", "", source) for source, name in said if UNKNOWN in name]
    known = [one for one in found if one.environment != "unknown"]
    for one in known:
        if one.environment == "production":
            return one
    if hidden:
        return hidden[0]
    return known[0] if known else (found[0] if found else Target())


def saved_plan(path: str, command: Command, scene: Scene) -> dict[str, int]:
    """What a saved plan would do, counted: from `PATH.json` (`terraform show -json`) or PATH itself if it is JSON."""
    at = f"{command.cwd}/{path}" if command.cwd and path[:1] != "/" else path
    for name in (at, f"{at}.json"):
        counts = _plan_counts(scene.files.text(name))
        if counts:
            return counts
    return {}


def _plan_counts(text: str | None) -> dict[str, int]:
    if not text or text[:1] != "{":
        return {}
    try:
        changes = json.loads(text).get("resource_changes", [])
        acts = [act for change in changes for act in change["change"]["actions"]]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
    return {kind: acts.count(kind) for kind in ("create", "update", "delete")} | {"count": len(acts)}


def pulumi(command: Command, scene: Scene) -> Iterator[Effect]:
    """`pulumi up|destroy`: the stack is the target."""
    given = options(command.words, _VALUED)
    verb = given.words[0] if given.words else ""
    target = first_known(
        (("--stack", given.value("-s", "--stack")), ("PULUMI_STACK", command.env.get("PULUMI_STACK", ""))),
        scene,
    )
    if verb in ("destroy", "down"):
        yield effect("iac.destroy", target.name or "everything", command, target=target)
    elif verb in ("up", "update"):
        yield effect("iac.apply", target.name, command, target=target)
    elif verb in ("state", "stack", "cancel") and (
        verb == "cancel" or given.words[1:2] in (("delete",), ("rm",))
    ):
        yield effect("iac.state", " ".join(given.words[1:]), command, target=target)


def cdk(command: Command, scene: Scene) -> Iterator[Effect]:
    """`cdk`, `sam`, `sls`, `serverless`, `sst`, `copilot`, `amplify`: deploy and destroy a stack."""
    given = options(command.words, (*_VALUED, "--stage", "--env", "-n", "--name"))
    verb, rest = (given.words[0] if given.words else ""), given.words[1:]
    named = given.value("--stage", "-s", "--env", "--profile", "--stack", "--stack-name")
    target = first_known((("--stage", named), ("stack", " ".join(rest))), scene)
    if verb in ("destroy", "remove", "delete") or rest[:1] == ("delete",):
        yield effect("iac.destroy", " ".join(rest) or target.name or "everything", command, target=target)
    elif verb in ("deploy", "up") or rest[:1] == ("deploy",):
        yield effect("iac.apply", " ".join(rest), command, target=target)


def ansible(command: Command, scene: Scene) -> Iterator[Effect]:
    """`ansible`, `ansible-playbook`: the inventory and the limit are the target."""
    given = options(command.words, _VALUED)
    if given.has("--check", "-C", "--syntax-check", "--list-hosts", "--list-tasks", "--version"):
        return
    said = (
        ("--inventory", " ".join(given.all("-i", "--inventory"))),
        ("--limit", given.value("-l", "--limit")),
    )
    target = first_known(said, scene)
    if command.name == "ansible-playbook":
        yield effect("iac.apply", " ".join(given.words), command, target=target)
    elif given.value("-m") in (
        "shell",
        "command",
        "raw",
        "script",
        "file",
        "service",
        "systemd",
        "apt",
        "yum",
        "user",
        "reboot",
        "copy",
    ):
        yield effect("iac.apply", given.value("-a"), command, target=target)


READERS: Mapping[str, Reader] = {
    "terraform": terraform, "tofu": terraform, "opentofu": terraform, "terragrunt": terraform, "pulumi": pulumi,
    "ansible": ansible, "ansible-playbook": ansible,
} | dict.fromkeys(("cdk", "sam", "sls", "serverless", "sst", "copilot", "amplify", "cdktf"), cdk)  # fmt: skip
