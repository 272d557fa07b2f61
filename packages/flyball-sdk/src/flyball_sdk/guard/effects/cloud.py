"""Command lines of cloud providers: what they create, change or delete, in whose account."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from flyball_sdk.guard.effect import Effect, Target
from flyball_sdk.guard.effects.iac import first_known
from flyball_sdk.guard.effects.make import Reader, effect
from flyball_sdk.guard.effects.options import Options, options
from flyball_sdk.guard.scene import Scene
from flyball_sdk.guard.shell.command import Command

_VALUED = ("--profile", "--region", "--output", "--query", "--endpoint-url", "--project", "--account", "--zone", "--subscription",
           "-g", "--resource-group", "-n", "--name", "--format", "--filter", "--configuration", "-a", "--app", "--remote", "-r",
           "--stack-name", "--bucket", "--key", "--secret-id", "--queue-url", "--topic-arn", "--instance-ids", "--table-name",
           "--db-instance-identifier", "--function-name", "--user-name", "--role-name", "--policy-arn", "--context", "-t",
           "--access-token", "--org", "--space", "--service", "--cluster", "--file-system-id", "--key-id", "--id", "--ids")  # fmt: skip
_AWS_DELETES = re.compile(
    r"^(delete|terminate|remove|purge|deregister|release|destroy|revoke|disassociate|detach|disable|reset|cancel|stop|"
    r"unsubscribe|schedule-key-deletion|abort|batch-delete|forget|empty|rb\b)"
)
_AWS_SECRETS = re.compile(
    r"^(get-secret-value|batch-get-secret-value|get-password-data|get-session-token|get-federation-token)$"
)
_AWS_CHANGES = re.compile(
    r"^(update|modify|put|set|attach|associate|authorize|replace|restore|rotate|reboot|enable|tag|untag|register|change)"
)
_AWS_CREATES = re.compile(r"^(create|run|start|allocate|request|import|purchase|launch|mb\b)")


def aws(command: Command, scene: Scene) -> Iterator[Effect]:
    """`aws SERVICE OPERATION`: https://docs.aws.amazon.com/cli/latest/reference/. Operations are named by their verb."""
    given = options(command.words, _VALUED)
    if (
        len(given.words) < 2
        or given.has("--dry-run", "--dryrun", "help", "--generate-cli-skeleton")
        or "help" in given.words
    ):
        return
    service, operation, rest = given.words[0], given.words[1], given.words[2:]
    target = account_target(given, command, scene, "AWS_PROFILE")
    what = " ".join((service, operation, *rest[:3], *_names(given)))
    if service == "s3":
        yield from _s3(operation, given, command, target)
    elif _AWS_SECRETS.match(operation) or (
        operation.startswith("get-parameter") and given.has("--with-decryption")
    ):
        yield effect("secret.read", what, command, target=target, store="aws", named=True)
    elif service == "iam" and operation.startswith(
        ("create-access-key", "attach-", "put-", "add-user", "create-login", "update-assume")
    ):
        yield effect("privilege.escalate", what, command, target=target, how="iam")
    elif service == "secretsmanager" and operation.startswith(("update", "put", "rotate")):
        yield effect("secret.change", what, command, target=target, store="aws")
    elif (service, operation) in (
        ("cloudtrail", "stop-logging"),
        ("guardduty", "update-detector"),
        ("cloudtrail", "delete-trail"),
    ):
        yield effect("system.defense", what, command, target=target)
    else:
        yield from _by_verb(operation, what, command, target)


def _by_verb(operation: str, what: str, command: Command, target: Target) -> Iterator[Effect]:
    if _AWS_DELETES.match(operation):
        yield effect("cloud.delete", what, command, target=target)
    elif _AWS_CREATES.match(operation):
        yield effect("cloud.create", what, command, target=target)
    elif _AWS_CHANGES.match(operation):
        yield effect("cloud.change", what, command, target=target)


def _names(given: Options) -> list[str]:
    return [
        value
        for name, values in given.values.items()
        if name not in ("--profile", "--region", "--output", "--query")
        for value in values
    ][:3]


def _s3(operation: str, given: Options, command: Command, target: Target) -> Iterator[Effect]:
    rest = given.words[2:]
    what = " ".join(rest)
    if (
        operation == "rb"
        or (operation == "rm" and given.has("--recursive"))
        or (operation == "sync" and given.has("--delete"))
    ):
        yield effect("cloud.delete", what, command, target=target, recursive=True)
    elif operation == "rm":
        yield effect("cloud.delete", what, command, target=target, recursive=False)
    elif operation in ("cp", "sync", "mv") and rest[1:] and rest[1].startswith("s3://"):
        yield effect(
            "net.egress", rest[1], command, host=rest[1][5:].partition("/")[0], source=rest[0], bucket=True
        )


def account_target(given: Options, command: Command, scene: Scene, variable: str) -> Target:
    """Profile, project, subscription or account, as far as the command or its environment says."""
    flags = (
        "--profile",
        "--project",
        "--subscription",
        "--account",
        "--configuration",
        "-g",
        "--resource-group",
        "-a",
        "--app",
        "--context",
    )
    said = (
        *((flag, given.value(flag)) for flag in flags),
        (variable, command.env.get(variable, "")),
        ("resource", " ".join((*given.words[2:5], *_names(given)))),
    )
    return first_known(said, scene)


_DELETES = frozenset({
    "delete", "destroy", "remove", "rm", "purge", "terminate", "undelete", "reset", "disable", "detach", "revoke", "drop",
    "deallocate", "rb", "erase", "wipe", "uninstall", "shutdown", "destroy-all", "addons:destroy", "apps:destroy", "pg:reset",
    "apps:delete", "releases:rollback", "domains:remove", "del", "prune", "decommission", "deprovision", "empty",
})  # fmt: skip
_CREATES = frozenset({"create", "new", "provision", "launch", "deploy", "up", "apps:create", "addons:create"})
_CHANGES = frozenset({"update", "set", "add-iam-policy-binding", "set-iam-policy", "resize", "scale", "restart", "config:set", "import",
                      "patch", "attach", "rollback", "promote", "ps:scale", "config:unset", "maintenance:on"})  # fmt: skip


def provider(command: Command, scene: Scene) -> Iterator[Effect]:
    """`gcloud`, `az`, `doctl`, `heroku`, `fly`, ...: nouns, then a verb."""
    given = options(command.words, _VALUED)
    if given.has("--help", "-h", "--dry-run", "--what-if"):
        return
    words = given.words[:6]
    target = account_target(given, command, scene, _PROFILES.get(command.name, "CLOUDSDK_CORE_PROJECT"))
    what = " ".join((command.name, *words, *_names(given)))
    if command.name == "az" and words[:2] == ("keyvault", "secret") and words[2:3] == ("show",):
        yield effect("secret.read", what, command, target=target, store="azure", named=True)
    elif command.name == "gcloud" and words[:1] == ("secrets",) and "access" in words:
        yield effect("secret.read", what, command, target=target, store="gcloud", named=True)
    elif "add-iam-policy-binding" in words or words[:3] == ("role", "assignment", "create"):
        yield effect("privilege.escalate", what, command, target=target, how="iam")
    elif not _DELETES.isdisjoint(words):
        yield effect("cloud.delete", what, command, target=target, recursive=given.has("-r", "--recursive"))
    elif not _CREATES.isdisjoint(words):
        yield effect("cloud.create", what, command, target=target)
    elif not _CHANGES.isdisjoint(words):
        yield effect("cloud.change", what, command, target=target)


_PROFILES = {
    "az": "AZURE_SUBSCRIPTION_ID",
    "gcloud": "CLOUDSDK_CORE_PROJECT",
    "heroku": "HEROKU_APP",
    "fly": "FLY_APP",
}


def buckets(command: Command, scene: Scene) -> Iterator[Effect]:
    """`gsutil`, `s3cmd`, `mc`, `azcopy`, `s5cmd`: object stores."""
    given = options(command.words, ("-u", "-i", "-c", "--config", "--endpoint-url"))
    verb, what = (given.words[0] if given.words else ""), " ".join(given.words[1:])
    target = first_known((("bucket", what),), scene)
    if verb in ("rm", "rb", "del", "remove", "expire", "delete") or given.has(
        "--delete", "--delete-removed", "-d", "--delete-destination"
    ):
        yield effect(
            "cloud.delete",
            what,
            command,
            target=target,
            recursive=given.has("-r", "-R", "--recursive", "--force") or verb == "rb",
        )
    elif verb in ("cp", "put", "sync", "rsync", "mirror", "mv") and "://" in (
        given.words[-1] if given.words else ""
    ):
        yield effect(
            "net.egress",
            given.words[-1],
            command,
            host=given.words[-1].partition("://")[2].partition("/")[0],
            bucket=True,
        )


READERS: Mapping[str, Reader] = (
    {"aws": aws}
    | dict.fromkeys(("gsutil", "s3cmd", "mc", "azcopy", "s5cmd", "b2", "mcli"), buckets)
    | dict.fromkeys(
        ("gcloud", "az", "doctl", "heroku", "fly", "flyctl", "linode-cli", "hcloud", "ibmcloud", "oci", "scw", "vercel", "netlify",
         "railway", "render", "wrangler", "supabase", "planetscale", "pscale", "neonctl", "firebase", "cf", "openstack", "nova", "vultr-cli",
         "exo", "civo", "upctl", "aliyun", "tccli", "eb", "azd", "databricks", "snow", "confluent", "atlas", "turso", "upstash", "convex",
         "bq", "govc", "virsh", "proxmox", "qm", "pct", "vagrant", "multipass", "virt-manager"),
        provider,
    )
)  # fmt: skip
