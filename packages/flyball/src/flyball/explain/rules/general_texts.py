"""The words that texts of one cause have in common, whoever wrote them: for programs that no list knows.

They are lighter than texts that are known, so that a record which has one of those is read by it alone; and they
count only in an error, or where the service does not come up.
"""

from __future__ import annotations

from flyball.explain.rule import IMPLIES
from flyball.explain.rules.text import Text
from flyball.model.cause import Cause

GENERAL = IMPLIES - 0.05
"""More than what explains a symptom of the same service needs, less than any text that is known."""

_ABSENT = r"(?:does not exist|doesn't exist|not found|unknown|is missing)(?!.{0,3}skipping)"
_ERRORS: tuple[tuple[Cause, str, str, str], ...] = (
    (
        Cause.PERMISSION_MISSING,
        (
            r"not authori[sz]ed (?:to|on|for)\b|permission ?denied\b(?!.{0,4}['(/]|: ?/)|does not have \S+ (?:access|permission)"
            r"|(?:lacks?|missing|insufficient) (?:the |required )?(?:permission|privilege|scope)|AuthorizationException|\bis forbidden\b"
        ),
        "a permission that is missing",
        "Grant the identity of {it} what it was refused.",
    ),
    (
        Cause.CREDENTIALS,
        (
            r"invalid_(?:client|grant|token)|(?:invalid|bad|wrong|incorrect) (?:user ?name|password|credential|login|api[- ]key|token|secret)"
            r"|log[io]n (?:was |is )?(?:failed|refused|denied|incorrect)|(?:token|credential|password|secret|api key)s?\b.{0,40}\b(?:expired|revoked)\b"
            r"|unauthenticated\b"
        ),
        "credentials that are rejected",
        "Renew the credentials that {it} uses.",
    ),
    (
        Cause.TLS_MISMATCH,
        (
            r"\b(?:ssl|tls)\w*\b.{0,80}(?:wrong version|protocol version|handshake[ _]failure|unsupported protocol|cipher|unrecognized)"
            r"|cipher suites? in common|unrecognized SSL"
        ),
        "TLS that one side does not speak",
        "Let {it} and what it calls agree on TLS: scheme, port, version, ciphers.",
    ),
    (
        Cause.CERTIFICATE_NAME,
        r"certificate\w*\b.{0,80}\b(?:common name|SANs?|host ?name|name)\b.{0,60}(?:match|mismatch|instead)|no name matching \S+ found",
        "a certificate for another name",
        "Give what {it} calls a certificate for the name that it is called by.",
    ),
    (
        Cause.DB_SCHEMA,
        (
            rf"\b(?:table|column|relation|index|function|view|collection|sequence|procedure)\b.{{0,80}}{_ABSENT}"
            r"|no such (?:table|column|index|collection|function)\b|\bmigrations?\b.{0,40}(?:pending|not applied|missing|have failed)"
            r"|pending ?migration|locate revision"
        ),
        "a schema that does not fit",
        "Apply the migration that {it} needs, or take back the version that needs it.",
    ),
    (
        Cause.DB_CONNECTIONS,
        (
            r"max_\w*conn\w*|(?:too many|no more|maximum (?:number of )?)(?:client |open |database )?(?:connections|sessions)\b"
            r"|maximum number of (?:processes|sessions) exceeded"
        ),
        "a database without free connections",
        "See who holds the connections of {it}: idle sessions first.",
    ),
    (
        Cause.POOL_EXHAUSTED,
        r"query_wait_timeout|\bpool\b.{0,40}(?:timed? ?out|exhausted|is (?:full|empty))",
        "a pool that is used up",
        "See who holds the connections of {it}; compare the size of its pool with its load.",
    ),
    (
        Cause.DISK_FULL,
        (
            r"unable to extend (?:table|index|segment)|(?:tablespace|transaction log|disk|volume|file ?system|partition|storage)\b.{0,60}"
            r"\b(?:is full|full due|out of space|no space|space exhausted)"
        ),
        "a disk that is full",
        "Free space where {it} writes.",
    ),
    (
        Cause.MESSAGE_TOO_LARGE,
        (
            r"\b(?:message|request|packet|body|payload|headers?|record|entity|frame)\b(?: size)?.{0,30}too (?:large|big|long)"
            r"|too (?:large|big) (?:message|request|packet|body|payload|headers?|record)\b"
        ),
        "a message that is too large",
        "Raise the limit that the message of {it} meets, or send less at once.",
    ),
    (
        Cause.RATE_LIMITED,
        r"throttl(?:ed|ing)\b|throughput ?exceeded|ENHANCE_YOUR_CALM|too_many_pings|(?:exceeded|over)\b.{0,30}\b(?:rate|quota)\b",
        "an upstream that limits the rate",
        "Lower the rate of {it} or ask for a higher limit.",
    ),
    (
        Cause.QUEUE_MISSING,
        rf"\b(?:topic|queue|exchange|bucket|subscription|consumer group)\b.{{0,60}}{_ABSENT}|(?:no ?such|unknown) ?(?:topic|queue|exchange|bucket)",
        "a topic, queue or bucket that is not there",
        "Create the topic, queue or bucket that {it} uses, or correct its name.",
    ),
    (
        Cause.BROKER_FULL,
        r"\bqueue (?:is )?full\b|_QUEUE_FULL\b|send buffer (?:is )?full",
        "a queue that is full",
        "See which queue grows at the broker of {it}, and let its consumers catch up.",
    ),
    (
        Cause.REPLICAS_MISSING,
        r"not enough (?:\S+ )?replicas|(?:lost|no|without) quorum|quorum (?:was )?(?:lost|not (?:met|reached|available))",
        "a store without enough replicas",
        "Bring the missing replicas of the store that {it} uses back.",
    ),
    (
        Cause.DB_FAILOVER,
        r"(?:master|primary|leader)[_ ]not[_ ](?:discovered|available|found|elected)|no (?:current )?(?:master|primary|leader) (?:found|available|elected)",
        "a store without a leader",
        "See why the replicas that {it} asks elect no leader.",
    ),
    (
        Cause.DB_UNREACHABLE,
        r"server has gone away|lost connection to \w+ server|TNS:no listener|database (?:server )?is (?:down|not running|offline)",
        "a database that is not reached",
        "Ask from {it} whether the database answers at the address that it uses.",
    ),
    (
        Cause.DB_NAME,
        r"(?:database|service|schema|keyspace)\b.{0,20}requested\b.{0,40}unknown|does not currently know of service|keyspace \S+ does not exist",
        "a database of another name",
        "Correct the name of the database that {it} asks for, or create it.",
    ),
    (
        Cause.DB_LOCK,
        r"could not acquire .{0,30}\block\b|currently locked by|lock (?:is )?(?:already )?held by|lock request time ?out",
        "a lock that is held",
        "Find who holds the lock that {it} waits for.",
    ),
    (
        Cause.DB_REPLICATION,
        r"conflict with recovery|replication (?:is )?(?:broken|stopped|failed)|replica (?:is )?out of sync",
        "a replication that is disturbed",
        "See how far the replica that {it} reads is behind, and what it waits for.",
    ),
    (
        Cause.ROUTE_MISSING,
        r"no route (?:was )?(?:matched|found|defined|configured)\b",
        "requests without a route",
        "Correct the route of the request that {it} sends.",
    ),
    (
        Cause.ROUTE_BACKEND,
        r"(?:kubernetes|upstream|backend) service not found|subset not found|backend \S+ (?:not found|does not exist)",
        "a route whose backend is not there",
        "Let the route that {it} tells of lead to a Service that is there.",
    ),
    (
        Cause.CONSUMER_LAG,
        r"(?:delivery )?acknowledge?ment .{0,30}timed out|ack deadline exceeded",
        "messages that are not acknowledged in time",
        "See why {it} takes so long for one message.",
    ),
)
_STARTS: tuple[tuple[Cause, str, str, str], ...] = (
    (
        Cause.COMMAND_FAILED,
        (
            r"^(?:/\S*/)?(?:ba|da|a|z)?sh: (?:(?:line )?\d+: )?\S+: (?:not found|permission denied|cannot execute)|unable to access jarfile"
            r"|can't open file '|could not find or load main class"
        ),
        "a command that cannot be run",
        "Correct the script or command of {it}.",
    ),
    (
        Cause.LIBRARY_MISSING,
        r"\bImportError: |cannot import name|undefined symbol: |symbol lookup error|unsatisfied ?link ?error|no such module",
        "a module or library that is missing",
        "Put what is missing into the image of {it}, or take the version before.",
    ),
    (
        Cause.CONFIG_INVALID,
        (
            r"\bconfig\w*\b.{0,60}(?:error|invalid|not valid|fail\w*|must be|is required)|resolve placeholder|unknown (?:flag|option|argument|directive)"
            r"|unrecognized (?:flag|option|argument)|flag provided but not defined|(?:settings?|properties)\b.{0,40}(?:invalid|not valid|must be)"
        ),
        "a configuration that is not valid",
        "Correct the configuration that {it} reads at its start.",
    ),
    (
        Cause.DB_SCHEMA,
        r"\bmigrations?\b.{0,40}(?:pending|not applied|missing|failed)|pending ?migration|locate revision",
        "a migration that is missing",
        "Apply the migration that {it} needs, or take back the version that needs it.",
    ),
    (
        Cause.DB_LOCK,
        r"could not acquire .{0,30}\block\b|currently locked by",
        "a lock that is held",
        "Find who holds the lock that {it} waits for.",
    ),
)
IN_GENERAL = (
    *(
        Text(cause=cause, pattern=f"(?i){pattern}", tells=tells, step=step, weight=GENERAL, severe=True)
        for cause, pattern, tells, step in _ERRORS
    ),
    *(
        Text(cause=cause, pattern=f"(?i){pattern}", tells=tells, step=step, weight=GENERAL, starting=True)
        for cause, pattern, tells, step in _STARTS
    ),
)
