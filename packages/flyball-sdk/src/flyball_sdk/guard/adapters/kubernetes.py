"""Tools that command a cluster (MCP servers, agents' own functions): told as the kubectl or helm command they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flyball_sdk.guard.adapters import shell
from flyball_sdk.guard.adapters.reading import Reading
from flyball_sdk.guard.effects.kubernetes import helm, kubectl
from flyball_sdk.guard.scene import Scene
from flyball_sdk.guard.shell.command import Command

_TELLING = frozenset(
    {
        "kubectl",
        "kubernetes",
        "k8s",
        "pods",
        "pod",
        "helm",
        "deployment",
        "namespace",
        "node",
        "pvc",
        "openshift",
        "statefulset",
        "daemonset",
    }
)
# words of a tool's name -> the verb of kubectl or helm
_VERBS: Mapping[str, str] = {
    "delete": "delete", "remove": "delete", "evict": "evict", "drain": "drain", "cordon": "cordon", "uncordon": "uncordon", "scale": "scale", "rollout": "rollout", "restart": "rollout",
    "apply": "apply", "create": "create", "update": "replace", "patch": "patch", "edit": "edit", "replace": "replace", "exec": "exec", "forward": "port-forward", "debug": "debug",
    "taint": "taint", "label": "label", "annotate": "annotate", "uninstall": "uninstall", "install": "install", "upgrade": "upgrade", "rollback": "rollback", "get": "get",
}  # fmt: skip
_RELEASE = frozenset({"uninstall", "install", "upgrade", "rollback"})
_KINDS = ("resourceType", "resource_type", "kind", "type")
_NAMES = ("name", "resourceName", "pod", "podName", "deployment")


def concerns(words: list[str], tool_name: str) -> bool:
    """Whether a tool of this name commands a cluster."""
    low = tool_name.lower()
    forwards = words[-2:] == ["port", "forward"]
    return forwards or not _TELLING.isdisjoint(words) or "__k8s" in low or "__kube" in low or "kubectl" in low


def cluster(words: list[str], scene: Scene) -> Reading | None:
    """The effects of a cluster's tool; None where its name says no verb that this module knows."""
    verb = next((_VERBS[word] for word in words if word in _VERBS), "")
    if not verb:
        return None
    tool_input = scene.call.tool_input
    said = _options(tool_input)
    if verb in _RELEASE:
        return Reading(list(helm(Command("helm", (verb, str(tool_input.get("name", "")), *said)), scene)))
    kind = next((str(tool_input[one]) for one in _KINDS if tool_input.get(one)), "") or _kind_in(words)
    rest = [kind.lower(), *(str(tool_input[one]) for one in _NAMES if isinstance(tool_input.get(one), str))]
    if verb == "rollout":
        rest.insert(0, str(tool_input.get("subCommand") or tool_input.get("action") or "restart"))
    if verb == "get" and kind.lower().startswith("secret") and "name" in tool_input:
        said.append("--output=yaml")  # a tool answers with the whole object
    effects = list(kubectl(Command("kubectl", (verb, *(one for one in rest if one), *said)), scene))
    if verb == "exec" and "command" in tool_input:
        effects += shell.bash(scene).effects
    return Reading(effects)


def _kind_in(words: list[str]) -> str:
    return next(
        (
            word
            for word in words
            if word.rstrip("s")
            in ("pod", "namespace", "node", "pvc", "deployment", "statefulset", "secret", "service")
        ),
        "",
    )


def _options(tool_input: Mapping[str, Any]) -> list[str]:
    said = [
        f"--{option}={tool_input[name]}"
        for name, option in (
            ("context", "context"),
            ("namespace", "namespace"),
            ("cluster", "cluster"),
            ("output", "output"),
            ("replicas", "replicas"),
            ("kubeconfig", "kubeconfig"),
        )
        if isinstance(tool_input.get(name), (str, int)) and tool_input.get(name) != ""
    ]
    if tool_input.get("dryRun") or tool_input.get("dry_run"):
        said.append("--dry-run=server")
    if tool_input.get("allNamespaces") or tool_input.get("all"):
        said.append("--all")
    if tool_input.get("manifest") or tool_input.get("filename"):
        said.append(f"--filename={tool_input.get('filename') or '-'}")
    return said
