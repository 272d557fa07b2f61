"""Objects of Kubernetes as state signals: the same keys and words as `kubectl` prints them.

Manifests come from outside: whatever of them has another form than the API documents is left out.
Source: https://kubernetes.io/docs/reference/kubernetes-api/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from flyball_sdk.redact import redact_text

from flyball.model.signal import Signal, Surface
from flyball.queries.observe.entities import of_kind

TEXT_CHARS_MAX = 4_000
"""Characters of a text that a signal carries."""
_OWNER_KINDS = ("ReplicaSet", "Deployment", "StatefulSet", "DaemonSet", "Job")
Field = tuple[str, str | float]
"""Key and value."""


def object_signals(resource: str, manifest: Mapping[str, Any], time: datetime) -> Iterator[Signal]:
    """The fields of an object that was read at `time`; none of a resource (`pods`) that nobody asks about."""
    reader = _READERS.get(resource)
    name = _map(manifest.get("metadata")).get("name")
    if reader is None or not isinstance(name, str) or not name:
        return
    kind, read = reader
    for key, value in (*_owner(kind, manifest), *read(manifest)):
        shown = redact_text(value[:TEXT_CHARS_MAX]) if isinstance(value, str) else value
        yield Signal(surface=Surface.STATE, time=time, entity=of_kind(kind, name), key=key, value=shown)


def name_of(manifest: Mapping[str, Any]) -> tuple[str, str]:
    """Namespace and name of an object."""
    metadata = _map(manifest.get("metadata"))
    return str(metadata.get("namespace", "")), str(metadata.get("name", ""))


def _owner(kind: str, manifest: Mapping[str, Any]) -> Iterator[Field]:
    metadata = _map(manifest.get("metadata"))
    if kind == "resourcequota":
        yield "owner", f"namespace/{metadata.get('namespace', '')}"
    for owner in _maps(metadata.get("ownerReferences")):
        if owner.get("kind") in _OWNER_KINDS and kind != "job":
            yield "owner", of_kind(str(owner["kind"]), str(owner.get("name", "")))


def _pod(manifest: Mapping[str, Any]) -> Iterator[Field]:
    spec, status = _map(manifest.get("spec")), _map(manifest.get("status"))
    held, first = _maps(status.get("containerStatuses")), _maps(status.get("initContainerStatuses"))
    phase = str(status.get("phase", ""))
    yield "status.phase", phase
    yield "status.reason", _waits(first, "Init:") or _waits(held) or str(status.get("reason", "")) or phase
    yield "status.readyReplicas", float(sum(one.get("ready") is True for one in held))
    yield "spec.replicas", float(len(_maps(spec.get("containers"))))
    yield "status.restartCount", sum(_number(one.get("restartCount")) for one in (*first, *held))
    yield "labels", _pairs(_map(manifest.get("metadata")).get("labels"))
    yield "spec.nodeName", str(spec.get("nodeName", ""))
    for kind, several in (("initContainer", first), ("container", held)):
        for one in several:
            prefix = f"{kind}.{one.get('name', '')}"
            for key in ("state", "lastState"):
                yield from _state(f"{prefix}.{key}", _map(one.get(key)))
            yield f"{prefix}.restartCount", _number(one.get("restartCount"))
    yield from _template(spec)


def _waits(statuses: list[Mapping[str, Any]], prefix: str = "") -> str:
    """Why the first container that waits does so."""
    for one in statuses:
        waiting = _map(_map(one.get("state")).get("waiting"))
        if waiting.get("reason"):
            return f"{prefix}{waiting['reason']}"
    return ""


def _state(key: str, state: Mapping[str, Any]) -> Iterator[Field]:
    for what, detail in state.items():
        yield key, what.capitalize()
        of = _map(detail)
        if "reason" in of:
            yield f"{key}.reason", str(of["reason"])
        if "exitCode" in of:
            yield f"{key}.exitCode", _number(of["exitCode"])


def _template(spec: Mapping[str, Any]) -> Iterator[Field]:
    if "nodeSelector" in spec:
        yield "spec.nodeSelector", _pairs(spec["nodeSelector"])
    for container in _maps(spec.get("containers")):
        prefix = f"container.{container.get('name', '')}"
        yield f"{prefix}.image", str(container.get("image", ""))
        ports = [
            f"{p.get('containerPort')}/{p.get('protocol', 'TCP')}" for p in _maps(container.get("ports"))
        ]
        yield f"{prefix}.containerPort", ", ".join(ports)
        for one in _maps(container.get("env")):
            yield f"{prefix}.env.{one.get('name', '')}", _env(one)
        for of, amounts in _map(container.get("resources")).items():
            for resource, amount in _map(amounts).items():
                yield f"{prefix}.{of}.{resource}", str(amount)
        for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
            if container.get(probe):
                yield f"{prefix}.{probe}", _probe(_map(container[probe]))


def _env(one: Mapping[str, Any]) -> str:
    """A variable's value, or where it comes from in kubectl's words."""
    source = _map(one.get("valueFrom"))
    for key, kind in (("secretKeyRef", "secret"), ("configMapKeyRef", "config map")):
        if key in source:
            of = _map(source[key])
            optional = str(of.get("optional", False)).lower()
            return f"<set to the key '{of.get('key')}' in {kind} '{of.get('name')}'> Optional: {optional}"
    return str(one.get("value", ""))


def _probe(of: Mapping[str, Any]) -> str:
    get, socket = _map(of.get("httpGet")), _map(of.get("tcpSocket"))
    if get:
        what = f"http-get http://:{get.get('port')}{get.get('path', '/')}"
    elif socket:
        what = f"tcp-socket :{socket.get('port')}"
    elif "grpc" in of:
        what = f"grpc <pod>:{_map(of['grpc']).get('port')}"
    else:
        what = f"exec [{' '.join(str(word) for word in _list(_map(of.get('exec')).get('command')))}]"
    numbers = {name: of.get(name, usual) for name, usual in _PROBE_DEFAULTS.items()}
    return (
        "{what} delay={initialDelaySeconds}s timeout={timeoutSeconds}s period={periodSeconds}s"
        " #success={successThreshold} #failure={failureThreshold}"
    ).format(what=what, **numbers)


_PROBE_DEFAULTS = {
    "initialDelaySeconds": 0,
    "timeoutSeconds": 1,
    "periodSeconds": 10,
    "successThreshold": 1,
    "failureThreshold": 3,
}


def _workload(manifest: Mapping[str, Any]) -> Iterator[Field]:
    spec, status = _map(manifest.get("spec")), _map(manifest.get("status"))
    yield "spec.replicas", _number(spec.get("replicas", 1))
    for key in ("updatedReplicas", "readyReplicas", "availableReplicas"):
        yield f"status.{key}", _number(status.get(key))
    yield from _conditions(status)
    template = _map(spec.get("template"))
    yield "template.labels", _pairs(_map(template.get("metadata")).get("labels"))
    yield from _template(_map(template.get("spec")))


def _conditions(status: Mapping[str, Any]) -> Iterator[Field]:
    """What an object says of itself: status and reason of each condition."""
    for condition in _maps(status.get("conditions")):
        yield (
            f"condition.{condition.get('type', '')}",
            f"{condition.get('status', '')} {condition.get('reason', '')}",
        )


def _conditioned(manifest: Mapping[str, Any]) -> Iterator[Field]:
    """An object of which its phase and its conditions tell."""
    status = _map(manifest.get("status"))
    yield "status.phase", str(status.get("phase", ""))
    yield from _conditions(status)


def _route(manifest: Mapping[str, Any]) -> Iterator[Field]:
    """A route of the Gateway API, with what each of its gateways says of it."""
    for parent in _maps(_map(manifest.get("status")).get("parents")):
        yield from _conditions(parent)


def _replica_set(manifest: Mapping[str, Any]) -> Iterator[Field]:
    yield "spec.replicas", _number(_map(manifest.get("spec")).get("replicas"))
    yield "status.readyReplicas", _number(_map(manifest.get("status")).get("readyReplicas"))


def _service(manifest: Mapping[str, Any]) -> Iterator[Field]:
    spec = _map(manifest.get("spec"))
    ports = _maps(spec.get("ports"))
    yield "service.type", str(spec.get("type", ""))
    yield "service.selector", _pairs(spec.get("selector"))
    for key in ("port", "targetPort"):
        told = (f"{port.get(key, port.get('port'))}/{port.get('protocol', 'TCP')}" for port in ports)
        yield f"service.{key}", ",".join(told)


def _endpoints(manifest: Mapping[str, Any]) -> Iterator[Field]:
    ends = [
        f"{address.get('ip')}:{port.get('port')}"
        for subset in _maps(manifest.get("subsets"))
        for address in _maps(subset.get("addresses"))
        for port in _maps(subset.get("ports"))
    ]
    yield "endpoints", ",".join(ends)


def _node(manifest: Mapping[str, Any]) -> Iterator[Field]:
    ready = ""
    for condition in _maps(_map(manifest.get("status")).get("conditions")):
        yield f"condition.{condition.get('type', '')}", str(condition.get("status", ""))
        if condition.get("type") == "Ready":
            ready = "Ready" if condition.get("status") == "True" else "NotReady"
    spec = _map(manifest.get("spec"))
    if spec.get("unschedulable") is True:
        ready = f"{ready},SchedulingDisabled"
    yield "status.ready", ready
    yield "labels", _pairs(_map(manifest.get("metadata")).get("labels"))
    taints = (f"{t.get('key')}={t.get('value', '')}:{t.get('effect')}" for t in _maps(spec.get("taints")))
    yield "spec.taints", ",".join(taints)


def _quota(manifest: Mapping[str, Any]) -> Iterator[Field]:
    status = _map(manifest.get("status"))
    for of in ("used", "hard"):
        for what, amount in _map(status.get(of)).items():
            yield f"status.{of}.{what}", str(amount)


def _policy(manifest: Mapping[str, Any]) -> Iterator[Field]:
    spec = _map(manifest.get("spec"))
    yield "exists", "true"
    yield "spec.podSelector", _pairs(_map(spec.get("podSelector")).get("matchLabels")) or "{}"
    for way in ("ingress", "egress"):
        if way.capitalize() in _list(spec.get("policyTypes")):
            yield f"spec.{way}", str(spec[way]) if spec.get(way) else "[]"


def _claim(manifest: Mapping[str, Any]) -> Iterator[Field]:
    spec, status = _map(manifest.get("spec")), _map(manifest.get("status"))
    yield "status.phase", str(status.get("phase", ""))
    yield "spec.volumeName", str(spec.get("volumeName", ""))
    yield "spec.storageClassName", str(spec.get("storageClassName", ""))
    yield "spec.accessModes", ",".join(str(mode) for mode in _list(spec.get("accessModes")))
    yield "status.capacity", str(_map(status.get("capacity")).get("storage", ""))


def _volume(manifest: Mapping[str, Any]) -> Iterator[Field]:
    spec = _map(manifest.get("spec"))
    of = _map(spec.get("claimRef"))
    yield "status.phase", str(_map(manifest.get("status")).get("phase", ""))
    yield "spec.claimRef", f"{of.get('namespace', '')}/{of.get('name', '')}" if of else ""
    yield "spec.storageClassName", str(spec.get("storageClassName", ""))
    yield "spec.accessModes", ",".join(str(mode) for mode in _list(spec.get("accessModes")))
    yield "status.capacity", str(_map(spec.get("capacity")).get("storage", ""))


def _exists(_manifest: Mapping[str, Any]) -> Iterator[Field]:
    yield "exists", "true"


_READERS = {
    "pods": ("pod", _pod),
    "deployments": ("deployment", _workload),
    "statefulsets": ("statefulset", _workload),
    "services": ("service", _service),
    "endpoints": ("endpoints", _endpoints),
    "replicasets": ("replicaset", _replica_set),
    "nodes": ("node", _node),
    "resourcequotas": ("resourcequota", _quota),
    "networkpolicies": ("networkpolicy", _policy),
    "persistentvolumeclaims": ("persistentvolumeclaim", _claim),
    "persistentvolumes": ("persistentvolume", _volume),
    "serviceaccounts": ("serviceaccount", _exists),
    "storageclasses": ("storageclass", _exists),
    "horizontalpodautoscalers": ("horizontalpodautoscaler", _conditioned),
    "namespaces": ("namespace", _conditioned),
    "jobs": ("job", _conditioned),
    "httproutes": ("httproute", _route),
    "grpcroutes": ("grpcroute", _route),
}
"""Resources by their plural, as the Collector names them: kind, and what reads its fields."""


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _maps(value: Any) -> list[Mapping[str, Any]]:
    return [one for one in _list(value) if isinstance(one, dict)]


def _number(value: Any) -> float:
    try:
        return float(value or 0)
    except (TypeError, ValueError):
        return 0.0


def _pairs(labels: Any) -> str:
    return ",".join(f"{key}={value}" for key, value in _map(labels).items())
