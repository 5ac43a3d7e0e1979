"""AWS End User Messaging: what botocore is asked for, and what its own exceptions mean.

The parameters are judged by botocore's own model of the service.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Any

import botocore.exceptions
import pytest
from botocore.stub import Stubber
from botocore.validate import validate_parameters

from chalicelib.errors import (
    AccountRefused,
    ContentRefused,
    OutcomeUnknown,
    ProviderUnavailable,
)
from chalicelib.messages import Priority, Submission
from chalicelib.providers import aws_eum
from chalicelib.providers.aws_eum import AwsEum

SETTINGS = {"configuration_set": "smsignal"}
ID = "0123456789abcdef0123456789abcdef"
AWS_ID = "862a8790-60c0-4430-9b2b-658bdexample"


def eum(**settings: str) -> AwsEum:
    return AwsEum({**SETTINGS, **settings})


@pytest.fixture
def aws() -> Iterator[Stubber]:
    """botocore, which takes the parameters only as its model of the service has them, and answers as it is told."""
    aws_eum._client.cache_clear()
    with Stubber(aws_eum._client(None)) as stubber:
        yield stubber
    aws_eum._client.cache_clear()


PLAIN = {
    "DestinationPhoneNumber": "+33987654321",
    "OriginationIdentity": "+33123456789",
    "MessageBody": "Your code is 4711",
    "MessageType": "TRANSACTIONAL",
    "Context": {"message_id": ID},
}


@pytest.mark.parametrize(
    ("settings", "message", "changes"),
    [
        pytest.param({}, {}, {}, id="without settings"),
        pytest.param(
            {"configuration_set": "smsignal", "protect_configuration": "protect-1", "max_price": "0.08"},
            {},
            {"ConfigurationSetName": "smsignal", "ProtectConfigurationId": "protect-1", "MaxPrice": "0.08"},
            id="with the account's",
        ),
        pytest.param(
            {"configuration_set": "", "origination_pool": "", "max_price": "", "message_type": ""},
            {},
            {},
            id="a blank setting is none",
        ),
        pytest.param({"origination_pool": "pool-1"}, {}, {"OriginationIdentity": "pool-1"}, id="from a pool"),
        pytest.param({}, {"frm": "MyShop"}, {"OriginationIdentity": "MyShop"}, id="from a name"),
        pytest.param({}, {"frm": "38123"}, {"OriginationIdentity": "38123"}, id="from a short code"),
        pytest.param({}, {"validity_seconds": 600}, {"TimeToLive": 600}, id="with a validity"),
        pytest.param({}, {"validity_seconds": 1}, {"TimeToLive": 5}, id="with the shortest validity"),
        pytest.param({}, {"validity_seconds": 999_999}, {"TimeToLive": 259_200}, id="with the longest validity"),
        pytest.param({}, {"text": "Ünïcode 😀"}, {"MessageBody": "Ünïcode 😀"}, id="AWS finds the encoding"),
        pytest.param({"message_type": "promotional"}, {}, {"MessageType": "PROMOTIONAL"}, id="as a type that is set"),
        pytest.param({}, {"priority": Priority.BULK}, {}, id="bulk is transactional"),
        pytest.param(
            {"bulk_message_type": "PROMOTIONAL"},
            {"priority": Priority.BULK},
            {"MessageType": "PROMOTIONAL"},
            id="bulk is promotional when that is set",
        ),
        pytest.param({"bulk_message_type": "PROMOTIONAL"}, {}, {}, id="what is not bulk is not promotional then"),
        pytest.param({"configuration_set": "s"}, {"status_report": False}, {"ConfigurationSetName": "s"}, id="silent"),
    ],
)
def test_the_call(aws: Stubber, outgoing: Any, settings: Any, message: Any, changes: Any) -> None:
    aws.add_response("send_text_message", {"MessageId": AWS_ID}, {**PLAIN, **changes})
    assert AwsEum(settings).submit(outgoing(**message)) == Submission((AWS_ID,))
    aws.assert_no_pending_responses()


def test_the_model_of_the_service_knows_each_parameter(outgoing: Any) -> None:
    shape = aws_eum._client(None).meta.service_model.operation_model("SendTextMessage").input_shape
    everything = eum(protect_configuration="p-1", max_price=".08", origination_pool="pool-1")
    parameters = everything.parameters(outgoing(validity_seconds=60))
    validate_parameters(parameters, shape)
    assert parameters.keys() <= shape.members.keys()


def test_our_words_are_those_of_the_service() -> None:
    model = aws_eum._client(None).meta.service_model
    events = {word for word in model.shape_for("EventType").enum if word.startswith(("TEXT_", "RCS_"))}
    assert AwsEum.STATUSES.keys() == events - {"TEXT_ALL", "RCS_ALL"}
    reasons = {word for name in model.shape_names if name.endswith("Reason") for word in model.shape_for(name).enum}
    assert {word for word in aws_eum.REFUSALS if word.isupper()} <= reasons
    operation = model.operation_model("SendTextMessage")
    assert {shape.name for shape in operation.error_shapes} <= aws_eum.REFUSALS.keys()


def test_a_reply_without_an_id_may_be_a_yes(aws: Stubber, outgoing: Any) -> None:
    aws.add_response("send_text_message", {})
    with pytest.raises(OutcomeUnknown):
        eum().submit(outgoing())


E = botocore.exceptions


@pytest.mark.parametrize(
    ("raised", "kind", "code"),
    [
        (E.ConnectTimeoutError(endpoint_url="u"), ProviderUnavailable, "unreachable"),
        (E.ProxyConnectionError(proxy_url="u"), ProviderUnavailable, "unreachable"),
        (
            E.SSLError(endpoint_url="u", error=ssl.SSLError("CERTIFICATE_VERIFY_FAILED")),
            ProviderUnavailable,
            "unreachable",
        ),
        (E.SSLError(endpoint_url="u", error=ssl.SSLError("BAD_RECORD_MAC")), OutcomeUnknown, "no_reply"),
        (E.ReadTimeoutError(endpoint_url="u"), OutcomeUnknown, "no_reply"),
        (E.ConnectionClosedError(endpoint_url="u"), OutcomeUnknown, "no_reply"),
        (E.HTTPClientError(error="?"), OutcomeUnknown, "no_reply"),
        (E.NoCredentialsError(), AccountRefused, "credentials"),
        (E.PartialCredentialsError(provider="env", cred_var="x"), AccountRefused, "credentials"),
        (E.CredentialRetrievalError(provider="x", error_msg="y"), AccountRefused, "credentials"),
        (E.NoRegionError(), AccountRefused, "region"),
        (E.ParamValidationError(report="Invalid length for parameter MessageBody"), ContentRefused, "invalid_text"),
        (E.ParamValidationError(report="Invalid type for parameter TimeToLive"), ContentRefused, "invalid_parameter"),
    ],
)
def test_whether_anything_was_sent_is_told_by_the_exception(raised: Exception, kind: type, code: str) -> None:
    found = aws_eum._failure(raised)
    assert (type(found), found.code, found.provider_code) == (kind, code, type(raised).__name__)


def test_a_client_that_waits_is_answered_before_api_gateway_gives_up() -> None:
    aws_eum._client.cache_clear()
    config = aws_eum._client(None).meta.config
    assert config.connect_timeout + config.read_timeout < 29 - 10
