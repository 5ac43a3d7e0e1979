"""No full phone number and no text ever reaches the log."""

import json

import pytest

from chalicelib import logs

log = logs.logger("chalicelib.test")


def written(capsys):
    return capsys.readouterr().out


@pytest.mark.parametrize(
    "message",
    ["to +33612345678 it went", "33612345678", 'the provider said: "447700900000 is barred"', "(+14155550100)"],
)
def test_whatever_looks_like_a_number_is_masked(capsys, message):
    log.warning(message)
    line = written(capsys)
    assert json.loads(line)["level"] == "warning"
    assert not any(run in line for run in ("612345678", "7700900000", "4155550100"))


def test_numbers_in_extras_and_exceptions_are_masked_too(capsys):
    try:
        raise ValueError("+33612345678")
    except ValueError:
        log.exception("failed", extra={"number": "+33612345678"})
    assert "612345678" not in written(capsys)


def test_ids_times_and_prices_are_left_alone(capsys):
    kept = {"id": "0123456789abcdef0123456789abcdef", "at": "2026-11-23T03:12:45.123Z", "price": "0.03330000"}
    log.info("kept", extra=kept)
    line = json.loads(written(capsys))
    assert {name: line[name] for name in kept} == kept


def test_a_line_is_written_once_and_is_json(capsys):
    log.info("once")
    assert [json.loads(line)["message"] for line in written(capsys).splitlines()] == ["once"]
