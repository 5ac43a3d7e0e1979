"""The local stack: the deployed package in a local cloud, with a simulated carrier. `.local/stack.json` says how to reach it."""

import json
import os
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from secrets import token_urlsafe

from localdev import apikeys, carrier_process, cloud, deployment, environment
from localdev.processes import ROOT, Service, alone
from localdev.signals import undisturbed
from localdev.terminal import Steps

SCOPES = ("send", "read", "admin")


@dataclass(frozen=True)
class Stack:
    """What outsiders need to know of a stack that runs."""

    url: str
    api_key: str
    aws_endpoint_url: str
    region: str
    stage: str
    messages_table: str
    messages_stream_arn: str
    event_source: str
    carrier_url: str

    @property
    def cloud(self) -> cloud.Cloud:
        """The local cloud that it is in."""
        return cloud.Cloud(self.aws_endpoint_url)


def default_directory() -> Path:
    """Where a stack keeps its files: `.local`, unless SMSIGNAL_LOCAL_DIR names another folder."""
    return Path(os.environ.get("SMSIGNAL_LOCAL_DIR") or ROOT / ".local").absolute()


def current(directory: Path) -> Stack | None:
    """The stack that runs, None when there is none, or only a part of one."""
    file = directory / "stack.json"
    if not file.exists() or not all(service.pid() for service in _services(directory)):
        return None
    return Stack(**json.loads(file.read_text()))


def up(directory: Path, steps: Steps, *, port: int | None = None, leashed: bool = False) -> tuple[Stack, bool]:
    """The stack that runs, else a new one (True). `leashed`: it ends with this process, however that ends."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with alone(directory), ExitStack() as undo:
        if running := current(directory):
            return running, False
        _clear(directory)
        undo.callback(_clear, directory)
        stack = _start(directory, steps, port, leashed)
        _write(directory / "stack.json", json.dumps(asdict(stack), indent=2) + "\n")
        undo.pop_all()
    return stack, True


def down(directory: Path) -> bool:
    """End the stack; False when nothing of it ran."""
    with alone(directory):
        ran = any(service.pid() for service in _services(directory))
        _clear(directory)
    return ran


def _start(directory: Path, steps: Steps, port: int | None, leashed: bool) -> Stack:
    accounts = carrier_process.Accounts.random()
    with steps.step("deployment package"):
        package = deployment.built(directory)
    with steps.step("local cloud"):
        here = cloud.start(directory, port, leashed)
    if port and not here.endpoint.endswith(f":{port}"):
        steps.note(f"port {port} is taken, so it has another")
    with steps.step("simulated carrier"):
        carrier_url = carrier_process.start(directory, accounts, leashed)
    with steps.step("deployment"):
        for provider, secret in accounts.secrets(carrier_url).items():
            _put_secret(here, provider, secret)
        _put_secret(here, "sandbox", {"secret": token_urlsafe(32)})
        url = deployment.deploy(here, package)
    with steps.step("API key"):
        api_key = apikeys.create_locally(here, SCOPES, "made by localdev")
    return _described(here, url, api_key, carrier_url)


def _described(here: cloud.Cloud, url: str, api_key: str, carrier_url: str) -> Stack:
    table = f"smsignal-{deployment.STAGE}-messages"
    described = here.client("dynamodb").describe_table(TableName=table)["Table"]
    return Stack(
        url=url,
        api_key=api_key,
        aws_endpoint_url=here.endpoint,
        region=environment.REGION,
        stage=deployment.STAGE,
        messages_table=table,
        messages_stream_arn=described["LatestStreamArn"],
        event_source=f"smsignal.{deployment.STAGE}",
        carrier_url=carrier_url,
    )


def _put_secret(here: cloud.Cloud, provider: str, secret: Mapping[str, str]) -> None:
    name = f"/smsignal/{deployment.STAGE}/{provider}"
    here.client("ssm").put_parameter(Name=name, Value=json.dumps(secret), Type="SecureString")


def _services(directory: Path) -> tuple[Service, ...]:
    return cloud.service(directory), carrier_process.service(directory)


def _clear(directory: Path) -> None:
    with undisturbed():
        (directory / "stack.json").unlink(missing_ok=True)
        for service in _services(directory):
            service.stop()
        shutil.rmtree(directory / "tmp", ignore_errors=True)


def _write(file: Path, text: str) -> None:
    """At once and for its owner alone: it holds a key."""
    new = file.with_suffix(".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
    new.rename(file)
