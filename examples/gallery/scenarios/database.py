"""Failures of a database, of the way to it, or of what is asked of it."""

from __future__ import annotations

from flyball.model.cause import Cause
from gallery import texts
from gallery.scenarios.pods import expect, of
from gallery.stream import FAILING_S, Expected, Stage
from gallery.system import Database, Service


def _pair(stage: Stage, engine: str = "any") -> tuple[Service, Database]:
    service = stage.victim(database=engine)
    return service, stage.system.databases[service.database]


def _of(service: Service, database: Database, *causes: Cause, step: str) -> Expected:
    return Expected(
        causes=causes, objects=(*of(service), f"database/{database.name}"), step=tuple(step.split())
    )


def pool_exhausted(stage: Stage) -> Expected:
    """A new version holds connections too long: its own pool is empty while the database is idle."""
    service, database = _pair(stage)
    stage.change(-stage.draw.uniform(4, 40), service.name)
    size = stage.draw.choice((5, 8, 10, 20))
    stage.fault(
        service.name, callee=f"database/{database.name}", share=0.7, fails=True, extra_ms=(1500, 1900),
        start=stage.soon(2, 10), says=lambda draw: texts.pool_error(draw, service.language, size),
    )  # fmt: skip
    for at in range(-600, 240, 15):
        used = float(size if at > 0 else stage.draw.randint(1, 3))
        stage.point(
            at,
            f"service/{service.name}",
            "db.client.connection.count",
            used,
            **{"db.client.connection.state": "used"},
        )
        stage.point(at, f"service/{service.name}", "db.client.connection.max", float(size))
    return expect(service, Cause.POOL_EXHAUSTED, step="pool|connection")


def connections_exhausted(stage: Stage) -> Expected:
    """All users together hold every connection that the database allows."""
    _, database = _pair(stage)
    for user in stage.system.users(database.name):
        stage.fault(
            user.name, callee=f"database/{database.name}", share=0.8, fails=True, extra_ms=(1, 8),
            says=lambda draw, user=user: texts.sql_error(draw, user.language, database, texts.TOO_MANY),
        )  # fmt: skip
    for _ in range(stage.draw.randint(30, 60)):
        stage.log(
            stage.soon(0, 230),
            f"database/{database.name}",
            texts.server_says(stage.draw, database, texts.TOO_MANY),
        )
    for name in ("postgresql.backends", "mysql.threads"):
        stage.bend(f"database/{database.name}", name, lambda _at, _usual: float(database.connections_max))
    objects = (f"database/{database.name}",)
    return Expected(causes=(Cause.DB_CONNECTIONS,), objects=objects, step=("connection",))


def table_scan(stage: Stage) -> Expected:
    """An index is gone or was never there: one query reads the whole table."""
    service, database = _pair(stage)
    stage.change(-stage.draw.uniform(5, 60), service.name)
    query = f"SELECT * FROM {database.table} WHERE account_id = "
    stage.fault(service.name, callee=f"database/{database.name}", extra_ms=(900, 1900), share=0.9)
    stage.fault(
        service.name, callee=f"database/{database.name}", extra_ms=(100, 200), share=0.2, fails=True,
        says=lambda draw: texts.sql_error(draw, service.language, database, texts.STATEMENT_TIMEOUT),
    )  # fmt: skip
    for _ in range(stage.draw.randint(15, 40)):
        number, ms = stage.draw.randint(1000, 9999), stage.draw.uniform(900, 2000)
        if database.engine == "mysql":
            rows = stage.draw.randint(900_000, 4_000_000)
            said = f"# Query_time: {ms / 1000:.6f}  Lock_time: 0.000004 Rows_sent: 3  Rows_examined: {rows}\n{query}{number};"
        else:
            said = f"LOG:  duration: {ms:.3f} ms  statement: {query}{number}"
        stage.log(stage.soon(1, 230), f"database/{database.name}", said, severity=9)
    stage.bend(
        f"database/{database.name}", "system.cpu.utilization", lambda _at, usual: min(0.98, usual + 0.6)
    )
    return _of(service, database, Cause.DB_SLOW_QUERY, Cause.DB_CPU, step="index|query|explain")


def n_plus_one(stage: Stage) -> Expected:
    """A new version asks once for every row what it asked once for all: each query is quick, the sum is not."""
    service, database = _pair(stage)
    stage.change(-stage.draw.uniform(2, 10), service.name)
    stage.fault(service.name, callee=f"database/{database.name}", repeats=stage.draw.randint(35, 60))
    return _of(service, database, Cause.N_PLUS_ONE, step="query|loop|rows")


def lock_contention(stage: Stage) -> Expected:
    """A transaction holds its locks; the others wait, and some give up."""
    service, database = _pair(stage)
    for refusal, share in ((texts.LOCK_TIMEOUT, 0.4), (texts.DEADLOCK, 0.1)):
        stage.fault(
            service.name, callee=f"database/{database.name}", share=share, fails=True, extra_ms=(900, 1500),
            says=lambda draw, refusal=refusal: texts.sql_error(draw, service.language, database, refusal),
        )  # fmt: skip
    stage.fault(service.name, callee=f"database/{database.name}", share=0.8, extra_ms=(200, 900))
    for _ in range(stage.draw.randint(10, 25)):
        if database.engine == "mysql":
            said = texts.server_says(stage.draw, database, texts.DEADLOCK)
        else:
            process, other, ms = (
                stage.draw.randint(100, 9000),
                stage.draw.randint(1000, 99999),
                stage.draw.uniform(1000, 1020),
            )
            said = f"LOG:  process {process} still waiting for ShareLock on transaction {other} after {ms:.3f} ms"
        stage.log(stage.soon(1, 230), f"database/{database.name}", said, severity=9)
    return _of(service, database, Cause.DB_LOCK, step="lock|transaction")


def row_security_denied(stage: Stage) -> Expected:
    """A policy of the database refuses what the service writes."""
    service, database = _pair(stage, "postgresql")
    stage.change(-stage.draw.uniform(5, 40), service.name, kind="migration")
    stage.fault(
        service.name, callee=f"database/{database.name}", share=0.9, fails=True,
        says=lambda draw: texts.sql_error(draw, service.language, database, texts.ROW_SECURITY),
    )  # fmt: skip
    return _of(service, database, Cause.ROW_SECURITY, step="polic|row")


def row_security_empty(stage: Stage) -> Expected:
    """A policy hides all rows: nothing fails, the answers are empty."""
    service, database = _pair(stage, "postgresql")
    stage.change(-stage.draw.uniform(5, 40), service.name, kind="migration")
    said = stage.draw.choice(
        ("no {noun} found for account {n}", "{noun} query returned 0 rows for account {n}")
    )
    stage.fault(
        service.name, silences=True, severity=9,
        says=lambda draw: said.format(noun=service.noun, n=draw.randint(1000, 99999)),
    )  # fmt: skip
    return _of(service, database, Cause.ROWS_HIDDEN, step="polic|row")


def credentials_rotated(stage: Stage) -> Expected:
    """The password was changed in one place and not in the other."""
    service, database = _pair(stage)
    stage.fault(
        service.name, callee=f"database/{database.name}", share=0.95, fails=True, extra_ms=(1, 8),
        says=lambda draw: texts.sql_error(draw, service.language, database, texts.PASSWORD),
    )  # fmt: skip
    for _ in range(stage.draw.randint(30, 60)):
        said = texts.server_says(stage.draw, database, texts.PASSWORD)
        stage.log(stage.soon(0, FAILING_S - 5), f"database/{database.name}", said)
    return _of(service, database, Cause.CREDENTIALS, step="password|credential|secret")


SCENARIOS = {
    "connection-pool exhaustion": pool_exhausted,
    "database max connections": connections_exhausted,
    "missing index": table_scan,
    "n+1": n_plus_one,
    "lock contention": lock_contention,
    "rls denied": row_security_denied,
    "rls silently empty": row_security_empty,
    "credentials rotated": credentials_rotated,
}
