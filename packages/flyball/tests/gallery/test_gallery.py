from __future__ import annotations

import ast
import functools
import inspect
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import flyball.explain
import pytest
from flyball.explain.engine import diagnose
from flyball.model.cause import Cause
from flyball.model.signal import Signal, Surface
from gallery.otlp import Clock, exports
from gallery.play import play
from gallery.scenarios import NEGATIVES, SCENARIOS
from gallery.score import row
from gallery.signals import signals
from gallery.stream import Change, Event, Expected, Log, Object, Point, Stream
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

CLOCK = Clock(onset_ns=1_900_000_000_000_000_000)
SOME = ("oom-killed loop", "quota exceeded", "n+1", "config or flag drift without a deploy", NEGATIVES[2])
DERIVED = {"requests.count", "latency_ms", "availability_percent"}
GALLERY = Path(inspect.getfile(play)).parent
ENGINE = Path(flyball.explain.__file__).parent
OWN = ("traffic.py", "play.py", "scenarios/code.py", "scenarios/negatives.py")
"""Where the gallery speaks in words of its own, not in those of a platform or a library."""
PHRASE = re.compile(r"[a-z]+(?: [a-z]+){2,}")


@functools.lru_cache(maxsize=len(SOME) + 2)
def played(name: str, seed: int = 11) -> tuple[Stream, Expected]:
    return play(name, seed)


def test_there_are_32_failures_and_4_negatives() -> None:
    assert (len(SCENARIOS) - len(NEGATIVES), len(NEGATIVES)) == (32, 4)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_is_labelled_and_its_telemetry_is_not(name: str) -> None:
    stream, expected = play(name, 13)
    assert all(isinstance(cause, Cause) for cause in expected.causes)
    assert bool(expected.causes) == bool(expected.objects) == bool(expected.step) == (name not in NEGATIVES)
    texts = "\n".join(map(repr, stream.records)).lower()
    objects = [it.partition("/")[2] for it in expected.objects]
    assert not objects or any(it in texts for it in objects)
    labels = {name, name.replace(" ", "-"), name.replace(" ", "_"), f"{SCENARIOS[name].__name__}"}
    labels |= {cause.name.lower() for cause in expected.causes}
    telling = {
        label for label in labels if not label.isalpha()
    }  # a single word may be a real one, like quota
    found = {label for label in telling if label in texts}
    assert {one for one in found if re.search(rf"(?<![\w-]){re.escape(one)}(?![\w-])", texts)} == set()


@pytest.mark.parametrize("name", SOME)
def test_the_stream_is_a_function_of_its_seed(name: str) -> None:
    assert play(name, 11) == played(name)
    assert play(name, 12) != played(name)


def test_texts_and_names_differ_between_seeds() -> None:
    one, other = (played("lock contention", seed)[0] for seed in (11, 12))
    texts = [{r.body for r in stream.records if isinstance(r, Log)} for stream in (one, other)]
    assert len(texts[0] & texts[1]) < 0.02 * min(
        len(texts[0]), len(texts[1])
    )  # what real clients say is left
    assert one.system.entry != other.system.entry
    assert not set(one.system.databases) & set(other.system.databases)


@pytest.mark.parametrize("name", SOME)
def test_both_outlets_tell_the_same_number_of_things(name: str) -> None:
    stream, _ = played(name)
    sent: Counter[str] = Counter()
    for path, _, count in exports(stream, CLOCK):
        sent[path] += count
    now, usual = signals(stream)
    held = [*now, *usual]
    objects = sum(isinstance(record, Object) for record in stream.records)
    events = [record for record in stream.records if isinstance(record, Event)]
    assert sent["/v1/logs"] == _count(held, Surface.LOG) + len(events) + objects
    assert _count(held, Surface.EVENT) >= len({(one.name, one.reason) for one in events})
    assert sent["/v1/traces"] == sum(signal.count for signal in held if signal.key == "calls")
    single = [s for s in held if s.surface in {Surface.METRIC, Surface.ALERT} and s.key not in DERIVED]
    durations = [r for r in stream.records if isinstance(r, Point) and "count" in r.attributes]
    totals = {r.source for r in stream.records if isinstance(r, Point) and r.name.endswith("_total")}
    assert sent["/v1/metrics"] == len(single) + len(totals) + len(
        durations
    )  # a total's first sample tells nothing
    served = sum(float(signal.value) for signal in held if signal.key == "requests.count")
    assert served == sum(int(point.attributes["count"]) for point in durations)
    changes = sum(isinstance(record, Change) for record in stream.records)
    assert _count(held, Surface.CHANGE) == changes


def test_events_have_the_layout_of_the_collectors_receivers() -> None:
    stream, _ = played("oom-killed loop")
    requests = [r for _, r, _ in exports(stream, CLOCK) if isinstance(r, ExportLogsServiceRequest)]
    sources = [one for request in requests for one in request.resource_logs]
    by_scope = {one.scope_logs[0].scope.name.rpartition("/")[2]: one for one in sources}
    event = by_scope["k8seventsreceiver"]
    resource = {attribute.key for attribute in event.resource.attributes}
    assert {"k8s.object.kind", "k8s.object.name", "k8s.object.uid", "k8s.node.name"} <= resource
    record = event.scope_logs[0].log_records[0]
    assert {"k8s.event.reason", "k8s.event.count"} <= {attribute.key for attribute in record.attributes}
    pulled = by_scope["k8sobjectsreceiver"].scope_logs[0].log_records[0]
    assert pulled.time_unix_nano == 0
    assert pulled.observed_time_unix_nano > 0
    assert [attribute.key for attribute in pulled.attributes] == ["k8s.resource.name"]
    assert {one.key for one in pulled.body.kvlist_value.values} >= {"kind", "metadata"}


def test_no_rule_holds_a_text_that_only_the_gallery_says() -> None:
    own = " ".join(one.lower() for name in OWN for one in _constants(ast.parse((GALLERY / name).read_text())))
    rules = [node for file in sorted(ENGINE.rglob("*.py")) for node in _patterns(ast.parse(file.read_text()))]
    phrases = {phrase for node in rules for one in _constants(node) for phrase in PHRASE.findall(one.lower())}
    assert len(phrases) > 50
    assert {phrase for phrase in phrases if phrase in own} == set()


def test_a_clock_shifts_and_compresses() -> None:
    clock = Clock(onset_ns=10**18, faster=10.0)
    assert [clock.ns(seconds) - 10**18 for seconds in (-600.0, 0.0, 240.0)] == [-60 * 10**9, 0, 24 * 10**9]


def test_a_right_diagnosis_scores_and_one_of_another_story_does_not() -> None:
    stream, expected = played("oom-killed loop")
    found = diagnose(*signals(stream))
    mine, other = row("mine", expected, found), row("other", played("node down")[1], found)
    assert (mine.rank, mine.hit, mine.citations_ok, other.rank, other.hit) == (1, True, True, 0, False)
    silent = diagnose(())
    assert row("quiet", Expected(), silent).hit
    assert not row("quiet", Expected(), found).hit
    assert not row("missed", expected, silent).hit


def _count(held: list[Signal], surface: Surface) -> int:
    return sum(signal.count for signal in held if signal.surface is surface)


def _patterns(tree: ast.AST) -> Iterator[ast.AST]:
    """The regular expressions of a module: what is compiled, and what is given as a `pattern`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "compile":
            yield from node.args
        elif isinstance(node, ast.keyword) and node.arg == "pattern":
            yield node.value


def _constants(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
