"""The texts of events of what stops, scales, routes and carries pods: nodes, autoscalers, jobs, networks, gateways."""

from __future__ import annotations

from flyball.explain.rule import HINTS, IMPLIES, SAYS, SHOWS
from flyball.explain.rules.text import NODE, Text
from flyball.model.cause import Cause

CARRIED = (
    Text(
        cause=Cause.NODE_MEMORY_PRESSURE,
        pattern=r"(System OOM encountered)",
        tells="a node whose kernel kills for memory",
        step="See what takes the memory of the node, and give its pods requests and limits: {told}.",
        weight=IMPLIES,
    ),
    Text(
        cause=Cause.EPHEMERAL_STORAGE,
        pattern=r"(ephemeral local storage usage exceeds|exceeded its local ephemeral storage limit|Usage of EmptyDir volume \"[^\"]+\" exceeds)",
        tells="an eviction for local storage",
        step="Let {it} write less to its own disk, or raise its limit of ephemeral storage: {told}.",
        weight=SAYS,
    ),
    *(
        Text(
            cause=cause,
            pattern=rf"(low on resource: (?:{resource})|Attempting to reclaim (?:{resource})|{more})",
            tells=f"a node that is short of {words}",
            step=f"Free {words} on the node of {{it}}, or move pods away: {{told}}.",
            of=NODE,
            over=(f"condition.{condition}", "False"),
            weight=SAYS,
        )
        for cause, resource, more, condition, words in (
            (Cause.NODE_MEMORY_PRESSURE, "memory", "MemoryPressure is now: True", "MemoryPressure", "memory"),
            (
                Cause.NODE_DISK_PRESSURE,
                "ephemeral-storage|nodefs|imagefs|inodes",
                "[Ff]ailed to garbage collect required amount of images",
                "DiskPressure",
                "disk",
            ),
            (Cause.NODE_PID_PRESSURE, "pids?", "PIDPressure is now: True", "PIDPressure", "process ids"),
        )
    ),
    Text(
        cause=Cause.PREEMPTED,
        pattern=r"(Preempted by (?:a )?(?:pod )?\S+)",
        tells="a pod that was preempted",
        step="Give {it} a higher priority, or the cluster more room: {told}.",
        normal=True,
        weight=SAYS,
    ),
    Text(
        cause=Cause.DELETION_STUCK,
        pattern=r"(error killing pod)",
        reasons=("FailedKillPod",),
        tells="a pod that cannot be ended",
        step="See why the runtime on its node does not end {it}: {told}.",
        weight=SHOWS,
    ),
    Text(
        cause=Cause.DISRUPTION_BUDGET,
        pattern=r"(would violate the pod's disruption budget)",
        tells="a disruption budget that blocks evictions",
        step="Let the budget of {it} allow one disruption, or make its pods ready: {told}.",
        weight=SHOWS,
    ),
    Text(
        cause=Cause.AUTOSCALER_METRICS,
        pattern=r"(missing request for \w+|unable to fetch metrics from|unable to get external metric|no custom metrics API)",
        reasons=(
            "FailedGetResourceMetric",
            "FailedGetContainerResourceMetric",
            "FailedGetPodsMetric",
            "FailedGetObjectMetric",
            "FailedGetExternalMetric",
            "FailedComputeMetricsReplicas",
            "KEDAScalerFailed",
        ),
        tells="an autoscaler without metrics",
        step="Give {it} what it scales by: {told}.",
        over=("condition.ScalingActive", "True"),
        weight=IMPLIES,
    ),
    Text(
        cause=Cause.JOB_FAILED,
        pattern=r"(Job has reached the specified backoff limit)",
        tells="a job that gives up",
        step="Read the last lines of the pods of {it}: {told}.",
        weight=HINTS + 0.2,
    ),
    Text(
        cause=Cause.JOB_DEADLINE,
        pattern=r"(active (?:on the node )?longer than (?:the )?specified deadline)",
        tells="a job that takes too long",
        step="See why {it} takes longer than its deadline, or raise that: {told}.",
        weight=SHOWS,
    ),
    Text(
        cause=Cause.POD_ADDRESSES,
        pattern=r"(no IP addresses available in (?:range set|network)|failed to assign an IP address to container|IP pool exhausted"
        r"|no available IPs|failed to allocate for range)",
        tells="a node without addresses for pods",
        step="Give the node or its subnet more addresses for {it}: {told}.",
        of=NODE,
        weight=SAYS + 0.01,
    ),
    Text(
        cause=Cause.NETWORK_PLUGIN,
        pattern=r"(cni plugin not initialized|NetworkPluginNotReady|plugin type=\"[^\"]+\"(?: name=\"[^\"]+\")? failed|NetworkPlugin cni failed|runtime network not ready"
        r"|failed to find plugin \"[^\"]+\" in path)",
        tells="a network plugin that fails",
        step="Look at the network plugin on the node of {it}: {told}.",
        of=NODE,
        weight=SAYS,
    ),
    Text(
        cause=Cause.LOAD_BALANCER,
        pattern=r"(Error syncing load balancer|Failed to ensure load balancer|Failed deploy model)",
        tells="a load balancer that cannot be made",
        step="Read what the cloud answered to the load balancer of {it}: {told}.",
        weight=SAYS,
    ),
    Text(
        cause=Cause.ROUTE_BACKEND,
        pattern=r"(could not find service \"[^\"]+\"|Error obtaining Endpoints for Service \"[^\"]+\"|Service \"[^\"]+\" not found"
        r"|BackendNotFound)",
        reasons=(
            "Translate",
            "Sync",
            "Rejected",
            "AddedOrUpdatedWithWarning",
            "FailedBuildModel",
            "BackendNotFound",
        ),
        tells="a route whose backend is not there",
        step="Let {it} lead to a Service that is there: {told}.",
        weight=SAYS,
    ),
    Text(
        cause=Cause.FAULT_INJECTED,
        pattern=r"(Successfully apply chaos for \S+|ChaosInject)",
        tells="a fault that is injected",
        step="End the experiment that is applied to {it}: {told}.",
        normal=True,
        weight=SHOWS,
    ),
)
