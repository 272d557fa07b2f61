"""The command behind another program is found, and how it was reached."""

from __future__ import annotations

import pytest
from flyball_sdk.guard.shell import UNKNOWN, Redirect, program

WIPE = "rm -rf /srv/a"
BEFORE = [
    "sudo", "sudo -n", "sudo -u root", "sudo -E --", "sudo --user=root", "sudo A=1", "sudo -s", "doas", "doas -u x",
    "env", "env -i", "env A=1 B=2", "env -u X", "timeout 5", "timeout -k 3 -s KILL 5", "timeout --signal=9 5s", "nohup",
    "nice", "nice -n 5", "nice -5", "nice --adjustment=5", "ionice -c3", "ionice -c 2 -n 7", "setsid -w", "stdbuf -oL",
    "stdbuf -o0 -e 0", "time", "time -p", "/usr/bin/time -v", "/usr/bin/time -f %e", "command", "command -p", "builtin",
    "exec", "exec -a foo", "chroot /mnt", "unshare -r", "unshare --map-root-user --", "nsenter -t 1 -m", "watch -n 1",
    "flock -n /tmp/l", "strace -f -o /tmp/x", "ltrace", "gdb --args", "busybox", "toybox", "systemd-run --user -p A=b",
    "systemd-run --scope", "xvfb-run -a", "catchsegv", "setarch x86_64", "taskset -c 0,1", "chrt -r 5", "chronic",
    "unbuffer", "npm exec --", "npx -y", "uvx", "poetry run", "uv run", "pipenv run", "conda run -n x", "bundle exec",
    "git bisect run", "script -q /dev/null", "ssh -p 22 u@h", "ssh -i k -o A=b u@h", "docker exec -it c",
    "docker exec -u root -w / c", "docker run --rm -it -v /:/h img", "docker run --rm --name x -e A=b img",
    "podman run --privileged img", "docker compose exec svc", "docker-compose run --rm svc", "kubectl exec pod --",
    "kubectl exec -it pod -n ns -c c --", "kubectl -n ns exec pod --", "runuser -u x --", "gosu root", "tini --",
    "env time", "sudo nice -n 3 timeout 5 env A=b", "fakeroot", "setpriv --reuid 0", "prlimit --nofile=3", "numactl -N 0",
    "mise exec --", "direnv exec .", "torsocks", "proxychains4 -q", "valgrind", "perf stat", "coproc", "!", "if true; then :; fi;",
    "true &&", "false ||", "x |", "x &", "\n#c\n",
]  # fmt: skip
INSIDE = [
    "su -c '{}'", "su root -c '{}'", "su - root -c '{}'", "su -l u --command='{}'", "runuser -l x -c '{}'", "env -S '{}'",
    "env -iS '{}'", "script -c '{}' /dev/null", "script -qec '{}' /dev/null", "flock /tmp/l -c '{}'", "watch '{}'",
    "ssh h '{}'", "ssh h \"sudo sh -c '{}'\"", "ssh h <<E\n{}\nE", "docker exec c sh -c '{}'", "docker run img bash -c '{}'",
    "kubectl exec p -- sh -c '{}'", "tmux new-session -d -s x '{}'", "tmux send-keys -t x '{}' Enter", "screen -dmS x {}",
    "screen -S x -X stuff '{}\\n'", "git -c alias.x='!{}' x", "git config alias.x '!{}'; git x", "git rebase --exec '{}' A",
    "git rebase -x '{}' A", "git submodule foreach '{}'", "rsync -e '{}' a b:", "tar xf x --to-command='{}'",
    "tar cf x y --checkpoint=1 --checkpoint-action=exec='{}'", "tar xf x -I '{}'", "awk 'BEGIN{{system(\"{}\")}}'",
    "awk 'BEGIN{{\"{}\" | getline x}}'", "awk 'BEGIN{{print \"{}\" | \"sh\"}}'", "sed '1e {}' f", "vim -c ':!{}' -c q",
    "vim +'!{}'", "find . -maxdepth 0 -exec {} \\;", "find . -exec sh -c '{}' \\;", "parallel '{}' ::: 1; {}",
    "echo '{}' | parallel", "split --filter='{}' f", "npm exec -c '{}'", "gdb -batch -ex 'shell {}'",
    "socat - EXEC:'{}'", "echo '{}' | at now", "batch <<< '{}'", "echo '* * * * * {}' | crontab -",
    "(crontab -l; echo '@daily {}') | crontab -", "trap '{}' EXIT", "alias z='{}'\nz", "alias z=rm\nz -rf /srv/a",
    "echo '{}' | xargs -I@ sh -c '@'", "xargs -a f -I@ sh -c '{}'", "nix-shell --run '{}'", "docker run --entrypoint rm img -rf /srv/a",
]  # fmt: skip


def commands(text: str) -> list[tuple[str, ...]]:
    return [(command.name, *command.words) for command in program(text).commands]


@pytest.mark.parametrize("before", BEFORE)
def test_a_wrapper_starts_the_command_behind_it(before: str) -> None:
    assert ("rm", "-rf", "/srv/a") in commands(f"{before} {WIPE}")


@pytest.mark.parametrize("around", INSIDE)
def test_a_command_inside_another_ones_words_is_found(around: str) -> None:
    text = (
        around.replace("{{", "\1")
        .replace("}}", "\2")
        .replace("{}", WIPE)
        .replace("\1", "{")
        .replace("\2", "}")
    )
    assert ("rm", "-rf", "/srv/a") in commands(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("find /srv -name '*.o' -exec rm {} +", ("rm", f"/srv/{UNKNOWN}")),
        ("find /a /b/ -type f -exec rm -f {} \\;", ("rm", "-f", f"/a/{UNKNOWN}", f"/b/{UNKNOWN}")),
        ("find . -execdir mv {} {}.bak \\;", ("mv", f"./{UNKNOWN}", f"./{UNKNOWN}.bak")),
        ("find -ok rm {} \\;", ("rm", f"./{UNKNOWN}")),
        ("find /srv -delete", ("find", "/srv", "-delete")),
        ("fd -e o -x rm {}", ("rm", UNKNOWN)),
        ("ls | xargs rm -f", ("rm", "-f", UNKNOWN)),
        ("echo a b | xargs rm -f", ("rm", "-f", "a", "b")),
        ("printf 'a b\\0c' | xargs -0 rm", ("rm", "a b", "c")),
        ("echo a b | xargs -n 1 rm", ("rm", "a", "b")),
        ("ls | xargs -I{} mv {} /x/{}", ("mv", UNKNOWN, f"/x/{UNKNOWN}")),
        ("xargs -a list rm", ("rm", UNKNOWN)),
        ("parallel -j4 rm {} ::: a", ("rm", "a")),
        ("sudo -i", ("sudo", "-i")),
        ("env", ("env",)),
        ("watch -d ls -l", ("ls", "-l")),
    ],
)
def test_what_is_found_or_read_becomes_words(text: str, expected: tuple[str, ...]) -> None:
    assert commands(text)[-1] == expected


def test_a_wrapper_is_kept_in_via_and_where_it_matters_as_a_command() -> None:
    outer, inner = program("sudo -u x bash -c 'timeout 5 rm f'").commands
    assert outer.name == "sudo"
    assert inner.via == ("sudo", "bash -c", "timeout")


@pytest.mark.parametrize(
    ("text", "host"),
    [("ssh u@h rm f", "u@h"), ("docker exec -it web rm f", "web"), ("docker run --rm alpine rm f", "alpine"),
     ("kubectl exec p -- rm f", "p"), ("rm f", ""), ("ssh h 'docker exec web rm f'", "web")],
)  # fmt: skip
def test_the_host_is_where_it_runs(text: str, host: str) -> None:
    assert program(text).commands[-1].host == host


def test_assignments_are_the_environment() -> None:
    assert dict(program("A=1 env B=2 sudo C=3 ls").commands[-1].env) == {"A": "1", "B": "2", "C": "3"}
    assert dict(program("export A=1; B=2 ls; pwd").commands[-1].env) == {"A": "1"}
    assert dict(program("A=1; ls").commands[-1].env) == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a > x 2>&1", (Redirect(">", "x"),)),
        ("a >> x 2> y", (Redirect(">>", "x"), Redirect(">", "y"))),
        ("a &> x", (Redirect("&>", "x"),)),
        ("a >& x", (Redirect("&>", "x"),)),
        ("a >| x < y", (Redirect(">|", "x"), Redirect("<", "y"))),
        ("exec 3<>/dev/tcp/h/80", (Redirect("<>", "/dev/tcp/h/80"),)),
        ("X=/etc; a > $X/f", (Redirect(">", "/etc/f"),)),
        ("a && b > x", (Redirect(">", "x"),)),
        ("a | b > x", (Redirect(">", "x"),)),
        ("> x", (Redirect(">", "x"),)),
        ("sudo tee y > x", (Redirect(">", "x"),)),
    ],
)
def test_redirects(text: str, expected: tuple[Redirect, ...]) -> None:
    assert program(text).commands[-1].redirects == expected


def test_a_redirect_belongs_to_the_last_command_of_a_list() -> None:
    first, second = program("a && b > x").commands
    assert (first.redirects, second.redirects) == ((), (Redirect(">", "x"),))
