"""Kubernetes: what is deleted, changed or entered, in which cluster and namespace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from flyball_sdk.guard.effect import Effect, Target
from flyball_sdk.guard.effects.iac import first_known
from flyball_sdk.guard.effects.make import Reader, effect
from flyball_sdk.guard.effects.options import Options, options
from flyball_sdk.guard.scene import Scene
from flyball_sdk.guard.shell.command import UNKNOWN, Command

_VALUED = ("-n", "--namespace", "--context", "--cluster", "--kubeconfig", "-f", "--filename", "-l", "--selector", "-o",
           "--output", "-s", "--server", "--user", "--as", "--token", "-c", "--container", "-p", "--patch", "-k",
           "--kustomize", "--replicas", "--timeout", "--grace-period", "--field-selector", "--kube-context", "--version",
           "--values", "--set", "--image", "--type")  # fmt: skip
_CHANGES = frozenset({"apply", "create", "replace", "patch", "edit", "set", "scale", "autoscale", "rollout", "label", "annotate",
                      "taint", "cordon", "uncordon", "expose", "run", "certificate"})  # fmt: skip
_WIDE = frozenset({"namespace", "namespaces", "ns", "node", "nodes", "no", "pv", "persistentvolume", "persistentvolumes", "pvc",
                   "persistentvolumeclaim", "persistentvolumeclaims", "crd", "crds", "customresourcedefinition",
                   "customresourcedefinitions", "clusterrole", "clusterrolebinding", "all", "storageclass", "statefulset",
                   "statefulsets", "sts"})  # fmt: skip


def kubectl(command: Command, scene: Scene) -> Iterator[Effect]:
    """`kubectl`, `oc`: https://kubernetes.io/docs/reference/kubectl/generated/."""
    given = options(command.words, _VALUED)
    if not given.words or given.has("--help", "-h") or _dry(given):
        return
    verb, rest = given.words[0], given.words[1:]
    target = cluster_target(given, command, scene)
    what = " ".join(rest) or given.value("-f", "--filename", "-k", "--kustomize")
    deleted = _deletes(verb, rest, given)
    if deleted is not None:
        yield effect("kubernetes.delete", what, command, target=target, force=given.has("--force"), **deleted)
    elif verb in _CHANGES and not (verb == "rollout" and rest[:1] in (("status",), ("history",))):
        yield effect("kubernetes.apply", what, command, target=target, resource=rest[0] if rest else "")
        if given.has("--prune"):
            yield effect("kubernetes.delete", "what is not in the files", command, target=target, wide=True)
    elif verb in ("exec", "debug", "attach", "cp", "port-forward"):
        yield effect("kubernetes.exec", what, command, target=target)
    elif verb == "get" and rest[:1] and rest[0].partition("/")[0] in ("secret", "secrets") and _shows(given):
        yield effect("secret.read", what, command, target=target, store="kubernetes")
    elif verb == "config" and rest[:1] and rest[0].startswith(("delete-", "unset")):
        yield effect("service.change", what, command)


def _deletes(verb: str, rest: tuple[str, ...], given: Options) -> dict[str, Any] | None:
    """What a verb deletes and how wide that is; None where it deletes nothing."""
    if verb in ("delete", "drain", "evict") or (verb == "adm" and rest[:1] == ("drain",)):
        kind = rest[0].partition("/")[0].lower() if rest else ""
        wide = kind in _WIDE or given.has("--all", "-A", "--all-namespaces") or verb == "drain"
        return {"wide": wide, "resource": kind}
    if verb == "scale" and given.value("--replicas") == "0":
        return {"wide": False, "resource": "replicas"}
    if verb == "replace" and given.has("--force"):
        return {"wide": False, "resource": "replace"}
    return None


def _dry(given: Options) -> bool:
    return given.has("--dry-run") and given.value("--dry-run") != "none"


def _shows(given: Options) -> bool:
    return given.value("-o", "--output").startswith(("yaml", "json", "go-template", "jsonpath", "custom"))


def cluster_target(given: Options, command: Command, scene: Scene) -> Target:
    """Context, server and namespace; what the command does not say is read from the kubeconfig.

    A namespace that names an environment decides only where the context does not say production.
    """
    context = given.value("--context", "--kube-context", "--cluster")
    namespace = given.value("-n", "--namespace")
    source = "--context"
    if not context and not given.value("-s", "--server"):
        source, context, default = _from_kubeconfig(given, command, scene)
        namespace = namespace or default
    said = ((source, context), ("--server", given.value("-s", "--server")), ("--namespace", namespace))
    return first_known(said, scene)


def _from_kubeconfig(given: Options, command: Command, scene: Scene) -> tuple[str, str, str]:
    path = given.value("--kubeconfig") or command.env.get("KUBECONFIG", "") or "~/.kube/config"
    if UNKNOWN in path:
        return "KUBECONFIG", UNKNOWN, ""
    text = scene.files.text(path)
    name = "" if path == "~/.kube/config" else path.rpartition("/")[2]
    if not text:
        return "kubeconfig", name, ""
    try:
        config = yaml.load(text, Loader=_LOADER)  # noqa: S506 - a safe loader, the C one where there is one
        context = str(config.get("current-context", ""))
        within = next(
            (one["context"] for one in config.get("contexts", ()) if one.get("name") == context), {}
        )
        return path, f"{context} {within.get('cluster', '')}".strip(), str(within.get("namespace", ""))
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, RecursionError, ValueError):
        return path, name, ""


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def helm(command: Command, scene: Scene) -> Iterator[Effect]:
    """`helm`: https://helm.sh/docs/helm/."""
    given = options(command.words, _VALUED)
    if not given.words or given.has("--help", "-h", "--dry-run"):
        return
    verb, what = given.words[0], " ".join(given.words[1:])
    target = cluster_target(given, command, scene)
    if verb in ("uninstall", "delete", "del", "un"):
        yield effect("kubernetes.delete", what, command, target=target, wide=False, resource="release")
    elif verb in ("install", "upgrade", "rollback"):
        yield effect("kubernetes.apply", what, command, target=target, resource="release")


def cluster(command: Command, scene: Scene) -> Iterator[Effect]:
    """Programs that make and delete whole clusters or their applications."""
    given = options(command.words, (*_VALUED, "--name", "--region", "--app", "--zone"))
    doing = next(
        (
            word
            for word in given.words[:3]
            if word in ("delete", "destroy", "remove", "uninstall", "terminate", "reset")
        ),
        "",
    )
    if doing and not given.has("--dry-run", "--help"):
        what = " ".join(given.words) + f" {given.value('--name')}".rstrip()
        target = first_known((("name", what),), scene)
        yield effect("kubernetes.delete", what, command, target=target, wide=True, resource="cluster")


READERS: Mapping[str, Reader] = {
    "kubectl": kubectl,
    "oc": kubectl,
    "k": kubectl,
    "kubecolor": kubectl,
    "helm": helm,
} | dict.fromkeys(
    (
        "eksctl",
        "kops",
        "kubeadm",
        "argocd",
        "flux",
        "istioctl",
        "linkerd",
        "rancher",
        "talosctl",
        "k0s",
        "k3sup",
        "kubefed",
    ),
    cluster,
)
