"""Objects of Kubernetes as state signals: the same keys and words as `kubectl` prints them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_KINDS = {
    "pods": "pod",
    "deployments": "service",
    "services": "service",
    "endpoints": "service",
    "replicasets": "replicaset",
    "nodes": "node",
    "resourcequotas": "quota",
    "networkpolicies": "networkpolicy",
}
_OWNERS = {"ReplicaSet": "replicaset", "Deployment": "service"}
Field = tuple[str, str, str | float]
"""Entity, key and value."""


def fields(resource: str, manifest: dict[str, Any]) -> Iterator[Field]:
    """The fields of an object; none of a resource that nobody asks about."""
    if resource in _KINDS:
        it = f"{_KINDS[resource]}/{manifest['metadata']['name']}"
        for owner in manifest["metadata"].get("ownerReferences", ()):
            yield it, "owner", f"{_OWNERS[owner['kind']]}/{owner['name']}"
        yield from ((it, key, value) for key, value in _READERS[resource](manifest))


def _pod(manifest: dict[str, Any]) -> Iterator[tuple[str, str | float]]:
    spec, status = manifest["spec"], manifest["status"]
    held = status.get("containerStatuses", ())
    first = status.get("initContainerStatuses", ())
    waits = [(one["state"]["waiting"], "Init:" if one in first else "") for one in (*first, *held) if "waiting" in one["state"]]  # fmt: skip
    yield "status.phase", status["phase"]
    yield "status.reason", waits[0][1] + waits[0][0]["reason"] if waits else status["phase"]
    yield "status.readyReplicas", float(sum(one["ready"] for one in held))
    yield "spec.replicas", float(len(spec["containers"]))
    yield "status.restartCount", float(sum(one["restartCount"] for one in (*first, *held)))
    yield "labels", _pairs(manifest["metadata"].get("labels", {}))
    yield "spec.nodeName", spec.get("nodeName", "")
    for one in (*first, *held):
        prefix = f"{'initContainer' if one in first else 'container'}.{one['name']}"
        for key in ("state", "lastState"):
            for what, detail in one[key].items():
                yield f"{prefix}.{key}", what.capitalize()
                yield from (
                    (f"{prefix}.{key}.{name}", float(value) if name == "exitCode" else value)
                    for name, value in detail.items()
                    if name in {"reason", "exitCode"}
                )
        yield f"{prefix}.restartCount", float(one["restartCount"])
    yield from _template(spec)


def _template(spec: dict[str, Any]) -> Iterator[tuple[str, str | float]]:
    if "nodeSelector" in spec:
        yield "spec.nodeSelector", _pairs(spec["nodeSelector"])
    for container in spec["containers"]:
        prefix = f"container.{container['name']}"
        yield f"{prefix}.image", container["image"]
        ports = container["ports"]
        yield f"{prefix}.containerPort", ", ".join(f"{p['containerPort']}/{p['protocol']}" for p in ports)
        yield from ((f"{prefix}.env.{one['name']}", one["value"]) for one in container["env"])
        for of, amounts in container["resources"].items():
            yield from ((f"{prefix}.{of}.{resource}", amount) for resource, amount in amounts.items())
        for probe in ("livenessProbe", "readinessProbe"):
            yield f"{prefix}.{probe}", _probe(container[probe])


def _probe(of: dict[str, Any]) -> str:
    get = of["httpGet"]
    times = (
        f"delay={of['initialDelaySeconds']}s timeout={of['timeoutSeconds']}s period={of['periodSeconds']}s"
    )
    counts = f"#success={of['successThreshold']} #failure={of['failureThreshold']}"
    return f"http-get http://:{get['port']}{get['path']} {times} {counts}"


def _deployment(manifest: dict[str, Any]) -> Iterator[tuple[str, str | float]]:
    yield "spec.replicas", float(manifest["spec"]["replicas"])
    for key in ("updatedReplicas", "readyReplicas", "availableReplicas"):
        yield f"status.{key}", float(manifest["status"][key])
    for condition in manifest["status"]["conditions"]:
        yield f"condition.{condition['type']}", f"{condition['status']} {condition['reason']}"
    yield "template.labels", _pairs(manifest["spec"]["template"]["metadata"]["labels"])
    yield from _template(manifest["spec"]["template"]["spec"])


def _replica_set(manifest: dict[str, Any]) -> Iterator[tuple[str, str | float]]:
    yield "spec.replicas", float(manifest["spec"]["replicas"])
    yield "status.readyReplicas", float(manifest["status"]["readyReplicas"])


def _service(manifest: dict[str, Any]) -> Iterator[tuple[str, str | float]]:
    spec = manifest["spec"]
    yield "service.type", spec["type"]
    yield "service.selector", _pairs(spec["selector"])
    yield "service.port", ",".join(f"{port['port']}/{port['protocol']}" for port in spec["ports"])
    yield "service.targetPort", ",".join(f"{port['targetPort']}/{port['protocol']}" for port in spec["ports"])


def _endpoints(manifest: dict[str, Any]) -> Iterator[tuple[str, str | float]]:
    ends = [
        f"{address['ip']}:{port['port']}"
        for subset in manifest["subsets"]
        for address in subset["addresses"]
        for port in subset["ports"]
    ]
    yield "endpoints", ",".join(ends)


def _node(manifest: dict[str, Any]) -> Iterator[tuple[str, str | float]]:
    for condition in manifest["status"]["conditions"]:
        yield f"condition.{condition['type']}", condition["status"]
    ready = next(c for c in manifest["status"]["conditions"] if c["type"] == "Ready")
    yield "status.ready", "Ready" if ready["status"] == "True" else "NotReady"
    yield "labels", _pairs(manifest["metadata"]["labels"])
    taints = manifest["spec"].get("taints", ())
    yield "spec.taints", ",".join(f"{t['key']}={t.get('value', '')}:{t['effect']}" for t in taints)


def _quota(manifest: dict[str, Any]) -> Iterator[tuple[str, str | float]]:
    yield "owner", f"namespace/{manifest['metadata']['namespace']}"
    for of in ("used", "hard"):
        yield from ((f"status.{of}.{what}", amount) for what, amount in manifest["status"][of].items())


def _policy(manifest: dict[str, Any]) -> Iterator[tuple[str, str | float]]:
    spec = manifest["spec"]
    yield "exists", "true"
    yield (
        "spec.podSelector",
        "{}" if not spec["podSelector"] else _pairs(spec["podSelector"].get("matchLabels", {})),
    )
    for way in ("ingress", "egress"):
        if way.capitalize() in spec["policyTypes"]:
            yield f"spec.{way}", "[]" if not spec.get(way) else str(spec[way])


def _pairs(labels: dict[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in labels.items())


_READERS = {
    "pods": _pod,
    "deployments": _deployment,
    "services": _service,
    "endpoints": _endpoints,
    "replicasets": _replica_set,
    "nodes": _node,
    "resourcequotas": _quota,
    "networkpolicies": _policy,
}
