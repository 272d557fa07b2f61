from __future__ import annotations

import numpy as np
from flyball.compare.silence import stopped
from hypothesis import given
from hypothesis import strategies as st

D = 2.5


def heard(slots: int, per_slot: float, seed: int = 1) -> np.ndarray:
    counts = np.random.default_rng(seed).poisson(per_slot, slots).astype(float)
    counts[-1] = max(counts[-1], 1.0)
    return counts


def p_of(counts: np.ndarray, silent_s: float, d: float = D, expected: float = 1.0) -> float:
    found = stopped(counts, np.full(len(counts), 5.0), silent_s, d, expected=expected)
    return found.p if found else 1.0


@given(st.floats(60.0, 2000.0), st.floats(1.0, 5.0))
def test_a_longer_gap_is_never_less_of_a_wonder(silent_s: float, times: float) -> None:
    counts = heard(200, 3.0)
    assert p_of(counts, silent_s * times) <= p_of(counts, silent_s)


@given(st.floats(1.0, 200.0))
def test_burstier_services_may_pause_longer(d: float) -> None:
    counts = heard(200, 3.0)
    assert p_of(counts, 120.0, d) <= p_of(counts, 120.0, 1.5 * d)


def test_what_came_steadily_and_stopped_is_found_within_a_minute() -> None:
    assert p_of(heard(200, 3.0), 60.0) < 1e-4


def test_rare_records_never_tell() -> None:
    counts = np.zeros(720)
    counts[::120] = 1.0
    assert p_of(counts, 3000.0) == 1.0


def test_what_comes_in_batches_waits_for_the_batch() -> None:
    counts = np.zeros(720)
    counts[np.arange(720) % 120 < 12] = 20.0
    counts = counts[: 600 + 12]
    assert p_of(counts, 1200.0) == 1.0
    assert p_of(counts, 3600.0) < 1e-3


def test_an_hour_in_which_little_is_usual_proves_little() -> None:
    counts = heard(200, 3.0)
    assert p_of(counts, 60.0, expected=0.01) > 1e3 * p_of(counts, 60.0)
