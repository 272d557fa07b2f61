"""The texts of log records that tell a cause: what databases, clients, kernels and runtimes print, from their own sources.

The order does not matter: a record is read by those texts that tell most directly what it says.
"""

from __future__ import annotations

from flyball.explain.rule import HINTS, IMPLIES, SAYS, SHOWS
from flyball.explain.rules.text import Text
from flyball.model.cause import Cause

_UNREACHABLE = (
    r"(?i)All host\(s\) tried|NoHostAvailable|(?:database|postgres\w*|mysql|mariadb|mongo\w*|redis\w*|sql).{0,120}(?:connection refused"
    r"|unavailable|unreachable|cannot connect|could not connect|unable to connect|UnableToConnect|failed to connect"
    r"|connection (?:timed out|timeout|failed|lost|error)|timeouts?\b)|(?:cannot|could not|unable to|fail\w* to)"
    r" connect.{0,60}(?:database|\bdb\b|postgres|mysql|mongo|redis)|(?:lost|losing) connection to"
    r" (?:redis|database|postgres|mysql)"
)
RUNTIME = (
    Text(
        cause=Cause.OOM_KILLED,
        pattern=r"Memory cgroup out of memory|Out of memory: Killed process|OOMKilled|oom-kill:"
        r"|fatal error: runtime: out of memory",
        tells="a process killed for lack of memory",
        step="Raise the memory limit of {it}, or find what it holds.",
        weight=SAYS,
        plain=True,
    ),
    Text(
        cause=Cause.MEMORY_LEAK,
        pattern=r"OutOfMemoryError|\bMemoryError\b|GC overhead limit exceeded|JavaScript heap out of memory",
        tells="a heap that is exhausted",
        step="Take a heap dump of {it} and compare it with one after a start.",
        weight=SHOWS,
        plain=True,
    ),
    Text(
        cause=Cause.ENV_MISSING,
        pattern=r"(?i:env(?:ironment)? ?(?:var(?:iable)?)?s?\b.{0,40}(?:not set|undefined|missing|is required"
        r"|must be set|not found)|(?:missing|undefined|required|unset)\b.{0,30}\benv(?:ironment)?\b ?(?:var\w*)?)"
        r"|KeyError: '[A-Z][A-Z0-9_]{2,}'|\b[A-Z][A-Z0-9_]{3,} (?:is not set|must be set|is not defined|is undefined)"
        r"|required key [A-Z][A-Z0-9_]+ missing value|Could not resolve placeholder '[A-Z][A-Z0-9_]+'",
        tells="an environment variable that is not set",
        step="Set the environment variable that {it} asks for.",
        plain=True,
    ),
    Text(
        cause=Cause.POOL_EXHAUSTED,
        pattern=r"(?i)QueuePool limit|remaining connection slots of the pool|Connection is not available, request timed"
        r" out after|timeout exceeded when trying to connect|(?:acquire|obtain|get)\w* (?:a )?(?:new )?connection"
        r" from (?:the )?pool|pool (?:is )?exhausted|connection pool (?:timeout|full|exhausted)|PoolTimeout"
        r"|pool timed out|Unable to acquire a connection|Timeout acquiring a connection",
        tells="a connection pool that is used up",
        step="See who holds the connections of {it}; compare the size of its pool with its load.",
        plain=True,
    ),
    Text(
        cause=Cause.DB_CONNECTIONS,
        pattern=r"(?i)too many clients already|remaining connection slots are reserved|Too many connections"
        r"|max_connections|ERROR 1040|max number of clients reached",
        tells="a database without free connections",
        step="See who holds the connections of {it}: idle sessions first.",
        weight=SHOWS + 0.05,
        plain=True,
    ),
    Text(
        cause=Cause.DB_LOCK,
        pattern=r"(?i)deadlock detected|canceling statement due to lock timeout|Lock wait timeout exceeded"
        r"|could not obtain lock|still waiting for \w+Lock|database is locked",
        tells="locks in a database",
        step="Find the session that holds the lock that {it} waits for.",
        plain=True,
    ),
    Text(
        cause=Cause.DB_READ_ONLY,
        pattern=r"(?i)cannot execute \w+ in a read-only transaction|READONLY You can't write against a read only"
        r"|--(?:super-)?read-only option|database is (?:in )?read[- ]only|default_transaction_read_only"
        r"|not (?:primary|master)(?: and slaveOk)?\b|NotWritablePrimary",
        tells="a database that is read only",
        step="Make the database that {it} writes to writable, or point it to the primary.",
        weight=SAYS,
        plain=True,
    ),
    Text(
        cause=Cause.ROW_SECURITY,
        pattern=r"(?i)violates row-level security policy|row-level security|permission denied for (?:table|relation)",
        tells="row security that denies",
        step="Compare the policies of the table with the role that {it} uses.",
        plain=True,
    ),
    Text(
        cause=Cause.CREDENTIALS,
        pattern=r"(?i)password authentication failed|Access denied for user|WRONGPASS|NOAUTH Authentication required"
        r"|invalid (?:username or password|credentials|api key)|authentication failed\b|InvalidAccessKeyId"
        r"|ExpiredToken|SASL authentication failed|401 Unauthorized",
        tells="credentials that are rejected",
        step="Renew the credentials that {it} uses.",
        weight=SHOWS,
        plain=True,
    ),
    Text(
        cause=Cause.CERTIFICATE_EXPIRED,
        pattern=r"(?i)certificate has expired|certificate (?:is )?(?:expired|not yet valid)|CERT_HAS_EXPIRED"
        r"|x509: certificate has expired|SSL certificate (?:expired|problem: certificate has expired)"
        r"|NotAfter|CertificateExpired|PKIX path validation failed: .*validity check failed|certificate.{0,40}\bexpired\b",
        tells="a certificate that expired",
        step="Renew the certificate that {it} meets.",
        weight=SAYS,
        plain=True,
    ),
    Text(
        cause=Cause.INIT_FAILED,
        pattern=r"Runtime\.(?:ImportModuleError|UserCodeSyntaxError|HandlerNotFound|InvalidEntrypoint)\b"
        r"|INIT_REPORT .*Status: (?:error|timeout)|Function failed on loading user code|Worker was unable to load function",
        tells="a function that fails before it serves",
        step="Read why {it} cannot start: the import, module or package that its init phase misses.",
        weight=SAYS,
        plain=True,
    ),
    Text(
        cause=Cause.PORT_IN_USE,
        pattern=r"(?i)address already in use|EADDRINUSE|BindException|port \d+ (?:is|was) already in use",
        tells="a port that is already in use",
        step="Give {it} a port that nothing else in its pod uses.",
        weight=SAYS,
        plain=True,
    ),
    Text(
        cause=Cause.DISK_FULL,
        pattern=r"(?i)No space left on device|ENOSPC|disk (?:is )?full|DiskPressure|Disk quota exceeded"
        r"|the table '[^']+' is full",
        tells="a disk that is full",
        step="Free space where {it} writes.",
        weight=SAYS,
        plain=True,
    ),
    Text(
        cause=Cause.MOUNT_PERMISSION,
        pattern=r"(?i)(?:EACCES|Permission denied|Operation not permitted).{0,80}(?:/data|/var|/mnt|/etc|/opt|\.db|\.log"
        r"|\.rdb|mkdir|open|chown)|(?:chown|mkdir|open\w*|create\w*|write\w*).{0,120}"
        r"(?:EACCES|Permission denied|Operation not permitted)",
        tells="a path that may not be written",
        step="Correct owner and mode of the path that {it} writes to.",
        plain=True,
    ),
    Text(
        cause=Cause.RATE_LIMITED,
        pattern=r"(?i)\b429\b.{0,40}(?:too many|rate)|status(?: code)?:? 429\b|too many requests|rate limit(?:ed| exceeded)|ThrottlingException"
        r"|RESOURCE_EXHAUSTED.{0,40}quota|SlowDown",
        tells="an upstream that limits the rate",
        step="Lower the rate of {it} or ask for a higher limit.",
        plain=True,
    ),
    Text(
        cause=Cause.COMMAND_FAILED,
        pattern=r"(?i)\bsyntax error: |unexpected end of file|command not found"
        r"|SyntaxError: |no such file or directory.{0,20}exec",
        tells="a script or a command that is wrong",
        step="Correct the script or command of {it}.",
        weight=SHOWS - 0.05,
        plain=True,
    ),
    Text(
        cause=Cause.DNS_FAILURE,
        pattern=r"(?i)getaddrinfo (?:ENOTFOUND|EAI_AGAIN)|no such host|lookup \S+(?: on \S+)?: (?:read udp|i/o timeout)|Name or service not known|Could not resolve host"
        r"|Temporary failure in name resolution|UnknownHostException|NXDOMAIN|unable to resolve|bad address '"
        r"|server misbehaving|name resolution|connection timed out; no servers could be reached"
        r"|DNS (?:lookup|resolution) (?:failed|timed out|error)",
        tells="a name that does not resolve",
        step="Ask from {it} for the name; look at the DNS service, and at what may keep {it} from asking it.",
        weight=IMPLIES,
        plain=True,
    ),
    Text(
        cause=Cause.CONSUMER_LAG,
        pattern=r"(?i)consumer (?:group )?lag|lag (?:is|of|exceed\w*) \d+|max\.poll\.interval\.ms|maximum poll interval"
        r"|poll timeout has expired|heartbeat poll expired|coordinator is not aware of this member|messages? behind",
        tells="a consumer that lags",
        step="See why {it} takes so long for one message.",
        weight=IMPLIES,
    ),
    Text(
        cause=Cause.RETRY_STORM,
        pattern=r"(?i)retry (?:attempt|limit|budget)|retries exhausted|retrying \(attempt|max retries exceeded"
        r"|retrying \(Retry\(total=|retrying in \d+ ?m?s\b|\bRetry: count=\d",
        tells="retries",
        step="Let {it} back off, and see what it retries.",
        weight=HINTS,
    ),
    Text(
        cause=Cause.DB_SLOW_QUERY,
        pattern=r"(?i)(?:slow|long[- ]running) (?:query|sql|database)|database (?:call|operation|query)\w* (?:took"
        r"|completed in|duration|is slow|takes)|query (?:took|time:?) \d|# Query_time: (?!0\.0)\d"
        r"|duration: \d{3,}(?:\.\d+)? ms +(?:statement|plan|parse|bind|execute|fetch)\b|statement timeout"
        r"|maximum statement execution time exceeded",
        tells="a database query that is slow",
        step="Explain the query that {it} waits for: index, plan, rows.",
        weight=IMPLIES,
        plain=True,
    ),
    Text(
        cause=Cause.DB_UNREACHABLE,
        pattern=_UNREACHABLE,
        tells="a database that is not reached",
        step="Ask from {it} whether the database answers at the address that it uses.",
        weight=IMPLIES - 0.05,
        plain=True,
    ),
    Text(
        cause=Cause.DEPENDENCY_TIMEOUT,
        pattern=r"(?i)context deadline exceeded|DeadlineExceeded|upstream request timeout|read timed? ?out"
        r"|ETIMEDOUT|SocketTimeoutException|504 Gateway|timed out (?:after|waiting)|timeout of \d+",
        tells="something that answers too late",
        step="See why what {it} calls answers late.",
        weight=HINTS,
    ),
    Text(
        cause=Cause.DEPENDENCY_DOWN,
        pattern=r"(?i)connection refused|ECONNREFUSED|no healthy upstream|503 Service Unavailable|connect: no route"
        r"|ECONNRESET|host (?:is )?unreachable|maintenance window",
        tells="something that does not answer",
        step="See whether what {it} calls is there.",
        weight=HINTS,
        plain=True,
    ),
    Text(
        cause=Cause.EXCEPTION,
        pattern=r"Traceback \(most recent call last\)|panic: |Unhandled(?:Promise)?(?:Rejection| exception)|Exception in"
        r" thread|NullPointerException|TypeError: |Segmentation fault",
        tells="code that raises",
        step="Read the stack trace of {it}.",
        weight=HINTS + 0.12,
        plain=True,
    ),
)
