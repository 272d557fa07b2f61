"""The scorer: diagnoses beside labels, for each data set by itself, never pooled."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from flyball.explain.check import check
from flyball.model.diagnosis import Diagnosis, Hypothesis, Standing
from flyball.model.evidence import Evidence

from bench.rca.labels import Label
from bench.rca.vocabulary import accepted, same_object

HEALTHY = "healthy"
_NO_FAULT = re.compile(r"not an issue|without issues|with no errors", re.IGNORECASE)
"""An expected answer in words that nothing is wrong: such a case is a healthy one."""
WORDS_SHARE = 0.5
"""Share of an expected sentence's own words that an answer in words must hold."""


@dataclass(slots=True)
class Score:
    """The counts of one data set."""

    cases: int = 0
    first: int = 0
    third: int = 0
    placed: int = 0
    """Cases whose label names an object."""
    object_first: int = 0
    object_third: int = 0
    abstained: int = 0
    healthy: int = 0
    quiet: int = 0
    sentences: int = 0
    existing: int = 0
    supported: int = 0
    marked: int = 0
    evidence_hit: int = 0
    misses: list[str] = field(default_factory=list[str])


def score(pairs: Iterable[tuple[Label, Diagnosis]]) -> Score:
    """Add up one data set. Healthy cases count for `quiet` alone."""
    held = Score()
    for label, diagnosis in pairs:
        _citations(held, diagnosis)
        if label.cause == HEALTHY or _NO_FAULT.search(label.cause):
            held.healthy += 1
            held.quiet += diagnosis.inconclusive
            continue
        held.cases += 1
        held.abstained += diagnosis.inconclusive
        ranked = _ranked(diagnosis)
        ranks = [rank for rank, one in enumerate(ranked, 1) if _hit(label, one)]
        best = min(ranks, default=99)
        held.first += best == 1 and not diagnosis.inconclusive
        held.third += best <= 3
        objects = list(dict.fromkeys(one.object for one in ranked))
        at = next((n for n, one in enumerate(objects, 1) if same_object(label.object, one)), 99)
        held.placed += bool(label.object)
        held.object_first += bool(label.object) and at == 1 and not diagnosis.inconclusive
        held.object_third += bool(label.object) and at <= 3
        if label.regions:
            held.marked += 1
            held.evidence_hit += any(evidence_hit(label, fact) for fact in _cited(diagnosis))
        if best > 1 or diagnosis.inconclusive:
            named = [f"{one.cause.name} {one.object}" for one in ranked[:3]]
            held.misses.append(f"{label.case}: {label.object} {label.cause[:60]}; said {named}")
    return held


def _citations(held: Score, diagnosis: Diagnosis) -> None:
    faults = check(diagnosis)
    sentences = len(diagnosis.sentences())
    held.sentences += sentences
    held.existing += sentences - sum(bool(fault.unresolved) for fault in faults)
    held.supported += sentences - sum(bool(fault.unsupported) for fault in faults)


def _ranked(diagnosis: Diagnosis) -> list[Hypothesis]:
    return [one for one in diagnosis.hypotheses if one.standing is Standing.HELD]


def _cited(diagnosis: Diagnosis) -> list[Evidence]:
    """The evidence of the claims themselves, not of what was ruled out."""
    ids = {id_ for claim in diagnosis.claims for id_ in claim.evidence}
    return [fact for fact in diagnosis.evidence if fact.id in ids]


def _hit(label: Label, hypothesis: Hypothesis) -> bool:
    causes = accepted(label.dataset, label.cause)
    if causes:
        return hypothesis.cause in causes and same_object(label.object, hypothesis.object)
    return _in_words(label.cause, [hypothesis])


def _in_words(expected: str, said: Sequence[Hypothesis]) -> bool:
    """Whether an answer holds half of the own words of what is expected, as set in words by people."""
    step = [one.first_step.text for one in said if one.first_step]
    text = " ".join(
        [*(f"{one.cause} {one.object}" for one in said), *step, *(r.text for o in said for r in o.reasons)]
    )
    words, answer = _stems(expected), _stems(text)
    return bool(words) and len(words & answer) >= WORDS_SHARE * len(words)


_COMMON = re.compile(
    r"^(?:a|an|and|are|as|at|be|because|been|being|by|can|could|did|do|does|due|for|from|had|has|have|in|into|is|it|its"
    r"|may|mention|mentions|must|not|of|on|or|output|should|some|state|that|the|their|there|this|to|was|were|which|will"
    r"|with|would|any|all|each|exact|either|following|root|cause|issue|issues|problem)$"
)


def _stems(text: str) -> set[str]:
    words = re.findall(r"[a-z0-9][a-z0-9.:/_-]*[a-z0-9]|[a-z0-9]", text.lower())
    return {re.sub(r"(?:ing|ed|es|s)$", "", word) for word in words if not _COMMON.match(word)}


def evidence_hit(label: Label, fact: Evidence) -> bool:
    """Whether evidence comes from where the label's region is."""
    texts = [str(value) for record in fact.exemplars for value in record.values()]
    return any(_inside(region, texts) for region in label.regions)


def _inside(region: str, texts: Sequence[str]) -> bool:
    if "::" in region:
        return any(_step(region, text) for text in texts)
    between = re.fullmatch(r"(.+)#(\d+)_(.+)#(\d+)", region)
    if between and between[1] == between[3]:
        lines = [int(n) for text in texts for n in re.findall(re.escape(between[1]) + r"#(\d+)", text)]
        return any(int(between[2]) <= line <= int(between[4]) for line in lines)
    ends = [end for end in re.split(r"_(?=\w+\.\w+\.)|_(?=r\.)", region) if end]
    metrics = {"CpuUsageRate(%)": "cpu.utilization", "NetworkP90(ms)": " edge"}
    wanted = [metrics.get(end, end.split(" ")[0]) for end in ends]
    return any(end.strip() in text for end in wanted for text in texts) or (
        region == "NetworkP90(ms)" and any(text.startswith("service/") for text in texts)
    )


_KINDS = {"pods": "pods", "deployments": "deployments", "services": "services"}


def _step(step: str, ref: str) -> bool:
    """Whether a record was read where a step of an expert's path looks: `GetResources::pods` is `kubectl get pods`."""
    tool, _, rest = step.partition("::")
    what = [part for part in rest.split("::") if part]
    if tool == "GetResources":
        return bool(re.match(rf"k8s:kubectl (?:get|describe) {what[0]}\b", ref)) if what else False
    if tool == "DescribeResource":
        return bool(re.match(rf"k8s:kubectl describe {what[0]} {re.escape(what[-1])}", ref))
    if tool == "GetAppYAML":
        return bool(re.match(rf"k8s:kubectl describe \w+ {re.escape(what[0])}", ref))
    if tool == "GetAlerts":
        return ref == "alert"
    return ref.startswith(f"tool:{tool}") and all(part in ref for part in what)
