"""Rules about databases and services that hold data."""

from __future__ import annotations

from flyball_sdk.guard.rule import Rule, is_, isnt
from flyball_sdk.guard.rules.write import shell, tool

RULES = (
    Rule(
        id="sql.ddl",
        title="drops or empties tables, schemas or databases",
        acts=("sql.ddl",),
        where=(isnt("target", "development"), isnt("alters", True)),
        action="block",
        severity="critical",
        safer="rename it, take a dump, and drop it when nothing misses it",
        hits=(
            *shell(
                'psql -c "DROP TABLE orders"', 'mysql -e "TRUNCATE orders"', "dropdb shop", "rails db:drop"
            ),
            tool("execute_sql", sql="DROP SCHEMA public CASCADE"),
        ),
        passes=(
            *shell('psql -c "SELECT * FROM dropped_tables"', "psql -h localhost -d dev -c 'DROP TABLE t'"),
            tool("execute_sql", sql="CREATE TABLE t (a int)"),
        ),
    ),
    Rule(
        id="sql.ddl-development",
        title="drops or empties tables of a development database",
        acts=("sql.ddl",),
        where=(is_("target", "development"), isnt("alters", True)),
        action="ask",
        severity="medium",
        safer="take a dump first",
        hits=shell("psql -h localhost -c 'DROP TABLE t'"),
        passes=shell("psql -h localhost -c 'SELECT 1'"),
    ),
    Rule(
        id="sql.alter",
        title="changes what a table or role is made of",
        acts=("sql.ddl",),
        where=(is_("alters", True), isnt("target", "development")),
        action="ask",
        severity="high",
        safer="write a migration that can be undone",
        hits=(tool("execute_sql", sql="ALTER TABLE users DROP COLUMN email"),),
        passes=(tool("execute_sql", sql="SELECT 1"),),
    ),
    Rule(
        id="sql.mass-write",
        title="updates or deletes every row of a table",
        acts=("sql.mass_write",),
        action="block",
        severity="critical",
        safer="add a WHERE, count the rows first, and do it in a transaction",
        hits=(
            *shell('psql -c "DELETE FROM users"'),
            tool("execute_sql", sql="UPDATE users SET admin = true"),
            tool("execute_sql", sql="DELETE FROM t WHERE 1=1"),
        ),
        passes=(
            tool("execute_sql", sql="DELETE FROM users WHERE id = 7"),
            tool("execute_sql", sql="UPDATE t SET a=1 WHERE b=2"),
        ),
    ),
    Rule(
        id="sql.write-production",
        title="writes to a database that is known to be production",
        acts=("sql.write",),
        where=(is_("target", "production"), isnt("target.name", "")),
        action="ask",
        severity="high",
        safer="read it, and let a migration write",
        hits=(
            tool("execute_sql", sql="INSERT INTO t VALUES (1)", database="prod"),
            *shell('psql -h db.prod.example.org -c "UPDATE t SET a=1 WHERE b=2"'),
        ),
        passes=(
            tool("execute_sql", sql="INSERT INTO t VALUES (1)", database="dev"),
            tool("execute_sql", sql="SELECT 1", database="prod"),
        ),
    ),
    Rule(
        id="sql.grant",
        title="changes who may do what in a database",
        acts=("sql.grant",),
        action="ask",
        severity="high",
        safer="let the owner of the database grant it",
        hits=(
            tool("execute_sql", sql="GRANT ALL ON t TO public"),
            *shell('psql -c "ALTER ROLE app SUPERUSER"'),
        ),
        passes=(tool("execute_sql", sql="SHOW GRANTS"),),
    ),
    Rule(
        id="sql.execute",
        title="makes a database server run a program or touch its files",
        acts=("sql.execute",),
        action="block",
        severity="critical",
        safer="export rows through the client",
        hits=(
            tool("execute_sql", sql="COPY t TO PROGRAM 'curl x'"),
            tool("query", query="SELECT load_file('/etc/passwd')"),
            tool("execute_sql", sql="EXEC xp_cmdshell 'dir'"),
        ),
        passes=(tool("execute_sql", sql="COPY t TO STDOUT"),),
    ),
    Rule(
        id="services.delete",
        title="deletes data or settings of a service",
        acts=("service.delete",),
        where=(isnt("remote", True),),
        action="ask",
        severity="high",
        safer="list what it concerns, back it up, and let a person delete it",
        hits=shell(
            "vault kv destroy -versions=1 secret/app",
            "restic forget --keep-last 2 --prune",
            "kafka-topics --delete --topic orders --bootstrap-server b:9092",
            "curl -X DELETE http://es:9200/orders",
            "gh repo delete a/b",
            "redis-cli FLUSHALL",
            "somectl delete thing",
        ),
        passes=shell(
            "vault kv get secret/app",
            "restic snapshots",
            "curl http://es:9200/_cat/indices",
            "gh repo view a/b",
            "redis-cli GET a",
            "somectl get thing",
        ),
    ),
    Rule(
        id="services.change",
        title="changes settings of a service that others depend on",
        acts=("service.change",),
        action="ask",
        severity="medium",
        safer="let its owner change it",
        hits=shell("gh repo archive a/b", "rabbitmqctl clear_permissions -p / app"),
        passes=shell("gh repo view a/b"),
    ),
    Rule(
        id="packages.publish",
        title="publishes a package or an image",
        acts=("package.publish",),
        action="ask",
        severity="high",
        safer="let the release pipeline publish it",
        hits=shell(
            "npm publish", "twine upload dist/*", "docker push shop/web:1", "cargo yank --version 1.0.0"
        ),
        passes=shell("npm pack", "docker build .", "cargo publish --dry-run"),
    ),
)
