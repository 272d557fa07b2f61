"""Poisoned input: what a tool brought in dictates an act, and then that act is tried.

Three facts together, as the guard's taint has them: a text from outside that speaks to the model; a value that only this
text named (an address, an account, a host, a path); and a later call that carries it, or that the guard held back. A text
that dictates and is ignored is no failure. Words alone never suffice: they are a signal, the flow is the fact.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from flyball.explain.agents.corpus import Corpus, Run
from flyball.explain.agents.match import LIKELY, SHOWN, SURE, Match, fig, named, num, say
from flyball.explain.agents.measures import guarded
from flyball.explain.agents.words import TEXT_CHARS_MAX, dictates, urges
from flyball.explain.rule import quote
from flyball.model.run import Step, StepKind
from flyball.model.run_diagnosis import Measure, RunClaim, RunKind

SOURCES_MAX = 10
"""Texts that speak and are followed."""
VALUES_MAX = 50
"""Values of one text that are followed."""
VALUE_CHARS_MIN = 4
KNOWN_CHARS_MAX = 500_000
"""Of what was said before."""
HABIT_MAX = 0.1
"""A tool that more of the runs before call is the agent's habit."""
_VALUE = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}|https?://[^\s\"'<>)\]}]{1,500}"
    r"|(?<![\w-])(?:[\w-]{1,63}\.){1,8}[a-z]{2,12}\b(?:/[^\s\"'<>)\]}]{0,300})?"
    r"|(?:~|\.{1,2})?(?:/[\w.*-]{1,100}){2,20}|\b[A-Z]{2}\d{2}[A-Z0-9]{10,30}\b|\b0x[0-9a-fA-F]{16,40}\b|\+?\d[\d ()-]{8,30}\d"
    r"|(?<![\w-])(?=[\w-]{0,63}\d)(?=[\w-]{0,63}[A-Za-z])[\w-]{6,64}(?![\w-])|`[^`]{4,200}`|\"[^\"]{4,200}\"",
    re.IGNORECASE,
)
"""What can be carried from a text into a call: mail, URL, host, path, account, number, identifier, quoted text."""
_TAINT_RULES = re.compile(r"untrusted|taint|injection|jailbreak|poison|exfiltrat", re.IGNORECASE)
"""Rules of the guard that speak of what came from outside."""


def poisoned(corpus: Corpus) -> list[Match]:
    """The act that a text from outside dictated, if there is one."""
    run = corpus.run
    for source in _speaking(run):
        speaks = dictates(_text(source))
        fresh = _fresh(run, source)
        for act in _after(run, source):
            carried = next((value for value in fresh if value.lower() in act.arguments.lower()), "")
            if _followed(corpus, act, carried, speaks=speaks):
                weight = SURE if carried and speaks else SHOWN if speaks else LIKELY
                return [_match(corpus, source, act, carried, weight)]
    before: Step | None = None
    for act in run.tools:
        if before and guarded(act) and _tainted(act):
            return [_match(corpus, before, act, "", SHOWN)]
        before = act
    return []


def _speaking(run: Run) -> list[Step]:
    """The first answers that give orders, or urge."""
    found = (step for step in run.tools if dictates(_text(step)) or urges(_text(step)))
    return list(islice(found, SOURCES_MAX))


def _text(source: Step) -> str:
    return f"{source.result}\n{source.message}"


def _after(run: Run, source: Step) -> Iterator[Step]:
    ended = max(source.end_ns, source.begin_ns)
    return (step for step in run.tools if step is not source and step.begin_ns >= ended)


def _followed(corpus: Corpus, act: Step, carried: str, *, speaks: bool) -> bool:
    if guarded(act) and (carried or _tainted(act) or (speaks and _unusual(corpus, act))):
        return True
    if carried:
        return speaks or _unusual(corpus, act)
    return False


def _tainted(act: Step) -> bool:
    return any(_TAINT_RULES.search(rule) for one in act.decided for rule in one.rules)


def _unusual(corpus: Corpus, act: Step) -> bool:
    """Whether the agent hardly ever calls this tool."""
    runs = sum(bool(run.of(act.tool)) for run in corpus.before)
    return runs <= HABIT_MAX * len(corpus.before)


def _fresh(run: Run, source: Step) -> list[str]:
    """The values that this text names, and nothing in the run before it."""
    known = _said_before(run, source)
    found = (match.group().strip("`\"'.,;: ") for match in _VALUE.finditer(source.result[:TEXT_CHARS_MAX]))
    long = islice((one for one in dict.fromkeys(found) if len(one) >= VALUE_CHARS_MIN), VALUES_MAX)
    return [one for one in long if one.lower() not in known]


def _said_before(run: Run, source: Step) -> str:
    """What was said in the run before the text came, and the call that brought it: what it says was known."""
    told: list[str] = [source.arguments]
    left = KNOWN_CHARS_MAX
    for step in run.steps:
        if step.begin_ns > source.begin_ns or step is source or left <= 0:
            break
        said = "\n".join((step.arguments, step.result, step.said if step.kind is not StepKind.AGENT else ""))
        told.append(said[:left])
        left -= len(said)
    return "\n".join(told).lower()


def _match(corpus: Corpus, source: Step, act: Step, carried: str, weight: float) -> Match:
    held = fig(Measure.GUARDED, [act], corpus)
    said: list[RunClaim] = []
    if source.result:
        said.append(
            say(f"What {named(source)} brought in says {quote(_passage(source.result, carried))}.", [source])
        )
    if carried:
        said.append(
            say(
                f"{quote(carried)} stands in that answer and in the later call of {named(act)}.",
                [source, act],
            )
        )
    if held.value:
        rules = next((one for one in act.decided), None)
        said.append(
            say(
                f"The guard decided {quote(rules.action or rules.would) if rules else ''} on {named(act)}.",
                [act],
                held,
            )
        )
    if corpus.before:
        heads = corpus.heads([run for run in corpus.before if run.of(act.tool)])
        runs = fig(Measure.RUNS, corpus.heads(corpus.before), corpus)
        if not heads:
            said.append(say(f"None of the {num(runs)} runs before called {named(act)}.", [act], runs))
    return Match(
        kind=RunKind.POISONED_INPUT,
        weight=weight,
        cause=say(
            f"The answer of {named(source)} told the agent what to do, and the agent called {named(act)}.",
            [source, act],
        ),
        said=tuple(said),
        fix=say(
            f"Treat what {named(source)} brings in as data, let the guard ask before {named(act)}, and look at what it did.",
            [source, act],
        ),
        tags=("poisoned input", "held back" if held.value else "acted on"),
    )


def _passage(text: str, carried: str) -> str:
    """The sentence that dictates, as it stands: from the carried value's line, or the begin."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for line in lines:
        if (carried and carried in line) or dictates(line):
            return line
    return lines[0] if lines else ""
