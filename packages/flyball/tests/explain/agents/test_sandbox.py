"""A hostile repository, read in a real sandbox: nothing of the machine comes out, and nothing runs on."""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import anyio
import pytest
from flyball.explain.agents import sandbox as module
from flyball.explain.agents.sandbox import Refused, Sandbox
from flyball.explain.agents.syscalls import filter_of

pytestmark = pytest.mark.anyio

SECRET = "correct-horse-battery-staple"  # noqa: S105 - what must not come out


@pytest.fixture
def repository(readable: Path) -> Path:
    place = readable / "repo"
    place.mkdir()
    (place / "app.py").write_text("def total(items):\n    return sum(items)\n")
    (readable / "outside.txt").write_text(SECRET)
    return place


def alive(marker: str) -> list[str]:
    """Processes whose command line holds a text."""
    found: list[str] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if marker.encode() in line:
                found.append(entry.name)
    return found


async def gone(marker: str) -> bool:
    """Whether all such processes end soon."""
    for _ in range(100):
        if not alive(marker):
            return True
        await anyio.sleep(0.05)
    return False


async def test_it_reads_a_file_searches_and_runs_a_command(repository: Path) -> None:
    box = Sandbox(repository=repository)
    assert (await box.read_file("app.py", 2)).text == "    return sum(items)\n"
    assert (await box.search_code("sum(items)")).text == "./app.py:2:    return sum(items)\n"
    assert (await box.bash("wc -l < app.py; pwd")).text == "2\n/repo\n"


async def test_links_and_paths_that_lead_out_lead_nowhere(repository: Path) -> None:
    outside = repository.parent / "outside.txt"
    (repository / "link").symlink_to(outside)
    (repository / "up").symlink_to("..")
    (repository / "root").symlink_to("/")
    (repository / "passwd").symlink_to("/etc/passwd")
    box = Sandbox(repository=repository)
    tried = [
        await box.read_file(path)
        for path in ("link", "up/outside.txt", "../outside.txt", str(outside), "passwd", "root/etc/shadow")
    ]
    tried += [await box.bash(f"cat link {outside} up/outside.txt passwd"), await box.search_code(SECRET)]
    for ran in tried:
        assert ran.code != 0
        assert SECRET not in ran.text
        assert "root:" not in ran.text


async def test_nothing_of_the_machine_is_there(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYBALL_TEST_TOKEN", SECRET)
    box = Sandbox(repository=repository)
    ran = await box.bash(
        "env; set; ls -A / /home /root /tmp /etc /proc /sys /var /run /usr/local 2>&1; cat /proc/1/environ /proc/self/environ"
        " /proc/net/tcp /proc/cmdline /sys/class/dmi/id/product_name 2>&1; ls /dev; hostname"
    )
    assert SECRET not in ran.text
    assert "FLYBALL" not in ran.text
    for absent in ("/proc", "/sys", "/var", "/run", "/root", "/usr/local"):
        assert f"'{absent}': No such file" in ran.text
    assert "/etc:\nalternatives\n" in ran.text or "'/etc'" in ran.text
    assert "/home:\n\n" in ran.text
    for device in ("sda", "vda", "mem", "kmsg", "fuse"):
        assert f"\n{device}\n" not in ran.text


async def test_nothing_can_be_written_but_a_little_in_tmp(repository: Path) -> None:
    box = Sandbox(repository=repository)
    ran = await box.bash(
        "for p in /x /repo/x /home/x /dev/x /dev/shm/x /usr/bin/x /etc/x; do : > $p; done; echo yes > /tmp/x && cat /tmp/x"
    )
    assert ran.text.endswith("yes\n")
    assert (
        ran.text.count("Read-only file system") + ran.text.count("No such file") + ran.text.count("denied")
        == 7
    )
    assert sorted(one.name for one in repository.iterdir()) == ["app.py"]
    full = await box.bash(
        "for n in $(seq 40); do head -c 1000000 /dev/zero > /tmp/$n || break; done; du -s /tmp | cut -f1"
    )
    assert int(full.text.split()[-1]) <= module.TMP_BYTES_MAX // 1024
    large = await box.bash("head -c 9000000 /dev/zero > /tmp/large; stat -c %s /tmp/large")
    assert int(large.text.split()[-1]) <= module.FILE_BYTES_MAX
    assert (await box.bash("ls /tmp")).text == "", "each command has a /tmp of its own"


@pytest.fixture
def listener() -> Iterator[HTTPServer]:
    heard: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.path)

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.heard = heard  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)


async def test_no_port_of_ours_and_no_network_is_reached(repository: Path, listener: HTTPServer) -> None:
    port = listener.server_address[1]
    name = f"\0flyball-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind(name)
        abstract.listen()
        box = Sandbox(repository=repository)
        ran = await box.bash(
            f"exec 3<>/dev/tcp/127.0.0.1/{port} && printf 'GET /got HTTP/1.0\\r\\n\\r\\n' >&3; exec 4<>/dev/tcp/1.1.1.1/53;"
            f" exec 5<>/dev/udp/8.8.8.8/53 && echo sent; getent hosts example.com; echo end"
        )
        reached = await box.bash(
            f"""perl -MSocket -e 'socket(S,AF_UNIX,SOCK_STREAM,0); print connect(S,pack("S a*",AF_UNIX,"\\0{name[1:]}")) ? "in":"out"'"""
        )
    assert ran.text.endswith("end\n")
    assert "sent" not in ran.text
    assert listener.heard == []  # type: ignore[attr-defined]
    assert reached.text == "out"


async def test_it_runs_as_nobody(repository: Path) -> None:
    private = repository / "private"
    private.mkdir(mode=0o700)
    (private / "key").write_text(SECRET)
    ran = await Sandbox(repository=repository).bash("id -u; cat private/key")
    assert ran.text.startswith("65534\n")
    assert (SECRET in ran.text) == (os.geteuid() != 0), "what root alone may read stays unread"


async def test_a_socket_file_in_the_repository_is_no_door(repository: Path) -> None:
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(repository / "docker.sock"))
        door.listen()
        (repository / "docker.sock").chmod(0o777)
        ran = await Sandbox(repository=repository).bash(
            """perl -MSocket -e 'socket(S,AF_UNIX,SOCK_STREAM,0) or die "$!\n"; print connect(S,sockaddr_un("docker.sock"))'"""
        )
    assert ran.text == "Operation not permitted\n"


def test_the_filter_of_system_calls_is_one_of_the_kernels_form() -> None:
    for machine in ("x86_64", "aarch64"):
        rules = filter_of(machine)
        assert len(rules) % 8 == 0
        steps = [struct.unpack("=HBBI", rules[at : at + 8]) for at in range(0, len(rules), 8)]
        for at, (code, true, false, _) in enumerate(steps):
            assert code in {0x20, 0x15, 0x35, 0x06}
            assert at + 1 + max(true, false) < len(steps) or code == 0x06
        assert steps[-1][3] & 0x0005_0000
    assert filter_of("riscv64") == b""


async def test_a_fork_bomb_ends_and_leaves_nothing(repository: Path) -> None:
    marker = f"bomb-{os.getpid()}-{time.monotonic_ns()}"
    ran = await Sandbox(repository=repository).bash(f": {marker}; b() {{ b | b & }}; b; sleep 30")
    assert ran.stopped == f"more than {module.PROCESSES_MAX} processes"
    assert await gone(marker)


async def test_what_daemonises_ends_with_its_command(repository: Path) -> None:
    marker = f"daemon-{os.getpid()}-{time.monotonic_ns()}"
    ran = await Sandbox(repository=repository).bash(
        f"(setsid nohup bash -c ': {marker}; sleep 300' >/dev/null 2>&1 &) ; echo out"
    )
    assert ran.text == "out\n"
    assert await gone(marker)


async def test_memory_is_bounded(repository: Path) -> None:
    box = Sandbox(repository=repository)
    one = await box.bash("perl -e '$x = \"a\" x 2_000_000_000; print length $x'")
    assert one.code != 0
    assert "2000000000" not in one.text
    many = await box.bash(
        "for n in $(seq 12); do perl -e '$x = \"a\" x 90_000_000; sleep 20' & done; wait; echo end"
    )
    assert many.stopped.endswith("MB of memory")


async def test_output_is_read_to_a_bound_and_then_it_ends(repository: Path) -> None:
    marker = f"yes-{os.getpid()}-{time.monotonic_ns()}"
    box = Sandbox(repository=repository)
    began = time.monotonic()
    ran = await box.bash(f"yes {marker}")
    assert ran.stopped == f"more than {module.OUTPUT_BYTES_MAX} bytes of output"
    assert len(ran.text) <= module.OUTPUT_BYTES_MAX
    assert time.monotonic() - began < module.SECONDS_MAX
    assert await gone(marker)
    (repository / "huge.txt").write_bytes(b"needle " * 3_000_000)
    assert (await box.read_file("huge.txt")).stopped
    assert len((await box.search_code("needle")).text) <= module.OUTPUT_BYTES_MAX


async def test_time_is_bounded_by_the_clock_and_by_cpu(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SECONDS_MAX", 1.0)
    os.mkfifo(repository / "pipe")
    box = Sandbox(repository=repository)
    began = time.monotonic()
    for ran in (await box.bash("sleep 60"), await box.read_file("pipe")):
        assert ran.stopped == "longer than 1 s"
    assert time.monotonic() - began < 5
    monkeypatch.setattr(module, "SECONDS_MAX", 20.0)
    monkeypatch.setattr(module, "CPU_S_MAX", 1)
    spun = await box.bash("while :; do :; done")
    assert (spun.code, spun.stopped) != (0, "")
    assert time.monotonic() - began < 15


async def test_git_runs_its_hostile_settings_inside_and_finds_nothing(repository: Path) -> None:
    git = repository / ".git"
    for folder in ("objects", "refs/heads", "hooks"):
        (git / folder).mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    trap = f"sh -c 'id; cat {repository.parent}/outside.txt; touch {repository}/owned /repo/owned; env'"
    (git / "config").write_text(
        f'[core]\nrepositoryformatversion=0\nfsmonitor="{trap}"\npager="{trap}"\nsshCommand="{trap}"\n'
        f'[alias]\nlog="!{trap}"\nst="!{trap}"\n[diff]\nexternal="{trap}"\n'
    )
    box = Sandbox(repository=repository)
    ran = await box.bash(
        "git -c safe.directory=/repo status; git -c safe.directory=/repo st; git log; git diff"
    )
    assert SECRET not in ran.text
    assert not (repository / "owned").exists()
    assert (await box.search_code("fsmonitor")).text == "", "its settings are not searched"


async def test_what_is_hidden_is_empty(repository: Path) -> None:
    data = repository / "data"
    data.mkdir()
    (data / "state.db").write_text(SECRET)
    box = Sandbox(repository=repository, hidden=(data,))
    assert (await box.bash("ls -A data; cat data/state.db")).text.startswith("cat:")
    assert (await box.search_code(SECRET)).text == ""
    with pytest.raises(Refused, match="data folder"):
        await Sandbox(repository=data, hidden=(data,)).bash("ls")


async def test_secrets_and_controls_of_a_file_do_not_come_out(repository: Path) -> None:
    token = "ghp_" + "a1B2c3D4e5" * 4
    (repository / ".env").write_text(f"GITHUB_TOKEN={token}\n\x1b]0;title\x07 \u202eabc\u200b\n")
    ran = await Sandbox(repository=repository).read_file(".env")
    assert token not in ran.text
    assert not {"\x1b", "\x07", "\u202e", "\u200b"} & set(ran.text)


async def test_no_name_space_can_be_made_inside(repository: Path) -> None:
    ran = await Sandbox(repository=repository).bash(
        "unshare -Ur true; unshare -n true; mount -t tmpfs x /tmp; chroot / true; echo end"
    )
    lines = ran.text.splitlines()
    assert lines[-1] == "end"
    assert len(lines) >= 5, ran.text


async def test_an_argument_is_no_option_and_has_a_bound(repository: Path) -> None:
    box = Sandbox(repository=repository)
    (repository / "-n").write_text("dash\n")
    assert (await box.read_file("-n")).text == "dash\n"
    assert (await box.search_code("--include=/etc/*")).code == 1
    for text in ("", "a" * (module.ARGUMENT_CHARS_MAX + 1), "a\0b", "\ud800"):
        with pytest.raises(Refused):
            await box.read_file(text)


@pytest.mark.parametrize("place", [Path("/"), Path.home(), Path("/nowhere")])
async def test_a_home_and_the_root_are_no_repository(place: Path) -> None:
    with pytest.raises(Refused, match="refused"):
        await Sandbox(repository=place).bash("true")


async def test_without_bubblewrap_it_is_refused_and_nothing_is_read(tmp_path: Path) -> None:
    box = Sandbox(repository=tmp_path, program="/nowhere/bwrap")
    for ask in (box.bash("true"), box.read_file("a"), box.search_code("a")):
        with pytest.raises(Refused, match="refused: bubblewrap is missing"):
            await ask
    assert await box.probe() == "refused: bubblewrap is missing (Debian package bubblewrap)"


async def test_where_it_may_not_start_that_is_said(repository: Path) -> None:
    broken = repository.parent / "bwrap"
    broken.write_text("#!/bin/sh\necho 'No permissions to create new namespace' >&2\nexit 1\n")
    broken.chmod(0o755)
    told = await Sandbox(repository=repository, program=str(broken)).probe()
    assert told == "refused: bubblewrap cannot start here (No permissions to create new namespace)"
