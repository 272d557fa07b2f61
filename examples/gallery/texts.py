"""What real clients and libraries say when they fail, by language, with their own words and drawn numbers."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from gallery.system import Database


@dataclass(frozen=True, slots=True)
class Peer:
    """An address that a client asks."""

    host: str
    port: int
    ip: str
    path: str

    @property
    def url(self) -> str:
        """As clients print it."""
        return f"http://{self.host}:{self.port}{self.path}"


def lost(draw: Random, how: str, language: str, peer: Peer) -> str:
    """How a client of a language tells that it could not reach its peer, or not in time."""
    if how in _STATUS:
        return failed(draw, language, peer, _STATUS[how])
    return draw.choice(_LOST[how][language]).format(
        pool=f"HTTPConnectionPool(host='{peer.host}', port={peer.port}): ",
        tries=f"Max retries exceeded with url: {peer.path}",
        object=f"<urllib3.connection.HTTPConnection object at 0x7f{draw.randrange(16**10):010x}>",
        request=f'I/O error on GET request for "{peer.url}": ',
        url=peer.url,
        host=peer.host,
        port=peer.port,
        ip=peer.ip,
        path=peer.path,
        local=draw.randint(30000, 60000),
    )


def failed(draw: Random, language: str, peer: Peer, status: int) -> str:
    """How a client tells that its peer answered with an error."""
    phrase = _PHRASES[status]
    kind = "Client" if status < 500 else "Server"
    class_ = f"Http{kind}ErrorException${phrase.replace(' ', '')}"
    return {
        "python": f"requests.exceptions.HTTPError: {status} {kind} Error: {phrase} for url: {peer.url}",
        "java": f"org.springframework.web.client.{class_}: {status} {phrase}: [no body]",
        "go": f"unexpected response from {peer.host}: {status} {phrase}",
        "node": f"AxiosError: Request failed with status code {status}",
    }[language] + ("" if draw.random() < 0.7 else f" (attempt {draw.randint(1, 3)})")


_PHRASES = {429: "Too Many Requests", 500: "Internal Server Error", 502: "Bad Gateway"}
_STATUS = {"limited": 429, "gateway": 502}
_DIAL = 'Get "{url}": dial tcp {ip}:{port}: '
_LOST = {
    "refused": {
        "python": (
            "{pool}{tries} (Caused by NewConnectionError('{object}: Failed to establish a new connection: [Errno 111] Connection refused'))",
            "httpx.ConnectError: [Errno 111] Connection refused",
        ),
        "java": (
            "{request}Connect to {host}:{port} [{host}/{ip}] failed: Connection refused",
            "java.net.ConnectException: Connection refused: {host}/{ip}:{port}",
        ),
        "go": (_DIAL + "connect: connection refused",),
        "node": (
            "Error: connect ECONNREFUSED {ip}:{port}",
            "FetchError: request to {url} failed, reason: connect ECONNREFUSED {ip}:{port}",
        ),
    },
    "dns": {
        "python": (
            "{pool}{tries} (Caused by NameResolutionError(\"{object}: Failed to resolve '{host}' ([Errno -2] Name or service not known)\"))",
            "httpx.ConnectError: [Errno -3] Temporary failure in name resolution",
        ),
        "java": (
            "java.net.UnknownHostException: {host}: Name or service not known",
            "{request}{host}: Temporary failure in name resolution",
        ),
        "go": (
            'Get "{url}": dial tcp: lookup {host} on 10.96.0.10:53: no such host',
            'Get "{url}": dial tcp: lookup {host} on 10.96.0.10:53: read udp {ip}:{local}->10.96.0.10:53: i/o timeout',
        ),
        "node": ("Error: getaddrinfo ENOTFOUND {host}", "Error: getaddrinfo EAI_AGAIN {host}"),
    },
    "timeout": {
        "python": (
            "{pool}Read timed out. (read timeout=2)",
            "httpx.ReadTimeout: The read operation timed out",
        ),
        "java": ("{request}Read timed out", "java.net.SocketTimeoutException: Read timed out"),
        "go": ('Get "{url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)',),
        "node": ("AxiosError: timeout of 2000ms exceeded", "HeadersTimeoutError: Headers Timeout Error"),
    },
    "connect": {
        "python": (
            "{pool}{tries} (Caused by ConnectTimeoutError({object}, 'Connection to {host} timed out. (connect timeout=2)'))",
        ),
        "java": ("{request}Connect to {host}:{port} [{host}/{ip}] failed: Connect timed out",),
        "go": (_DIAL + "i/o timeout",),
        "node": ("Error: connect ETIMEDOUT {ip}:{port}",),
    },
    "certificate": {
        "python": (
            "HTTPSConnectionPool(host='{host}', port=443): {tries} (Caused by SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired (_ssl.c:1006)')))",
        ),
        "java": (
            "javax.net.ssl.SSLHandshakeException: PKIX path validation failed: java.security.cert.CertPathValidatorException: validity check failed",
            "java.security.cert.CertificateExpiredException: NotAfter: Sun Mar 07 11:59:59 UTC 2027",
        ),
        "go": (
            'Get "https://{host}{path}": tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time 2027-03-08T00:01:33Z is after 2027-03-07T23:59:59Z',
        ),
        "node": ("Error: certificate has expired (code: 'CERT_HAS_EXPIRED')",),
    },
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a database answers: PostgreSQL's level, SQLSTATE and words; MySQL's number, symbol and words."""

    level: str
    state: str
    text: str
    number: int
    symbol: str
    mysql: str
    connecting: bool = False


TOO_MANY = Refusal(
    "FATAL", "53300", "sorry, too many clients already", 1040, "ER_CON_COUNT_ERROR", "Too many connections",
    connecting=True,
)  # fmt: skip
PASSWORD = Refusal(
    "FATAL", "28P01", 'password authentication failed for user "{user}"',
    1045, "ER_ACCESS_DENIED_ERROR", "Access denied for user '{user}'@'{ip}' (using password: YES)",
    connecting=True,
)  # fmt: skip
LOCK_TIMEOUT = Refusal(
    "ERROR", "55P03", "canceling statement due to lock timeout",
    1205, "ER_LOCK_WAIT_TIMEOUT", "Lock wait timeout exceeded; try restarting transaction",
)  # fmt: skip
DEADLOCK = Refusal(
    "ERROR", "40P01", "deadlock detected",
    1213, "ER_LOCK_DEADLOCK", "Deadlock found when trying to get lock; try restarting transaction",
)  # fmt: skip
STATEMENT_TIMEOUT = Refusal(
    "ERROR", "57014", "canceling statement due to statement timeout",
    3024, "ER_QUERY_TIMEOUT", "Query execution was interrupted, maximum statement execution time exceeded",
)  # fmt: skip
ROW_SECURITY = Refusal(
    "ERROR", "42501", 'new row violates row-level security policy for table "{table}"', 1142, "ER_TABLEACCESS_DENIED_ERROR", "",
)  # fmt: skip
DISK_FULL = Refusal(
    "ERROR", "53100", 'could not extend file "base/{oid}/{file}": No space left on device',
    1114, "ER_RECORD_FILE_FULL", "The table '{table}' is full",
)  # fmt: skip


def server_says(draw: Random, database: Database, refusal: Refusal) -> str:
    """The record that the database itself writes."""
    words = _filled(draw, database, refusal)
    if database.engine == "mysql":
        return f"[Warning] [MY-{refusal.number + 9000:06d}] [Server] {words}"
    return f"{refusal.level}:  {words}"


def sql_error(draw: Random, language: str, database: Database, refusal: Refusal) -> str:
    """How a client library of a language passes on what the database answered."""
    words = _filled(draw, database, refusal)
    if database.engine == "mysql":
        return {
            "python": f"pymysql.err.OperationalError: ({refusal.number}, {words!r})",
            "java": f"java.sql.SQLException: {words}",
            "go": f"Error {refusal.number}: {words}",
            "node": f"Error: {refusal.symbol}: {words}",
        }[language]
    opening = f'connection to server at "{database.host}" ({_ip(draw)}), port 5432 failed: '
    return {
        "python": f"psycopg.OperationalError: {opening}{refusal.level}:  {words}"
        if refusal.connecting
        else f"psycopg.errors.Error: {words}",
        "java": f"org.postgresql.util.PSQLException: {refusal.level}: {words}",
        "go": f"failed to connect to `user={database.user} database={database.name}`: server error: {refusal.level}: {words} (SQLSTATE {refusal.state})"
        if refusal.connecting
        else f"{refusal.level}: {words} (SQLSTATE {refusal.state})",
        "node": f"error: {words}",
    }[language]


def pool_error(draw: Random, language: str, size: int) -> str:
    """How a connection pool of a language tells that it has nothing left to lend."""
    waiting = draw.randint(3, 40)
    return draw.choice(
        {
            "python": (
                f"sqlalchemy.exc.TimeoutError: QueuePool limit of size {size} overflow 0 reached, connection timed out, timeout 2.00 (Background on this error at: https://sqlalche.me/e/20/3o7r)",
                "psycopg_pool.PoolTimeout: couldn't get a connection after 2.00 sec",
            ),
            "java": (
                f"java.sql.SQLTransientConnectionException: HikariPool-1 - Connection is not available, request timed out after {draw.randint(2000, 2015)}ms (total={size}, active={size}, idle=0, waiting={waiting})",
            ),
            "go": ("failed to acquire connection from pool: context deadline exceeded",),
            "node": (
                "KnexTimeoutError: Knex: Timeout acquiring a connection. The pool is probably full. Are you missing a .transacting(trx) call?",
                "Error: timeout exceeded when trying to connect",
            ),
        }[language]
    )


def missing_env(language: str, name: str) -> str:
    """The last words of a program whose environment lacks a variable."""
    return {
        "python": f"KeyError: '{name}'",
        "java": f"java.lang.IllegalArgumentException: Could not resolve placeholder '{name}' in value \"${{{name}}}\"",
        "go": f"panic: required key {name} missing value",
        "node": f"Error: Missing required environment variable: {name}",
    }[language]


def disk_error(language: str, path: str) -> str:
    """How a program tells that a file could not be written."""
    return {
        "python": f"OSError: [Errno 28] No space left on device: '{path}'",
        "java": "java.io.IOException: No space left on device",
        "go": f"write {path}: no space left on device",
        "node": f"Error: ENOSPC: no space left on device, write '{path}'",
    }[language]


def raised(draw: Random, language: str, noun: str) -> str:
    """An exception of a program's own, as it is logged when nobody expected it."""
    field = draw.choice(("discount", "currency", "region", "channel", "weight", "owner"))
    line = draw.randint(20, 400)
    return {
        "python": f"Traceback (most recent call last):\n  File \"/app/{noun}/handlers.py\", line {line}, in handle\n    total = item['{field}']\nKeyError: '{field}'",
        "java": f'java.lang.NullPointerException: Cannot invoke "String.length()" because "{noun}.{field}" is null\n\tat com.acme.{noun}.Handler.handle(Handler.java:{line})',
        "go": f"panic: runtime error: invalid memory address or nil pointer dereference\ngoroutine {draw.randint(20, 900)} [running]:\nmain.(*{noun.title()}).{field.title()}(...)\n\t/src/{noun}/{field}.go:{line}",
        "node": f"TypeError: Cannot read properties of undefined (reading '{field}')\n    at handle (/app/dist/{noun}.js:{line}:17)",
    }[language]


def retrying(draw: Random, language: str, host: str, port: int) -> str:
    """How a client library tells that it tries again."""
    left, ms = draw.randint(0, 4), draw.randint(50, 400)
    return {
        "python": f"Retrying (Retry(total={left}, connect=None, read=None, redirect=None, status=None)) after connection broken by 'RemoteDisconnected('Remote end closed connection without response')': /",
        "java": f"Retry: count={5 - left}",
        "go": f"[DEBUG] GET http://{host}:{port}/: retrying in {ms}ms ({left} left)",
        "node": f"retrying request to {host} in {ms} ms, attempt {5 - left}",
    }[language]


def overloaded(draw: Random, language: str) -> str:
    """How a server tells that it cannot take more."""
    done = draw.randint(9000, 900000)
    return {
        "python": f"[CRITICAL] WORKER TIMEOUT (pid:{draw.randint(7, 90)})",
        "java": f"java.util.concurrent.RejectedExecutionException: Task rejected from java.util.concurrent.ThreadPoolExecutor@{done:x}[Running, pool size = 200, active threads = 200, queued tasks = 1000, completed tasks = {done}]",
        "go": "http: Accept error: accept tcp [::]:8080: accept4: too many open files; retrying in 5ms",
        "node": "Error: EMFILE: too many open files, open '/app/views/error.html'",
    }[language]


def heap_error(language: str) -> str:
    """The last words of a program that runs out of memory by itself."""
    return {
        "python": "MemoryError",
        "java": "java.lang.OutOfMemoryError: Java heap space",
        "node": "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
    }[language]


def _filled(draw: Random, database: Database, refusal: Refusal) -> str:
    words = refusal.mysql if database.engine == "mysql" else refusal.text
    given = {"user": database.user, "table": database.table, "ip": _ip(draw)}
    return words.format(**given, oid=draw.randint(16384, 17000), file=draw.randint(24000, 29000))


def _ip(draw: Random) -> str:
    return f"10.{draw.randint(0, 9)}.{draw.randint(0, 250)}.{draw.randint(2, 250)}"
