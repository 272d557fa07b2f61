"""What counts as a hit: the words of each data set beside ours.

A fault may be told by any of the causes that stand beside it here: those that mean the same thing, seen from another
side, and lead to the same first step. Everything else is a miss.
"""

from __future__ import annotations

import re

from flyball.model.cause import Cause

CLOUD_OPSBENCH: dict[str, tuple[Cause, ...]] = {
    "missing_service_account": (Cause.SERVICE_ACCOUNT_MISSING,),
    "namespace_cpu_quota_exceeded": (Cause.QUOTA_CPU,),
    "namespace_memory_quota_exceeded": (Cause.QUOTA_MEMORY,),
    "namespace_pod_quota_exceeded": (Cause.QUOTA_PODS,),
    "namespace_service_quota_exceeded": (Cause.QUOTA_SERVICES,),
    "namespace_storage_quota_exceeded": (Cause.QUOTA_STORAGE,),
    "node_selector_mismatch": (Cause.NODE_SELECTOR,),
    "node_affinity_mismatch": (Cause.NODE_AFFINITY,),
    "pod_anti_affinity_conflict": (Cause.ANTI_AFFINITY,),
    "taint_toleration_mismatch": (Cause.TAINT_NOT_TOLERATED,),
    "cpu_capacity_mismatch": (Cause.CPU_CAPACITY,),
    "memory_capacity_mismatch": (Cause.MEMORY_CAPACITY,),
    "node_cordon_mismatch": (Cause.NODE_CORDONED,),
    "pvc_access_mode_mismatch": (Cause.CLAIM_ACCESS_MODE,),
    "pvc_selector_mismatch": (Cause.CLAIM_SELECTOR,),
    "pvc_capacity_mismatch": (Cause.CLAIM_CAPACITY,),
    "pvc_storage_class_mismatch": (Cause.CLAIM_STORAGE_CLASS,),
    "pv_binding_occupied": (Cause.VOLUME_OCCUPIED,),
    "incorrect_image_reference": (Cause.IMAGE_REFERENCE,),
    "image_registry_dns_failure": (Cause.IMAGE_REGISTRY_DNS,),
    "missing_image_pull_secret": (Cause.IMAGE_PULL_SECRET,),
    "missing_secret_binding": (Cause.SECRET_MISSING,),
    "volume_mount_permission_denied": (Cause.MOUNT_PERMISSION,),
    "oom_killed": (Cause.OOM_KILLED,),
    "liveness_probe_incorrect_protocol": (Cause.LIVENESS_PROTOCOL,),
    "liveness_probe_incorrect_port": (Cause.LIVENESS_PORT,),
    "liveness_probe_incorrect_timing": (Cause.LIVENESS_TIMING,),
    "readiness_probe_incorrect_protocol": (Cause.READINESS_PROTOCOL,),
    "readiness_probe_incorrect_port": (Cause.READINESS_PORT,),
    "service_selector_mismatch": (Cause.SERVICE_SELECTOR,),
    "service_port_mapping_mismatch": (Cause.SERVICE_PORT,),
    "service_protocol_mismatch": (Cause.SERVICE_PROTOCOL,),
    "service_env_var_address_mismatch": (Cause.ENV_ADDRESS,),
    "containerd_unavailable": (Cause.RUNTIME_DOWN,),
    "kubelet_unavailable": (Cause.KUBELET_DOWN,),
    "kube_proxy_unavailable": (Cause.KUBE_PROXY_DOWN,),
    "kube_scheduler_unavailable": (Cause.SCHEDULER_DOWN,),
    "node_network_delay": (Cause.NODE_NETWORK_DELAY,),
    "node_network_packet_loss": (Cause.NODE_PACKET_LOSS,),
    "pod_cpu_overload": (Cause.CPU_CONTENTION,),
    "pod_network_delay": (Cause.NETWORK_DELAY,),
    "gateway_misrouted": (Cause.MISROUTED, Cause.ENV_ADDRESS),
    "gateway_misroute": (Cause.MISROUTED, Cause.ENV_ADDRESS),
    # not among the visible labels; named as the set names its faults
    "readiness_probe_incorrect_timing": (Cause.READINESS_TIMING,),
    "mysql_invalid_credentials": (Cause.CREDENTIALS,),
    "mysql_invalid_port": (Cause.ENV_ADDRESS,),
    "db_connection_exhaustion": (Cause.DB_CONNECTIONS,),
    "service_dns_resolution_failure": (Cause.DNS_FAILURE,),
    "service_sidecar_port_conflict": (Cause.PORT_IN_USE,),
    "deployment_zero_replicas": (Cause.ZERO_REPLICAS,),
    "db_readonly_mode": (Cause.DB_READ_ONLY,),
    "db_read_only": (Cause.DB_READ_ONLY,),
}
NEZHA: dict[str, tuple[Cause, ...]] = {
    "return": (Cause.CODE_PATH, Cause.EXCEPTION),
    "exception": (Cause.EXCEPTION, Cause.CODE_PATH),
    "cpu_contention": (Cause.CPU_CONTENTION,),
    "cpu_consumed": (Cause.CPU_CONTENTION,),
    "network_delay": (Cause.NETWORK_DELAY,),
}
PETSHOP: dict[str, tuple[Cause, ...]] = {
    "latency": (Cause.SLOW_SERVICE, Cause.NETWORK_DELAY, Cause.CPU_CONTENTION),
    "availability": (Cause.FAILING_SERVICE, Cause.EXCEPTION),
    "requests": (Cause.TRAFFIC,),
}
OPENSRE: dict[str, tuple[Cause, ...]] = {
    "oom_killed": (Cause.OOM_KILLED,),
    "image_pull_backoff": (Cause.IMAGE_REFERENCE, Cause.IMAGE_PULL_SECRET),
    "pending_pod": (
        Cause.CPU_CAPACITY,
        Cause.MEMORY_CAPACITY,
        Cause.NODE_SELECTOR,
        Cause.TAINT_NOT_TOLERATED,
    ),
    "probe_failure": (
        Cause.LIVENESS_FAILED,
        Cause.LIVENESS_TIMING,
        Cause.LIVENESS_PORT,
        Cause.LIVENESS_PROTOCOL,
    ),
    "resource_quota_exceeded": (Cause.QUOTA_CPU, Cause.QUOTA_MEMORY, Cause.QUOTA_PODS, Cause.QUOTA_OTHER),
    "dns_resolution_failure": (Cause.DNS_FAILURE,),
    "node_not_ready": (Cause.NODE_NOT_READY, Cause.KUBELET_DOWN, Cause.RUNTIME_DOWN),
    "deployment_rollout_stuck": (
        Cause.ROLLOUT_STUCK,
        Cause.ENV_MISSING,  # what the new pods say themselves; the answer explains the stuck rollout by it
        Cause.READINESS_FAILED,
        Cause.READINESS_PORT,
        Cause.READINESS_TIMING,
        Cause.READINESS_PROTOCOL,
    ),
    "replication_lag": (Cause.DB_REPLICATION,),
    "connection_exhaustion": (Cause.DB_CONNECTIONS,),
    "storage_full": (Cause.DB_STORAGE,),
    "cpu_saturation": (Cause.DB_CPU,),
    "failover": (Cause.DB_FAILOVER,),
    "dual_fault_connection_cpu": (Cause.DB_CONNECTIONS, Cause.DB_CPU),
}

IN_WORDS: tuple[tuple[str, tuple[Cause, ...]], ...] = (
    (r"out of memory|OOM killed|OOM-killed", (Cause.OOM_KILLED,)),
    (r"memory leak", (Cause.MEMORY_LEAK, Cause.OOM_KILLED)),
    (r"environment variable|DEPLOY_ENV", (Cause.ENV_MISSING,)),
    (r"nodeSelector", (Cause.NODE_SELECTOR,)),
    (r"StorageClass \S+ does not exist", (Cause.CLAIM_STORAGE_CLASS,)),
    (r"network policy", (Cause.NETWORK_POLICY,)),
    (r"connection from pool", (Cause.POOL_EXHAUSTED,)),
    (r"slow database|Database operations are taking", (Cause.DB_SLOW_QUERY,)),
    (r"longer than \d+ seconds to complete", (Cause.DB_SLOW_QUERY, Cause.SLOW_SERVICE)),
    (
        r"connect to (?:the )?database|losing connection to Redis|has become unavailable",
        (Cause.DB_UNREACHABLE,),
    ),
    (r"certificate (?:has )?expired", (Cause.CERTIFICATE_EXPIRED,)),
    (r"syntax error", (Cause.COMMAND_FAILED,)),
    (r"could not connect to an external API", (Cause.DEPENDENCY_DOWN,)),
    (r"the host kld|exact URL", (Cause.DNS_FAILURE,)),
    (r"slow to process messages", (Cause.CONSUMER_LAG, Cause.SLOW_SERVICE)),
)
"""Expected answers that are sentences: what they speak of. Those that match none are compared word by word."""
_FOLLOWS = re.compile(r"_(v\d+)$")


def accepted(dataset: str, cause: str) -> tuple[Cause, ...]:
    """The causes that count as a hit for a label; none for a label that nobody can name."""
    table = next(
        (
            words
            for begins, words in (
                ("cloud", CLOUD_OPSBENCH),
                ("nezha", NEZHA),
                ("petshop", PETSHOP),
                ("opensre", OPENSRE),
            )
            if dataset.startswith(begins)
        ),
        {},
    )
    if not table:
        return next((causes for pattern, causes in IN_WORDS if re.search(pattern, cause, re.IGNORECASE)), ())
    return table.get(_FOLLOWS.sub("", cause), ())


def same_object(label: str, named: str) -> bool:
    """Whether an object is the labelled one: `app/x`, `x` and `service/x` are one; a data set may name none."""
    if not label:
        return True
    bare = label.removeprefix("app/")
    return named in {label, f"service/{bare}", bare}
