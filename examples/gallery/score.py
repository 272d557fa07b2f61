"""Hold a diagnosis against what a scenario expects."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flyball.explain.check import check
from flyball.explain.engine import diagnose
from flyball.model.diagnosis import Diagnosis, Hypothesis, Standing
from gallery.play import play
from gallery.scenarios import SCENARIOS
from gallery.signals import signals
from gallery.stream import Expected

RANK_MAX = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One scenario's score. `rank` is that of the first hypothesis held that has cause and object right, else 0."""

    scenario: str
    expected: str
    named: str
    rank: int
    step_ok: bool
    citations_ok: bool
    negative: bool
    inconclusive: bool

    @property
    def hit(self) -> bool:
        """Named right; or quiet, where nothing is wrong."""
        return self.inconclusive if self.negative else self.rank == 1 and not self.inconclusive


def scored(seed: int, only: Iterable[str] = SCENARIOS) -> Iterable[Row]:
    """Play and score the scenarios."""
    for name in only:
        stream, expected = play(name, seed)
        found = diagnose(*signals(stream))
        yield row(name, expected, found)


def row(name: str, expected: Expected, found: Diagnosis) -> Row:
    """One diagnosis beside what was expected."""
    held = [one for one in found.hypotheses if one.standing is Standing.HELD]
    rank = next((n for n, one in enumerate(held, 1) if _right(expected, one)), 0)
    step = found.first_step.text.lower() if found.first_step else ""
    said = all(any(word in step for word in words.split("|")) for words in expected.step)
    top = "quiet" if found.inconclusive else f"{found.cause} of {found.object}"
    hint = f" (held: {held[0].cause} of {held[0].object})" if found.inconclusive and held else ""
    return Row(
        scenario=name,
        expected=expected.causes[0].value if expected.causes else "quiet",
        named=top + hint,
        rank=rank,
        step_ok=said,
        citations_ok=not check(found),
        negative=not expected.causes,
        inconclusive=found.inconclusive,
    )


def _right(expected: Expected, one: Hypothesis) -> bool:
    return one.cause in expected.causes and one.object in expected.objects


def table(rows: Iterable[Row]) -> str:
    """The rows, and their totals."""
    held = list(rows)
    head = ("scenario", "expected cause", "named cause", "rank", "first step", "citations")
    lines = [
        (
            one.scenario,
            one.expected,
            one.named,
            "-" if one.negative else str(one.rank or "none"),
            "-" if one.negative else _yes(one.step_ok and one.hit),
            _yes(one.citations_ok),
        )
        for one in held
    ]
    text = "\n".join(f"| {' | '.join(cells)} |" for cells in (head, tuple("---" for _ in head), *lines))
    return f"{text}\n\n{totals(held)}"


def totals(rows: Iterable[Row]) -> str:
    """How many causes, in the first place and in the first three, first steps, quiet negatives, and citations."""
    held = list(rows)
    wrong = [one for one in held if not one.negative]
    healthy = [one for one in held if one.negative]
    third = sum(0 < one.rank <= RANK_MAX for one in wrong)
    steps = sum(one.hit and one.step_ok for one in wrong)
    return (
        f"causes {sum(one.hit for one in wrong)} of {len(wrong)}, in the first {RANK_MAX} {third}; first steps {steps};"
        f" quiet {sum(one.hit for one in healthy)} of {len(healthy)};"
        f" citations {sum(one.citations_ok for one in held)} of {len(held)}"
    )


def _yes(fine: bool) -> str:  # noqa: FBT001 - one word for one fact
    return "yes" if fine else "no"
