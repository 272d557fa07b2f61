"""Loops, functions, files and here-documents: what runs later is found where it was written."""

from __future__ import annotations

import pytest
from flyball_sdk.guard.shell import UNKNOWN, ShellState, program

WIPE = "rm -rf /srv/a"


def commands(text: str, state: ShellState | None = None) -> list[tuple[str, ...]]:
    found = program(text, state) if state else program(text)
    return [(command.name, *command.words) for command in found.commands]


@pytest.mark.parametrize(
    "text",
    [
        "for x in /srv/a /srv/b; do rm -rf $x; done", "for x in a b; do rm -rf /srv/$x; done",
        'for x in {a..c}; do rm -rf "/srv/$x"; done', "while read x; do rm -rf $x; done <<< /srv/a",
        "while read -r a b; do $a $b /srv/a; done <<E\nrm -rf\nE", f"echo '{WIPE}' | while read -r l; do eval \"$l\"; done",
        f"printf 'ls\\n{WIPE}\\n' | while read -r l; do $l; done", f"if {WIPE}; then a; fi", f"if a; then b; elif {WIPE}; then c; fi",
        f"if a; then b; else {WIPE}; fi", f"case x in a) b;; *) {WIPE};; esac", f"until {WIPE}; do a; done",
        f"select x in a; do {WIPE}; done", f"for ((i=0;i<2;i++)); do {WIPE}; done", f"{{ {WIPE}; }} > x", f"({WIPE}) &",
        f"[[ -n $({WIPE}) ]]", f'[ -n "$({WIPE})" ]', f'test -n "`{WIPE}`"', f"echo $(( $({WIPE}) + 1 ))",
        f'echo "${{X:-$({WIPE})}}"', f"X=$({WIPE})", f"local X=$({WIPE})", f"A=$({WIPE}) b", f"cat <<E\n$({WIPE})\nE",
        f"cat < <({WIPE})", f"tee >({WIPE}) < x", f"function f {{ {WIPE}; }}; f", f"f() ({WIPE}); f",
        f"f() {{ g; }}; g() {{ {WIPE}; }}; f", f"{WIPE} # c", f"time {{ {WIPE}; }}", f"coproc {{ {WIPE}; }}", f"((x++)); {WIPE}",
        f"set -euo pipefail; {WIPE}", f"X=1; if [ $X = 1 ]; then {WIPE}; fi", f"a() {{ echo '{WIPE}'; }}; a | sh",
        f"for i in 1 2; do cat <<E | sh\n{WIPE}\nE\ndone", f"echo $(case x in x) {WIPE};; esac)", f"! {WIPE} || true",
    ],
)  # fmt: skip
def test_a_command_within_a_statement_is_found(text: str) -> None:
    assert ("rm", "-rf", "/srv/a") in commands(text)


@pytest.mark.parametrize(
    "text",
    [
        f"bash <<E\n{WIPE}\nE", "D=/srv; bash <<E\nrm -rf $D/a\nE", f"sh -s <<'E'\n{WIPE}\nE", f"cat <<E | sh\n{WIPE}\nE",
        f"cat <<-E | sh\n\t{WIPE}\n\tE", f"sh <<<'{WIPE}'", f"sh -c '{WIPE}'", f"bash -lc '{WIPE}'", f"bash -ec '{WIPE}'",
        f"bash -o pipefail -c '{WIPE}'", f"bash --norc -c '{WIPE}'", "sh -c 'rm -rf $0' /srv/a", "sh -c 'rm -rf $1' x /srv/a",
        f"sh -c '\"$@\"' x {WIPE}", f"eval {WIPE}", f"eval \"eval '{WIPE}'\"", f'bash -c "bash -c \\"{WIPE}\\""',
        f"echo '{WIPE}' > x.sh; sh x.sh", f"echo '{WIPE}' > x.sh && chmod +x x.sh && ./x.sh",
        f"cat > x.sh <<'E'\n{WIPE}\nE\nbash x.sh", f"cat <<E > x.sh\n{WIPE}\nE\nsource x.sh", f"tee x.sh <<E\n{WIPE}\nE\n. ./x.sh",
        f"echo ls > x; cat <<E >> x\n{WIPE}\nE\nsh x", f"echo {WIPE} > a; cp a b; sh b", f"echo {WIPE} > a; mv a b; bash ./b",
        f"cd /tmp; echo '{WIPE}' > q; sh /tmp/q", f"cd /tmp; echo '{WIPE}' > q; cd ..; sh tmp/q", "echo 'rm -rf $1' > x; sh x /srv/a",
        f"printf '#!/bin/bash\\n{WIPE}\\n' > t; chmod +x t; ./t", f"{{ echo ls; echo '{WIPE}'; }} > x; sh x",
        f"sh <<A; cat <<B\n{WIPE}\nA\nx\nB", f"echo \"$(sh <<'E'\n{WIPE}\nE\n)\"", f"(sh <<E\n{WIPE}\nE\n)",
        f"fish -c '{WIPE}'", f"zsh <<< '{WIPE}'", f"bash < <(echo {WIPE})", f"echo {WIPE} > f; bash < f", f"exec sh -c '{WIPE}'",
    ],
)  # fmt: skip
def test_code_is_followed_to_the_shell_that_runs_it(text: str) -> None:
    assert ("rm", "-rf", "/srv/a") in commands(text)


@pytest.mark.parametrize(
    "text",
    [
        f"cat <<E\n{WIPE}\nE", f"cat > x.sh <<E\n{WIPE}\nE", f"git commit -F- <<E\n{WIPE}\nE", f"echo '{WIPE}'",
        f"git commit -m \"$(cat <<'E'\nnever {WIPE}; don't\nE\n)\"", f"f() {{ {WIPE}; }}", f"# {WIPE}", f"grep '{WIPE}' log",
        f'echo "{WIPE}" >> notes.md', f"alias z='{WIPE}'", f"psql <<E\n{WIPE}\nE", f": '{WIPE}'", f"X='{WIPE}'",
    ],
)  # fmt: skip
def test_data_is_not_run(text: str) -> None:
    assert "rm" not in {name for name, *_ in commands(text)}
    assert not program(text).partial


def test_data_is_kept_as_input() -> None:
    assert program("psql mydb <<E\nDROP TABLE t;\nE").commands[-1].stdin == "DROP TABLE t;\n"
    assert program("T=t; psql <<E\nDROP TABLE $T;\nE").commands[-1].stdin == "DROP TABLE t;\n"
    assert program("psql <<'E'\nDROP TABLE $T;\nE").commands[-1].stdin == "DROP TABLE $T;\n"
    assert program("echo 'DROP TABLE t' | mysql").commands[-1].stdin == "DROP TABLE t\n"
    assert program("ls | mysql").commands[-1].stdin == UNKNOWN
    assert program("mysql").commands[-1].stdin is None


def test_files_that_are_written_are_told() -> None:
    assert program("echo a > x; echo b >> x; cat <<E > y/z\nq\nE").written == {"x": "a\nb\n", "y/z": "q\n"}
    assert program("ls > x").written == {}
    assert program("cat <(echo a) > y").written == {"y": "a\n"}


def test_scripts_of_the_session_are_read() -> None:
    state = ShellState(
        scripts={"/w/x.sh": f"{WIPE}\n", "y.py": "import shutil\nshutil.rmtree('/srv/a')\n"}, cwd="/w"
    )
    for text in (
        "sh x.sh",
        "./x.sh",
        "source x.sh",
        "/w/x.sh",
        "cd ..; sh w/x.sh",
        "python y.py",
        "sudo bash ./x.sh",
    ):
        assert ("rm", "-rf", "/srv/a") in commands(text, state), text


def test_cd_is_followed() -> None:
    places = [
        command.cwd
        for command in program("a; cd x; a; cd ../y; a; (cd /z; a); a; cd -; a").commands
        if command.name == "a"
    ]
    assert places == ["", "x", "y", "/z", "y", UNKNOWN]


def test_a_fork_bomb_has_a_name() -> None:
    for text in (":(){ :|:& };:", "b() { b | b & }; b", "f(){ f|f & };f"):
        assert "fork-bomb" in {name for name, *_ in commands(text)}, text
    assert "fork-bomb" not in {name for name, *_ in commands("f() { g | h & }; f")}


def test_recursion_ends() -> None:
    assert commands("f() { ls; f; }; f") == [("ls",)]
    assert program("echo 'sh x' > x; sh x").too_much == "depth"


@pytest.mark.parametrize(
    "text",
    [
        "T=/; [ -d /x ] && T=/x; rm -rf $T", "T=/x; false && T=/; rm -rf $T", "if a; then T=/; else T=/x; fi; rm -rf $T",
        "case $1 in a) T=/;; *) T=/x;; esac; rm -rf $T", 'if a; then T=/; elif b; then T=/x; else T=/y; fi; rm -rf "$T"',
        "X=ls; a || X=rm; b || X=cat; $X -rf /",
    ],
)  # fmt: skip
def test_a_value_that_a_branch_may_not_change_counts(text: str) -> None:
    assert ("rm", "-rf", "/") in commands(text)


def test_a_value_that_is_surely_changed_does_not_count() -> None:
    assert commands("a && T=/; T=/x; rm -rf $T")[-1] == ("rm", "-rf", "/x")
    assert ("rm", "-rf", "/") not in commands("a && T=/; T=/x; rm -rf $T")
