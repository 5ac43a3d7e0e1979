"""From the repository to a running stage: `python -m infra.deploy --stage dev`. Safe to repeat.

Tables and queues first (infra/resources.py), then `chalice deploy` in the build directory, then what Chalice leaves out
(infra/settings.py).
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
import tempfile
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import NoCredentialsError, NoRegionError, ProfileNotFound
from chalice.config import Config

from infra.build import build
from infra.chalice import chalice
from infra.console import run, say
from infra.errors import Stopped
from infra.package import pack
from infra.policies import Place
from infra.record import Record, bring_back
from infra.recovery import put_right
from infra.resources import make_resources
from infra.settings import apply_settings, make_log_group
from infra.stack import Show
from infra.stage import PUBLIC_URL, Stage, read_stage


def deploy(stage_name: str, region: str | None = None, show: Show = print) -> str:
    """Deploy a stage; returns its URL. Raises Stopped, and botocore's exceptions."""
    stage = read_stage(stage_name)
    stage.checked_route()
    check_python()
    session, place = open_session(region)
    record = Record.of(stage)
    record.check_place(stage, place)
    stream_arn = make_resources(session, stage, show)
    make_sandbox_secret(session, stage, show)
    make_log_group(session.client("logs"), stage)
    put_right(record, session, stage, stream_arn)
    known = {PUBLIC_URL: record.url} if record.url and not stage.environment.get(PUBLIC_URL) else {}
    project = build(stage, place, known)
    record.put_into(project, stage)
    try:
        _run_chalice(project, stage, place, stream_arn, show)
    finally:
        bring_back(project, stage)
    record = Record.of(stage)
    apply_settings(session, stage, place, record, show)
    return stage.environment.get(PUBLIC_URL) or record.url or ""


def open_session(region: str | None) -> tuple[Any, Place]:
    """A session in the region, and where it is. Raises Stopped when there are no credentials or no region."""
    try:
        session = boto3.Session(region_name=region or os.environ.get("AWS_REGION"))
        identity = session.client("sts").get_caller_identity()
    except ProfileNotFound as error:
        raise Stopped(f"{error}: see 'aws configure list-profiles', and the variable AWS_PROFILE") from None
    except NoRegionError:
        raise Stopped("which region? Say REGION=eu-west-1, or set AWS_DEFAULT_REGION") from None
    except NoCredentialsError:
        raise Stopped("there are no AWS credentials here: run 'aws configure', or set AWS_PROFILE") from None
    partition = identity["Arn"].split(":")[1]
    return session, Place(partition, session.region_name, identity["Account"])


def check_python() -> None:
    """Raise Stopped when Lambda does not have this Python: Chalice deploys for the one that runs it."""
    here, there = "python{}.{}".format(*sys.version_info), Config().lambda_python_version
    if here != there:
        raise Stopped(f"Lambda has no {here}. Make the virtual environment again with {there}")


def make_sandbox_secret(session: Any, stage: Stage, show: Show) -> None:
    """The secret with which the sandbox provider signs, made once: nobody needs to know it."""
    secret = json.dumps({"secret": secrets.token_urlsafe(32)})
    if stage.environment.get("SMSIGNAL_SECRETS") == "secretsmanager":
        manager, name = session.client("secretsmanager"), f"smsignal/{stage.name}/sandbox"
        try:
            manager.describe_secret(SecretId=name)
        except manager.exceptions.ResourceNotFoundException:
            show(f"Creating the secret {name}")
            manager.create_secret(Name=name, SecretString=secret)
        return
    ssm, name = session.client("ssm"), f"/smsignal/{stage.name}/sandbox"
    try:
        ssm.get_parameter(Name=name)
    except ssm.exceptions.ParameterNotFound:
        show(f"Creating the parameter {name}")
        ssm.put_parameter(Name=name, Value=secret, Type="SecureString")


def chalice_environment(place: Place, stream_arn: str) -> dict[str, str]:
    """What Chalice has to know of a place."""
    return {"SMSIGNAL_MESSAGES_STREAM_ARN": stream_arn, "AWS_DEFAULT_REGION": place.region, "AWS_REGION": place.region}


def _run_chalice(project: Path, stage: Stage, place: Place, stream_arn: str, show: Show) -> None:
    with tempfile.TemporaryDirectory() as unused:
        pack(project, stage, Path(unused))
    chalice(project, "deploy", "--stage", stage.name, environment=chalice_environment(place, stream_arn), show=show)


def _topic(stage_name: str, region: str | None) -> str | None:
    """The topic that AWS End User Messaging is to report to, where the stage sends by it."""
    stage = read_stage(stage_name)
    route = stage.checked_route()
    used = route.providers if route else [stage.environment.get("SMSIGNAL_PROVIDER", "sandbox")]
    if "aws_eum" not in used:
        return None
    _, place = open_session(region)
    return f"arn:{place.partition}:sns:{place.region}:{place.account}:{stage.resource('aws-eum')}"


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m infra.deploy", description="Deploy a stage; safe to repeat.")
    parser.add_argument("--stage", default="dev")
    parser.add_argument("--region", help="default: that of your AWS configuration")
    arguments = parser.parse_args()

    def command(show: Show) -> None:
        url = deploy(arguments.stage, arguments.region or None, show)
        say(f"\nStage {arguments.stage} is at {url}", "bold")
        if topic := _topic(arguments.stage, arguments.region or None):
            say(f"AWS End User Messaging reports to {topic} (docs/providers/aws_eum.md)")
        say(f"Make an API key:  make key STAGE={arguments.stage} SCOPES=send,read")

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
