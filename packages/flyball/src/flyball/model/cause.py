"""Cause: the fixed vocabulary of what a diagnosis can name, in the terms of the platforms themselves."""

from __future__ import annotations

import enum


class Cause(enum.StrEnum):
    """Why something fails. One value for each thing that has a first step of its own."""

    # the pod is never created
    SERVICE_ACCOUNT_MISSING = "service account missing"
    QUOTA_CPU = "namespace CPU quota exceeded"
    QUOTA_MEMORY = "namespace memory quota exceeded"
    QUOTA_PODS = "namespace pod quota exceeded"
    QUOTA_SERVICES = "namespace service quota exceeded"
    QUOTA_STORAGE = "namespace storage quota exceeded"
    QUOTA_OTHER = "namespace quota exceeded"
    ADMISSION_DENIED = "admission denied"
    # the pod is created and not placed
    NODE_CORDONED = "node cordoned"
    NODE_SELECTOR = "node selector matches no node"
    NODE_AFFINITY = "node affinity matches no node"
    ANTI_AFFINITY = "pod anti-affinity conflict"
    TAINT_NOT_TOLERATED = "taint not tolerated"
    CPU_CAPACITY = "not enough CPU on any node"
    MEMORY_CAPACITY = "not enough memory on any node"
    CLAIM_SELECTOR = "volume claim selector matches no volume"
    CLAIM_ACCESS_MODE = "volume claim access mode not offered"
    CLAIM_CAPACITY = "volume claim larger than any volume"
    CLAIM_STORAGE_CLASS = "storage class missing or different"
    VOLUME_OCCUPIED = "volume bound to another claim"
    CLAIM_UNBOUND = "volume claim unbound"
    # the pod is placed and does not start
    IMAGE_REFERENCE = "image reference wrong"
    IMAGE_REGISTRY_DNS = "image registry name does not resolve"
    IMAGE_PULL_SECRET = "image pull not authorised"  # noqa: S105 - the name of a cause
    SECRET_MISSING = "secret missing"  # noqa: S105 - the name of a cause
    CONFIG_MISSING = "config map missing"
    MOUNT_PERMISSION = "mounted volume not permitted"
    MOUNT_FAILED = "volume cannot be mounted"
    INIT_FAILED = "init container failed"
    COMMAND_FAILED = "command or script is wrong"
    # it starts and is stopped
    OOM_KILLED = "killed for lack of memory"
    LIVENESS_PROTOCOL = "liveness probe speaks another protocol"
    LIVENESS_PORT = "liveness probe asks another port"
    LIVENESS_TIMING = "liveness probe too impatient"
    LIVENESS_FAILED = "liveness probe kills it"
    READINESS_PROTOCOL = "readiness probe speaks another protocol"
    READINESS_PORT = "readiness probe asks another port"
    READINESS_TIMING = "readiness probe too impatient"
    READINESS_FAILED = "readiness probe fails"
    ENV_MISSING = "environment variable missing"
    CRASH_LOOP = "crashes on start"
    PORT_IN_USE = "port already in use"
    ZERO_REPLICAS = "scaled to zero"
    ROLLOUT_STUCK = "rollout does not progress"
    # it runs and is not reached
    SERVICE_SELECTOR = "service selector matches no pod"
    SERVICE_PORT = "service port maps to another port"
    SERVICE_PROTOCOL = "service protocol differs"
    ENV_ADDRESS = "address in an environment variable is wrong"
    MISROUTED = "routed to another service"
    DNS_FAILURE = "name does not resolve"
    # the platform under it
    NETWORK_POLICY = "network policy denies"
    NODE_NOT_READY = "node not ready"
    KUBELET_DOWN = "kubelet down"
    RUNTIME_DOWN = "container runtime down"
    KUBE_PROXY_DOWN = "kube-proxy down"
    SCHEDULER_DOWN = "scheduler down"
    BAD_NODE = "pods on one node fail"
    NODE_NETWORK_DELAY = "node network slow"
    NODE_PACKET_LOSS = "node network loses packets"
    # resources and edges
    CPU_CONTENTION = "CPU contention"
    MEMORY_LEAK = "memory grows without end"
    NETWORK_DELAY = "network slow on an edge"
    DISK_FULL = "disk full"
    # behaviour of code
    EXCEPTION = "code raises an error"
    CODE_PATH = "code leaves its path early"
    FAILING_SERVICE = "service fails by itself"
    TRAFFIC = "more traffic than before"
    SLOW_SERVICE = "service slow by itself"
    BAD_VERSION = "a version fails"
    CONFIG_CHANGE = "a change of configuration"
    COHORT = "a part of the pods fails"
    RETRY_STORM = "retry storm"
    N_PLUS_ONE = "one database query for each row"
    # what it depends on
    POOL_EXHAUSTED = "connection pool exhausted"
    DB_CONNECTIONS = "database connections exhausted"
    DB_CPU = "database CPU saturated by a query"
    DB_SLOW_QUERY = "database query slow"
    DB_LOCK = "lock contention in the database"
    DB_STORAGE = "database storage full"
    DB_READ_ONLY = "database read-only"
    DB_FAILOVER = "database failover"
    DB_REPLICATION = "database replica lags"
    DB_UNREACHABLE = "database unreachable"
    ROW_SECURITY = "row-level security denies"
    ROWS_HIDDEN = "row-level security hides rows"
    CREDENTIALS = "credentials rejected"
    CERTIFICATE_EXPIRED = "certificate expired"
    RATE_LIMITED = "rate limited upstream"
    DEPENDENCY_DOWN = "dependency unreachable"
    DEPENDENCY_TIMEOUT = "dependency times out"
    CONSUMER_LAG = "consumer lags"


SYMPTOMS = frozenset(
    {
        Cause.CRASH_LOOP,
        Cause.ROLLOUT_STUCK,
        Cause.EXCEPTION,
        Cause.CODE_PATH,
        Cause.FAILING_SERVICE,
        Cause.SLOW_SERVICE,
        Cause.DEPENDENCY_DOWN,
        Cause.DEPENDENCY_TIMEOUT,
    }
)
"""What shows that and where something fails, whatever the reason: named as a cause only where no mechanism is held."""

SILENT = frozenset(
    {
        Cause.CODE_PATH,
        Cause.CONSUMER_LAG,
        Cause.CPU_CONTENTION,
        Cause.MEMORY_LEAK,
        Cause.NETWORK_DELAY,
        Cause.N_PLUS_ONE,
        Cause.ROWS_HIDDEN,
        Cause.SLOW_SERVICE,
    }
)
"""What need not make anything fail: no error tells, only a while held against the normal time before it."""
