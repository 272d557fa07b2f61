"""Command lines of databases: their SQL is read as SQL, their own verbs by a table."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from flyball_sdk.guard.effect import Effect, Target
from flyball_sdk.guard.effects.hosts import host_of, kind_of
from flyball_sdk.guard.effects.iac import first_known
from flyball_sdk.guard.effects.make import Reader, effect
from flyball_sdk.guard.effects.options import Options, options
from flyball_sdk.guard.effects.sql import statements
from flyball_sdk.guard.scene import Scene
from flyball_sdk.guard.shell.command import UNKNOWN, Command

_VALUED = ("-c", "--command", "-e", "--execute", "-h", "--host", "-U", "-u", "--username", "--user", "-d", "--dbname", "--database", "-D", "-p", "--port", "-P",
           "-f", "--file", "-q", "--query", "-Q", "-S", "-s", "-v", "--set", "-i", "--eval", "-n", "-a", "--pass", "-o", "-w", "--url")  # fmt: skip
_DIALECTS = {"psql": "postgres", "mysql": "mysql", "mariadb": "mysql", "sqlite3": "sqlite", "clickhouse-client": "clickhouse", "clickhouse": "clickhouse",
             "sqlcmd": "tsql", "duckdb": "duckdb", "snowsql": "snowflake", "bq": "bigquery", "trino": "trino", "presto": "presto", "beeline": "hive", "hive": "hive",
             "spark-sql": "spark", "cockroach": "postgres", "usql": "", "pgcli": "postgres", "mycli": "mysql", "litecli": "sqlite", "sqlplus": "oracle", "cqlsh": ""}  # fmt: skip


def client(command: Command, scene: Scene) -> Iterator[Effect]:
    """`psql`, `mysql`, `sqlite3`, ...: the SQL of options, words, stdin, or a file that was written before."""
    valued = (
        tuple(v for v in _VALUED if not (command.name in ("mysql", "mariadb", "mycli") and v in ("-p", "-s")))
        if command.name != "sqlite3"
        else ("-cmd", "-separator")
    )
    given = options(command.words, valued)
    texts = [*given.all("-c", "--command", "-e", "--execute", "-q", "--query", "-Q", "-cmd", "--eval")]
    if command.name in ("sqlite3", "duckdb", "litecli", "usql"):
        texts += given.words[1:]
    elif command.name in ("bq", "cockroach"):
        texts += [word for word in given.words if " " in word]
    if command.stdin:
        texts.append(command.stdin)
    for path in (*given.all("-f", "--file", "-i"), *(r.path for r in command.redirects if r.op == "<")):
        texts.append(scene.session.scripts.get(path) or scene.files.text(path) or "")
    target = database_target(given, command, scene)
    base = {"span": command.span, "found_in": "command", "via": command.via}
    for text in texts:
        if UNKNOWN in text and not text.strip("\0 \n;"):
            yield effect("exec.opaque", f"{command.name} runs SQL that is not known", command, sql=True)
    # read as one text: what is parsed of it has one bound
    whole = ";\n".join(text for text in texts if text).replace(UNKNOWN, "unknown")
    yield from statements(whole, target=target, dialect=_DIALECTS.get(command.name, ""), base=base)


# So many commands of a text have their SQL read (3 ms each at most); a text with more asks.
COMMANDS_MAX = 10


def database_target(given: Options, command: Command, scene: Scene) -> Target:
    """Host, database and URL, as options, words or environment name them. A loopback host is development."""
    urls = [word for word in (*given.words, *given.all("-d", "--dbname", "--url")) if "://" in word]
    host = (
        given.value("-h", "--host", "-S")
        or (host_of(urls[0]) if urls else "")
        or command.env.get("PGHOST", "")
        or command.env.get("MYSQL_HOST", "")
    )
    name = (
        given.value("-d", "--dbname", "-D", "--database")
        or command.env.get("PGDATABASE", "")
        or (given.words[0] if given.words else "")
    )
    said = (
        ("url", urls[0].rpartition("@")[2] if urls else ""),
        ("host", host),
        ("database", name.rpartition("/")[2] if "://" in name else name),
    )
    target = first_known(said, scene)
    if target.environment == "unknown" and host and kind_of(host) == "loopback":
        return Target("development", host, "host")
    if command.name in ("sqlite3", "duckdb", "litecli") and target.environment == "unknown":
        return Target("unknown", name, "file")
    return target


_VERBS = {
    "redis-cli": r"(?i)\b(?:flushall|flushdb|shutdown|config\s+set|debug|script\s+flush|slaveof|replicaof|cluster\s+(?:reset|failover|forget)|acl\s+(?:setuser|deluser)|swapdb|module\s+load)\b|\bdel\b|\bunlink\b|\bkeys\s+\*.*\bdel\b|--bigkeys-delete",
    "mongo": r"(?i)dropDatabase|\.drop\s*\(|deleteMany\s*\(\s*\{\s*\}|remove\s*\(\s*\{\s*\}|dropUser|dropIndex|deleteMany|\.remove\(|dropAllUsers|shutdownServer|updateMany\s*\(\s*\{\s*\}|renameCollection",
    "cypher-shell": r"(?i)\bdetach\s+delete\b|\bdrop\b|\bdelete\b",
    "influx": r"(?i)\bdrop\b|\bdelete\b",
}


_SPEAKS = {"mongosh": "mongo", "valkey-cli": "redis-cli"}


def other(command: Command, scene: Scene) -> Iterator[Effect]:
    """Databases that do not speak SQL: their own verbs."""
    given = options(
        command.words, ("-h", "-p", "-a", "-n", "-u", "--pass", "--host", "--port", "--eval", "-H")
    )
    text = " ".join((*given.words, given.value("--eval"), command.stdin or ""))
    kind = _SPEAKS.get(command.name, command.name)
    found = re.search(_VERBS[kind], text)
    if found:
        yield effect(
            "service.delete",
            f"{command.name}: {found[0]}",
            command,
            target=database_target(given, command, scene),
            verb=found[0].lower(),
        )


def tool(command: Command, scene: Scene) -> Iterator[Effect]:
    """`dropdb`, `dropuser`, `pg_restore --clean`, `mysqladmin drop`, `createuser -s`, `pg_dump`."""
    given = options(command.words, (*_VALUED, "-t", "-j", "-F"))
    target = database_target(given, command, scene)
    if command.name in ("dropdb", "dropuser", "pg_resetwal") or (
        command.name in ("pg_restore", "mongorestore")
        and given.has("-c", "--clean", "--drop", "--create", "-C")
    ):
        yield effect("sql.ddl", " ".join((command.name, *given.words)), command, target=target, drops=True)
    elif command.name == "createuser" and given.has("-s", "--superuser"):
        yield effect("sql.grant", " ".join(command.words), command, target=target)


_MIGRATES = re.compile(
    r"\b(?:db:(?:drop|reset|purge|migrate:reset|schema:load|rollback|truncate_all|wipe)|migrate:(?:fresh|reset|refresh|rollback)|migrate\s+(?:reset|fresh)|db\s+push\s+.*--(?:force-reset|accept-data-loss)|flush|reset_db|sqlflush|"
    r"database\s+drop|db\s+(?:reset|drop)|downgrade|ef\s+database\s+drop|flyway.*\bclean\b|undo:all|drop:all|schema:drop|down\s+-all|rollback_all|ecto\.(?:drop|reset|rollback))\b"
)


def migration(command: Command, scene: Scene) -> Iterator[Effect]:
    """Migration tools: what drops or resets a database (`rails db:drop`, `prisma migrate reset`, `manage.py flush`, ...)."""
    words = " ".join((command.name, *command.words))
    found = _MIGRATES.search(words)
    if found and "--help" not in words and "--sql" not in command.words:
        said = [
            (name, command.env.get(name, ""))
            for name in (
                "RAILS_ENV",
                "NODE_ENV",
                "DATABASE_URL",
                "DJANGO_SETTINGS_MODULE",
                "APP_ENV",
                "MIX_ENV",
                "ENV",
            )
        ]
        given = options(command.words, ("--env", "-e", "--database", "--settings", "--url", "-n"))
        said += [("--env", given.value("--env", "-e", "--settings", "--database", "--url"))]
        yield effect("sql.ddl", words[:120], command, target=first_known(tuple(said), scene), drops=True)


CLIENTS = frozenset((*_DIALECTS, "osql", "isql"))
READERS: Mapping[str, Reader] = (
    dict.fromkeys((*_DIALECTS, "osql", "isql"), client)
    | dict.fromkeys(("redis-cli", "valkey-cli", "mongo", "mongosh", "cypher-shell", "influx"), other)
    | dict.fromkeys(("dropdb", "dropuser", "pg_restore", "mongorestore", "createuser", "pg_resetwal"), tool)
    | dict.fromkeys(("rails", "rake", "bin/rails", "prisma", "manage.py", "alembic", "flyway", "sequelize", "sequelize-cli", "knex", "artisan", "php-artisan", "dbmate", "goose",
                     "migrate", "liquibase", "typeorm", "drizzle-kit", "mix", "dotnet", "symfony", "diesel", "sqlx", "atlas", "flask"), migration)
)  # fmt: skip
