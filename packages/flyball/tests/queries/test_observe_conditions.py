from __future__ import annotations

from typing import Any

import pytest
from flyball.queries.observe.objects import object_signals
from harness.signals import START

NAMED = {"metadata": {"name": "it", "namespace": "space"}}
CONDITION = {"type": "ScalingLimited", "status": "True", "reason": "TooManyReplicas", "message": "more"}


@pytest.mark.parametrize(
    ("resource", "status", "entity"),
    [
        ("horizontalpodautoscalers", {"conditions": [CONDITION]}, "autoscaler/it"),
        ("namespaces", {"phase": "Active", "conditions": [CONDITION]}, "namespace/it"),
        ("jobs", {"conditions": [CONDITION]}, "service/it"),
        ("httproutes", {"parents": [{"conditions": [CONDITION]}]}, "httproute/it"),
    ],
)
def test_what_an_object_says_of_itself_is_read(resource: str, status: dict[str, Any], entity: str) -> None:
    found = list(object_signals(resource, {**NAMED, "status": status}, START))
    told = [(s.entity, s.value) for s in found if s.key == "condition.ScalingLimited"]
    assert told == [(entity, "True TooManyReplicas")]


@pytest.mark.parametrize(
    "status", [{}, {"conditions": "none"}, {"conditions": [None, "x"]}, {"parents": [1]}]
)
@pytest.mark.parametrize("resource", ["horizontalpodautoscalers", "namespaces", "jobs", "httproutes"])
def test_conditions_of_another_form_are_left_out(resource: str, status: dict[str, Any]) -> None:
    found = object_signals(resource, {**NAMED, "status": status}, START)
    assert not [s for s in found if s.key.startswith("condition.")]
