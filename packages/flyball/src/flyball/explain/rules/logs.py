"""What programs say of themselves: the texts that databases, clients, kernels and runtimes print for one cause each.

A record tells of the service that wrote it. Texts that speak of something else, which does not answer, weigh less:
where that something has a cause of its own, the engine takes that. With a normal time a text counts only when it
comes more often now; without one it counts when it was written as a warning or worse, or says so itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from flyball.explain.exhibit import clip
from flyball.explain.facts import Facts
from flyball.explain.rule import HINTS, IMPLIES, QUOTE_CHARS_MAX, SAYS, SHOWS, Match, Rule, name, quote, say
from flyball.model.cause import Cause
from flyball.model.severity import Severity
from flyball.model.signal import Signal, Surface

SEARCHED_CHARS_MAX = 600
"""Characters of a record that are searched: what evidence keeps of it."""
BEFORE_CHARS = 60
"""Characters before what tells that are shown."""
BEHIND = 0.6
"""The weight of a pool that is used up because what it leads to does not answer."""
MORE = 3.0
"""Times its usual count from which on a text comes more often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Records that match `pattern` tell of a cause."""

    cause: Cause
    pattern: str
    tells: str
    step: str
    weight: float = SHOWS
    plain: bool = False
    """Whether a record counts that was written without severity: the text itself is the error."""


_UNREACHABLE = (
    r"(?i)All host\(s\) tried|NoHostAvailable|(?:database|postgres\w*|mysql|mariadb|mongo\w*|redis\w*|sql).{0,120}(?:connection refused"
    r"|unavailable|unreachable|cannot connect|could not connect|unable to connect|UnableToConnect|failed to connect"
    r"|connection (?:timed out|timeout|failed|lost|error)|timeouts?\b)|(?:cannot|could not|unable to|fail\w* to)"
    r" connect.{0,60}(?:database|\bdb\b|postgres|mysql|mongo|redis)|(?:lost|losing) connection to"
    r" (?:redis|database|postgres|mysql)"
)
_UNANSWERED = re.compile(_UNREACHABLE)
_TEXTS = (
    Text(
        cause=Cause.OOM_KILLED,
        pattern=r"Memory cgroup out of memory|Out of memory: Killed process|OOMKilled|oom-kill:"
        r"|fatal error: runtime: out of memory|JavaScript heap out of memory",
        tells="a process killed for lack of memory",
        step="Raise the memory limit of {0}, or find what it holds.",
        weight=SAYS,
        plain=True,
    ),
    Text(
        cause=Cause.MEMORY_LEAK,
        pattern=r"java\.lang\.OutOfMemoryError|MemoryError\b|GC overhead limit exceeded|OutOfMemoryError",
        tells="a heap that is exhausted",
        step="Take a heap dump of {0} and compare it with one after a start.",
        weight=SHOWS,
        plain=True,
    ),
    Text(
        cause=Cause.ENV_MISSING,
        pattern=r"(?i)(?:env(?:ironment)? ?(?:var(?:iable)?)?s?\b.{0,40}(?:not set|undefined|missing|is required"
        r"|must be set|not found)|(?:missing|undefined|required|unset)\b.{0,30}\benv(?:ironment)?\b ?(?:var\w*)?"
        r"|KeyError: '[A-Z][A-Z0-9_]+'|\b[A-Z][A-Z0-9_]{3,} (?:is not set|must be set|is not defined|is undefined))",
        tells="an environment variable that is not set",
        step="Set the environment variable that {0} asks for.",
        plain=True,
    ),
    Text(
        cause=Cause.POOL_EXHAUSTED,
        pattern=r"(?i)QueuePool limit|remaining connection slots of the pool|Connection is not available, request timed"
        r" out after|timeout exceeded when trying to connect|(?:acquire|obtain|get)\w* (?:a )?(?:new )?connection"
        r" from (?:the )?pool|pool (?:is )?exhausted|connection pool (?:timeout|full|exhausted)|PoolTimeout"
        r"|pool timed out|Unable to acquire a connection",
        tells="a connection pool that is used up",
        step="See who holds the connections of {0}; compare the size of its pool with its load.",
        plain=True,
    ),
    Text(
        cause=Cause.DB_CONNECTIONS,
        pattern=r"(?i)too many clients already|remaining connection slots are reserved|Too many connections"
        r"|max_connections|ERROR 1040|max number of clients reached",
        tells="a database without free connections",
        step="See who holds the connections of {0}: idle sessions first.",
        weight=SHOWS + 0.05,
        plain=True,
    ),
    Text(
        cause=Cause.DB_LOCK,
        pattern=r"(?i)deadlock detected|canceling statement due to lock timeout|Lock wait timeout exceeded"
        r"|could not obtain lock|still waiting for \w+Lock|database is locked",
        tells="locks in a database",
        step="Find the session that holds the lock that {0} waits for.",
        plain=True,
    ),
    Text(
        cause=Cause.DB_READ_ONLY,
        pattern=r"(?i)cannot execute \w+ in a read-only transaction|READONLY You can't write against a read only"
        r"|--read-only option|database is (?:in )?read[- ]only|default_transaction_read_only"
        r"|not (?:primary|master)(?: and slaveOk)?\b|NotWritablePrimary",
        tells="a database that is read only",
        step="Make the database that {0} writes to writable, or point it to the primary.",
        weight=SAYS,
        plain=True,
    ),
    Text(
        cause=Cause.ROW_SECURITY,
        pattern=r"(?i)violates row-level security policy|row-level security|permission denied for (?:table|relation)",
        tells="row security that denies",
        step="Compare the policies of the table with the role that {0} uses.",
        plain=True,
    ),
    Text(
        cause=Cause.CREDENTIALS,
        pattern=r"(?i)password authentication failed|Access denied for user|WRONGPASS|NOAUTH Authentication required"
        r"|invalid (?:username or password|credentials|api key)|authentication failed\b|InvalidAccessKeyId"
        r"|ExpiredToken|SASL authentication failed|401 Unauthorized",
        tells="credentials that are rejected",
        step="Renew the credentials that {0} uses.",
        weight=SHOWS,
        plain=True,
    ),
    Text(
        cause=Cause.CERTIFICATE_EXPIRED,
        pattern=r"(?i)certificate has expired|certificate (?:is )?(?:expired|not yet valid)|CERT_HAS_EXPIRED"
        r"|x509: certificate has expired|SSL certificate (?:expired|problem: certificate has expired)"
        r"|NotAfter|CertificateExpired|certificate.{0,40}\bexpired\b",
        tells="a certificate that expired",
        step="Renew the certificate that {0} meets.",
        weight=SAYS,
        plain=True,
    ),
    Text(
        cause=Cause.PORT_IN_USE,
        pattern=r"(?i)address already in use|EADDRINUSE|BindException|port \d+ (?:is|was) already in use",
        tells="a port that is already in use",
        step="Give {0} a port that nothing else in its pod uses.",
        weight=SAYS,
        plain=True,
    ),
    Text(
        cause=Cause.DISK_FULL,
        pattern=r"(?i)No space left on device|ENOSPC|disk (?:is )?full|DiskPressure|Disk quota exceeded",
        tells="a disk that is full",
        step="Free space where {0} writes.",
        weight=SAYS,
        plain=True,
    ),
    Text(
        cause=Cause.MOUNT_PERMISSION,
        pattern=r"(?i)(?:EACCES|Permission denied|Operation not permitted).{0,80}(?:/data|/var|/mnt|/etc|/opt|\.db|\.log"
        r"|\.rdb|mkdir|open|chown)|(?:chown|mkdir|open\w*|create\w*|write\w*).{0,120}"
        r"(?:EACCES|Permission denied|Operation not permitted)",
        tells="a path that may not be written",
        step="Correct owner and mode of the path that {0} writes to.",
        plain=True,
    ),
    Text(
        cause=Cause.RATE_LIMITED,
        pattern=r"(?i)\b429\b.{0,40}(?:too many|rate)|too many requests|rate limit(?:ed| exceeded)|ThrottlingException"
        r"|RESOURCE_EXHAUSTED.{0,40}quota|SlowDown",
        tells="an upstream that limits the rate",
        step="Lower the rate of {0} or ask for a higher limit.",
        plain=True,
    ),
    Text(
        cause=Cause.COMMAND_FAILED,
        pattern=r"(?i)\bsyntax error: |unexpected end of file|command not found|exec format error"
        r"|SyntaxError: |no such file or directory.{0,20}exec",
        tells="a script or a command that is wrong",
        step="Correct the script or command of {0}.",
        weight=SHOWS - 0.05,
        plain=True,
    ),
    Text(
        cause=Cause.DNS_FAILURE,
        pattern=r"(?i)getaddrinfo (?:ENOTFOUND|EAI_AGAIN)|no such host|Name or service not known|Could not resolve host"
        r"|Temporary failure in name resolution|UnknownHostException|NXDOMAIN|unable to resolve|bad address '"
        r"|server misbehaving|name resolution|connection timed out; no servers could be reached"
        r"|DNS (?:lookup|resolution) (?:failed|timed out|error)",
        tells="a name that does not resolve",
        step="Ask from {0} for the name; look at the DNS service, and at what may keep {0} from asking it.",
        weight=IMPLIES,
        plain=True,
    ),
    Text(
        cause=Cause.CONSUMER_LAG,
        pattern=r"(?i)consumer (?:group )?lag|lag (?:is|of|exceed\w*) \d+|max\.poll\.interval\.ms|messages? behind",
        tells="a consumer that lags",
        step="See why {0} takes so long for one message.",
        weight=IMPLIES,
    ),
    Text(
        cause=Cause.RETRY_STORM,
        pattern=r"(?i)retry (?:attempt|limit|budget)|retries exhausted|retrying \(attempt|max retries exceeded",
        tells="retries",
        step="Let {0} back off, and see what it retries.",
        weight=HINTS,
    ),
    Text(
        cause=Cause.DB_SLOW_QUERY,
        pattern=r"(?i)(?:slow|long[- ]running) (?:query|sql|database)|database (?:call|operation|query)\w* (?:took"
        r"|completed in|duration|is slow|takes)|query (?:took|time:?) \d|duration: \d{4,}(?:\.\d+)? ms"
        r"|statement timeout",
        tells="a database query that is slow",
        step="Explain the query that {0} waits for: index, plan, rows.",
        weight=IMPLIES,
        plain=True,
    ),
    Text(
        cause=Cause.DB_UNREACHABLE,
        pattern=_UNREACHABLE,
        tells="a database that is not reached",
        step="Ask from {0} whether the database answers at the address that it uses.",
        weight=IMPLIES - 0.05,
        plain=True,
    ),
    Text(
        cause=Cause.DEPENDENCY_TIMEOUT,
        pattern=r"(?i)context deadline exceeded|DeadlineExceeded|upstream request timeout|read timed? ?out"
        r"|ETIMEDOUT|SocketTimeoutException|504 Gateway|timed out (?:after|waiting)|timeout of \d+",
        tells="something that answers too late",
        step="See why what {0} calls answers late.",
        weight=HINTS,
    ),
    Text(
        cause=Cause.DEPENDENCY_DOWN,
        pattern=r"(?i)connection refused|ECONNREFUSED|no healthy upstream|503 Service Unavailable|connect: no route"
        r"|ECONNRESET|host (?:is )?unreachable|maintenance window",
        tells="something that does not answer",
        step="See whether what {0} calls is there.",
        weight=HINTS,
        plain=True,
    ),
    Text(
        cause=Cause.EXCEPTION,
        pattern=r"Traceback \(most recent call last\)|panic: |Unhandled(?:Promise)?(?:Rejection| exception)|Exception in"
        r" thread|NullPointerException|TypeError: |Segmentation fault",
        tells="code that raises",
        step="Read the stack trace of {0}.",
        weight=HINTS + 0.12,
        plain=True,
    ),
)
_LEVEL = re.compile(r"\b(?:WARN(?:ING)?|ERROR|ERR|FATAL|CRITICAL|SEVERE|panic|error|failed)\b", re.IGNORECASE)
_DAEMONS = ("kubelet", "kube-")


def _find(text: Text, facts: Facts) -> Iterator[Match]:
    pattern = re.compile(text.pattern)
    usual: dict[str, int] = {}
    for signal in facts.usual(Surface.LOG):
        if pattern.search(str(signal.value)[:SEARCHED_CHARS_MAX]):
            usual[signal.entity] = usual.get(signal.entity, 0) + signal.count
    found: dict[str, list[tuple[Signal, str]]] = {}
    for signal in facts.on(Surface.LOG):
        match = pattern.search(str(signal.value)[:SEARCHED_CHARS_MAX])
        if match and (text.plain or _grave(signal)):
            found.setdefault(signal.entity, []).append((signal, match[0]))
    for entity, several in found.items():
        count = sum(signal.count for signal, _ in several)
        if count >= MORE * usual.get(entity, 0):
            yield _match(text, facts, entity, several, count)


def _grave(signal: Signal) -> bool:
    return signal.severity >= Severity.WARN or bool(_LEVEL.search(str(signal.value)))


def _match(text: Text, facts: Facts, entity: str, several: list[tuple[Signal, str]], count: int) -> Match:
    owner = facts.owner(entity)
    signal, told = max(several, key=lambda one: (one[0].count, one[0].time))
    shown = facts.exhibit(signal, *(one for one, _ in several if one is not signal), records=count)
    around = _around(str(signal.value), told)
    said = say(f"{name(entity)} wrote {count} such records: {quote(around)}.", shown)
    step = say(text.step.format(name(owner)), shown, *facts.ownership(entity))
    weight = (
        min(text.weight, BEHIND)
        if text.cause is Cause.POOL_EXHAUSTED and _lost(facts, entity)
        else text.weight
    )
    return Match(cause=text.cause, object=owner, weight=weight, said=(said,), step=step)


def _lost(facts: Facts, entity: str) -> bool:
    """Whether connections are refused or lost too: then the pool is empty because nothing answers."""
    return any(
        _UNANSWERED.search(str(s.value)[:SEARCHED_CHARS_MAX])
        for s in facts.on(Surface.LOG)
        if s.entity == entity
    )


def _around(text: str, told: str) -> str:
    """The words of a record around what told, cut where words begin and end."""
    line = clip(text, SEARCHED_CHARS_MAX)
    at = max(0, line.find(clip(told)))
    begin = 0 if at <= BEFORE_CHARS else line.find(" ", at - BEFORE_CHARS) + 1
    return clip(("…" if begin else "") + line[begin:], QUOTE_CHARS_MAX)


RULES = tuple(
    Rule(causes=(text.cause,), surfaces=(Surface.LOG,), tells=text.tells, find=partial(_find, text))
    for text in _TEXTS
)
