"""Whatever the text, the answer comes soon, says what was cut, and nothing is raised."""

from __future__ import annotations

import shlex
import sys
import threading

import pytest
from flyball_sdk.guard.shell import UNKNOWN, Program, ShellState, program
from flyball_sdk.guard.shell.bounds import BYTES_MAX, COMMANDS_MAX, WORDS_MAX, Meter
from flyball_sdk.guard.shell.command import Command
from flyball_sdk.guard.shell.heredocs import lift
from flyball_sdk.guard.shell.simple import simple
from flyball_sdk.guard.shell.statements import Evaluator
from hypothesis import given, settings
from hypothesis import strategies as st

BOMBS = {
    "substitutions": "$(" * 10_000, "closed substitutions": "echo $(" * 10_000 + ")" * 10_000, "subshells": "(" * 20_000,
    "groups": "{ " * 20_000, "quotes": '"$(' * 10_000, "backticks": "`" * 20_000, "parameters": "${a:-" * 10_000,
    "commands": "a;" * 130_000, "pipes": "a|" * 130_000, "lists": "a&&" * 80_000, "ifs": "if a; then " * 20_000,
    "whiles": "while a; do " * 10_000, "cases": "case a in " * 10_000, "dollars": "$" * 200_000, "variables": "$a " * 60_000,
    "processes": "<(" * 10_000, "arithmetic": "((" * 10_000, "functions": "a(){ " * 10_000,
    "loops": "".join(f"for i{n} in 1 2 3 4 5 6 7 8 9; do " for n in range(8)) + "x" + "; done" * 8,
    "commands in words": "$(a) " * 3_000, "here": "<<a " * 2_000,
}  # fmt: skip
QUIET_BOMBS = {
    "words": "a " * 130_000, "braces": "echo " + "{a,b}" * 40, "ranges": "echo {1..99999}{1..99999}", "quotes": "echo " + "'a'" * 10_000,
    "doubling": "a=xxxxxxxx;" + "a=$a$a;" * 40 + "echo $a", "evals": "eval " * 5_000, "here": "<<a " * 400, "heredocs": "cat <<A\n" * 5_000,
    "long heredoc": "cat > x <<'E'\n" + "it's $(\n" * 20_000 + "E\n", "python": "python3 -c '" + "(" * 9_000 + "'",
    "python minus": "python3 -c 'x=" + "-" * 40_000 + "1'", "python plus": "python3 -c 'x=" + "1+" * 20_000 + "1'",
    "python size": "python3 -c 'x=\"a\"*99999999999'", "python power": "python3 -c 'x=9**9**9'", "power": "echo $((9**9**9))",
    "perl": "perl -e '" + "system(" * 30_000 + "'", "pattern": "X=" + "a" * 60 + "; echo ${X##*a*a*a*a*a*a*a*a*a*a*b}",
    "sed": "echo " + "a" * 60 + "b | sed -E 's/^(a+)+$/x/'", "comment": "#" * 200_000, "newlines": "\n" * 260_000,
    "python recursion": "python3 -c 'import os\ndef f():\n f();f();f();f()\nf()'", "calls": "f(){ f; f; f; }; f",
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_too_much(name: str) -> None:
    assert program(BOMBS[name]).too_much or program(BOMBS[name]).partial
    assert len(program(BOMBS[name]).commands) <= COMMANDS_MAX


@pytest.mark.parametrize("name", QUIET_BOMBS)
def test_a_bomb_that_is_cut_raises_nothing(name: str) -> None:
    program(QUIET_BOMBS[name])


def test_nested_substitutions_are_too_much() -> None:
    assert program(BOMBS["substitutions"]).too_much
    assert program(BOMBS["closed substitutions"]).too_much


def test_too_many_bytes_are_not_parsed() -> None:
    assert program("é" * (BYTES_MAX // 2 + 1)) == Program(too_much="bytes")
    assert program("a" * BYTES_MAX).too_much == ""


def test_a_word_that_becomes_too_many_is_cut_and_that_is_told() -> None:
    found = program(f"X='{'a ' * (WORDS_MAX + 9)}'; rm $X")
    assert found.too_much == "words"
    assert len(found.commands[-1].words) == WORDS_MAX


def test_rounds_that_are_cut_are_told_unless_they_are_numbers() -> None:
    assert program("for i in {1..60}; do curl h/$i; done").too_much == ""
    assert program("seq 99 | xargs -I{} touch f{}").too_much == ""
    assert (
        program("for i in " + " ".join(f"f{n}" for n in range(30)) + " /; do rm -rf $i; done").too_much
        == "rounds"
    )
    assert program("echo '" + "a\n" * 20 + "' | xargs -I{} rm {}").too_much == "rounds"


def test_a_judgement_does_not_lean_on_an_empty_stack() -> None:
    def deep(level: int) -> Program:
        return (
            deep(level - 1)
            if level
            else program("$(echo $(echo $(echo rm))) -rf /srv/a; " + "(" * 500 + ")" * 500)
        )

    assert deep(sys.getrecursionlimit() // 2) is not None


def test_threads_have_parsers_of_their_own() -> None:
    found: list[Program] = []
    threads = [
        threading.Thread(target=lambda: found.append(program("for x in a; do rm $x; done"))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [found[0]] * 4


PIECES = st.sampled_from(
    [*"$(){}[]|&;<>'\"`\\ \n\t#!=*?~-/.,:0aX\0\ue000é\ud800", "$(", "${", "<<E\n", "E\n", "if ", "then ", "fi;", "for x in ", "do ", "done", "case ", "esac", "rm -rf ", "echo ", "eval ", "sh -c ",
       "python3 -c ", "xargs ", "find . -exec ", "<<<", "$'", "{a,b}", "x=", "$x", "(( ", "))", "[[ ", "]]", "base64 -d", "awk '", "\\;", "sudo "]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=40).map("".join))
def test_no_text_raises(text: str) -> None:
    found = program(text)
    assert len(found.commands) <= COMMANDS_MAX
    for command in found.commands:
        assert 0 <= command.span[0] <= command.span[1] <= len(text.encode("utf-8", "replace"))
        str(command).encode("utf-8")


@settings(max_examples=150, deadline=None)
@given(
    st.text(max_size=60),
    st.sampled_from(
        ["python3 -c ", "perl -e ", "node -e ", "sh -c ", "awk ", "sed -e ", "vim -c ", "env -S ", "tar -I "]
    ),
)
def test_no_code_raises(code: str, before: str) -> None:
    text = before + shlex.quote(code.replace("\0", ""))
    assert program(text).commands is not None


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ue000"), max_size=12),
        min_size=1,
        max_size=6,
    )
)
def test_quoted_words_come_back(words: list[str]) -> None:
    command = program(shlex.join(["cmd", *words])).commands[0]
    assert (command.name, command.words) == ("cmd", tuple(words))


SIMPLE = st.lists(
    st.sampled_from(["a", "b", "'c d'", '"e f"', "\\g", "|", "&&", "||", ";", "> x", "2>&1", "< y", ">> z", "$HOME", '"$V w"', "2>/dev/null",
                     "cd q", "echo", "xargs", "find .", "-exec {}", "\\;", "{i,j}", "K=1", "sh -c", "'rm z'", "base64 -d", "cm0geAo=",
                     '"k=v"', '""', '"h"i', "\\j\\k", "a {}", '"if"', "\\("]),
    min_size=1, max_size=9,
).map(" ".join)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(SIMPLE)
def test_a_text_that_needs_no_parser_is_read_as_the_parser_would(text: str) -> None:
    if simple(text) is None:
        return
    # a comment changes nothing, and makes the parser necessary
    parsed = program(text + "\n#")
    assert program(text).commands == parsed.commands
    assert (program(text).opaque, program(text).written) == (parsed.opaque, parsed.written)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text("ab $'\"`(#)\\\n", max_size=9), min_size=1, max_size=5))
def test_a_quoted_here_document_is_what_stands_in_it(lines: list[str]) -> None:
    body = "".join(line + "\n" for line in lines)
    assert program(f"cat <<'END' | wc\n{body}END\necho done").commands[0].stdin == body
    lifted, _ = (
        lift(f"cat <<'END'\n{body}END\nx", evaluator.bodies, Meter())
        if (evaluator := Evaluator(ShellState()))
        else ("", [])
    )
    assert lifted.endswith("\nx")


@pytest.mark.parametrize(
    "name",
    ["timeout2", "zip2", "snap-01", "man5", "sudo1.2", "python3.12", "perl5", "bash5", "git.exe", "node20"],
)
def test_a_name_with_a_number_raises_nothing(name: str) -> None:
    assert program(f"{name} -c x; {name} y z").commands


def test_unknown_is_no_character_of_a_text() -> None:
    assert program("ls a\0b").commands == (Command("ls", ("a\x1ab",), (0, 6)),)
    stdin = program("cat <<E\na\0b\nE").commands[0].stdin
    assert stdin is not None
    assert UNKNOWN not in stdin


@pytest.mark.parametrize(
    "text",
    [
        'echo "' + "$UNSETrm -rf " * 60,
        "echo " + "$Ab" * 400 + "(",
        'x > "' + "$a$b$c" * 200,
        "rm " + "a" * 5_000 + "(",
        "ls " + "{a,b}" * 300 + "`",
        'x "' + "\\a$Q" * 300,
    ],
)
def test_no_text_can_be_read_in_so_many_ways_that_reading_does_not_end(text: str) -> None:
    program(text)
