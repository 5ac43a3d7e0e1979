"""What each Lambda loads when it starts: measured in a fresh interpreter, as Lambda does it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

EVENT_HANDLERS = [
    "chalicelib.blueprints.streams.on_message_change",
    "chalicelib.blueprints.outbox.submit_message",
    "chalicelib.blueprints.outbox.dispatch_due",
    "chalicelib.blueprints.sandbox.sandbox_report",
    "chalicelib.blueprints.subscribers.log_outcome",
    "chalicelib.blueprints.aws_eum.aws_eum_message",
    "chalicelib.blueprints.aws_eum.aws_eum_event",
    "chalicelib.blueprints.webhooks.deliver_webhook",
]


def loaded(code):
    """The modules that are loaded after this code ran in a new interpreter."""
    script = f"{code}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    return set(json.loads(run.stdout.splitlines()[-1]))


@pytest.mark.parametrize("handler", EVENT_HANDLERS)
def test_an_event_handler_needs_no_app(handler):
    module, function = handler.rsplit(".", 1)
    modules = loaded(f"from {module} import {function}")
    assert "app" not in modules
    assert not modules & {"requests", "phonenumbers", "boto3"}


def test_every_event_handler_of_the_app_is_listed_here():
    from app import app

    names = {handler.name: handler.handler_string for handler in app.pure_lambda_functions + app.event_sources}
    assert sorted(names.values()) == sorted(EVENT_HANDLERS)


ONLY_FOR_SENDING = ("chalicelib.compose", "chalicelib.sending", "chalicelib.dispatching", "chalicelib.store_lists")

CALLBACK = """
import os
os.environ.update(SMSIGNAL_VONAGE_API_KEY="k", SMSIGNAL_VONAGE_API_SECRET="s", SMSIGNAL_VONAGE_SIGNATURE_SECRET="x")
import chalicelib.config
chalicelib.config._secret = lambda name: {}
from app import app
event = {"requestContext": {"resourcePath": "/callback/{provider}", "httpMethod": "GET"}, "headers": {},
         "pathParameters": {"provider": "vonage"}, "multiValueQueryStringParameters": {"messageId": ["1"]},
         "body": None, "stageVariables": None}
answer = app(event, None)
assert answer["statusCode"] == 403, answer
"""


def test_a_callback_does_not_load_what_only_sending_needs():
    modules = loaded(CALLBACK)
    assert "chalicelib.providers.vonage" in modules
    assert not modules & {"requests", "phonenumbers", "boto3", *ONLY_FOR_SENDING}


def test_only_the_adapter_that_is_asked_for_is_loaded():
    adapters = {name for name in loaded(CALLBACK) if name.startswith("chalicelib.providers.")}
    assert adapters == {"chalicelib.providers.base", "chalicelib.providers.vonage"}


SEND = """
import os
os.environ["SMSIGNAL_ROUTE"] = '{"rules": [{"country": ["FR"], "tiers": ["dummy", "sandbox"]}, {"tiers": ["console"]}]}'
from chalicelib import choosing, circuits, compose, config, stage
circuits._known = lambda providers: {}
config._secret = lambda name: {}
text = compose.compose({"to": "+33612345678", "from": "smsignal", "text": "Hi"}, now=stage.now())
text, adapter = choosing.choose(text, stage.now())
assert adapter.name == "dummy"
"""


def test_a_send_loads_only_the_adapter_that_its_route_chooses():
    adapters = {name for name in loaded(SEND) if name.startswith("chalicelib.providers.")}
    assert adapters == {"chalicelib.providers.base", "chalicelib.providers.dummy"}
