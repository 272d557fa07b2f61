"""HolmesGPT's fixtures: what kubectl and log tools printed for one question, a folder a case.

Each `*.txt` opens with two lines of JSON that name the tool and what it was asked; `generated_pod_logs.txt` is a log
as written; of the manifests that were applied, network policies are read. `test_case.yaml`, which holds question and
expected answer, `issue_data.json` and run books are never opened.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from flyball.distill.parse import time_ns
from flyball.model.signal import Signal, Surface

from bench.rca import kubectl
from bench.rca.archive import folders
from bench.rca.case import Case
from bench.rca.kubectl import Printed
from bench.rca.text import Line, Texts

DATASET = "holmesgpt"
NEVER = ("test_case.yaml", "issue_data.json", "investigate_request.json", "resource_instructions.json")
LINES_MAX = 100_000
"""Lines that are read of one case."""
_UNNAMED = "pod/unnamed"
_AT = datetime(2025, 1, 1, tzinfo=UTC)
"""When what was printed without a time was printed."""


def load(folder: Path) -> Iterator[Case]:
    """The cases of every `holmesgpt*.tar.xz`."""
    for archive in sorted(folder.glob("holmesgpt*.tar.xz")):
        for name, files in folders(archive, never=NEVER):
            if name.count("/") == 1:
                yield _case(name, files)


@dataclass(frozen=True, slots=True)
class _Recorded:
    """One recorded call: the tool, what it was asked, and what it printed."""

    tool: str
    asked: dict[str, Any]
    text: str
    ref: str


def _case(name: str, files: dict[str, bytes]) -> Case:
    signals: list[Signal] = []
    lines: dict[tuple[str, str], Line] = {}
    calls: list[_Recorded] = []
    for file, data in sorted(files.items()):
        if file.endswith(".txt"):
            call = _recorded(file, data.decode("utf-8", "replace"))
            calls += [call] if call else []
            if call and "log" in call.tool:
                lines |= {(line.entity, line.text): line for line in _lines(call)}
            elif call:
                signals += _printed(call)
        elif file.endswith((".yaml", ".yml")):
            signals += _policies(data.decode("utf-8", "replace"), file)
    subject = _subject(calls)
    if subject:
        alert = Signal(surface=Surface.ALERT, time=_AT, entity=subject, key="asked", value="asked about")
        signals.append(alert)
        lines = {
            key: replace(line, entity=subject) if line.entity == _UNNAMED else line
            for key, line in lines.items()
        }
    texts = Texts()
    signals += _grouped(texts.signals(texts.learn(list(lines.values())[:LINES_MAX])))
    signals += kubectl.owners(signals)
    return Case(dataset=DATASET, id=name, signals=tuple(signals))


def _recorded(file: str, text: str) -> _Recorded | None:
    if file.startswith("generated"):
        return _Recorded("generated_logs", {}, text, file)
    head, _, rest = text.partition("\n")
    try:
        told = json.loads(head)
        result, _, body = rest.partition("\n")
        status = json.loads(result).get("status", "success")
    except json.JSONDecodeError:
        return None
    if not isinstance(told, dict) or status != "success":
        return None
    body = re.sub(r"\A(?:cmd:.*\n)?stdout:\n", "", body).replace("\nstderr:\n", "\n")
    return _Recorded(str(told.get("tool_name", "")), told.get("match_params") or {}, body, file)


def _subject(calls: list[_Recorded]) -> str:
    """What the question was about, as far as it shows: the pod or workload that most calls named."""
    asked = Counter(
        kubectl.entity(str(call.asked.get("kind", "pod")), str(name))
        for call in calls
        if (name := call.asked.get("pod_name") or call.asked.get("name"))
    )
    named = [(count, it) for it, count in asked.items() if "*" not in it]
    return max(named)[1] if named else ""


def _printed(call: _Recorded) -> Iterator[Signal]:
    printed = Printed(call.text, _AT, call.ref)
    kind = str(call.asked.get("kind", "")).lower()
    if call.tool == "kubectl_describe":
        yield from kubectl.described(kind, printed)
    elif call.tool == "kubectl_events":
        yield from kubectl.events(printed)
    elif call.tool.startswith(("kubectl_get", "kubectl_find")) and "yaml" not in call.tool:
        yield from kubectl.listed(kind if kind.endswith("s") else f"{kind}s", printed)


def _lines(call: _Recorded) -> Iterator[Line]:
    pod = str(call.asked.get("pod_name", call.asked.get("name", _UNNAMED.partition("/")[2])))
    for number, text in enumerate(call.text.splitlines()):
        if number >= LINES_MAX:
            return
        if text.strip():
            of = re.search(r'"service": "([\w.-]+)"', text) if text.startswith("{") else None
            entity = f"service/{of[1]}" if of else f"pod/{pod}"
            ns = time_ns(text)
            at = datetime.fromtimestamp(ns / 1e9, UTC) if ns else _AT
            yield Line(time=at, entity=entity, text=text, raw_ref=call.ref)


def _grouped(signals: list[Signal]) -> Iterator[Signal]:
    """One signal for each template of each entity, with its count and its first record."""
    groups: dict[tuple[str, str], list[Signal]] = defaultdict(list)
    for signal in signals:
        groups[signal.entity, signal.key].append(signal)
    for group in groups.values():
        yield replace(min(group, key=lambda s: s.time), count=sum(s.count for s in group))


def _policies(text: str, ref: str) -> Iterator[Signal]:
    try:
        documents = list(yaml.safe_load_all(text))
    except yaml.YAMLError:
        return
    printed = Printed("", _AT, ref)
    for one in documents:
        if isinstance(one, dict) and one.get("kind") == "NetworkPolicy":
            spec, it = one.get("spec") or {}, f"networkpolicy/{one['metadata']['name']}"
            yield printed.state(it, "spec.podSelector", json.dumps(spec.get("podSelector") or {}))
            for kind in spec.get("policyTypes") or ():
                yield printed.state(it, f"spec.{kind.lower()}", json.dumps(spec.get(kind.lower()) or []))
