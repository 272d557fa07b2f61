"""Programs that command a service by verbs: what each verb does, from their manuals.

A table, not code: the first words of a command line name the act. Where a program is not in the table, a verb that
deletes is taken at its word.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from flyball_sdk.guard.effect import Effect
from flyball_sdk.guard.effects.iac import first_known
from flyball_sdk.guard.effects.make import Reader, effect
from flyball_sdk.guard.effects.options import options
from flyball_sdk.guard.scene import Scene
from flyball_sdk.guard.shell.command import Command

_DELETE, _CHANGE, _SECRET, _REVEAL = "service.delete", "service.change", "secret.change", "secret.read"

# program -> the beginning of its words -> the act
_TABLE: Mapping[str, Mapping[str, str]] = {
    "vault": {
        "delete": _DELETE, "kv delete": _DELETE, "kv destroy": _DELETE, "kv metadata delete": _DELETE, "kv undelete": _CHANGE,
        "secrets disable": _DELETE, "auth disable": _DELETE, "audit disable": "system.defense", "policy delete": _DELETE,
        "lease revoke": _DELETE, "token revoke": _DELETE, "namespace delete": _DELETE, "operator seal": "system.stop",
        "operator rekey": _SECRET, "operator raft remove-peer": _DELETE, "operator generate-root": "privilege.escalate",
        "operator step-down": _CHANGE, "secrets move": _CHANGE, "plugin deregister": _DELETE,
    },
    "op": {
        "item delete": _DELETE, "vault delete": _DELETE, "document delete": _DELETE, "user delete": _DELETE, "group delete": _DELETE,
        "user suspend": _CHANGE, "vault user revoke": _CHANGE, "vault group revoke": _CHANGE, "group user revoke": _CHANGE,
        "connect server delete": _DELETE, "connect token delete": _DELETE, "events-api delete": _DELETE,
    },
    "doppler": {
        "secrets delete": _DELETE, "configs delete": _DELETE, "projects delete": _DELETE, "environments delete": _DELETE,
        "configs tokens revoke": _DELETE, "configs unlock": _CHANGE,
    },
    "infisical": {"secrets delete": _DELETE},
    "restic": {"forget": _DELETE, "prune": _DELETE, "key remove": _DELETE, "rewrite": _DELETE, "repair": _CHANGE},
    "borg": {"delete": _DELETE, "prune": _DELETE, "compact": _DELETE, "rdelete": _DELETE, "repo-delete": _DELETE, "recreate": _DELETE,
             "break-lock": _CHANGE, "key": _CHANGE},
    "velero": {"backup delete": _DELETE, "schedule delete": _DELETE, "restore delete": _DELETE, "snapshot delete": _DELETE,
               "snapshot-location delete": _DELETE, "backup-location delete": _DELETE, "delete": _DELETE, "uninstall": _DELETE},
    "rclone": {"delete": _DELETE, "deletefile": _DELETE, "purge": _DELETE, "rmdir": _DELETE, "rmdirs": _DELETE, "sync": _DELETE,
               "move": _DELETE, "moveto": _DELETE, "cleanup": _DELETE, "dedupe": _DELETE, "bisync": _CHANGE, "config delete": _DELETE},
    "kopia": {"snapshot delete": _DELETE, "repository disconnect": _CHANGE, "maintenance run": _CHANGE, "blob delete": _DELETE},
    "duplicity": {"remove-older-than": _DELETE, "remove-all-but-n-full": _DELETE, "cleanup": _DELETE},
    "rabbitmqctl": {
        "delete_queue": _DELETE, "delete_vhost": _DELETE, "delete_user": _DELETE, "clear_permissions": _CHANGE, "purge_queue": _DELETE,
        "reset": _DELETE, "force_reset": _DELETE, "stop": "system.stop", "stop_app": "system.stop", "shutdown": "system.stop",
        "forget_cluster_node": _DELETE, "clear_policy": _CHANGE, "set_permissions": "privilege.escalate", "close_all_connections": _CHANGE,
    },
    "rabbitmqadmin": {"delete": _DELETE, "purge": _DELETE, "close": _CHANGE},
    "nats": {
        "stream delete": _DELETE, "stream rm": _DELETE, "stream purge": _DELETE, "stream rmm": _DELETE, "consumer delete": _DELETE,
        "consumer rm": _DELETE, "kv del": _DELETE, "kv purge": _DELETE, "kv rm": _DELETE, "bucket delete": _DELETE, "object del": _DELETE,
        "object rm": _DELETE, "account purge": _DELETE, "str rm": _DELETE, "con rm": _DELETE, "s rm": _DELETE, "s purge": _DELETE,
        "c rm": _DELETE,
    },
    "gh": {
        "repo delete": _DELETE, "repo archive": _CHANGE, "release delete": _DELETE, "issue delete": _DELETE, "gist delete": _DELETE,
        "ssh-key delete": _DELETE, "gpg-key delete": _DELETE, "secret delete": _DELETE, "secret remove": _DELETE, "variable delete": _DELETE,
        "run delete": _DELETE, "cache delete": _DELETE, "label delete": _DELETE, "codespace delete": _DELETE, "project delete": _DELETE,
        "release delete-asset": _DELETE, "repo rename": _CHANGE, "repo edit": _CHANGE, "workflow disable": _CHANGE, "auth token": _REVEAL,
        "repo deploy-key delete": _DELETE, "ruleset delete": _DELETE, "pr merge": _CHANGE, "secret set": _SECRET,
    },
    "glab": {"repo delete": _DELETE, "release delete": _DELETE, "issue delete": _DELETE, "mr delete": _DELETE, "variable delete": _DELETE,
             "ci delete": _DELETE, "ssh-key delete": _DELETE, "snippet delete": _DELETE, "schedule delete": _DELETE, "mr merge": _CHANGE,
             "label delete": _DELETE, "cluster agent delete": _DELETE},
    "gitlab-runner": {"unregister": _DELETE, "stop": "system.stop", "uninstall": _DELETE},
    "circleci": {"context delete": _DELETE, "context remove-secret": _DELETE, "pipeline delete": _DELETE, "orb delete": _DELETE,
                 "namespace delete": _DELETE, "orb unlist": _CHANGE, "runner resource-class delete": _DELETE, "policy push": _CHANGE},
    "consul": {"kv delete": _DELETE, "leave": _CHANGE, "force-leave": _CHANGE, "services deregister": _DELETE, "acl token delete": _DELETE,
               "acl policy delete": _DELETE, "snapshot restore": _CHANGE, "operator raft remove-peer": _DELETE},
    "nomad": {"job stop": "system.stop", "stop": "system.stop", "system gc": _DELETE, "namespace delete": _DELETE, "volume delete": _DELETE,
              "node drain": _CHANGE, "var purge": _DELETE, "job purge": _DELETE},
    "etcdctl": {"del": _DELETE, "defrag": _CHANGE, "member remove": _DELETE, "user delete": _DELETE, "role delete": _DELETE, "auth disable": "system.defense"},
    "docker": {
        "rm": "container.delete", "rmi": "container.delete", "container rm": "container.delete", "image rm": "container.delete",
        "volume rm": "container.delete", "network rm": "container.delete", "system prune": "container.delete", "volume prune": "container.delete",
        "container prune": "container.delete", "image prune": "container.delete", "network prune": "container.delete",
        "builder prune": "container.delete", "swarm leave": _CHANGE, "stack rm": _DELETE, "service rm": _DELETE, "secret rm": _DELETE,
        "compose down": "container.delete", "compose rm": "container.delete", "push": "package.publish", "image push": "package.publish",
        "context rm": _DELETE, "node rm": _DELETE, "config rm": _DELETE, "compose kill": "process.kill", "kill": "process.kill",
    },
    "docker-compose": {"down": "container.delete", "rm": "container.delete", "kill": "process.kill"},
    "npm": {"publish": "package.publish", "unpublish": "package.publish", "deprecate": "package.publish", "token revoke": _DELETE,
            "owner rm": _CHANGE, "owner add": "privilege.escalate", "access": _CHANGE, "dist-tag rm": "package.publish", "team destroy": _DELETE},
    "cargo": {"publish": "package.publish", "yank": "package.publish", "owner": "privilege.escalate"},
    "gem": {"push": "package.publish", "yank": "package.publish", "owner": "privilege.escalate"},
    "twine": {"upload": "package.publish"}, "poetry": {"publish": "package.publish"}, "uv": {"publish": "package.publish"},
    "flit": {"publish": "package.publish"}, "hatch": {"publish": "package.publish"}, "mvn": {"deploy": "package.publish"},
    "nuget": {"push": "package.publish", "delete": "package.publish"}, "dotnet": {"nuget push": "package.publish", "nuget delete": "package.publish"},
    "yarn": {"publish": "package.publish", "npm publish": "package.publish"}, "pnpm": {"publish": "package.publish"}, "lerna": {"publish": "package.publish"},
    "brew": {"services stop": "system.stop"},
    "pm2": {"delete": "system.stop", "kill": "system.stop", "stop": "system.stop"},
    "supervisorctl": {"stop": "system.stop", "shutdown": "system.stop", "remove": "system.stop"},
    "redis-cli": {}, "pg_ctl": {"stop": "system.stop"}, "mysqladmin": {"drop": "sql.ddl", "shutdown": "system.stop", "flush": _CHANGE},
    "kafka-topics": {}, "pass": {"rm": _DELETE, "show": _REVEAL}, "gopass": {"rm": _DELETE, "delete": _DELETE, "show": _REVEAL},
    "bw": {"delete": _DELETE, "purge": _DELETE, "get password": _REVEAL, "export": _REVEAL}, "lpass": {"rm": _DELETE, "export": _REVEAL},
    "chezmoi": {"purge": _DELETE}, "certbot": {"delete": _DELETE, "revoke": _DELETE}, "stripe": {},
}  # fmt: skip
VERBS: Mapping[str, Mapping[str, str]] = {
    **_TABLE,
    "podman": _TABLE["docker"],
    "nerdctl": _TABLE["docker"],
    "podman-compose": _TABLE["docker-compose"],
    "bao": _TABLE["vault"],
    "borg2": _TABLE["borg"],
}

_VALUED = ("-n", "--namespace", "-X", "--method", "--repo", "-R", "-r", "--repository", "--project", "--config", "-c", "--context", "-p", "-u", "-H", "--host",
           "-f", "--file", "--server", "-s", "--account", "--vault", "--url", "--token", "-address", "--password-file", "--tag", "--path",
           "--keep-last", "--keep-daily", "--keep-weekly", "--keep-monthly", "--keep-hourly", "--bootstrap-server", "--profile", "-node", "--node")  # fmt: skip
_PREFIX_MAX = 4


def by_verb(command: Command, scene: Scene) -> Iterator[Effect]:
    """A program of the table."""
    given = options(command.words, _VALUED)
    if given.has("--help", "-h", "--dry-run", "-dry-run") or (
        given.has("-n") and command.name in ("restic", "borg", "rclone", "borg2")
    ):
        return
    words = [word for word in given.words[: _PREFIX_MAX + 2] if word != "::"]
    table = VERBS[command.name]
    if words[:1] == ["api"] and given.value("-X", "--method").upper() == "DELETE":
        yield effect("service.delete", " ".join((command.name, *given.words))[:200], command, verb="DELETE")
    for length in range(min(_PREFIX_MAX, len(words)), 0, -1):
        act = table.get(" ".join(words[:length]))
        if act:
            what = " ".join((command.name, *given.words))[:200]
            broad = (
                given.has("-a", "--all", "-v", "--volumes", "--force-delete-without-recovery")
                or "prune" in words
                or "purge" in words
            )
            target = first_known(
                (
                    ("name", what),
                    *((flag, given.value(flag)) for flag in ("--config", "--context", "--profile")),
                ),
                scene,
            )
            yield effect(
                act,
                what,
                command,
                target=target,
                broad=broad,
                force=given.has("-f", "--force", "-y", "--yes"),
                verb=" ".join(words[:length]),
            )
            return


_UNTABLED = frozenset({"delete", "destroy", "purge", "deregister", "unregister", "terminate", "drop", "wipe", "nuke", "obliterate", "drop-database",
                       "dropdb", "deletebucket", "teardown", "delete-all", "destroy-all", "remove-all", "truncate", "force-delete", "erase"})  # fmt: skip
_VERB_BEGINS = ("delete-", "delete_", "delete:", "destroy-", "destroy_", "destroy:", "purge-", "purge_", "purge:", "drop-", "drop_", "drop:", "terminate-",
                "wipe-", "db:drop", "db:reset", "db:purge", "db:truncate", "doDelete")  # fmt: skip
DELETING = (
    r"delet|destroy|purge|regist|terminat|drop|wipe|nuke|obliterat|teardown|remove-all|truncate|eras|db:reset"
)
# programs whose words are data: what they hold is not a verb
_TAKES_TEXT = frozenset({
    "echo", "printf", "grep", "egrep", "fgrep", "rg", "ag", "ack", "cat", "ls", "find", "sed", "awk", "gawk", "man", "which", "type", "less", "more",
    "head", "tail", "wc", "sort", "git", "touch", "mkdir", "cp", "mv", "rm", "cd", "test", "[", "[[", "python", "python3", "node", "vim", "vi", "nano",
    "emacs", "code", "file", "stat", "diff", "tr", "cut", "xargs", "tee", "jq", "yq", "apt", "apt-get", "yum", "dnf", "brew", "pip", "pip3", "npm", "cargo",
    "make", "help", "tldr", "whatis", "apropos", "export", "read", "local", "declare", "alias", "set", "basename", "dirname", "locate", "sh", "bash", "zsh",
    "dict", "look", "perl", "ruby", "say", "logger", "notify-send", "pytest", "go", "java", "curl", "wget", "let", "expr", "for", "case", "select", "comm",
    "unset", "command", "ln", "du", "df", "tar", "zip", "unzip", "tmux", "screen", "ssh", "scp", "join", "paste", "seq", "rev", "nl", "fold", "date",
})  # fmt: skip
_CLI_ENDS = ("ctl", "cli", "-cli", "-admin", "adm", "admin")


def untabled(command: Command, scene: Scene) -> Iterator[Effect]:
    """A program that is in no table: one of its first words is a verb that deletes."""
    if command.name in _TAKES_TEXT:
        return
    words = command.words[:6]
    for at, word in enumerate(words):
        bare = word.lower().lstrip("-")
        if (bare in _UNTABLED and (at < 3 or word[0] == "-")) or bare.startswith(_VERB_BEGINS):
            if "--help" in command.words or "--dry-run" in command.words:
                return
            what = " ".join((command.name, *command.words))[:200]
            yield effect(
                "service.delete",
                what,
                command,
                target=first_known((("name", what),), scene),
                confidence=0.7,
                verb=bare,
            )
            return


def kafka(command: Command, scene: Scene) -> Iterator[Effect]:
    """Kafka's own scripts: https://kafka.apache.org/documentation/#operations."""
    given = options(
        command.words,
        (
            "--bootstrap-server",
            "--topic",
            "--group",
            "--entity-name",
            "--entity-type",
            "--zookeeper",
            "--command-config",
        ),
    )
    removing = given.has(
        "--delete", "--delete-config", "--remove", "--delete-offsets"
    ) or command.name.startswith("kafka-delete-records")
    resetting = given.has("--reset-offsets") and given.has("--execute")
    if (
        removing
        or resetting
        or (given.has("--unregister", "unregister") and command.name.startswith("kafka-cluster"))
    ):
        what = " ".join((command.name, given.value("--topic"), given.value("--group"))).strip()
        yield effect(
            "service.delete",
            what,
            command,
            target=first_known((("--bootstrap-server", given.value("--bootstrap-server")),), scene),
        )


def jar(command: Command, scene: Scene) -> Iterator[Effect]:
    """`java -jar SOME-cli.jar ... VERB`."""
    for word in command.words:
        if word.startswith(
            (
                "delete-",
                "quiet-down",
                "safe-shutdown",
                "shutdown",
                "clear-queue",
                "disconnect-node",
                "offline-node",
                "groovy",
            )
        ):
            yield effect(
                "service.delete",
                " ".join(command.words)[:200],
                command,
                target=first_known((("name", " ".join(command.words)),), scene),
            )
            return


READERS: Mapping[str, Reader] = (
    dict.fromkeys(VERBS, by_verb)
    | dict.fromkeys(
        [f"{name}{end}" for end in ("", ".sh") for name in ("kafka-topics", "kafka-configs", "kafka-acls", "kafka-consumer-groups",
         "kafka-delete-records", "kafka-streams-application-reset", "kafka-cluster", "kafka-leader-election")],
        kafka,
    )
    | {"java": jar}
)  # fmt: skip
