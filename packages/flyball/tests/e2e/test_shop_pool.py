"""The shop's connection pool, without the shop."""

from __future__ import annotations

import itertools
import threading

import pytest
from shop.pool import Pool, PoolExhausted


def _pool(size_max: int = 2, wait_max_s: float = 0.02) -> Pool[int]:
    return Pool("bank", itertools.count(1).__next__, size_max=size_max, wait_max_s=wait_max_s)


def test_a_returned_connection_is_lent_again() -> None:
    pool = _pool()
    with pool.connection() as first:
        assert pool.in_use == 1
    with pool.connection() as again:
        assert again == first
    assert pool.in_use == 0


def test_a_connection_comes_back_when_its_borrower_fails() -> None:
    pool = _pool(size_max=1)
    with pytest.raises(ZeroDivisionError), pool.connection():
        _ = 1 / 0
    with pool.connection() as again:
        assert again == 1


def test_an_exhausted_pool_says_what_it_saw() -> None:
    times = iter([0.0, 0.0, 10.0, 10.251])
    pool = Pool("bank", object, size_max=2, wait_max_s=0.01, clock=lambda: next(times))
    with pool.connection(), pool.connection(), pytest.raises(PoolExhausted) as seen, pool.connection():
        pass
    assert str(seen.value) == "bank connection pool exhausted: 2 of 2 in use, waited 251 ms"
    assert pool.in_use == 0


def test_a_waiter_gets_what_comes_back_in_time() -> None:
    pool = _pool(size_max=1, wait_max_s=5.0)
    got: list[int] = []

    def wait() -> None:
        with pool.connection() as connection:
            got.append(connection)

    with pool.connection():
        waiter = threading.Thread(target=wait)
        waiter.start()
        assert got == []
    waiter.join(5.0)
    assert got == [1]


def test_a_connection_that_cannot_be_opened_takes_no_place() -> None:
    def refuse() -> int:
        raise ConnectionRefusedError

    pool = Pool("bank", refuse, size_max=1, wait_max_s=0.01)
    for _ in range(3):
        with pytest.raises(ConnectionRefusedError), pool.connection():
            pass
    assert pool.in_use == 0
