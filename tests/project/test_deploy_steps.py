"""The steps of a deployment where the local cloud cannot go wrong as AWS does."""

import pytest
from botocore.exceptions import ClientError

from infra import passing, resources
from infra.errors import Stopped
from infra.policies import Place
from infra.record import Record
from infra.recovery import put_right
from infra.stack import Stack
from infra.stage import Stage

DEV = Stage("dev", {"app_name": "smsignal", "stages": {"dev": {}}})
TABLE = "arn:aws:dynamodb:us-east-1:1:table/smsignal-dev-messages"
NOW = f"{TABLE}/stream/now"
QUEUE = "arn:aws:sqs:us-east-1:1:smsignal-dev-outbox"


def refusal(code, message=""):
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


class Paged:
    """A client whose lists have one page each, and that notes which mappings it deletes."""

    def __init__(self, **pages):
        self.pages, self.deleted = pages, []

    def get_paginator(self, operation):
        return type("Paginator", (), {"paginate": lambda _: [self.pages[operation]]})()

    def delete_event_source_mapping(self, *, UUID):
        self.deleted.append(UUID)


class Session:
    """A session over given clients."""

    region_name = "us-east-1"

    def __init__(self, **clients):
        self.clients = clients

    def client(self, name):
        return self.clients[name]


def mapping(uuid, function, source, state="Enabled"):
    arn = f"arn:aws:lambda:us-east-1:1:function:{function}"
    return {"UUID": uuid, "FunctionArn": arn, "EventSourceArn": source, "State": state}


def recorded(known, *mappings):
    """The record after it was put right, and the mappings that were deleted."""
    record = Record(known)
    aws_lambda = Paged(list_event_source_mappings={"EventSourceMappings": list(mappings)})
    put_right(record, Session(**{"lambda": aws_lambda, "apigateway": Paged(get_rest_apis={"items": []})}), DEV, NOW)
    return record, aws_lambda.deleted


# Chalice's record.


def test_a_mapping_that_the_record_lacks_is_added():
    record, deleted = recorded([], mapping("1", "smsignal-dev-submit_message", QUEUE))
    assert record.get("submit_message-sqs-event-source") == {
        "name": "submit_message-sqs-event-source",
        "resource_type": "sqs_event",
        "queue_arn": QUEUE,
        "queue": "smsignal-dev-outbox",
        "event_uuid": "1",
        "lambda_arn": "arn:aws:lambda:us-east-1:1:function:smsignal-dev-submit_message",
    }
    assert deleted == []


def test_a_mapping_to_an_earlier_stream_is_deleted_and_forgotten():
    old = {"name": "on_message_change-dynamodb-event-source", "resource_type": "dynamodb_event", "event_uuid": "1"}
    record, deleted = recorded([old], mapping("1", "smsignal-dev-on_message_change", f"{TABLE}/stream/before"))
    assert (record.get(old["name"]), deleted) == ({}, ["1"])


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(mapping("9", "smsignal-devel-submit_message", QUEUE), id="another stage's"),
        pytest.param(mapping("9", "accounting", f"{TABLE}/stream/before"), id="the stream's second reader"),
        pytest.param(mapping("9", "smsignal-dev-submit_message", QUEUE, "Deleting"), id="one that is going"),
        pytest.param(mapping("9", "smsignal-dev-submit_message:live", QUEUE), id="an alias's"),
        pytest.param(mapping("9", "smsignal-dev-mine", "arn:aws:kinesis:us-east-1:1:stream/x"), id="one of Kinesis"),
    ],
)
def test_other_mappings_are_left_alone(other):
    record, deleted = recorded([], other)
    assert (record.kind("sqs_event") + record.kind("dynamodb_event"), deleted) == ([], [])


def test_a_mapping_that_the_record_knows_stays_as_it_is():
    known = {"name": "submit_message-sqs-event-source", "resource_type": "sqs_event", "event_uuid": "1", "own": True}
    record, _ = recorded([known], mapping("1", "smsignal-dev-submit_message", QUEUE))
    assert record.get(known["name"]) == known


@pytest.mark.parametrize(("prefix", "path", "key"), [("", "(none)", "/"), ("/v1", "v1", "/v1")])
def test_a_custom_domain_is_recorded_when_it_is_there(prefix, path, key):
    domain = {"domain_name": "sms.example.com", "url_prefix": prefix, "certificate_arn": "..."}
    stage = Stage("dev", {"app_name": "smsignal", "stages": {"dev": {"api_gateway_custom_domain": domain}}})
    apigateway, record = Paged(get_rest_apis={"items": []}), Record([])
    clients = {"lambda": Paged(list_event_source_mappings={"EventSourceMappings": []}), "apigateway": apigateway}
    apigateway.get_base_path_mappings = lambda **_: {"items": [{"basePath": "another"}]}
    put_right(record, Session(**clients), stage, NOW)
    assert record.get("api_gateway_custom_domain") == {}
    apigateway.get_base_path_mappings = lambda **_: {"items": [{"basePath": path}]}
    put_right(record, Session(**clients), stage, NOW)
    assert record.get("api_gateway_custom_domain")["api_mapping"] == [{"key": key}]


@pytest.mark.parametrize("place", [Place("aws", "us-east-1", "2"), Place("aws", "eu-west-1", "1")])
def test_a_stage_does_not_move_by_accident(place):
    function = {"name": "api_handler", "resource_type": "lambda_function"}
    record = Record([{**function, "lambda_arn": "arn:aws:lambda:us-east-1:1:function:smsignal-dev"}])
    record.check_place(DEV, Place("aws", "us-east-1", "1"))
    with pytest.raises(Stopped, match=f"you are in {place.account}, {place.region}"):
        record.check_place(DEV, place)


# Settings that AWS is not ready for.


@pytest.mark.parametrize("code", passing.PASSING)
def test_what_passes_by_itself_is_waited_for(code, monkeypatch):
    waits, answers = [], [refusal(code), refusal(code), "made"]
    monkeypatch.setattr(passing.time, "sleep", waits.append)

    def call(**request):
        assert request == {"FunctionName": "theirs"}
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert passing.settled(call, FunctionName="theirs") == "made"
    assert (answers, waits) == ([], [passing.PAUSE] * 2)


@pytest.mark.parametrize(("code", "calls"), [("ResourceInUseException", passing.TRIES), ("AccessDeniedException", 1)])
def test_what_does_not_pass_is_not_waited_for_for_ever(code, calls, monkeypatch):
    waits, made = [], []
    monkeypatch.setattr(passing.time, "sleep", waits.append)

    def call(**request):
        made.append(request)
        raise refusal(code)

    with pytest.raises(ClientError, match=code):
        passing.settled(call)
    assert (len(made), len(waits)) == (calls, calls - 1)


# The stack of resources.


class Formation:
    """CloudFormation with one stack: its states, one for each look, and its events."""

    def __init__(self, *states, events=(), template=None):
        self.states, self.events, self.template, self.asked = list(states), events, template, []

    def describe_stacks(self, **_):
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        if state is None:
            raise refusal("ValidationError", "Stack with id x does not exist")
        outputs = [{"OutputKey": "MessagesStreamArn", "OutputValue": NOW}]
        return {"Stacks": [{"StackStatus": state, "StackId": "x", "Outputs": outputs}]}

    def describe_stack_events(self, **_):
        return {"StackEvents": self.events}

    def get_template(self, **_):
        return {"TemplateBody": self.template}

    def create_stack(self, **_):
        self.asked.append("create")
        return {"StackId": "x"}

    def update_stack(self, **_):
        self.asked.append("update")
        raise refusal("ValidationError", "No updates are to be performed.")


def event(number, thing, status, reason=None):
    extra = {"ResourceStatusReason": reason} if reason else {}
    return {"EventId": str(number), "LogicalResourceId": thing, "ResourceStatus": status, **extra}


def test_a_creation_that_fails_names_its_first_cause(monkeypatch):
    monkeypatch.setattr("infra.stack.time.sleep", lambda _: None)
    events = [
        event(3, "ApiKeysTable", "CREATE_FAILED", "Resource creation cancelled"),
        event(2, "MessagesTable", "CREATE_FAILED", "limit exceeded"),
        event(1, "OutboxQueue", "CREATE_COMPLETE"),
    ]
    formation, shown = Formation("CREATE_IN_PROGRESS", "ROLLBACK_COMPLETE", events=events), []
    with pytest.raises(Stopped, match="the stack s failed: MessagesTable: limit exceeded"):
        Stack(formation, "s", shown.append).create(TemplateBody="")
    assert shown[:3] == [
        "Creating the stack s",
        "  create complete: OutboxQueue",
        "  create failed: MessagesTable",
    ]


def test_an_unchanged_template_is_not_sent_again():
    formation = Formation("CREATE_COMPLETE", template=resources.TEMPLATE.read_text())
    assert resources.make_resources(Session(cloudformation=formation), DEV, print) == NOW
    assert formation.asked == []


def test_a_template_of_which_only_a_comment_changed_is_no_fault():
    formation = Formation("CREATE_COMPLETE", template="# before")
    assert resources.make_resources(Session(cloudformation=formation), DEV, lambda _: None) == NOW
    assert formation.asked == ["update"]


def test_a_stack_that_was_never_complete_is_named():
    with pytest.raises(Stopped, match="smsignal-dev-resources is in the state ROLLBACK_COMPLETE"):
        resources.make_resources(Session(cloudformation=Formation("ROLLBACK_COMPLETE")), DEV, print)


def test_lambda_must_have_this_python(monkeypatch):
    from infra import deploy

    monkeypatch.setattr(deploy.sys, "version_info", (3, 16))
    with pytest.raises(Stopped, match=r"Lambda has no python3\.16"):
        deploy.check_python()
