"""smsignal: wiring only. Each blueprint names deployed resources; start reading at chalicelib/blueprints/send.py."""

import gc

from chalice.app import Chalice

from chalicelib.blueprints.aws_eum import aws_eum
from chalicelib.blueprints.callbacks import callbacks
from chalicelib.blueprints.health import health
from chalicelib.blueprints.messages import messages
from chalicelib.blueprints.outbox import outbox
from chalicelib.blueprints.problems import as_problems, refuse_other_methods
from chalicelib.blueprints.providers import providers
from chalicelib.blueprints.sandbox import sandbox
from chalicelib.blueprints.send import send
from chalicelib.blueprints.streams import streams
from chalicelib.blueprints.subscribers import subscribers
from chalicelib.blueprints.webhooks import webhooks

app = Chalice(app_name="smsignal")
app.register_middleware(as_problems, "http")

for blueprint in (
    send,
    messages,
    callbacks,
    health,
    providers,
    outbox,
    aws_eum,
    sandbox,
    streams,
    subscribers,
    webhooks,
):
    app.register_blueprint(blueprint)

refuse_other_methods(app)
gc.freeze()  # what is imported stays: the collector need not go through it again with each invocation
