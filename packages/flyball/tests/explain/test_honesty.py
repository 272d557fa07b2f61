"""An engine that reads a label, a case id or a file name to decide is a defect; so is a rule that knows a name."""

from __future__ import annotations

import ast
import csv
import itertools
import json
import lzma
import os
from dataclasses import replace
from pathlib import Path

import flyball.explain
import pytest
from flyball.explain.check import check
from flyball.explain.engine import diagnose
from flyball.model.cause import Cause
from harness.signals import event, log, metric, names, owned, workload

from bench.rca import cloud_opsbench

ENGINE = Path(flyball.explain.__file__).parent
ROOT = Path(__file__).resolve().parents[4]
LOADERS = [
    ROOT / "bench" / "rca" / f"{name}.py"
    for name in ("cloud_opsbench", "nezha", "opensre", "holmesgpt", "petshop")
]
COMMON = {
    "master",
    "network_delay",
    "latency",
    "availability",
    "return",
    "exception",
    "healthy",
    "failover",
    "oom_killed",
}
"""Words of labels that are plain words of the field: a primary was called master in the texts of databases."""


def _folder() -> Path:
    root = os.environ.get("FLYBALL_DATA") or str(Path(__file__).resolve().parents[5] / "shared" / "data")
    folder = Path(root) / "rca"
    if not folder.is_dir():
        pytest.skip(f"no labelled failures in {folder} (FLYBALL_DATA names their place)")
    return folder


def _imports(file: Path) -> set[str]:
    tree = ast.parse(file.read_text())
    modules = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {
        *modules,
        *(a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names),
    }


def test_no_rule_holds_a_name_a_label_or_a_case_of_the_visible_sets() -> None:
    with (_folder() / "labels_visible.csv").open(newline="") as rows:
        labels = list(csv.DictReader(rows))
    told = {row[field].rpartition("/")[2] for row in labels for field in ("object", "case_id")}
    told |= {row["fault_or_cause"] for row in labels if " " not in row["fault_or_cause"]}
    source = "\n".join(file.read_text() for file in sorted(ENGINE.rglob("*.py")))
    assert [word for word in sorted(told - COMMON) if len(word) > 3 and word in source] == []


@pytest.mark.parametrize("loader", LOADERS, ids=lambda file: file.stem)
def test_no_loader_knows_the_scorer(loader: Path) -> None:
    assert not _imports(loader) & {"bench.rca.labels", "bench.rca.score", "bench.rca.vocabulary"}


def test_a_case_is_read_without_its_label_and_under_any_id(tmp_path: Path) -> None:
    draw = names(51)
    it, space = draw.word(), draw.word()
    pod = f"{it}-5d9c7b6f44-abcde"
    pods = f"{'NAME':<40}READY   STATUS    RESTARTS   AGE\n{pod:<40}0/1     Pending   0          30s\n"
    told = f"30s   Warning   FailedScheduling   pod/{pod}   0/3 nodes are available: 3 Insufficient memory.\n"
    deployments = (
        f"{'NAME':<40}READY   UP-TO-DATE   AVAILABLE   AGE\n{it:<40}0/1     1            0           40s\n"
    )
    k8s = {
        f"kubectl get pods -n {space}": pods,
        f"kubectl get events -n {space}": told,
        f"kubectl get deployments -n {space}": deployments,
    }
    raw = {"namespace": space, "k8s": k8s, "tools": {}, "alert": {}}
    cases = [
        raw | {"case": "one"},
        raw | {"case": "memory_capacity_mismatch/2", "label": {"root_cause": "lies"}},
    ]
    (tmp_path / "cloud_opsbench").mkdir()
    with lzma.open(tmp_path / "cloud_opsbench" / "x.jsonl.xz", "wt") as out:
        out.write("\n".join(json.dumps(case) for case in cases))
    one, other = cloud_opsbench.load(tmp_path)
    assert one.signals == other.signals
    found = diagnose(one.signals)
    assert (found.cause, found.object) == (Cause.MEMORY_CAPACITY, f"service/{it}")


def test_where_a_record_was_read_decides_nothing() -> None:
    draw = names(52)
    it = f"service/{draw.word()}"
    signals = [
        *workload(it, ready=0.0),
        *owned(draw.pod(it), it, container__m__lastState__reason="OOMKilled"),
        event(it, "BackOff", "Back-off restarting failed container"),
        log(it, "ERROR: deadlock detected", severity=17),
        *metric(it, "CPUUtilization", [90, 91]),
    ]
    moved = [replace(signal, raw_ref=f"disk_full/{n}") for n, signal in enumerate(signals)]
    one, other = diagnose(signals), diagnose(moved)
    assert (one.cause, one.object, one.confidence) == (other.cause, other.object, other.confidence)
    assert [(h.cause, h.object, h.weight) for h in one.hypotheses] == [
        (h.cause, h.object, h.weight) for h in other.hypotheses
    ]


def test_every_sentence_about_real_cases_is_supported() -> None:
    for case in itertools.islice(cloud_opsbench.load(_folder()), 12):
        found = diagnose(case.signals, case.normal)
        assert check(found) == []
        assert not found.inconclusive
