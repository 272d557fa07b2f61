"""Cloud-OpsBench: snapshots of Kubernetes clusters, as kubectl and a few probes printed them.

One JSON object a line: `case`, `namespace`, `k8s` {command: output}, `tools` {call: output}, `alert`. The fields
`label`, `expert_paths` and `query` are never read here.
"""

from __future__ import annotations

import json
import lzma
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flyball.model.signal import Signal, Surface

from bench.rca import kubectl
from bench.rca.case import Case
from bench.rca.kubectl import Printed
from bench.rca.text import Line, Texts, quiet

DATASET = "cloud_opsbench"
READ = ("case", "namespace", "k8s", "tools", "alert")
"""The fields of a case that are looked at."""
_WARN, _ERROR = 13, 17


def load(folder: Path) -> Iterator[Case]:
    """The cases of every `cloud_opsbench/*.jsonl.xz`."""
    for file in sorted((folder / DATASET).glob("*.jsonl.xz")):
        with lzma.open(file, "rt") as lines:
            for line in lines:
                whole = json.loads(line)
                yield _case({field: whole.get(field) for field in READ})


def _case(raw: dict[str, Any]) -> Case:
    at = _taken(raw)
    namespace = str(raw["namespace"])
    signals: list[Signal] = []
    for command, output in raw["k8s"].items():
        signals += _command(command, Printed(output, at, f"k8s:{command}", namespace))
    learnt: list[Line] = []
    for call, output in (raw["tools"] or {}).items():
        tool, _, arguments = call.partition(":")
        asked = _arguments(tool, arguments)
        tool = tool.partition("-")[0]
        printed = Printed(output, at, f"tool:{tool}:{json.dumps(asked, sort_keys=True)}", namespace)
        if tool == "GetErrorLogs":
            learnt += _errors(asked, printed)
        elif tool in _TOOLS:
            signals += _TOOLS[tool](asked, printed)
    texts = Texts()
    signals += texts.signals(texts.learn(learnt))
    quotas = {signal.entity: signal for signal in signals if signal.entity.startswith("quota/")}
    signals += [_in_namespace(signal, namespace) for signal in quotas.values()]
    signals += kubectl.owners(signals)
    now, usual = _alerts(raw["alert"] or {}, at)
    return Case(dataset=DATASET, id=str(raw["case"]), signals=(*signals, *now), normal=tuple(usual))


def _taken(raw: dict[str, Any]) -> datetime:
    """When the snapshot was taken: the latest lease that a node renewed."""
    stamps = [
        datetime.strptime(stamp, "%a, %d %b %Y %H:%M:%S %z")
        for command, output in raw["k8s"].items()
        if "describe nodes" in command
        for stamp in re.findall(r"RenewTime:\s+(\w{3}, .*)", output)
    ]
    return max(stamps, default=datetime(2025, 1, 1, tzinfo=UTC)).astimezone(UTC)


def _command(command: str, printed: Printed) -> list[Signal]:
    words = command.split()
    verb, kind = words[1], words[2]
    if verb == "get" and kind == "events":
        return list(kubectl.events(printed))
    if verb == "describe":
        return list(kubectl.described(kind, printed))
    return list(kubectl.listed(kind, printed)) if verb == "get" else []


def _in_namespace(signal: Signal, namespace: str) -> Signal:
    """A quota belongs to its namespace."""
    return replace(signal, key="owner", value=f"namespace/{namespace}")


def _arguments(tool: str, arguments: str) -> dict[str, Any]:
    if arguments:
        return json.loads(arguments)
    _, namespace, *rest = tool.split("-")
    return {"namespace": namespace, "service_name": "-".join(rest[:-1]), "port": int(rest[-1])}


def _errors(asked: dict[str, Any], printed: Printed) -> Iterator[Line]:
    try:
        found = json.loads(printed.text or "{}")
    except json.JSONDecodeError:
        return
    for pattern in found.get("patterns", ()):
        yield Line(
            time=printed.at,
            entity=f"service/{asked['service_name']}",
            text=str(pattern["sample"]),
            severity=_ERROR,
            count=int(pattern["count"]),
            raw_ref=printed.raw_ref,
        )


def _reachable(asked: dict[str, Any], printed: Printed) -> list[Signal]:
    """What a connection to a service gave; `failed` where any probe failed."""
    it = f"service/{asked['service_name']}"
    failed = "Connection Failed" in printed.text
    partly = failed and "Connection Succeeded" in printed.text
    answer = "partly" if partly else "failed" if failed else "open"
    found = [printed.state(it, f"reachable.{asked['port']}", answer)]
    for node, result in re.findall(r"deployed on (\S+): Connection (Failed|Succeeded)", printed.text):
        found.append(
            printed.state(it, f"reachable.from.{node}", "open" if result == "Succeeded" else "failed")
        )
    return found


def _daemon(asked: dict[str, Any], printed: Printed) -> list[Signal]:
    """What systemd says of a daemon on a node."""
    active = re.search(r"Active: (.*?)(?: since|;|$)", printed.text, re.MULTILINE)
    state = quiet(active[1]) if active else "unknown"
    return [printed.state(f"node/{asked['node_name']}", f"daemon.{asked['service_name']}", state)]


def _calls(_asked: dict[str, Any], printed: Printed) -> list[Signal]:
    """The edges of a printed tree of calls."""
    found: list[Signal] = []
    above: list[str] = []
    for line in printed.text.splitlines():
        match = re.match(r"^([\s│├└─]*)([a-z0-9][\w-]*)\s*(?:<--.*)?$", line)
        if not match:
            continue
        depth = len(match[1]) // 4
        above = [*above[:depth], match[2]]
        if depth and depth < len(above) + 1 and len(above) >= 2:
            found.append(
                Signal(
                    surface=Surface.EDGE,
                    time=printed.at,
                    entity=f"service/{above[-2]}",
                    key=f"service/{above[-1]}",
                    value="",
                    raw_ref=printed.raw_ref,
                )
            )
    return found


_TOOLS = {
    "CheckServiceConnectivity": _reachable,
    "CheckNodeServiceStatus": _daemon,
    "GetServiceDependencies": _calls,
}

_NUMBERS = re.compile(r"(?:Normal=([\d.]+)\w*[^>]*-> Cur(?:rent)?=|Val: )([\d.]+)(\S*)")
_METRICS = {
    "cpu_cfs": "cpu.throttled_s",
    "cpu core": "cpu.cores",
    "cpu utilization": "cpu.utilization",
    "TCP Retransmission": "tcp.retransmissions",
    "Network Drop": "network.packets",
    "RPS": "requests.rate",
    "Success Rate Drop": "requests.success_percent",
    "Slow Response": "latency_ms",
    "memory": "memory",
}


def _alerts(raw: dict[str, Any], at: datetime) -> tuple[list[Signal], list[Signal]]:
    """The metrics that monitoring found out of their usual: now, and usually."""
    now: list[Signal] = []
    usual: list[Signal] = []
    for alert in raw.get("alerts", ()):
        it = f"{str(alert['type']).lower()}/{alert['name']}"
        for told in alert["evidence"]:
            what = re.search(r"\[([^\]]*)\]", told)
            numbers = _NUMBERS.search(told)
            if not what or not numbers:
                continue
            metric = _METRICS.get(what[1], what[1])
            current = Signal(
                surface=Surface.METRIC,
                time=at,
                entity=it,
                key=metric,
                value=float(numbers[2]),
                raw_ref="alert",
            )
            now.append(current)
            if numbers[1]:
                usual.append(replace(current, value=float(numbers[1])))
    return now, usual
