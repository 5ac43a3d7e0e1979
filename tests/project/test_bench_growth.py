"""`make bench`: the pipeline, growth, hot keys and cost. Their arithmetic, and each measurement once on a tiny scale."""

import json
import os
import zipfile

import pytest

from bench import bill, cost, growth, keys, latency, package, pipeline, probes
from bench.bill import Measured, Memory, Milliseconds
from bench.stage import stage
from bench.workers import Failed, Worker, all_do, workers

CPU = Milliseconds(send=6, callback=3, change=2, another_change=0.5, subscriber=1, sweep=60)
MEASURED = Measured(CPU, {"table": 6, "due": 4, "by_day": 1, "by_recipient": 1}, swept=32, sweeps=64, stored=2_000)
USUAL = Memory(api=1024, others=512)


def nothing(_):
    """For measurements that say how far they are."""


# Workers.


def test_a_worker_does_what_it_is_told_and_tells_what_came_of_it():
    with workers(2, {}) as both:
        assert [one["client-ref"] for one in all_do(both, "receipts:receipt_of", message_id="a" * 32)] == ["a" * 32] * 2
        assert both[0].do("receipts:receipt_of", message_id="b" * 32)["messageId"] == "B" * 16


def test_a_worker_that_fails_says_why_and_goes_on():
    with Worker({}) as worker:
        with pytest.raises(Failed, match="TypeError"):
            worker.do("receipts:receipt_of", message_id=1)
        assert worker.do("receipts:receipt_of", message_id="a")["status"] == "delivered"


def test_a_worker_that_ended_is_noticed():
    with Worker({}) as worker:
        worker._process.kill()
        with pytest.raises((Failed, BrokenPipeError)):
            worker.do("receipts:receipt_of", message_id="a")


# The pipeline.


def test_a_share_is_the_ratio_of_medians_and_its_spread_that_of_the_rounds():
    rate, limit, share = pipeline.shares("texts", {"texts": [90, 60, 80], "raw texts": [100, 100, 120]})
    assert (rate.value, limit.value, share.value) == (80, 100, 80)
    assert (share.least, round(share.most)) == (60, 90)
    assert (share.budget, share.at_least, share.judged, share.kept) == (75, True, False, True)


def test_the_99th_percentile_is_of_the_slowest():
    median, highest = latency.figures([second / 1000 for second in range(1, 102)])
    assert (median.value, median.least, median.most, highest.value) == (51, 1, 101, 100)


def test_the_pipeline_on_a_tiny_scale(dynamodb_url, monkeypatch):
    for name, value in {"QUICK_ROUNDS": 1, "QUICK_BURST": 2, "WARM": 1}.items():
        monkeypatch.setattr(pipeline, name, value)
    figures = pipeline.measure(True, nothing)
    assert [figure.unit for figure in figures] == ["/s", "/s", "%"] * 2
    assert all(figure.value > 0 for figure in figures)


def test_the_raw_requests_are_those_that_a_text_and_a_receipt_make(dynamodb_url):
    with stage() as here, Worker(here.variables) as worker:
        for kind in ("raw texts", "raw callbacks"):
            worker.do("loads:get_ready", kind=kind, count=1)
            worker.do("loads:go")
        scanned = here.tables.scan(TableName="smsignal-dev-messages")["Items"]
    statuses = sorted(item["status"]["S"] for item in scanned)
    assert statuses == ["delivered", "delivered", "sending", "sending"]  # of each the recorded one, and the raw one


# Growth.


def test_what_takes_more_when_more_is_stored_breaks_its_budget():
    first = {"a send": {"requests": 2, "bytes": 1000, "units written": 7, "units read": 0}}
    grown = {"a send": {"requests": 3, "bytes": 1049, "units written": 7, "units read": 0}}
    figures = growth.figures([10, 100], [first, grown], "a note")
    assert [(figure.name, figure.kept) for figure in figures] == [
        ("a send: requests", False),
        ("a send: bytes", True),
        ("a send: units written", True),
    ]
    assert [figure.note for figure in figures] == ["a note", "", ""]


def test_a_size_for_which_the_disk_is_too_small_is_left_out_and_said():
    assert growth.fitting([1_000, 1_000_000], 10**9) == [1_000]
    assert "not with 1,000,000" in growth._note([1_000], [1_000, 1_000_000])
    assert "not with" not in growth._note([1_000], [1_000])


def test_growth_on_a_tiny_scale(dynamodb_url, monkeypatch):
    monkeypatch.setattr(growth, "QUICK_SIZES", (1_000, 1_500))
    figures = growth.measure(True, nothing)
    counts = {figure.name: figure.value for figure in figures}
    assert [figure.name for figure in figures if not figure.kept] == []
    assert (counts["a send: requests"], counts["a receipt: requests"]) == (2, 1)
    assert counts[f"a page of {probes.PAGE} texts to one number: requests"] == 2


# Hot keys.


def test_no_key_is_hot():
    most = keys.busiest(2_000)
    assert most["messages"] == 4  # stored, taken, two receipts
    assert most["messages, index due"] < 4 * 2_000 / 64 * 1.8
    assert most["messages, index by_day"] < 2_000 / 16 * 1.5
    assert most["messages, index by_recipient"] == 1


def test_an_index_is_written_to_once_when_a_key_comes_or_goes_and_twice_when_it_changes():
    def written(before, after):
        return [(where, key) for where, key, _ in keys._index_writes(before, after)]

    here, later = {"due_shard": "07", "due_at": 1}, {"due_shard": "07", "due_at": 2}
    assert written({}, here) == written(here, {}) == [("messages, index due", "07")]
    assert len(written(here, later)) == 2
    assert written(here, here) == []


def test_a_provider_that_fails_is_counted_against_by_each_container_once():
    assert keys.outage(100) == 10 * 1.2 / 10  # ten containers, and two more until the circuit is open


# Cost.


def test_every_price_has_a_source_and_every_assumption_a_reason():
    known = bill.data()
    assert all(
        one["source"].startswith("https://aws.amazon.com/")
        for one in (*known["prices"].values(), *known["servers"], *known["databases"])
    )
    assert all(one["why"] for one in known["assumptions"].values())
    assert "check" in known["about"]


@pytest.mark.parametrize(
    ("memory", "milliseconds"), [(1769, 16), (3008, 16), (512, 10 + 6 * 1769 / 512)], ids=["one", "more", "a part"]
)
def test_a_lambda_has_a_processor_in_proportion_to_its_memory(memory, milliseconds):
    assert bill.duration(memory, 6, 10) == milliseconds


def test_a_million_texts_by_hand():
    lines = bill.smsignal(1e6, MEASURED, USUAL)
    idle = bill.smsignal(0, MEASURED, USUAL)
    send, callback = (6 * 1769 / 1024 + 160) / 1000, (3 * 1769 / 1024 + 5) / 1000
    relay, reaction = (2 * 1769 / 512 + 20) / 1000, (1769 / 512) / 1000
    seconds = send + 2 * callback + (4 * relay + reaction) / 2
    assert lines["Lambda"] - idle["Lambda"] == pytest.approx(seconds * 16.6667 + 8 * 0.2, rel=0.02)
    assert lines["API Gateway"] == pytest.approx(3 * 3.5)
    assert lines["DynamoDB"] == pytest.approx(12 * 0.625)
    assert lines["EventBridge"] == pytest.approx(4)
    assert lines["storage, after a year"] == pytest.approx(24 * 0.45)


def test_when_nothing_is_sent_only_the_clock_and_the_queues_are_paid():
    idle = bill.smsignal(0, MEASURED, USUAL)
    assert sum(idle.values()) < 1.5
    assert {name for name, dollars in idle.items() if dollars} == {"Lambda", "logs", "clock and queues"}


@pytest.mark.parametrize(("rate", "size"), [(0, 1), (16, 1), (160, 10), (1e6, 100)])
def test_the_busier_the_stream_the_larger_its_batches(rate, size):
    assert bill.batch_size(rate) == size


def test_servers_are_two_at_least_and_more_when_they_must_be():
    small, large = bill.server(1_000, MEASURED), bill.server(100_000_000, MEASURED)
    assert small == bill.server(100_000, MEASURED)
    assert all(large[name] > small[name] for name in small)


def test_the_crossing_is_where_the_one_becomes_dearer():
    assert bill.crossing(lambda texts: texts / 1e6, lambda _: 5.0) == pytest.approx(5e6, rel=0.02)
    assert bill.crossing(lambda _: 1.0, lambda _: 5.0) is None


def test_the_figures_name_each_month_and_where_they_cross():
    figures = {figure.name: figure for figure in cost.figures(MEASURED)}
    for texts in ("1,000", "1,000,000", "100,000,000"):
        assert figures[f"a month of {texts} texts"].value > 0
        assert figures[f"a month of {texts} texts, always-on servers"].value > 0
    assert 1e6 < figures["where the two cross"].value < 1e8
    deployed = [figure for figure in figures.values() if "as deployed" in figure.note]
    assert [figure.value for figure in deployed] == [figures["a month of 1,000,000 texts"].value]


def test_an_item_is_as_large_as_dynamodb_says():
    item = {
        "message_id": {"S": "é"},  # 10 + 2
        "recipient": {"S": "+33"},  # 9 + 3
        "day": {"S": "d"},  # 3 + 1
        "position": {"S": "p"},  # 8 + 1
        "price": {"N": "0.0333"},  # 5 + 3
        "done": {"BOOL": True},  # 4 + 1
        "history": {"L": [{"M": {"at": {"S": "now"}}}]},  # 7 + 3 + 1 + 3 + 1 + 2 + 3
    }
    lists = (12 + 12 + 9) + (12 + 4 + 9)
    assert cost.stored_bytes(item) == (12 + 12 + 4 + 9 + 8 + 5 + 20) + lists + 3 * 100


# The package.


def test_the_largest_parts_of_the_package_are_named(tmp_path):
    archive = tmp_path / "deployment.zip"
    with zipfile.ZipFile(archive, "w") as made:
        for name, size in {"botocore/a": 2_000_000, "botocore/b": 1_000_000, "app.py": 500_000}.items():
            made.writestr(name, os.urandom(16) * (size // 16))
    assert package.largest(archive) == "botocore 3.0 MB, app.py 0.5 MB"


def test_figures_can_be_written_down_as_json():
    assert json.dumps([figure.value for figure in cost.figures(MEASURED)])
