"""The deployment package and its CloudFormation template: `python -m infra.package --stage dev --out out/package`.

The template holds the whole stage: Chalice's functions and API, the tables and queues of infra/resources.yaml, and the settings
that Chalice's decorators cannot express.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from chalice.utils import to_cfn_resource_name

from chalicelib.config import NO_STREAM
from infra import events, gateway
from infra.build import build
from infra.chalice import chalice
from infra.console import run, say
from infra.paths import OUT, ROOT
from infra.stack import Show
from infra.stage import Stage, read_stage

RESOURCES = ROOT / "infra" / "resources.yaml"


@dataclass(frozen=True)
class Package:
    """What `package` makes."""

    template: dict[str, Any]  #: the CloudFormation template; its functions' CodeUri is ./deployment.zip
    template_file: Path
    archive: Path  #: the code of all the functions


def package(stage_name: str, out: Path | None = None, environment: Mapping[str, str] | None = None) -> Package:
    """Make the package of a stage in `out` (out/<stage>/package). `environment` is added to the functions' variables.

    It needs no credentials, and the template fits any account and region. Raises Stopped.
    """
    stage = read_stage(stage_name)
    stage.checked_route()
    out = (out or OUT / stage.name / "package").resolve()
    shutil.rmtree(out, ignore_errors=True)
    made = pack(build(stage, environment=environment), stage, out)
    template = complete(yaml.safe_load(made.read_text()), stage)
    made.unlink()
    template_file = out / "template.yaml"
    distinct = json.loads(json.dumps(template))  # else equal parts become aliases, which CloudFormation does not read
    template_file.write_text(yaml.safe_dump(distinct, sort_keys=False, width=120))
    return Package(template, template_file, out / "deployment.zip")


def pack(project: Path, stage: Stage, out: Path) -> Path:
    """Have Chalice make the zip and its template in `out`; returns the template.

    The zip is made reproducible, also where `chalice deploy` will find it, so that it uploads the same bytes.
    """
    region = os.environ.get("AWS_DEFAULT_REGION", "us-east-1")  # it must have one, and uses it for nothing
    chalice(
        project,
        *("package", "--stage", stage.name, "--merge-template", str(RESOURCES), str(out)),
        # app.py names a stream when it is imported; the template names the real one.
        environment={"SMSIGNAL_MESSAGES_STREAM_ARN": NO_STREAM, "AWS_DEFAULT_REGION": region},
        show=lambda _: None,
    )
    (archive,) = (project / ".chalice" / "deployments").glob("*.zip")
    reproduce(archive)
    shutil.copyfile(archive, out / "deployment.zip")
    return out / "sam.yaml"


def reproduce(archive: Path) -> None:
    """Write a zip again so that the same files give the same bytes on every machine, and can be read by everyone."""
    with zipfile.ZipFile(archive) as made:
        files = {name: made.read(name) for name in sorted(made.namelist())}
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as again:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)  # dated 1980
            entry.external_attr = 0o644 << 16
            entry.create_system = 3
            again.writestr(entry, content, zipfile.ZIP_DEFLATED)


def unpacked_size(archive: Path) -> int:
    """How many bytes Lambda has to hold."""
    with zipfile.ZipFile(archive) as made:
        return sum(entry.file_size for entry in made.infolist())


def complete(template: dict[str, Any], stage: Stage) -> dict[str, Any]:
    """Add to Chalice's template what its decorators cannot express."""
    template["Description"] = f"smsignal - stage {stage.name}"
    template["Parameters"]["Stage"] |= {"Default": stage.name, "AllowedValues": [stage.name]}
    _complete_api(template["Resources"]["RestAPI"]["Properties"], stage)
    for resource in [*template["Resources"].values()]:
        if resource["Type"] == "AWS::Serverless::Function":
            template["Resources"] |= _complete_function(resource["Properties"], stage)
    template["Resources"]["APIHandlerLogGroup"] = _log_group(stage)
    return template


def _complete_api(api: dict[str, Any], stage: Stage) -> None:
    api["Name"] = stage.function("api_handler")
    api["OpenApiVersion"] = "2.0"  # else SAM adds a second API stage, named "Stage"
    api["DefinitionBody"]["x-amazon-apigateway-gateway-responses"] = gateway.responses()


def _complete_function(function: dict[str, Any], stage: Stage) -> dict[str, Any]:
    """Complete a function; returns what it needs beside it."""
    name = "api_handler" if function["Handler"] == "app.app" else function["Handler"].rpartition(".")[2]
    function["FunctionName"] = stage.function(name)
    for event in function.get("Events", {}).values():
        _complete_event(event["Type"], event["Properties"], function, name)
    called = any(event["Type"] in ("CloudWatchEvent", "SNS") for event in function.get("Events", {}).values())
    return {_dead_queue_of(name): _dead_queue(name, stage)} if called else {}


def _dead_queue_of(name: str) -> str:
    return f"{to_cfn_resource_name(name)}DeadQueue"


def _dead_queue(name: str, stage: Stage) -> dict[str, Any]:
    kept = {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}
    properties = {"QueueName": stage.resource(events.dead_queue(name)), **events.DEAD_QUEUE}
    return {"Type": "AWS::SQS::Queue", **kept, "Properties": properties}


def _complete_event(kind: str, event: dict[str, Any], function: dict[str, Any], name: str) -> None:
    if kind == "DynamoDB":
        event["Stream"] = {"Fn::GetAtt": ["MessagesTable", "StreamArn"]}
        destination = {"Type": "SQS", "Destination": {"Fn::GetAtt": ["UnsignalledQueue", "Arn"]}}
        event |= events.STREAM | {"DestinationConfig": {"OnFailure": destination}}
    elif kind == "SQS" and event["BatchSize"] > 1:
        event |= events.QUEUE
    elif kind in ("CloudWatchEvent", "SNS"):
        if str(event.get("Topic", {})).endswith("-aws-eum'}"):  # by its name alone the topic might be made too late
            event["Topic"] = {"Ref": "AwsEumTopic"}
        destination = {"Type": "SQS", "Destination": {"Fn::GetAtt": [_dead_queue_of(name), "Arn"]}}
        function["EventInvokeConfig"] = events.SUBSCRIBER | {"DestinationConfig": {"OnFailure": destination}}
    elif kind == "Schedule":
        function["EventInvokeConfig"] = dict(events.CLOCK)


def _log_group(stage: Stage) -> dict[str, Any]:
    name = {"Fn::Sub": "/aws/lambda/${APIHandler}"}
    return {
        "Type": "AWS::Logs::LogGroup",
        "Properties": {"LogGroupName": name, "RetentionInDays": stage.log_retention_in_days},
    }


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m infra.package", description="Make the deployment package.")
    parser.add_argument("--stage", default="dev")
    parser.add_argument("--out", type=Path, help="where it goes (default: out/<stage>/package)")
    arguments = parser.parse_args()

    def command(_: Show) -> None:
        made = package(arguments.stage, arguments.out)
        size, unpacked = made.archive.stat().st_size, unpacked_size(made.archive)
        say(f"{made.archive}  {size / 1e6:.1f} MB, {unpacked / 1e6:.1f} MB unpacked")
        say(f"{made.template_file}")

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
