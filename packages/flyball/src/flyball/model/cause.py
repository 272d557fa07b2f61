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
    ADMISSION_UNREACHABLE = "admission webhook does not answer"
    LIMIT_RANGE = "requests or limits outside the namespace's range"
    # the pod is created and not placed
    NODE_CORDONED = "node cordoned"
    NODE_SELECTOR = "node selector matches no node"
    NODE_AFFINITY = "node affinity matches no node"
    ANTI_AFFINITY = "pod anti-affinity conflict"
    POD_AFFINITY = "pod affinity matches no pod"
    TOPOLOGY_SPREAD = "topology spread cannot be kept"
    TAINT_NOT_TOLERATED = "taint not tolerated"
    CPU_CAPACITY = "not enough CPU on any node"
    MEMORY_CAPACITY = "not enough memory on any node"
    POD_CAPACITY = "no room for another pod on any node"
    RESOURCE_CAPACITY = "a resource that no node has left"
    VOLUME_ZONE = "volume is bound to other nodes"
    VOLUME_COUNT = "no node takes another volume"
    PREEMPTED = "preempted by a pod of higher priority"
    CLAIM_SELECTOR = "volume claim selector matches no volume"
    CLAIM_ACCESS_MODE = "volume claim access mode not offered"
    CLAIM_CAPACITY = "volume claim larger than any volume"
    CLAIM_STORAGE_CLASS = "storage class missing or different"
    VOLUME_OCCUPIED = "volume bound to another claim"
    CLAIM_UNBOUND = "volume claim unbound"
    PROVISIONING_FAILED = "volume cannot be provisioned"
    # the pod is placed and does not start
    IMAGE_REFERENCE = "image reference wrong"
    IMAGE_ABSENT = "image is not on the node and never pulled"
    IMAGE_PLATFORM = "image built for another platform"
    IMAGE_PULL_LIMIT = "image registry limits pulls"
    IMAGE_REGISTRY_DOWN = "image registry does not answer"
    IMAGE_REGISTRY_DNS = "image registry name does not resolve"
    IMAGE_PULL_SECRET = "image pull not authorised"  # noqa: S105 - the name of a cause
    SECRET_MISSING = "secret missing"  # noqa: S105 - the name of a cause
    CONFIG_MISSING = "config map missing"
    MOUNT_PERMISSION = "mounted volume not permitted"
    MOUNT_FAILED = "volume cannot be mounted"
    VOLUME_ELSEWHERE = "volume attached to another node"
    STORAGE_DRIVER = "storage driver missing on the node"
    FILE_SYSTEM_READ_ONLY = "file system is read-only"
    SECURITY_CONTEXT = "security context refused"
    INIT_FAILED = "init container failed"
    COMMAND_FAILED = "command or script is wrong"
    LIBRARY_MISSING = "module or library missing in the image"
    CONFIG_INVALID = "configuration of the program not valid"
    # it starts and is stopped
    OOM_KILLED = "killed for lack of memory"
    EPHEMERAL_STORAGE = "evicted for its local storage"
    LIVENESS_PROTOCOL = "liveness probe speaks another protocol"
    LIVENESS_PORT = "liveness probe asks another port"
    LIVENESS_PATH = "liveness probe asks another path"
    LIVENESS_TIMING = "liveness probe too impatient"
    LIVENESS_FAILED = "liveness probe kills it"
    READINESS_PROTOCOL = "readiness probe speaks another protocol"
    READINESS_PORT = "readiness probe asks another port"
    READINESS_PATH = "readiness probe asks another path"
    READINESS_TIMING = "readiness probe too impatient"
    READINESS_FAILED = "readiness probe fails"
    STARTUP_PROTOCOL = "startup probe speaks another protocol"
    STARTUP_PORT = "startup probe asks another port"
    STARTUP_PATH = "startup probe asks another path"
    STARTUP_TIMING = "startup probe too impatient"
    STARTUP_FAILED = "startup probe fails"
    ENV_MISSING = "environment variable missing"
    CRASH_LOOP = "crashes on start"
    PORT_IN_USE = "port already in use"
    ZERO_REPLICAS = "scaled to zero"
    ROLLOUT_STUCK = "rollout does not progress"
    JOB_FAILED = "job gives up"
    JOB_DEADLINE = "job takes longer than its deadline"
    AUTOSCALER_MAXIMUM = "autoscaler at its maximum"
    AUTOSCALER_METRICS = "autoscaler reads no metrics"
    DISRUPTION_BUDGET = "disruption budget blocks evictions"
    DELETION_STUCK = "terminates without end"
    # it runs and is not reached
    SERVICE_SELECTOR = "service selector matches no pod"
    SERVICE_PORT = "service port maps to another port"
    SERVICE_PROTOCOL = "service protocol differs"
    ENV_ADDRESS = "address in an environment variable is wrong"
    MISROUTED = "routed to another service"
    ROUTE_MISSING = "no route for a request"
    ROUTE_BACKEND = "route leads to no backend"
    LOAD_BALANCER = "load balancer cannot be made"
    FAULT_INJECTED = "a fault is injected"
    CIRCUIT_OPEN = "circuit breaker open"
    DNS_FAILURE = "name does not resolve"
    # the platform under it
    NETWORK_POLICY = "network policy denies"
    NODE_NOT_READY = "node not ready"
    NODE_MEMORY_PRESSURE = "node short of memory"
    NODE_DISK_PRESSURE = "node short of disk"
    NODE_PID_PRESSURE = "node short of process ids"
    NODE_KERNEL = "kernel of the node hangs"
    KUBELET_DOWN = "kubelet down"
    RUNTIME_DOWN = "container runtime down"
    KUBE_PROXY_DOWN = "kube-proxy down"
    SCHEDULER_DOWN = "scheduler down"
    CONTROLLER_MANAGER_DOWN = "controller manager down"
    API_SERVER_DOWN = "API server down"
    ETCD_DOWN = "etcd down or without a leader"
    ETCD_FULL = "etcd storage full"
    CLUSTER_DNS_DOWN = "DNS of the cluster down"
    NETWORK_PLUGIN = "network plugin not ready"
    POD_ADDRESSES = "no addresses left for pods"
    BAD_NODE = "pods on one node fail"
    NODE_NETWORK_DELAY = "node network slow"
    NODE_PACKET_LOSS = "node network loses packets"
    # resources and edges
    CPU_CONTENTION = "CPU contention"
    MEMORY_LEAK = "memory grows without end"
    NETWORK_DELAY = "network slow on an edge"
    DISK_FULL = "disk full"
    FILE_HANDLES = "too many open files"
    PROCESS_LIMIT = "too many processes or threads"
    CLOCK_SKEW = "clocks differ"
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
    DB_WRAPAROUND = "database runs out of transaction ids"
    DB_IDLE_TRANSACTION = "transaction left open in the database"
    DB_SCHEMA = "database schema does not fit the code"
    DB_NAME = "no database of that name"
    DB_HOST_DENIED = "database refuses the host of its client"
    DB_MEMORY = "database short of memory"
    DB_CORRUPT = "database file damaged"
    DB_PARAMETERS = "database parameters not compatible"
    DB_CREDITS = "burst credits of the database used up"
    DB_UNREACHABLE = "database unreachable"
    CACHE_MEMORY = "cache out of memory"
    BROKER_FULL = "message broker takes no more"
    REPLICAS_MISSING = "store or broker lacks replicas"
    QUEUE_MISSING = "topic, queue or bucket missing"
    ROW_SECURITY = "row-level security denies"
    ROWS_HIDDEN = "row-level security hides rows"
    CREDENTIALS = "credentials rejected"
    PERMISSION_MISSING = "permission missing"
    API_MISMATCH = "called API not offered"
    MESSAGE_TOO_LARGE = "message larger than allowed"
    CERTIFICATE_EXPIRED = "certificate expired"
    CERTIFICATE_UNTRUSTED = "certificate not trusted"
    CERTIFICATE_NAME = "certificate is for another name"
    CLIENT_CERTIFICATE = "client certificate missing"
    TLS_MISMATCH = "TLS of both sides does not fit"
    RATE_LIMITED = "rate limited upstream"
    DEPENDENCY_DOWN = "dependency unreachable"
    DEPENDENCY_TIMEOUT = "dependency times out"
    CONSUMER_LAG = "consumer lags"


SYMPTOMS = frozenset(
    {
        Cause.CRASH_LOOP,
        Cause.ROLLOUT_STUCK,
        Cause.JOB_FAILED,
        Cause.CIRCUIT_OPEN,
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
