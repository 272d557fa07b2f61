"""The layout of labelled runs: any folder of it can be scored.

    DIR/NAME/steps.jsonl      the run that is asked about: one step a line, fields of flyball.model.run.Step
    DIR/NAME/history.jsonl    runs of the same agent before it, the same way; may be absent
    DIR/NAME/label.json       {"kind": one of flyball.model.run_diagnosis.RunKind, "nothing wrong" for a look-alike,
                               "like": the kind that a look-alike resembles, may be absent}

Fields that are absent have their defaults; `usage` is an object, `decided` a list of objects. The engine is given the
first two files; the label is read by the scorer alone.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flyball.model.run import Decided, Step, StepKind, Usage

_FIELDS = {field.name for field in dataclasses.fields(Step)}


@dataclass(frozen=True, slots=True)
class Case:
    """One run and its history. Where its label stands only the scorer knows."""

    name: str
    steps: tuple[Step, ...]
    history: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Label:
    """What a run is; for a look-alike, what it looks like."""

    kind: str
    like: str = ""


def read(folder: Path) -> Iterator[Case]:
    """Every case of a folder, without its label."""
    for steps in sorted(folder.glob("*/steps.jsonl")):
        history = steps.with_name("history.jsonl")
        yield Case(steps.parent.name, _steps(steps), _steps(history) if history.exists() else ())


def labels(folder: Path) -> dict[str, Label]:
    """The labels, for the scorer."""
    found: dict[str, Label] = {}
    for path in sorted(folder.glob("*/label.json")):
        told = json.loads(path.read_text("utf-8"))
        found[path.parent.name] = Label(told["kind"], told.get("like", ""))
    return found


def write(folder: Path, case: Case, label: Label) -> None:
    """Write one case."""
    place = folder / case.name
    place.mkdir(parents=True, exist_ok=True)
    (place / "steps.jsonl").write_text(_lines(case.steps), "utf-8")
    (place / "history.jsonl").write_text(_lines(case.history), "utf-8")
    (place / "label.json").write_text(json.dumps(dataclasses.asdict(label)) + "\n", "utf-8")


def step_of(told: Mapping[str, Any]) -> Step:
    """A step from a line."""
    known: dict[str, Any] = {key: value for key, value in told.items() if key in _FIELDS}
    known["kind"] = StepKind(known["kind"])
    known["usage"] = Usage(**known.get("usage") or {})
    known["decided"] = tuple(_decided(one) for one in known.get("decided", ()))
    return Step(**known)


def _decided(told: Mapping[str, Any]) -> Decided:
    return Decided(
        decision_id=told["decision_id"],
        action=told["action"],
        would=told.get("would", told["action"]),
        rules=tuple(told.get("rules", ())),
    )


def _steps(path: Path) -> tuple[Step, ...]:
    return tuple(step_of(json.loads(line)) for line in path.read_text("utf-8").splitlines() if line.strip())


def _lines(steps: Iterable[Step]) -> str:
    return "".join(json.dumps(dataclasses.asdict(step), ensure_ascii=False) + "\n" for step in steps)
