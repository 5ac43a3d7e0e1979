"""Signals on the running stack: whoever attaches is told of every change, and what nobody took is found and put back."""

import json
import os
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager

import pytest
import yaml

from localdev.processes import ROOT
from localdev.waiting import wait_for
from tests.flows.ledgers import Logs, Queue, Receiver, by_text, rises

pytestmark = pytest.mark.timeout(900)

EXAMPLE = ROOT / "examples" / "notifications"
ENDS = ("delivered", "undelivered", "rejected", "expired")
LOG_OUTCOME = "smsignal-local-log_outcome"
#: What the carrier does with a text: it is delivered, in disorder, by one receipt; rejected, expired, failed and yet delivered.
SCENARIOS = ("0123", "9004", "9008", "9201", "9203", "9012")
TEXTS = 200


class Signals:
    """The stack with everybody attached: by the commands that `make` calls."""

    def __init__(self, stack, directory):
        self.stack, self.directory = stack, directory
        self.queues = [Queue(stack, name) for name in ("ledger-one", "ledger-two")]
        self.good, self.flaky = Receiver(), Receiver(failures=(500, 503, 302, 429))
        self.outcomes = Logs(stack, LOG_OUTCOME)
        self.on_bus, self.on_stream = (Logs(stack, f"notifications-dev-{name}") for name in ("on_bus", "on_stream"))

    def run(self, *arguments, code=0):
        """A command; what it said."""
        environment = {**os.environ, "SMSIGNAL_LOCAL_DIR": str(self.directory)}
        done = subprocess.run(
            [sys.executable, "-m", "localdev", *arguments],
            cwd=ROOT,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=180,
        )
        assert done.returncode == code, done.stdout
        return done.stdout

    def function(self, name):
        """The ARN of a function."""
        return f"arn:aws:lambda:{self.stack.region}:000000000000:function:{name}"

    def deploy_example(self):
        """The other application, as its README has it."""
        environment = {**os.environ, "SMSIGNAL_LOCAL_DIR": str(self.directory)}
        subprocess.run(["make", "-s", "-C", str(EXAMPLE), "deploy"], env=environment, check=True, timeout=180)

    def attach(self):
        """Attach everybody."""
        for queue in self.queues:
            self.run("attach", queue.arn)
        self.run("attach", self.function("notifications-dev-on_bus"), "--status", ",".join(ENDS))
        self.run("attach", self.function("notifications-dev-on_stream"), "--via", "stream")

    def new_key(self, receiver, *options):
        """An API key with a webhook secret; a session that uses it."""
        key = self.run("key").split()[0]
        said = self.run("webhook", key, *options)
        receiver.secret = said.split("secret")[1].split()[0]
        return key

    def restart(self, function, **change):
        """Change a function's configuration, which starts it anew."""
        client = self.stack.cloud.client("lambda")
        client.update_function_configuration(FunctionName=function, **change)

    @contextmanager
    def broken(self, function, **change):
        """The function with a fault, for as long as the block lasts."""
        known = self.stack.cloud.client("lambda").get_function_configuration(FunctionName=function)
        before = {name: known[name] for name in change}
        if "Environment" in before:
            before["Environment"] = {"Variables": known["Environment"]["Variables"]}
        self.restart(function, **change)
        try:
            yield
        finally:
            self.restart(function, **before)

    def notification(self, message_id):
        """A line of the example's table, without DynamoDB's types."""
        key = {"message_id": {"S": message_id}}
        item = self.stack.cloud.client("dynamodb").get_item(TableName="notifications", Key=key).get("Item", {})
        return {name: next(iter(value.values())) for name, value in item.items()}

    def item(self, message_id):
        """The item of a text, in DynamoDB's types."""
        key = {"message_id": {"S": message_id}}
        return self.stack.cloud.client("dynamodb").get_item(TableName=self.stack.messages_table, Key=key)["Item"]

    def stored(self, ids):
        """What the table says of texts, by their ids."""
        found, client, left = {}, self.stack.cloud.client("dynamodb"), sorted(ids)
        while left:
            keys = [{"message_id": {"S": text}} for text in left[:100]]
            asked = {self.stack.messages_table: {"Keys": keys}}
            for item in client.batch_get_item(RequestItems=asked)["Responses"][self.stack.messages_table]:
                plain = {name: item.get(name, {}).get("S") for name in ("message_id", "status", "reference")}
                found[plain["message_id"]] = {**plain, "sequence": int(item["sequence"]["N"])}
            left = left[100:]
        return found

    def dead(self, name):
        """What `make dlq` says of a queue: the count, and the lines with the reasons."""
        lines = self.run("dlq").splitlines()
        at = next(number for number, line in enumerate(lines) if line.split()[1:] == [name])
        reasons = []
        for line in lines[at + 1 :]:
            if " × " not in line:
                break
            reasons.append(line.strip())
        return int(lines[at].split()[0]), reasons


@pytest.fixture(scope="module")
def signals(stack, stack_directory):
    made = Signals(stack, stack_directory)
    made.deploy_example()
    made.keys = [
        made.new_key(made.good, "--url", made.good.url, "--status", ",".join(ENDS)),
        made.new_key(made.flaky),  # its texts name their `webhook_url` themselves
    ]
    made.attach()
    # The stream's reader asks for the webhooks' endpoints every half minute; one that starts asks at once.
    made.restart("smsignal-local-on_message_change", MemorySize=1024)
    yield made
    made.good.close()
    made.flaky.close()


def texts_for(url):
    """Two of ten go to the carrier, the others to a provider that does nothing more."""
    for number in range(TEXTS // 2):
        text = {"to": "+447700900123", "text": "Hello", "provider": "dummy", "reference": f"order-{number}"}
        if number % 10 < 2:
            text |= {"provider": "vonage", "to": f"+44770090{SCENARIOS[number % len(SCENARIOS)]}"}
            text |= {"webhook_url": url} if url else {}
        yield text


def send(api, signals, key, texts):
    """Send texts with a key; their ids, and those of the texts that name a webhook. Ten at a time, and on when they are
    on their way: the local cloud starts a process for each event that finds none free."""
    sent, queue = {}, signals.queues[0]
    for start in range(0, len(texts), 10):
        body, headers = {"messages": texts[start : start + 10]}, {"Authorization": f"Bearer {key}"}
        answer = api.call("POST", "/send/batch", json=body, headers=headers)
        ids = [result["message"]["id"] for result in answer.json()["results"]]
        sent |= zip(ids, body["messages"], strict=True)
        wait_for(lambda ids=ids: {f"{one}:2" for one in ids} <= queue.of(ids), 120, "ten texts on their way")
    return set(sent), {text_id for text_id, text in sent.items() if "webhook_url" in text}


def of(ids, changes):
    """The ids of those changes that are of these texts."""
    return {event_id for event_id in changes if event_id.split(":")[0] in ids}


def test_each_subscriber_has_every_change_exactly_once(signals, api):
    mine, _ = send(api, signals, signals.keys[0], list(texts_for(None)))
    others, named = send(api, signals, signals.keys[1], list(texts_for(signals.flaky.url)))
    every = mine | others
    assert len(every) == TEXTS
    one, two = signals.queues

    def all_told():
        """All changes of which the table knows, once the queue has had them all and every text has ended."""
        told = one.of(every)
        ended = {change["message_id"] for change in one.once().values() if ends(change)}
        if not every <= ended:
            return None
        known = {f"{text}:{n + 1}" for text, item in signals.stored(every).items() for n in range(item["sequence"])}
        return known if known == told else None

    changes = wait_for(all_told, 300, "every change", every=0.5)
    said = {event_id: one.once()[event_id] for event_id in changes}
    final = {event_id for event_id, change in said.items() if change["status"] in ENDS}

    for name, ledger, wanted in (
        ("the other queue", two, changes),
        ("the function on the stream", signals.on_stream, changes),
        ("the subscriber in the house", signals.outcomes, final),
        ("the function on the bus", signals.on_bus, final),
        ("the first receiver", signals.good, of(mine, final)),
        ("the flaky receiver", signals.flaky, of(named, changes)),
    ):
        wait_for(lambda ledger=ledger, wanted=wanted: ledger.of(every) == wanted, 300, name, every=0.5)
    taken = len(of(named, changes))
    wait_for(lambda: signals.flaky.answers[200] == taken, 180, "the last attempt", every=0.2)

    # Nobody was told anything else, and nothing twice with another content.
    for ledger in (two, signals.good, signals.flaky):
        assert all(said[event_id] == change for event_id, change in ledger.once().items() if event_id in said)
    # Without gaps; and on the stream in order.
    assert all(sorted(told) == list(range(1, len(told) + 1)) for told in by_text(said).values())
    assert all(rises(told) for told in by_text(dict.fromkeys(signals.on_stream.told())).values())
    # The flaky receiver failed half of the time, so it was told each change twice.
    assert Counter(signals.flaky.attempts.values()) == {2: taken}
    assert sum(signals.flaky.answers.values()) == 2 * taken
    # The other application is in step, whichever way it was told first, and took each change once.
    for text, item in signals.stored(every).items():
        kept = signals.notification(text)
        assert (kept["status"], int(kept["sequence"])) == (item["status"], item["sequence"])
        assert kept["reference"] == item["reference"]
    assert max(Counter(signals.on_bus.told("kept") + signals.on_stream.told("kept")).values()) == 1


def ends(change):
    """Whether a text that this change is of has come to an end: that of a provider that says no more is to be sent."""
    return change["status"] in ENDS or (change["provider"], change["status"]) == ("dummy", "sending")


@pytest.fixture(scope="module")
def text(signals, api):
    """A text that was delivered, when everybody has been told."""
    message_id = api.ended(api.send(provider="vonage", reference="one").json()["id"])["id"]
    last = f"{message_id}:{signals.stored([message_id])[message_id]['sequence']}"
    for ledger in (signals.queues[0], signals.outcomes, signals.on_bus, signals.on_stream):
        wait_for(lambda ledger=ledger: last in ledger.of({message_id}), 90, "the last change", every=0.2)
    return message_id


def test_what_is_told_again_has_its_original_ids(signals, text):
    queue = signals.queues[0]
    before, kept = queue.of({text}), signals.notification(text)
    heard, lines = len(queue.told), len(signals.on_bus.lines("nothing new"))
    assert "4 changes were told again, to everybody" in signals.run("replay", "--message", text)
    wait_for(lambda: queue.of({text}) and len(queue.told) == heard + 4, 60, "the changes again")
    assert queue.of({text}) == before  # and of() has compared what they say
    wait_for(lambda: len(signals.on_bus.lines("nothing new")) > lines, 60, "the repeat", every=0.2)
    assert signals.notification(text) == kept


def test_one_subscriber_alone_is_told_again_what_it_wants(signals, text):
    queue = signals.queues[0]
    heard, repeats = len(queue.told), signals.on_bus.told("nothing new").count(f"{text}:4")
    arn = signals.function("notifications-dev-on_bus")
    assert f"1 changes were told again, to {arn}" in signals.run("replay", "--message", text, "--subscriber", arn)
    wait_for(lambda: signals.on_bus.told("nothing new").count(f"{text}:4") > repeats, 60, "the repeat", every=0.2)
    queue.empty()
    assert len(queue.told) == heard
    said = signals.run("replay", "--message", text, "--subscriber", "nobody", code=1)
    assert said == "there is no subscriber 'nobody'; see: make subscribers STAGE=local\n"


def test_a_poison_record_is_set_aside_and_put_back_once_it_is_mended(signals, stack, api, text):
    dynamodb, poison = stack.cloud.client("dynamodb"), "f" * 32
    item = signals.item(text) | {"message_id": {"S": poison}}
    dynamodb.put_item(TableName=stack.messages_table, Item=item | {"created_on": {"S": "not a time"}})
    wait_for(lambda: signals.dead("unsignalled")[0], 60, "the pointer", every=0.2)
    assert signals.dead("unsignalled") == (1, ["1 × not understood: ValueError"])
    behind = api.send(provider="dummy").json()["id"]  # it waits for nobody
    wait_for(lambda: len(signals.queues[0].of({behind})) == 2, 60, "the text behind it")

    said = signals.run("redrive", "unsignalled")
    assert "left where it is: " in said and "0 were put back" in said
    assert signals.dead("unsignalled") == (1, ["1 × not understood: ValueError"])

    dynamodb.put_item(TableName=stack.messages_table, Item=item)  # its old image is as wrong as before
    wait_for(lambda: signals.dead("unsignalled")[0] == 2, 60, "the second pointer", every=0.2)
    assert "2 were put back from unsignalled" in signals.run("redrive", "unsignalled")
    wait_for(lambda: signals.queues[0].of({poison}) == {f"{poison}:4"}, 60, "its change")
    assert signals.dead("unsignalled") == (0, [])


def test_a_subscriber_that_always_raises_ends_in_its_queue_and_is_put_back(signals, stack, text):
    """The local cloud's bus calls a function once. What it is told again is given to it as AWS's bus does, and retried."""
    template = yaml.safe_load((signals.directory / "package" / "template.yaml").read_text())
    (retries,) = (
        resource["Properties"]["EventInvokeConfig"]
        for resource in template["Resources"].values()
        if resource.get("Properties", {}).get("FunctionName") == LOG_OUTCOME
    )
    queue = f"arn:aws:sqs:{stack.region}:000000000000:smsignal-local-dead-log_outcome"
    assert retries["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": ["LogOutcomeDeadQueue", "Arn"]}
    stack.cloud.client("lambda").put_function_event_invoke_config(  # which the local CloudFormation passes over
        FunctionName=LOG_OUTCOME,
        MaximumRetryAttempts=retries["MaximumRetryAttempts"],
        MaximumEventAgeInSeconds=retries["MaximumEventAgeInSeconds"],
        DestinationConfig={"OnFailure": {"Destination": queue}},
    )
    logged = signals.outcomes.told().count(f"{text}:4")
    with signals.broken(LOG_OUTCOME, Handler="chalicelib.phone.mask"):  # a function that takes no event
        signals.run("replay", "--message", text, "--subscriber", LOG_OUTCOME)
        count, reasons = wait_for(lambda: found if (found := signals.dead("dead-log_outcome"))[0] else None, 90, "it")
    assert (count, len(reasons)) == (1, 1)
    assert "mask() takes 1 positional argument" in reasons[0]
    assert signals.outcomes.told().count(f"{text}:4") == logged
    assert "1 were put back" in signals.run("redrive", "dead-log_outcome")
    wait_for(lambda: signals.outcomes.told().count(f"{text}:4") == logged + 1, 60, "its line", every=0.2)
    assert signals.dead("dead-log_outcome") == (0, [])


def test_what_a_function_of_another_stack_fails_at_is_put_back_to_it(signals, text):
    function = "notifications-dev-on_bus"
    seen = len(signals.on_bus.told("nothing new"))
    with signals.broken(function, Environment={"Variables": {"TABLE": "nowhere"}}):
        signals.run("replay", "--message", text, "--subscriber", function)
        _, reasons = wait_for(lambda: found if (found := signals.dead("attached-dead"))[0] else None, 90, "it")
    assert "ResourceNotFoundException" in reasons[0]
    assert "1 were put back" in signals.run("redrive", "attached-dead")
    wait_for(lambda: len(signals.on_bus.told("nothing new")) == seen + 1, 60, "its line", every=0.2)


def test_what_a_reader_of_the_stream_fails_at_is_put_back_to_it(signals, stack, api):
    """The local cloud gives a batch up by its age alone; AWS would after 100 attempts or six hours (infra/events.py)."""
    client, function = stack.cloud.client("lambda"), "notifications-dev-on_stream"
    (mapping,) = client.list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
    age = mapping["MaximumRecordAgeInSeconds"]
    client.update_event_source_mapping(UUID=mapping["UUID"], MaximumRecordAgeInSeconds=1)
    with signals.broken(function, Environment={"Variables": {"TABLE": "nowhere"}}):
        message_id = api.send(provider="dummy").json()["id"]  # whose status the function on the bus is not told
        _, reasons = wait_for(lambda: found if (found := signals.dead("attached-dead"))[0] else None, 90, "it")
        wait_for(lambda: f"{message_id}:2" in signals.queues[0].of({message_id}), 60, "the change for the others")
    client.update_event_source_mapping(UUID=mapping["UUID"], MaximumRecordAgeInSeconds=age)
    assert reasons[0].endswith("× MaxRecordAgeExceeded")
    assert signals.notification(message_id) == {}
    assert "left" not in signals.run("redrive", "attached-dead")
    kept = wait_for(lambda: signals.notification(message_id), 60, "the notification")
    assert (kept["status"], kept["sequence"]) == ("sending", "2")


def test_a_third_reader_of_the_stream_is_refused_with_a_sentence(signals):
    said = signals.run("attach", signals.function("notifications-dev-on_bus"), "--via", "stream", code=1)
    assert said.startswith("both readers' slots of the stream are taken, by ")
    assert all(name in said for name in ("smsignal-local-on_message_change", "notifications-dev-on_stream", "VIA=bus"))
    said = signals.run("attach", signals.queues[0].arn, "--via", "stream", code=1)
    assert said.startswith("only a Lambda function can read the stream")


def permissions(client, function):
    """Who may call a function."""
    try:
        return json.loads(client.get_policy(FunctionName=function)["Policy"])["Statement"]
    except client.exceptions.ResourceNotFoundException:
        return []


def test_who_is_attached_is_listed_and_detaching_leaves_nothing_behind(signals, stack):
    listed = signals.run("subscribers")
    attached = [queue.arn for queue in signals.queues]
    attached += [signals.function(f"notifications-dev-{name}") for name in ("on_bus", "on_stream")]
    for arn in attached:
        assert arn.rpartition(":")[2] in listed
        assert "is told of nothing any more" in signals.run("detach", arn)
    assert "is not attached to stage 'local'" in signals.run("detach", arn, code=1)
    listed = signals.run("subscribers")
    assert [line.split()[1] for line in listed.splitlines() if line[0] != " "] == [
        LOG_OUTCOME,
        "smsignal-local-on_message_change",
    ]
    assert all(queue.policy() == [] for queue in signals.queues)
    client, iam = stack.cloud.client("lambda"), stack.cloud.client("iam")
    for name in ("notifications-dev-on_bus", "notifications-dev-on_stream"):
        role = client.get_function_configuration(FunctionName=name)["Role"].rpartition("/")[2]
        assert not [one for one in iam.list_role_policies(RoleName=role)["PolicyNames"] if one.startswith("smsignal")]
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            client.get_function_event_invoke_config(FunctionName=name)
        assert permissions(client, name) == []
    rules = stack.cloud.client("events").list_rules(NamePrefix="smsignal-local-to-")["Rules"]
    assert rules == []
