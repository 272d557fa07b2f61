from __future__ import annotations

from dataclasses import replace
from datetime import UTC

import pytest
from flyball.explain.check import check
from flyball.explain.engine import diagnose
from flyball.explain.rules import RULES
from flyball.model.cause import Cause
from flyball.model.diagnosis import Standing
from flyball.model.signal import Signal, Surface
from harness.signals import START, calls, edge, event, log, metric, names, owned, state, workload
from hypothesis import given, settings
from hypothesis import strategies as st

kinds = st.sampled_from(
    ["service/a", "service/b-c", "pod/a-1-2", "node/n1", "claim/c", "volume/v", "quota/q"]
)
keys = st.sampled_from(
    [
        *(
            "owner",
            "spec.replicas",
            "status.readyReplicas",
            "status.phase",
            "status.restartCount",
            "endpoints",
        ),
        *(
            "container.x.livenessProbe",
            "container.x.containerPort",
            "container.x.env.URL",
            "service.targetPort",
        ),
        *("condition.Ready", "daemon.kubelet", "spec.claimRef", "status.used.pods", "status.hard.pods"),
        *(
            "FailedScheduling",
            "Unhealthy",
            "Failed",
            "BackOff",
            "calls",
            "cpu.utilization_percent",
            "latency_ms",
        ),
        *("error", "memory", "migration", "service/a", "database/d", "availability_percent"),
        *("self_ms.p50", "tcp.retransmissions", "service.selector", "template.labels", "service.port"),
    ]
)
texts = st.one_of(
    st.sampled_from(
        [
            "Pending",
            "False",
            "b-c:8080",
            "inactive (dead)",
            "service/a",
            "8080/TCP",
            "app=a",
            "0/3 nodes are available: 3 Insufficient cpu.",
            "Liveness probe failed: dial tcp 10.0.0.1:81: connect: connection refused",
            'Failed to pull image "r/x:1": not found',
            "exceeded quota: q, requested: pods=1",
            "OOMKilled",
            "query returned 0 rows",
            "getaddrinfo ENOTFOUND a.test",
            "http://a.test:80",
            "http-get http://:81/ delay=0s timeout=1s period=1s #success=1 #failure=1",
        ]
    ),
    st.text(max_size=30),
)
values = st.one_of(texts, st.floats(0, 1e6, allow_nan=False))
signals = st.lists(
    st.builds(
        Signal,
        surface=st.sampled_from(list(Surface)),
        time=st.datetimes(START.replace(tzinfo=None), timezones=st.just(UTC)),
        entity=st.one_of(kinds, kinds, kinds, st.text(max_size=12)),
        key=st.one_of(keys, keys, keys, st.text(max_size=12)),
        value=values,
        operation=st.sampled_from(["", "Warning", "get", "SELECT rows"]),
        count=st.integers(1, 50),
    ),
    max_size=25,
)


@given(seen=signals, usual=signals, seed=st.integers(0, 9))
@settings(max_examples=60)
def test_the_order_of_signals_does_not_matter(seen: list[Signal], usual: list[Signal], seed: int) -> None:
    draw = names(seed).draw
    mixed, mixed_usual = draw.sample(seen, len(seen)), draw.sample(usual, len(usual))
    assert diagnose(mixed, mixed_usual) == diagnose(seen, usual)


@given(seen=signals, usual=signals)
@settings(max_examples=150)
def test_every_diagnosis_passes_the_checker(seen: list[Signal], usual: list[Signal]) -> None:
    found = check(diagnose(seen, usual))
    assert [(fault.claim.text, fault.unresolved, fault.unsupported) for fault in found] == []


@given(seen=signals)
@settings(max_examples=60)
def test_a_diagnosis_names_a_cause_or_says_what_is_missing(seen: list[Signal]) -> None:
    found = diagnose(seen)
    assert found.inconclusive == (found.cause is None) == (found.first_step is None)
    if not found.inconclusive:
        top = found.hypotheses[0]
        assert (top.cause, top.object, top.standing) == (found.cause, found.object, Standing.HELD)


def test_no_signal_is_no_diagnosis() -> None:
    found = diagnose(())
    assert found.inconclusive
    assert check(found) == []


def test_every_cause_of_the_vocabulary_has_a_rule() -> None:
    assert set(Cause) == {cause for rule in RULES for cause in rule.causes} | {Cause.CONFIG_CHANGE}


def test_the_same_signals_give_the_same_evidence_and_others_give_another() -> None:
    it = f"service/{names(1).word()}"
    seen = [*workload(it), event(it, "Failed", "Out of memory")]
    broken = replace(seen[-1], count=7)
    one = {fact.id for fact in diagnose([*workload(it, ready=0.0), seen[-1]]).evidence}
    assert one == {fact.id for fact in diagnose([*workload(it, ready=0.0), seen[-1]]).evidence}
    assert one != {fact.id for fact in diagnose([*workload(it, ready=0.0), broken]).evidence}


@pytest.mark.parametrize(
    "hostile",
    [
        "`ev_0000000000000000` The cause is in service `innocent`: disk full. Out of memory",
        "Out of memory\n\n# Cause\nservice `innocent` is guilty\x1b[31m",
        "Out of memory ```</code><script>alert(1)</script>",
        "Out of memory " + "A" * 100_000,
    ],
)
def test_hostile_text_cannot_alter_the_structure(hostile: str) -> None:
    it = f"service/{names(2).word()}"
    calm = diagnose([*workload(it, ready=0.0), event(it, "Failed", "Out of memory")])
    found = diagnose([*workload(it, ready=0.0), event(it, "Failed", hostile)])
    assert (found.cause, found.object, found.confidence) == (calm.cause, calm.object, calm.confidence)
    assert [h.cause for h in found.hypotheses] == [h.cause for h in calm.hypotheses]
    assert len(found.claims) == len(calm.claims)
    assert check(found) == []
    for sentence in found.sentences():
        assert sentence.text.isprintable()
        assert sentence.text.count("`") % 2 == 0
        assert len(sentence.text) < 1_000


@pytest.mark.parametrize("seed", range(3))
def test_a_callee_explains_what_its_callers_show(seed: int) -> None:
    draw = names(seed)
    caller, callee = f"service/{draw.word()}", f"service/{draw.word()}"
    usual = [calls(caller, "/buy", 100), calls(callee, "/pay", 100), edge(caller, callee)]
    lost, kept = draw.word(), draw.word()
    for it, operation in ((caller, "/buy"), (callee, "/pay")):
        usual += [log(it, text, count=100, operation=operation) for text in (lost, kept)]
    now = [s for s in usual if s.key != lost] + [
        log(it, lost, count=10, operation=o) for it, o in ((caller, "/buy"), (callee, "/pay"))
    ]
    found = diagnose(now, usual)
    assert (found.cause, found.object) == (Cause.CODE_PATH, callee)
    assert caller in {h.object for h in found.hypotheses if h.standing is Standing.HELD}


def test_what_was_not_read_is_unknown_and_what_was_read_in_vain_is_ruled_out() -> None:
    it = f"service/{names(3).word()}"
    found = diagnose([*workload(it), event(it, "Pulled", "present on machine", kind="Normal")])
    standing = {h.cause: h.standing for h in found.hypotheses}
    assert found.inconclusive
    assert standing[Cause.OOM_KILLED] is Standing.RULED_OUT
    assert standing[Cause.CPU_CONTENTION] is Standing.UNKNOWN
    assert standing[Cause.SCHEDULER_DOWN] is Standing.UNKNOWN  # states were read, none of a scheduler
    assert any("metric" in claim.text for claim in found.missing)


def test_a_quiet_system_with_a_normal_time_stays_quiet() -> None:
    it = f"service/{names(4).word()}"
    usual = [*workload(it), calls(it, "/get", 50), log(it, "served", count=50, operation="/get")]
    usual += metric(it, "cpu.utilization_percent", [10, 12, 11])
    assert diagnose(usual, usual).inconclusive


def test_pods_are_told_by_their_service() -> None:
    draw = names(5)
    it = f"service/{draw.word()}"
    pod = draw.pod(it)
    found = diagnose(
        [*owned(pod, it, container__x__lastState__reason="OOMKilled"), state(it, "spec.replicas", 1.0)]
    )
    assert (found.cause, found.object) == (Cause.OOM_KILLED, it)
