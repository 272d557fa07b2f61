"""What kubectl printed, as signals: tables, descriptions, events.

Keys are the paths of the Kubernetes API. Deployments, stateful sets, daemon sets, jobs and Services of one name are
one `service/NAME`; pods and replica sets tell their owner.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from flyball.model.signal import Signal, Surface

from bench.rca.text import quiet

_KINDS = {
    "pods": "pod",
    "pod": "pod",
    "po": "pod",
    "services": "service",
    "service": "service",
    "svc": "service",
    "deployments": "service",
    "deployment": "service",
    "statefulsets": "service",
    "statefulset": "service",
    "daemonsets": "service",
    "daemonset": "service",
    "jobs": "service",
    "job": "service",
    "replicasets": "replicaset",
    "replicaset": "replicaset",
    "nodes": "node",
    "node": "node",
    "persistentvolumeclaims": "claim",
    "persistentvolumeclaim": "claim",
    "pvc": "claim",
    "persistentvolumes": "volume",
    "persistentvolume": "volume",
    "pv": "volume",
    "resourcequota": "quota",
    "resourcequotas": "quota",
    "networkpolicies": "networkpolicy",
    "networkpolicy": "networkpolicy",
    "serviceaccounts": "serviceaccount",
    "serviceaccount": "serviceaccount",
    "endpoints": "service",
    "namespaces": "namespace",
    "namespace": "namespace",
    "horizontalpodautoscaler": "autoscaler",
    "horizontalpodautoscalers": "autoscaler",
    "hpa": "autoscaler",
    "storageclasses": "storageclass",
}
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "y": 31536000}
_TIMES = re.compile(r"\((?:x(\d+) over |)([0-9a-z]+)\)|\(x(\d+) over ([0-9a-z]+)\)")


@dataclass(frozen=True, slots=True)
class Printed:
    """One command's output: when it was printed and where it is kept."""

    text: str
    at: datetime
    raw_ref: str
    namespace: str = ""

    def state(self, entity: str, key: str, value: str | float) -> Signal:
        """A field of an object."""
        shown = quiet(value) if isinstance(value, str) else value
        return Signal(
            surface=Surface.STATE, time=self.at, entity=entity, key=key, value=shown, raw_ref=self.raw_ref
        )


def entity(kind: str, object_name: str) -> str:
    """`kind/name` as signals write it; a kind that is not known keeps its name."""
    return f"{_KINDS.get(kind.lower(), kind.lower())}/{object_name}"


def ago(text: str) -> timedelta:
    """`2m5s` as kubectl prints ages."""
    return timedelta(seconds=sum(int(n) * _UNITS[u] for n, u in re.findall(r"(\d+)([smhdy])", text)))


def table(text: str) -> list[dict[str, str]]:
    """The rows of a table by its headings: columns begin where the headings do."""
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) < 2:
        return []
    starts = [match.start() for match in re.finditer(r"(?<!\S)\S+(?: \S+)*", lines[0])]
    ends = [*starts[1:], None]
    heads = [lines[0][a:b].strip() for a, b in zip(starts, ends, strict=True)]
    return [
        {head: line[a:b].strip() for head, a, b in zip(heads, starts, ends, strict=True)}
        for line in lines[1:]
    ]


def listed(kind: str, printed: Printed) -> Iterator[Signal]:
    """The signals of `kubectl get KIND`."""
    of = _KINDS.get(kind)
    for row in table(printed.text):
        name = row.get("NAME", "")
        if not name or of is None:
            continue
        it = entity(kind, name)
        yield from _row(kind, of, it, row, printed)


def _row(kind: str, of: str, it: str, row: dict[str, str], printed: Printed) -> Iterator[Signal]:
    if of == "pod":
        yield from _pod(it, row, printed)
    elif kind == "endpoints":
        yield printed.state(it, "endpoints", _none(row.get("ENDPOINTS", "")))
    elif of == "service" and "CLUSTER-IP" in row:
        yield printed.state(it, "service.type", row.get("TYPE", ""))
    elif of == "service":
        yield from _ready(it, row.get("READY", ""), printed)
    elif of == "node":
        yield printed.state(it, "status.ready", row.get("STATUS", ""))
    elif of in {"claim", "volume"}:
        for head, key in (
            ("STATUS", "status.phase"),
            ("VOLUME", "spec.volumeName"),
            ("CLAIM", "spec.claimRef"),
        ):
            if row.get(head):
                yield printed.state(it, key, row[head])
    elif of in {"serviceaccount", "networkpolicy", "storageclass"}:
        yield printed.state(it, "exists", "true")


def _pod(it: str, row: dict[str, str], printed: Printed) -> Iterator[Signal]:
    yield printed.state(it, "status.reason", row.get("STATUS", ""))
    yield from _ready(it, row.get("READY", ""), printed)
    restarts = (row.get("RESTARTS") or "0").split()[0]
    yield printed.state(it, "status.restartCount", float(restarts) if restarts.isdigit() else 0.0)
    if row.get("NODE", "<none>") not in {"<none>", ""}:
        yield printed.state(it, "spec.nodeName", row["NODE"])


def _ready(it: str, text: str, printed: Printed) -> Iterator[Signal]:
    ready, _, wanted = text.partition("/")
    if ready.isdigit() and wanted.isdigit():
        yield printed.state(it, "status.readyReplicas", float(ready))
        yield printed.state(it, "spec.replicas", float(wanted))


def described(kind: str, printed: Printed) -> Iterator[Signal]:
    """The signals of `kubectl describe KIND NAME`, one object or several."""
    for text in re.split(r"\n(?=Name:\s)", printed.text):
        found = re.search(r"^Name:\s+(\S+)", text, re.MULTILINE)
        name = found[1] if found else ""
        if name:
            yield from description(
                entity(kind, name), Printed(text, printed.at, printed.raw_ref, printed.namespace)
            )


def description(it: str, printed: Printed) -> Iterator[Signal]:
    """The fields of one description, and its events."""
    body, _, events = printed.text.partition("\nEvents:")
    held: dict[str, list[str]] = {}
    for path, value in paths(body):
        key = _field(path)
        if key:
            held.setdefault(key, []).append(value)
    for key, values in held.items():
        yield printed.state(it, key, _value(key, ",".join(values)))
    for controller in re.findall(r"^Controlled By:\s+(\S+)/(\S+)", body, re.MULTILINE):
        yield printed.state(it, "owner", entity(*controller))
    yield from _quota(it, body, printed)
    yield from _replicas(it, body, printed)
    yield from event_table("Events:" + events, it, printed)


def paths(body: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """The lines of a description as paths by their indentation, with their values."""
    above: list[tuple[int, str]] = []
    for line in body.splitlines():
        match = re.match(r"^(\s*)([^:\s][^:]*):(?:\s+(.*))?$", line)
        if not match:
            above_path = tuple(part for _, part in above)
            if line.strip() and above_path and len(line) - len(line.lstrip()) > above[-1][0]:
                yield above_path, line.strip()
            continue
        indent = len(match[1])
        above = [(depth, part) for depth, part in above if depth < indent]
        above.append((indent, match[2].strip()))
        yield tuple(part for _, part in above), (match[3] or "").strip()


_FIELDS: dict[tuple[str, ...], str] = {
    ("Status",): "status.phase",
    ("Reason",): "status.reason.detail",
    ("Selector",): "service.selector",
    ("Port",): "service.port",
    ("TargetPort",): "service.targetPort",
    ("Endpoints",): "service.endpoints",
    ("Labels",): "labels",
    ("Node-Selectors",): "spec.nodeSelector",
    ("Service Account",): "spec.serviceAccountName",
    ("Taints",): "spec.taints",
    ("Unschedulable",): "spec.unschedulable",
    ("StorageClass",): "spec.storageClassName",
    ("Access Modes",): "spec.accessModes",
    ("Capacity",): "status.capacity",
    ("Volume",): "spec.volumeName",
    ("Claim",): "spec.claimRef",
    ("Used By",): "usedBy",
}
_IN_CONTAINER: dict[tuple[str, ...], str] = {
    ("Image",): "image",
    ("Port",): "containerPort",
    ("Liveness",): "livenessProbe",
    ("Readiness",): "readinessProbe",
    ("Startup",): "startupProbe",
    ("State",): "state",
    ("State", "Reason"): "state.reason",
    ("State", "Exit Code"): "state.exitCode",
    ("Last State",): "lastState",
    ("Last State", "Reason"): "lastState.reason",
    ("Last State", "Exit Code"): "lastState.exitCode",
    ("Restart Count",): "restartCount",
    ("Limits", "memory"): "limits.memory",
    ("Limits", "cpu"): "limits.cpu",
    ("Requests", "memory"): "requests.memory",
    ("Requests", "cpu"): "requests.cpu",
    ("Command",): "command",
    ("Args",): "args",
}


def _field(path: tuple[str, ...]) -> str:
    """The key of a path; empty for what nobody asks."""
    of = path[1:] if path[0] == "Pod Template" else path
    if len(of) >= 2 and of[0] in {"Containers", "Init Containers"}:
        inside, kind = of[2:], "initContainer" if of[0].startswith("Init") else "container"
        if len(inside) == 2 and inside[0] == "Environment":
            return f"{kind}.{of[1]}.env.{inside[1]}"
        known = _IN_CONTAINER.get(inside)
        return f"{kind}.{of[1]}.{known}" if known else ""
    if len(of) == 3 and of[0] == "Volumes" and of[2] in {"ClaimName", "SecretName"}:
        return f"spec.volumes.{of[2]}"
    if path[0] == "Pod Template" and of == ("Labels",):
        return "template.labels"
    if len(of) == 2 and of[0] == "Conditions":
        return f"condition.{of[1]}"
    return _FIELDS.get(of, "")


def _value(key: str, value: str) -> str | float:
    if key.endswith(("restartCount", "xitCode")) and value.isdigit():
        return float(value)
    return _none(value)


def _none(value: str) -> str:
    return "" if value in {"<none>", "<unset>"} else value


def _quota(it: str, body: str, printed: Printed) -> Iterator[Signal]:
    if it.startswith("quota/"):
        for resource, used, hard in re.findall(r"^(\S+)\s+([\d.]+\w*)\s+([\d.]+\w*)$", body, re.MULTILINE):
            yield printed.state(it, f"status.used.{resource}", used)
            yield printed.state(it, f"status.hard.{resource}", hard)


def _replicas(it: str, body: str, printed: Printed) -> Iterator[Signal]:
    """`Replicas: 1 desired | 0 updated | 0 total | 0 available | 1 unavailable`, and a node's conditions."""
    found = re.search(r"^Replicas:\s+(.*desired.*)$", body, re.MULTILINE)
    names = {
        "desired": "spec.replicas",
        "updated": "status.updatedReplicas",
        "available": "status.availableReplicas",
    }
    if found:
        for count, what in re.findall(r"(\d+) (\w+)", found[1]):
            if what in names:
                yield printed.state(it, names[what], float(count))
    if it.startswith(("node/", "namespace/")):
        for row in re.finditer(r"^  (\w+)\s+(True|False|Unknown)\s+\w{3}, .*$", body, re.MULTILINE):
            yield printed.state(it, f"condition.{row[1]}", row[2])
    elif it.startswith("autoscaler/"):
        for row in re.finditer(r"^  (\w+)\s+(True|False|Unknown)\s+(\w+)\s+\S.*$", body, re.MULTILINE):
            yield printed.state(it, f"condition.{row[1]}", f"{row[2]} {row[3]}")
    elif it.startswith(("service/", "replicaset/")):
        for row in re.finditer(r"^  (\w+)\s+(True|False|Unknown)\s+(\w+)$", body, re.MULTILINE):
            yield printed.state(it, f"condition.{row[1]}", f"{row[2]} {row[3]}")


def event_table(text: str, it: str, printed: Printed) -> Iterator[Signal]:
    """The events at the foot of a description."""
    for line in text.splitlines():
        match = re.match(r"^\s+(Normal|Warning)\s+(\w+)\s+(\S+(?: \(x\d+ over \w+\))?)\s+(\S+)\s+(.*)$", line)
        if match:
            yield _event(it, match[1], match[2], match[3], match[5], printed)


def owners(signals: Iterable[Signal]) -> Iterator[Signal]:
    """Whose pods and replica sets are, by the names that controllers give: the owner's, a dash, a hash."""
    seen = list(signals)
    told = {signal.entity for signal in seen if signal.key == "owner"}
    services = {signal.entity.partition("/")[2] for signal in seen if signal.entity.startswith("service/")}
    met = {signal.entity: signal for signal in seen} | {
        str(signal.value): signal for signal in seen if signal.key == "owner"
    }
    for it, signal in met.items():
        kind, _, name = it.partition("/")
        mine = [service for service in services if name.startswith(service + "-")]
        if kind in {"pod", "replicaset"} and it not in told and mine:
            owner = f"service/{max(mine, key=len)}"
            yield replace(
                signal,
                entity=it,
                surface=Surface.STATE,
                operation="",
                key="owner",
                value=owner,
                count=1,
                severity=0,
            )


def events(printed: Printed) -> Iterator[Signal]:
    """The lines of `kubectl get events`, with or without headings."""
    line_of = re.compile(r"^(?:\S+\s+)?(\S*\d[smhdy])\s+(Normal|Warning)\s+(\w+)\s+(\w+)/(\S+)\s+(.*)$")
    for line in printed.text.splitlines():
        match = line_of.match(line)
        if match:
            yield _event(entity(match[4], match[5]), match[2], match[3], match[1], match[6], printed)


def _event(it: str, kind: str, reason: str, age: str, message: str, printed: Printed) -> Signal:
    times = re.search(r"\(x(\d+) over", age)
    return Signal(
        surface=Surface.EVENT,
        time=printed.at - ago(age.split(maxsplit=1)[0]),
        entity=it,
        operation=kind,
        key=reason,
        value=quiet(message),
        count=int(times[1]) if times else 1,
        raw_ref=printed.raw_ref,
    )
