"""Databases, caches and brokers, in their own texts and in those of their clients and of their clouds."""

from __future__ import annotations

import pytest
from flyball.model.cause import Cause
from harness.unseen import WANTED, Fault, measured, named, told, wrote

_FLAT = [3.0] * 12


def _says(cause: Cause, text: str, *, severity: int = 17) -> Fault:
    return Fault(cause, [wrote(text, severity=severity)], ready=WANTED)


def _cloud(cause: Cause, message: str, category: str = "notification") -> Fault:
    shows = [told(category, message, by="database/<word>", kind="Normal", count=1)]
    return Fault(cause, shows, of="database/<word>", ready=WANTED)


def _metric(cause: Cause, key: str, values: list[float]) -> Fault:
    shows = [
        measured(key, values, by="database/<word>"),
        measured("CPUUtilization", _FLAT, by="database/<word>"),
    ]
    return Fault(cause, shows, of="database/<word>", ready=WANTED)


FAULTS = {
    # relational
    "deadlock": _says(
        Cause.DB_LOCK,
        "MySQLdb.OperationalError: (1213, 'Deadlock found when trying to get lock; try restarting transaction')",
    ),
    "deadlock of another": _says(
        Cause.DB_LOCK,
        "Transaction (Process ID 64) was deadlocked on lock resources with another process and has been chosen as the deadlock victim. Rerun the transaction.",
    ),
    "serialisation": _says(Cause.DB_LOCK, "ERROR: could not serialize access due to concurrent update"),
    "replica refuses": _says(
        Cause.DB_READ_ONLY,
        "ERROR 1290 (HY000): The MySQL server is running with the --super-read-only option so it cannot execute this statement",
    ),
    "replica refuses an insert": _says(
        Cause.DB_READ_ONLY,
        "psycopg.errors.ReadOnlySqlTransaction: cannot execute INSERT in a read-only transaction",
    ),
    "replication broken": _says(
        Cause.DB_REPLICATION,
        "FATAL:  could not receive data from WAL stream: ERROR:  requested WAL segment 00000001000000020000004A has already been removed",
    ),
    "replication broken, MySQL": _says(
        Cause.DB_REPLICATION,
        "[ERROR] [MY-013114] [Repl] Replica I/O for channel '': Got fatal error 1236 from source when reading data from binary log",
    ),
    "log has no room": Fault(
        Cause.DISK_FULL,
        [wrote('PANIC:  could not write to file "pg_wal/xlogtemp.29": No space left on device')],
        ready=WANTED,
    ),
    "wraparound": _says(
        Cause.DB_WRAPAROUND,
        'ERROR:  database is not accepting commands to avoid wraparound data loss in database "<word>"',
    ),
    "near wraparound": _says(
        Cause.DB_WRAPAROUND,
        'WARNING:  database "<word>" must be vacuumed within 3981201 transactions',
        severity=13,
    ),
    "transaction left open": _says(
        Cause.DB_IDLE_TRANSACTION, "FATAL:  terminating connection due to idle-in-transaction timeout"
    ),
    "relation": _says(Cause.DB_SCHEMA, 'ERROR:  relation "<word>" does not exist at character 15'),
    "column": _says(Cause.DB_SCHEMA, "ERROR 1054 (42S22): Unknown column 'discount_id' in 'field list'"),
    "table": _says(
        Cause.DB_SCHEMA, "sqlalchemy.exc.OperationalError: (sqlite3.OperationalError) no such table: <word>"
    ),
    "table, MySQL": _says(
        Cause.DB_SCHEMA, "java.sql.SQLSyntaxErrorException: Table '<space>.<word>' doesn't exist"
    ),
    "column, PostgreSQL": _says(
        Cause.DB_SCHEMA, "org.postgresql.util.PSQLException: ERROR: column o.discount_id does not exist"
    ),
    "database": _says(Cause.DB_NAME, 'FATAL:  database "<word>" does not exist'),
    "database, MySQL": _says(Cause.DB_NAME, "ERROR 1049 (42000): Unknown database '<word>'"),
    "role": _says(Cause.CREDENTIALS, 'FATAL:  role "<word>" does not exist'),
    "host not allowed": _says(
        Cause.DB_HOST_DENIED,
        'FATAL:  no pg_hba.conf entry for host "10.2.0.4", user "app", database "shop", no encryption',
    ),
    "host not allowed, MySQL": _says(
        Cause.DB_HOST_DENIED,
        "ERROR 1130 (HY000): Host '10.2.0.4' is not allowed to connect to this MySQL server",
    ),
    "host blocked": _says(
        Cause.DB_HOST_DENIED,
        "Host '10.2.0.4' is blocked because of many connection errors; unblock with 'mysqladmin flush-hosts'",
    ),
    "packet": _says(
        Cause.MESSAGE_TOO_LARGE,
        "com.mysql.cj.jdbc.exceptions.PacketTooBigException: Packet for query is too large (8,388,700 > 4,194,304).",
    ),
    "memory of the database": _says(
        Cause.DB_MEMORY, "ERROR:  out of memory DETAIL:  Failed on request of size 8192."
    ),
    "shared memory": _says(
        Cause.DB_MEMORY,
        'ERROR:  could not resize shared memory segment "/PostgreSQL.123" to 16777216 bytes: No space left on device',
    ),
    "too many connections": _says(Cause.DB_CONNECTIONS, "FATAL:  sorry, too many clients already"),
    "full table": _says(Cause.DISK_FULL, "ERROR 1114 (HY000): The table 'orders' is full"),
    "corrupt": _says(Cause.DB_CORRUPT, "ERROR:  invalid page in block 4711 of relation base/16384/16397"),
    "corrupt, InnoDB": _says(
        Cause.DB_CORRUPT,
        "[ERROR] [MY-011906] [InnoDB] Database page corruption on disk or a failed file read of page [page id: space=5, page number=3].",
    ),
    # documents, search
    "no primary": _says(
        Cause.DB_FAILOVER,
        'pymongo.errors.ServerSelectionTimeoutError: No replica set members match selector "Primary()", Timeout: 30s, Topology Description: <TopologyDescription topology_type: ReplicaSetNoPrimary>',
    ),
    "write concern": _says(Cause.DB_READ_ONLY, "MongoServerError: NotWritablePrimary: not primary"),
    "flood stage": _says(
        Cause.DISK_FULL,
        "cluster_block_exception: index [<word>] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, index has read-only-allow-delete block]",
    ),
    "search is busy": _says(
        Cause.RATE_LIMITED,
        "es_rejected_execution_exception: rejected execution of coordinating operation [coordinating_and_primary_bytes=1, queue capacity = 1000]",
    ),
    # caches
    "cache is full": _says(
        Cause.CACHE_MEMORY,
        "redis.exceptions.OutOfMemoryError: command not allowed when used memory > 'maxmemory'.",
    ),
    "cache is full, Redis": _says(
        Cause.CACHE_MEMORY, "ReplyError: OOM command not allowed when used memory > 'maxmemory'."
    ),
    "cache is full, memcached": _says(Cause.CACHE_MEMORY, "SERVER_ERROR out of memory storing object"),
    "cache does not persist": _says(
        Cause.DISK_FULL,
        "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that may modify the data set are disabled",
    ),
    "cache loses its master": _says(
        Cause.DB_REPLICATION,
        "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    ),
    "cache is loading": _says(Cause.DB_UNREACHABLE, "LOADING Redis is loading the dataset in memory"),
    # brokers
    "broker's memory": _says(
        Cause.BROKER_FULL,
        "2031-05-04 03:02:01 [warning] <0.474.0> memory resource limit alarm set on node rabbit@<word>.",
    ),
    "broker's memory, blocked": _says(
        Cause.BROKER_FULL, "WARN connection blocked by broker: low on memory", severity=13
    ),
    "producer's buffer": _says(
        Cause.BROKER_FULL,
        "org.apache.kafka.common.errors.TimeoutException: Expiring 5 record(s) for <word>-0:120000 ms has passed since batch creation",
    ),
    "queue limit": _says(Cause.BROKER_FULL, "nats: maximum messages exceeded"),
    "in-sync replicas": _says(
        Cause.REPLICAS_MISSING,
        "org.apache.kafka.common.errors.NotEnoughReplicasException: Messages are rejected since there are fewer in-sync replicas than required.",
    ),
    "topic": _says(
        Cause.QUEUE_MISSING,
        "WARN [Producer clientId=a] Error while fetching metadata with correlation id 9 : {<word>=UNKNOWN_TOPIC_OR_PARTITION}",
    ),
    "queue": _says(
        Cause.QUEUE_MISSING, "reply-code=404, reply-text=NOT_FOUND - no queue '<word>' in vhost '/'"
    ),
    "message too large for a topic": _says(
        Cause.MESSAGE_TOO_LARGE,
        "org.apache.kafka.common.errors.RecordTooLargeException: The message is 2097240 bytes when serialized which is larger than 1048576",
    ),
    # managed
    "cloud storage full": _cloud(
        Cause.DB_STORAGE,
        "The DB instance has reached the storage-full threshold, and the database has been shut down.",
        "low storage",
    ),
    "cloud replication stopped": _cloud(Cause.DB_REPLICATION, "Replication has stopped.", "read replica"),
    "cloud out of memory": _cloud(
        Cause.DB_MEMORY,
        "A database workload is causing the system to run critically low on memory.",
        "failure",
    ),
    "cloud parameters": _cloud(
        Cause.DB_PARAMETERS, "Database instance put into incompatible-parameters.", "failure"
    ),
    "cloud failover": _cloud(Cause.DB_FAILOVER, "Multi-AZ instance failover started.", "failover"),
    "cloud burst": _metric(Cause.DB_CREDITS, "BurstBalance", [98, 96, 80, 61, 40, 22, 9, 3, 1, 0, 0, 0]),
    "cloud CPU credits": _metric(
        Cause.DB_CREDITS, "CPUCreditBalance", [120, 118, 90, 61, 40, 22, 9, 3, 1, 0, 0, 0]
    ),
    "cloud memory": _metric(
        Cause.DB_MEMORY,
        "FreeableMemory",
        [2.1e9, 2.0e9, 2.0e9, 1.5e9, 9e8, 4e8, 2e8, 9e7, 6e7, 5e7, 5e7, 5e7],
    ),
    "cloud evictions": _metric(
        Cause.CACHE_MEMORY, "Evictions", [0, 0, 0, 0, 120, 900, 2100, 4000, 4100, 4000, 4300, 4200]
    ),
    "cloud wraparound": _metric(Cause.DB_WRAPAROUND, "MaximumUsedTransactionIDs", [1.9e9] * 12),
}


@pytest.mark.parametrize("seed", [27, 28])
@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_with_a_store_is_named(fault: str, seed: int) -> None:
    named(FAULTS[fault], seed)
