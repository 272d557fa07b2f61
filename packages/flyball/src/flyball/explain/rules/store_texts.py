"""The texts of databases, caches and brokers, and of their clients, that tell a cause, from their own sources."""

from __future__ import annotations

from flyball.explain.rule import IMPLIES, SAYS
from flyball.explain.rules.text import Text
from flyball.model.cause import Cause

STORES = (
    Text(
        cause=Cause.DB_LOCK,
        pattern=r"(?i)deadlock found when trying|was deadlocked on lock|could not serialize access|ORA-00060|WriteConflict\b",
        tells="transactions that exclude each other",
        step="Let the transactions of {it} take their locks in one order, and try again.",
        plain=True,
    ),
    Text(
        cause=Cause.DB_REPLICATION,
        pattern=r"(?i)requested WAL segment \w+ has already been removed|fatal error 1236|(?:replica|slave) (?:SQL|I/O)\b.{0,80}"
        r"(?:error|stopp|abort)|MASTERDOWN|link with master is down|replication slot \S+ (?:does not exist|is invalid)"
        r"|too stale to catch up",
        tells="a replication that is broken",
        step="See why the replica of {it} no longer follows; make it anew where its log is gone.",
        plain=True,
    ),
    Text(
        cause=Cause.DB_WRAPAROUND,
        pattern=r"(?i)to avoid wraparound data loss|must be vacuumed within \d+ transactions",
        tells="transaction ids that run out",
        step="Vacuum the database that {it} tells of, and end what holds old transactions open.",
        weight=SAYS,
        plain=True,
    ),
    Text(
        cause=Cause.DB_IDLE_TRANSACTION,
        pattern=r"(?i)terminating connection due to (?:idle-in-transaction|transaction) timeout",
        tells="transactions that are left open",
        step="Find where {it} opens a transaction and does not end it.",
        plain=True,
    ),
    Text(
        cause=Cause.DB_SCHEMA,
        pattern=r"(?i)relation \"[^\"]+\" does not exist(?!, skipping)|\bcolumn \"?[\w.]+\"?(?: of relation \"[^\"]+\")? does not exist"
        r"(?!, skipping)|unknown column '|table '[^']+' doesn't exist|no such (?:table|column): |ORA-00(?:942|904)"
        r"|invalid (?:object|column) name '",
        tells="a table or a column that is not there",
        step="Apply the migration that {it} needs, or take back the version that needs it.",
    ),
    Text(
        cause=Cause.DB_NAME,
        pattern=r"(?i)database \"[^\"]+\" does not exist(?!, skipping)|unknown database '|cannot open database \"",
        tells="a database of another name",
        step="Correct the name of the database that {it} asks for, or create it.",
        weight=SAYS,
    ),
    Text(
        cause=Cause.DB_HOST_DENIED,
        pattern=r"(?i)no pg_hba\.conf entry|pg_hba\.conf rejects connection|is not allowed to connect to this (?:MySQL|MariaDB) server"
        r"|blocked because of many connection errors|redis is running in protected mode",
        tells="a database that refuses hosts",
        step="Let the database accept the host of {it}, with the encryption that it asks for.",
        weight=SAYS,
        plain=True,
    ),
    Text(
        cause=Cause.CREDENTIALS,
        pattern=r"(?i)FATAL: +role \"[^\"]+\" does not exist|login failed for user|invalid username-password pair",
        tells="a role that the database does not know",
        step="Renew the credentials that {it} uses.",
        plain=True,
    ),
    Text(
        cause=Cause.DB_MEMORY,
        pattern=r"(?i)out of memory\b.{0,40}Failed on request of size|could not resize shared memory segment|Out of sort memory"
        r"|used more than the maximum .{0,20}memory|circuit_breaking_exception",
        tells="a database without memory",
        step="See which query takes the memory of the database that {it} asks; give it more, or the query less.",
        weight=SAYS + 0.01,
        plain=True,
    ),
    Text(
        cause=Cause.DB_CORRUPT,
        pattern=r"(?i)invalid page in block|page verification failed|page corruption on disk|is marked as crashed"
        r"|database disk image is malformed|could not read block \d+ in file|checksum mismatch in",
        tells="a damaged file of a database",
        step="Stop writing to the database that {it} tells of, and restore what is damaged.",
        weight=SAYS,
        plain=True,
    ),
    Text(
        cause=Cause.DB_FAILOVER,
        pattern=r"(?i)ReplicaSetNoPrimary|no replica set members match selector \"Primary|PrimarySteppedDown"
        r"|InterruptedDueToReplStateChange|NOREPLICAS|CLUSTERDOWN|no such master with that name",
        tells="a database without a primary",
        step="See why the replicas that {it} asks elect no primary.",
        plain=True,
    ),
    Text(
        cause=Cause.DISK_FULL,
        pattern=r"(?i)flood[- ]stage (?:disk )?watermark|unable to persist to disk|disk resource limit alarm set|KafkaStorageException",
        tells="a store whose disk is full",
        step="Free space where {it} writes.",
        weight=SAYS,
        plain=True,
    ),
    Text(
        cause=Cause.CACHE_MEMORY,
        pattern=r"(?i)command not allowed when used memory|SERVER_ERROR out of memory storing|command not allowed under OOM",
        tells="a cache that is full",
        step="Let the cache that {it} writes to evict, or give it more memory; see what has no expiry.",
        weight=SAYS,
        plain=True,
    ),
    Text(
        cause=Cause.BROKER_FULL,
        pattern=r"(?i)memory resource limit alarm set|connection(?:\.| is | )blocked.{0,40}(?:broker|low on|resource)|Expiring \d+ record\(s\)"
        r"|failed to allocate memory within the configured max blocking|maximum (?:messages|bytes) (?:exceeded|limit)"
        r"|usage manager.{0,20}(?:memory|store) limit|slow consumer",
        tells="a broker that takes no more",
        step="See which queue grows at the broker of {it}, and let its consumers catch up.",
        plain=True,
    ),
    Text(
        cause=Cause.REPLICAS_MISSING,
        pattern=r"NotEnoughReplicas|fewer in-sync replicas than required|NOT_ENOUGH_REPLICAS",
        tells="a broker without enough replicas",
        step="Bring the missing replicas of the broker of {it} back.",
        weight=SAYS,
        plain=True,
    ),
    Text(
        cause=Cause.QUEUE_MISSING,
        pattern=r"UNKNOWN_TOPIC_OR_PARTITION|Unknown ?Topic ?Or ?Partition|(?i:no (?:queue|exchange) '[^']+' in vhost)|NonExistentQueue"
        r"|QueueDoesNotExist|(?i:stream not found|topic \S+ (?:not found|does not exist))",
        tells="a topic or a queue that is not there",
        step="Create the topic or queue that {it} uses, or correct its name.",
        plain=True,
    ),
    Text(
        cause=Cause.RATE_LIMITED,
        pattern=r"es_rejected_execution_exception|EsRejectedExecution",
        tells="a search engine that is asked too much",
        step="Lower the rate of {it}, or give the search engine more nodes.",
        weight=IMPLIES,
        plain=True,
    ),
    Text(
        cause=Cause.DB_UNREACHABLE,
        pattern=r"LOADING Redis is loading the dataset|(?i:the database system is (?:starting up|shutting down|in recovery mode))",
        tells="a database that does not serve yet",
        step="See why the database that {it} asks started, and wait until it has read its data.",
        weight=IMPLIES - 0.05,
        plain=True,
    ),
)
