from __future__ import annotations

from flyball.explain.engine import diagnose
from flyball.model.cause import Cause
from flyball.model.signal import Signal
from harness.signals import START, log, names, owned, workload

from bench.rca import kubectl
from bench.rca.kubectl import Printed

AUTOSCALER = """Name:                  {it}
Reference:             Deployment/{it}
Conditions:
  Type            Status  Reason            Message
  ----            ------  ------            -------
  AbleToScale     True    ReadyForNewScale  recommended size matches current size
  ScalingActive   True    ValidMetricFound  the HPA was able to successfully calculate a replica count
  ScalingLimited  True    TooManyReplicas   the desired replica count is more than the maximum replica count
Events:           <none>
"""
NAMESPACE = """Name:         {it}
Status:       Terminating
Conditions:
  Type                          Status  LastTransitionTime               Reason                Message
  ----                          ------  ------------------               ------                -------
  NamespaceContentRemaining     False   Sun, 04 May 2031 03:02:01 +0000  ContentRemoved        All content removed
  NamespaceFinalizersRemaining  True    Sun, 04 May 2031 03:02:01 +0000  SomeFinalizersRemain  Some content remains
"""


def _described(kind: str, text: str) -> list[Signal]:
    return list(kubectl.described(kind, Printed(text, START, "x")))


def test_an_autoscaler_at_its_maximum_is_named_where_its_service_waits() -> None:
    draw = names(61)
    name = draw.word()
    pod = draw.pod(f"service/{name}")
    seen = [
        *workload(f"service/{name}"),
        *owned(pod, f"service/{name}"),
        *_described("hpa", AUTOSCALER.format(it=name)),
    ]
    assert diagnose(seen).inconclusive
    found = diagnose([*seen, log(pod, "ERROR read timed out", severity=17, count=30)])
    assert (found.cause, found.object) == (Cause.AUTOSCALER_MAXIMUM, f"autoscaler/{name}")


def test_a_namespace_that_waits_for_finalizers_is_named() -> None:
    name = names(62).word()
    found = diagnose(_described("namespace", NAMESPACE.format(it=name)))
    assert (found.cause, found.object) == (Cause.DELETION_STUCK, f"namespace/{name}")
