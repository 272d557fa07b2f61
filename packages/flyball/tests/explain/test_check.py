from __future__ import annotations

from dataclasses import replace

import pytest
from flyball.explain.check import check, fault, grounded, known_names, unsupported_parts
from flyball.explain.engine import diagnose
from flyball.explain.exhibit import Exhibit, evidence_of
from flyball.model.diagnosis import Claim, Diagnosis
from flyball.model.signal import Surface
from harness.signals import START, event, log, metric

FACT = evidence_of(
    Exhibit(
        surface=Surface.EVENT,
        signals=(event("pod/cart-7f9-x2", "Failed", "image r.example/cart:v42 not found, 3 of 12 pods"),),
        examined=80,
        numbers={"share": 0.8712},
    ),
    START,
)
HELD = {FACT.id: FACT}


@pytest.mark.parametrize(
    "text",
    [
        "Pod `cart-7f9-x2` failed.",
        "3 of 12 pods failed.",
        "87% of calls failed, 0.87 in all, of 80 that were read.",
        "It began at 2031-05-04T03:02:01Z.",
        "The image is `r.example/cart:v42`.",
        "The message begins `image r.example/cart:v42 not f…`.",
        "Version v42 is missing? No: cart-7f9-x2 asks for it.",
        "Nothing that could be wrong is said here.",
    ],
)
def test_what_stands_in_the_evidence_is_supported(text: str) -> None:
    assert unsupported_parts(text, [FACT], {"cart-7f9-x2"}) == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("4 of 12 pods failed.", "4"),
        ("Only 1 pod failed, not 312.", "312"),
        ("88% of calls failed.", "88%"),
        ("It began at 2031-05-04T03:02:02Z.", "2031-05-04T03:02:02Z"),
        ("It is version v43.", "v43"),
        ("It is version v4.", "v4"),
        ("Pod `cart-7f9-x` failed.", "cart-7f9-x"),
        ("The message is `image not found`.", "image not found"),
        ("checkout caused it.", "checkout"),
        ("See pay-db for more.", "pay-db"),
    ],
)
def test_what_does_not_stand_in_it_is_not(text: str, wrong: str) -> None:
    assert wrong in unsupported_parts(text, [FACT], {"cart-7f9-x2", "checkout"})


def test_a_number_of_other_evidence_does_not_count() -> None:
    other = evidence_of(
        Exhibit(surface=Surface.METRIC, signals=tuple(metric("pod/x-1", "m", [77])), examined=1), START
    )
    held = HELD | {other.id: other}
    claim = Claim(text="77 pods failed.", evidence=(FACT.id,))
    assert fault(claim, held)
    assert fault(replace(claim, evidence=(FACT.id, other.id)), held) is None


def test_an_id_that_does_not_resolve_or_no_longer_fits_its_fact_is_a_fault() -> None:
    claim = Claim(text="It failed.", evidence=("ev_ffffffffffffffff",))
    found = fault(claim, HELD)
    assert found
    assert found.unresolved == ("ev_ffffffffffffffff",)
    forged = {FACT.id: replace(FACT, numbers={"examined": 9_000.0})}
    assert fault(Claim(text="9000 were read.", evidence=(FACT.id,)), forged)


def test_a_sentence_that_cites_nothing_is_a_fault() -> None:
    assert fault(Claim(text="All is well.", evidence=()), HELD)


def test_an_innocent_service_with_a_true_citation_is_caught() -> None:
    found = diagnose(
        [
            event("service/guilty", "Failed", "Out of memory"),
            event("service/innocent", "Pulled", "ok", kind="Normal"),
        ]
    )
    assert check(found) == []
    lie = Claim(text="The cause is in innocent: it was killed.", evidence=found.claims[0].evidence)
    assert check(replace(found, claims=(lie,)), known_names(found.evidence) | {"innocent"})


def test_the_begin_of_another_name_is_not_the_name() -> None:
    found = unsupported_parts("The cause is in pod `cart-7f9`.", [FACT])
    assert found == ["cart-7f9"]


def _pool_exhausted() -> Diagnosis:
    return diagnose([log("service/cart", "connection pool exhausted", count=9, severity=17)])


def test_a_sentence_that_does_not_hold_is_not_shown_and_the_others_are() -> None:
    found = _pool_exhausted()
    assert grounded(found) is found
    wrong = Claim(text="It failed 77 times.", evidence=found.claims[0].evidence)
    shown = grounded(replace(found, claims=(*found.claims, wrong), first_step=wrong))
    assert shown == replace(found, first_step=None)


def test_a_cause_that_rests_on_nothing_any_more_is_inconclusive() -> None:
    found = _pool_exhausted()
    wrong = Claim(text="It failed 77 times.", evidence=found.claims[0].evidence)
    top, *rest = found.hypotheses
    shown = grounded(replace(found, hypotheses=(replace(top, reasons=(wrong,)), *rest)))
    assert (shown.inconclusive, shown.cause, shown.object, shown.claims) == (True, None, "", ())
    assert check(shown) == []
