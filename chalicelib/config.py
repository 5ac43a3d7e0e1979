"""The stage's settings and secrets. The only reader of `os.environ`.

Plain settings are the stage's environment variables in `.chalice/config.json`. A provider's credentials are one JSON
object in SSM Parameter Store (SecureString `/smsignal/<stage>/<provider>`) or, with `SMSIGNAL_SECRETS=secretsmanager`, in
Secrets Manager (`smsignal/<stage>/<provider>`); they are read once per container and never logged.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.errors import ConfigurationError, StoreUnavailable

if TYPE_CHECKING:
    from chalicelib.routing import Route

#: What stands in for the stream's ARN where no Lambda is being made: Lambda itself never reads it.
NO_STREAM = "arn:aws:dynamodb:us-east-1:000000000000:table/smsignal-messages/stream/none"


@dataclass(frozen=True)
class Settings:
    """What a stage is set to; see docs/deploying.md for each variable."""

    stage: str
    provider: str
    default_sender: str | None
    public_url: str | None
    secrets: str
    webhooks_to_loopback: bool = False  #: for a local stack only: else nothing but public addresses is posted to

    def resource(self, name: str) -> str:
        """The name of one of the stage's tables or queues: `smsignal-<stage>-<name>` (infra/resources.yaml)."""
        return f"smsignal-{self.stage}-{name}"

    @property
    def event_source(self) -> str:
        """The `source` of the stage's events on the bus."""
        return f"smsignal.{self.stage}"


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this stage, read once per container."""
    env = os.environ
    return Settings(
        stage=env.get("SMSIGNAL_STAGE", "dev"),
        provider=env.get("SMSIGNAL_PROVIDER", "sandbox"),
        default_sender=env.get("SMSIGNAL_DEFAULT_SENDER") or None,
        public_url=(env.get("SMSIGNAL_PUBLIC_URL") or "").rstrip("/") or None,
        secrets=env.get("SMSIGNAL_SECRETS", "ssm"),
        webhooks_to_loopback=env.get("SMSIGNAL_WEBHOOKS_TO") == "loopback",
    )


@lru_cache(maxsize=32)
def provider_settings(name: str) -> Mapping[str, str]:
    """One provider's settings: its secret, and `SMSIGNAL_<PROVIDER>_<SETTING>` for what is not secret.

    Raises ConfigurationError when the secret is no JSON object of strings.
    """
    prefix = f"SMSIGNAL_{name.upper()}_"
    plain = {key.removeprefix(prefix).lower(): value for key, value in os.environ.items() if key.startswith(prefix)}
    return {"stage": settings().stage, **plain, **_secret(name)}


@lru_cache(maxsize=1)
def route() -> Route | None:
    """The stage's route, `SMSIGNAL_ROUTE` (docs/routing.md), or None: then `provider` carries everything.

    Raises ConfigurationError.
    """
    text = os.environ.get("SMSIGNAL_ROUTE")
    if not text:
        return None
    from chalicelib.routing import parse_route  # here: most stages have none

    return parse_route(text)


@lru_cache(maxsize=1)
def rates() -> Mapping[str, float]:
    """Segments a second for each sender: `SMSIGNAL_RATES`, JSON, by `<provider>` or `<provider>/<from>`.

    Raises ConfigurationError.
    """
    try:
        given = json.loads(os.environ.get("SMSIGNAL_RATES") or "{}")
        checked = {str(name): float(rate) for name, rate in given.items()}
    except (ValueError, TypeError, AttributeError):
        checked = {"": 0.0}
    if not all(rate > 0 for rate in checked.values()):
        raise ConfigurationError('SMSIGNAL_RATES must be JSON like {"<provider>": 30, "<provider>/<from>": 1}')
    return checked


def _secret(name: str) -> dict[str, str]:
    manager = settings().secrets == "secretsmanager"
    stage = settings().stage
    path = f"smsignal/{stage}/{name}" if manager else f"/smsignal/{stage}/{name}"
    text = _from_secrets_manager(path) if manager else _from_parameter_store(path)
    if text is None:
        return {}  # a provider that needs no credentials has none; one that does names what it misses
    try:
        secret = json.loads(text)
    except ValueError:
        secret = None
    if not isinstance(secret, dict):
        raise ConfigurationError(f"the secret {path} is not a JSON object of the provider's settings")
    return {str(key): str(value) for key, value in secret.items()}


def _from_parameter_store(path: str) -> str | None:
    from chalicelib.aws import client

    ssm = client("ssm")
    try:
        return str(ssm.get_parameter(Name=path, WithDecryption=True)["Parameter"]["Value"])
    except ssm.exceptions.ParameterNotFound:
        return None
    except (BotoCoreError, ClientError) as error:
        raise StoreUnavailable(f"the parameter store did not answer: {type(error).__name__}") from error


def _from_secrets_manager(path: str) -> str | None:
    from chalicelib.aws import client

    manager = client("secretsmanager")
    try:
        return str(manager.get_secret_value(SecretId=path)["SecretString"])
    except manager.exceptions.ResourceNotFoundException:
        return None
    except (BotoCoreError, ClientError) as error:
        raise StoreUnavailable(f"Secrets Manager did not answer: {type(error).__name__}") from error


def messages_stream_arn() -> str:
    """The stream that wakes `on_message_change`; needed only while Chalice makes a deployment from app.py.

    Ends Chalice's command line with a sentence when the stage's resources have not been made.
    """
    arn = os.environ.get("SMSIGNAL_MESSAGES_STREAM_ARN")
    if arn is None and os.environ.get("AWS_CHALICE_CLI_MODE"):
        stage = settings().stage
        raise SystemExit(
            f"The tables and queues of stage '{stage}' are not known here. Run: make deploy STAGE={stage}"
            " (it makes them and then runs chalice deploy)"
        )
    return arn or NO_STREAM
