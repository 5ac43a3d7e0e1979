"""Texts of one sender that reserve their moments at once (jasmin#1168): each gets one of its own, and none is left out."""

from datetime import timedelta
from functools import partial
from threading import current_thread

import pytest
from racing import race

from chalicelib import store_rates
from chalicelib.stage import now

SECOND = timedelta(seconds=1)


class OfEachThread(dict):
    """What was seen last, remembered by each thread for itself, as each Lambda does."""

    def get(self, key, default):
        return super().get((current_thread(), key), default)

    def __setitem__(self, key, value):
        super().__setitem__((current_thread(), key), value)


@pytest.fixture(autouse=True)
def _lambdas(monkeypatch):
    monkeypatch.setattr(store_rates, "_free_at", OfEachThread())


def test_moments_that_are_reserved_at_once_follow_each_other(stage):
    at = now()
    moments = race(*[partial(store_rates.reserve, "dummy", "smsignal", SECOND, at)] * 30)
    assert sorted(moments) == [at + number * SECOND for number in range(30)]


def test_in_every_order_a_bulk_text_gets_a_moment_within_its_horizon_or_none(stage, every_order):
    at = now()
    for number, at_once in enumerate(every_order()):
        reserve = partial(store_rates.reserve, "dummy", f"sender {number}", SECOND, at)
        moments = at_once(reserve, partial(reserve, SECOND / 2), reserve)
        taken = sorted(moment for moment in moments if moment)
        assert taken == [at + place * SECOND for place in range(len(taken))]
        assert moments[1] in (at, None)
