"""A second list of faults, written after the rules for the first: how far these go beyond what they were written for."""

from __future__ import annotations

import pytest
from flyball.model.cause import Cause
from harness.unseen import WANTED, Fault, has, named, told, wrote

_CRASHES = [has("status.reason", "CrashLoopBackOff"), has("status.restartCount", 5.0)]
_PENDING = has("status.phase", "Pending")
_PULL = 'Failed to pull image "r.example/<word>:3": '


def _says(cause: Cause, text: str, *, severity: int = 17) -> Fault:
    return Fault(cause, [wrote(text, severity=severity)], ready=WANTED)


def _crashes(cause: Cause, text: str) -> Fault:
    return Fault(cause, [wrote(text, severity=9, count=5), *_CRASHES])


def _event(cause: Cause, reason: str, text: str, *, by: str = "<pod>", of: str = "<it>") -> Fault:
    return Fault(cause, [told(reason, text, by=by)], of)


def _placed(cause: Cause, text: str) -> Fault:
    return Fault(cause, [_PENDING, told("FailedScheduling", "0/5 nodes are available: " + text)])


FAULTS = {
    # pods
    "pull of a tag": _event(
        Cause.IMAGE_REFERENCE,
        "Failed",
        _PULL
        + 'rpc error: code = NotFound desc = failed to pull and unpack image: failed to resolve reference "r.example/<word>:3": r.example/<word>:3: not found',
    ),
    "pull denied": _event(
        Cause.IMAGE_PULL_SECRET,
        "Failed",
        _PULL
        + "Error response from daemon: pull access denied for <word>, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
    ),
    "pull fills the disk": _event(
        Cause.NODE_DISK_PRESSURE,
        "Failed",
        _PULL
        + "failed to extract layer sha256:1f2a: write /var/lib/containerd/tmpmounts/x: no space left on device",
        of="<node>",
    ),
    "pull times out": _event(
        Cause.IMAGE_REGISTRY_DOWN,
        "Failed",
        _PULL
        + 'rpc error: code = Unknown desc = failed to do request: Head "https://r.example/v2/<word>/manifests/3": net/http: TLS handshake timeout',
    ),
    "share does not answer": _event(
        Cause.MOUNT_FAILED,
        "FailedMount",
        'MountVolume.SetUp failed for volume "share" : mount failed: exit status 32 Output: mount.nfs: Connection timed out',
    ),
    "volume in use": _event(
        Cause.VOLUME_ELSEWHERE,
        "FailedAttachVolume",
        'AttachVolume.Attach failed for volume "pvc-1f2" : rpc error: code = Internal desc = Could not attach volume "vol-1" to node "i-1": operation error EC2: AttachVolume, VolumeInUse: vol-1 is already attached to an instance',
    ),
    "no room when it came": _event(
        Cause.MEMORY_CAPACITY,
        "OutOfmemory",
        "Node didn't have enough resource: memory, requested: 4294967296, used: 3221225472, capacity: 5368709120",
    ),
    "shell does not find it": _crashes(Cause.COMMAND_FAILED, "sh: 1: <word>: not found"),
    "shell may not": _crashes(Cause.COMMAND_FAILED, "/bin/sh: 1: ./<word>.sh: Permission denied"),
    "archive": _crashes(Cause.COMMAND_FAILED, "Error: Unable to access jarfile /app/<word>.jar"),
    "import": _crashes(
        Cause.LIBRARY_MISSING,
        "ImportError: cannot import name 'Client' from '<word>' (/app/<word>/__init__.py)",
    ),
    "schema of settings": _crashes(
        Cause.CONFIG_INVALID, 'Error: Config validation error: "PORT" must be a number'
    ),
    "placeholder": _crashes(
        Cause.CONFIG_INVALID,
        "java.lang.IllegalArgumentException: Could not resolve placeholder 'billing.url' in value \"${billing.url}\"",
    ),
    "json of settings": _crashes(
        Cause.CONFIG_INVALID,
        "Unhandled exception. System.IO.InvalidDataException: Failed to load configuration from file '/app/appsettings.json'. System.FormatException: Could not parse the JSON file.",
    ),
    "flag": _crashes(Cause.CONFIG_INVALID, "unknown flag: --<word>\nUsage:\n  server [flags]"),
    "most nodes are reserved": _placed(
        Cause.CPU_CAPACITY,
        "2 Insufficient cpu, 3 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }. preemption: 0/5 nodes are available.",
    ),
    "unreachable nodes": _placed(
        Cause.NODE_NOT_READY,
        "1 node(s) were unschedulable, 4 node(s) had untolerated taint {node.kubernetes.io/unreachable: }.",
    ),
    "claim that goes": _placed(
        Cause.CLAIM_UNBOUND,
        'persistentvolumeclaim "<word>" is being deleted. preemption: 0/5 nodes are available.',
    ),
    "unbound": _placed(
        Cause.CLAIM_UNBOUND,
        "pod has unbound immediate PersistentVolumeClaims. preemption: 0/5 nodes are available.",
    ),
    "near another pod": _placed(Cause.POD_AFFINITY, "5 node(s) didn't match pod affinity rules."),
    "invalid template": _event(
        Cause.ADMISSION_DENIED,
        "FailedCreate",
        'Error creating: Pod "<word>" is invalid: spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
        by="<it>",
    ),
    "startup path": Fault(
        Cause.STARTUP_PATH,
        [
            told("Unhealthy", "Startup probe failed: HTTP probe failed with statuscode: 404", count=9),
            *_CRASHES,
        ],
    ),
    # nodes
    "runtime does not answer": _event(
        Cause.RUNTIME_DOWN,
        "ContainerGCFailed",
        'rpc error: code = Unavailable desc = connection error: desc = "transport: Error while dialing: dial unix /run/containerd/containerd.sock: connect: connection refused"',
        by="<node>",
        of="<node>",
    ),
    "connections of the kernel": Fault(
        Cause.NODE_PACKET_LOSS,
        [wrote("kernel: nf_conntrack: nf_conntrack: table full, dropping packet", by="<node>", severity=13)],
        of="<node>",
        ready=WANTED,
    ),
    "neighbours of the kernel": Fault(
        Cause.NODE_PACKET_LOSS,
        [wrote("kernel: neighbour: arp_cache: neighbor table overflow!", by="<node>", severity=13)],
        of="<node>",
        ready=WANTED,
    ),
    "kernel and disk": Fault(
        Cause.FILE_SYSTEM_READ_ONLY,
        [wrote("kernel: EXT4-fs (sdb): Remounting filesystem read-only", by="<node>", severity=13)],
        of="<node>",
        ready=WANTED,
    ),
    "scaler of events": _event(
        Cause.AUTOSCALER_METRICS,
        "KEDAScalerFailed",
        "error establishing connection: error getting metric: unable to get external metric",
        by="scaledobject/<it.name>",
        of="scaledobject/<it.name>",
    ),
    # traffic
    "handshake of another": _says(
        Cause.TLS_MISMATCH,
        "SSL_do_handshake() failed (SSL: error:0A00010B:SSL routines::wrong version number) while SSL handshaking to upstream",
    ),
    "record of another": _says(
        Cause.TLS_MISMATCH, "javax.net.ssl.SSLException: Unsupported or unrecognized SSL message"
    ),
    "version of TLS": _says(Cause.TLS_MISMATCH, "remote error: tls: protocol version not supported"),
    "ciphers": _says(Cause.TLS_MISMATCH, "javax.net.ssl.SSLHandshakeException: no cipher suites in common"),
    "common name": _says(
        Cause.CERTIFICATE_NAME, "x509: certificate relies on legacy Common Name field, use SANs instead"
    ),
    "no name matching": _says(
        Cause.CERTIFICATE_NAME, "java.security.cert.CertificateException: No name matching <peer.name> found"
    ),
    "object of a bucket": _says(
        Cause.PERMISSION_MISSING,
        "googleapi: Error 403: <word>@<space>.iam.gserviceaccount.com does not have storage.objects.get access to the Google Cloud Storage object.",
    ),
    "topic may not": _says(
        Cause.PERMISSION_MISSING,
        "org.apache.kafka.common.errors.TopicAuthorizationException: Not authorized to access topics: [<word>]",
    ),
    "callee may not": _says(
        Cause.PERMISSION_MISSING, "rpc error: code = PermissionDenied desc = caller <word> may not read"
    ),
    "role that cannot be assumed": _says(
        Cause.PERMISSION_MISSING,
        "WebIdentityErr: failed to retrieve credentials caused by: AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity",
    ),
    "token expired": _says(
        Cause.CREDENTIALS,
        "botocore.exceptions.ClientError: An error occurred (ExpiredTokenException): The security token included in the request is expired",
    ),
    "client refused": _says(
        Cause.CREDENTIALS, 'oauth2: cannot fetch token: 401 Response: {"error":"invalid_client"}'
    ),
    "headers too large": _says(
        Cause.MESSAGE_TOO_LARGE, "upstream sent too big header while reading response header from upstream"
    ),
    "calm down": _says(
        Cause.RATE_LIMITED,
        'rpc error: code = Unavailable desc = closing transport due to: connection error: desc = "error reading from server: EOF", received prior goaway: code: ENHANCE_YOUR_CALM, debug data: "too_many_pings"',
    ),
    "no route in a gateway": _says(
        Cause.ROUTE_MISSING, 'answered 404: {"message":"no Route matched with those values"}'
    ),
    "gateway without a service": _says(
        Cause.ROUTE_BACKEND,
        'Cannot create service error="kubernetes service not found: <space>/<word>" ingress=<it.name> namespace=<space> providerName=kubernetes',
    ),
    # stores
    "function": _says(Cause.DB_SCHEMA, "ERROR:  function price_of(bigint) does not exist"),
    "table of an ORM": _says(
        Cause.DB_SCHEMA,
        "PrismaClientKnownRequestError: The table `public.<word>` does not exist in the current database.",
    ),
    "pending migration": _crashes(
        Cause.DB_SCHEMA,
        "Migrations are pending. To resolve this issue, run: bin/rails db:migrate RAILS_ENV=production (ActiveRecord::PendingMigrationError)",
    ),
    "revision": _crashes(
        Cause.DB_SCHEMA, "alembic.util.exc.CommandError: Can't locate revision identified by '1f2a3b'"
    ),
    "validation of migrations": _crashes(
        Cause.DB_SCHEMA,
        "org.flywaydb.core.api.exception.FlywayValidateException: Validate failed: Migrations have failed validation",
    ),
    "lock of migrations": _crashes(
        Cause.DB_LOCK,
        "liquibase.exception.LockException: Could not acquire change log lock. Currently locked by <pod.name>",
    ),
    "index": _says(Cause.DB_SCHEMA, "index_not_found_exception: no such index [<word>]"),
    "conflict with recovery": _says(
        Cause.DB_REPLICATION, "ERROR:  canceling statement due to conflict with recovery"
    ),
    "gone away": _says(
        Cause.DB_UNREACHABLE, "sqlalchemy.exc.OperationalError: (2006, 'MySQL server has gone away')"
    ),
    "connections of a user": _says(
        Cause.DB_CONNECTIONS,
        "ERROR 1226 (42000): User 'app' has exceeded the 'max_user_connections' resource (current value: 20)",
    ),
    "connections of a proxy": _says(
        Cause.DB_CONNECTIONS, "FATAL: no more connections allowed (max_client_conn)"
    ),
    "wait in a proxy": _says(Cause.POOL_EXHAUSTED, "ERROR: query_wait_timeout"),
    "listener": _says(
        Cause.DB_NAME,
        "ORA-12514: TNS:listener does not currently know of service requested in connect descriptor",
    ),
    "no listener": _says(Cause.DB_UNREACHABLE, "ORA-12541: TNS:no listener"),
    "logon": _says(Cause.CREDENTIALS, "ORA-01017: invalid username/password; logon denied"),
    "table space": _says(
        Cause.DISK_FULL, "ORA-01653: unable to extend table SHOP.ORDERS by 128 in tablespace USERS"
    ),
    "transaction log": _says(
        Cause.DISK_FULL, "The transaction log for database '<word>' is full due to 'LOG_BACKUP'."
    ),
    "document not authorised": _says(
        Cause.PERMISSION_MISSING,
        "MongoServerError: not authorized on <word> to execute command { find: 'orders' }",
    ),
    "quorum": _says(
        Cause.REPLICAS_MISSING,
        "com.datastax.driver.core.exceptions.UnavailableException: Not enough replicas available for query at consistency QUORUM (2 required but only 1 alive)",
    ),
    "no master": _says(Cause.DB_FAILOVER, "master_not_discovered_exception: null"),
    "message of a broker": _says(Cause.MESSAGE_TOO_LARGE, "%3|MSG| Broker: Message size too large"),
    "queue of a producer": _says(
        Cause.BROKER_FULL,
        '_kafka.KafkaException: KafkaError{code=_QUEUE_FULL,val=-184,str="Local: Queue full"}',
    ),
    "login of a broker": _says(
        Cause.CREDENTIALS,
        "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile.",
    ),
    "acknowledgement": _says(
        Cause.CONSUMER_LAG,
        "PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. Timeout value used: 1800000 ms.",
    ),
    "bucket": _says(Cause.QUEUE_MISSING, "NoSuchBucket: The specified bucket does not exist"),
    "throughput": _says(
        Cause.RATE_LIMITED,
        "ProvisionedThroughputExceededException: The level of configured provisioned throughput for the table was exceeded.",
    ),
}


@pytest.mark.parametrize("seed", [33, 34])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_second_list_is_named(fault: str, seed: int) -> None:
    named(FAULTS[fault], seed)
