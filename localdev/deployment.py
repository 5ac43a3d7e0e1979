"""The deployment package as a CloudFormation stack on the local cloud: the very package that goes to AWS."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra import gateway
from infra.package import Package, package
from localdev.cloud import Cloud
from localdev.processes import ROOT, alone
from localdev.waiting import wait_for

STAGE = "local"
NAME = f"smsignal-{STAGE}"
BUCKET, CODE, TEMPLATE = f"{NAME}-package", "deployment.zip", "template.json"
API_STAGE = "api"  # as in .chalice/config.json
DEPLOY = 60.0  # seconds


class NotDeployed(Exception):
    """The stack could not be made of the package; the text says why."""


def built(directory: Path) -> Package:
    """The package and its template, built into a folder of the directory. Raises Stopped (infra.errors)."""
    with alone(ROOT / "out"):  # where every build of a stage is made
        return package(STAGE, directory / "package")


def deploy(cloud: Cloud, made: Package) -> str:
    """Upload the package, make the stack and wait for it; returns the API's URL. Raises NotDeployed."""
    try:
        _upload(cloud, made)
        stack = _make_stack(cloud.client("cloudformation"), f"{cloud.endpoint}/{BUCKET}/{TEMPLATE}")
        (api,) = (output["OutputValue"] for output in stack["Outputs"] if output["OutputKey"] == "RestAPIId")
        url = f"{cloud.endpoint}/restapis/{api}/{API_STAGE}/_user_request_"
        _set_public_url(cloud, url)
        _set_answers(cloud, api)
    except (BotoCoreError, ClientError) as error:
        said = str(error)
        raise NotDeployed(said if len(said) < 500 else f"{said[:200]} ... {said[-200:]}") from None
    return url


def _upload(cloud: Cloud, made: Package) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.upload_file(os.fspath(made.archive), BUCKET, CODE)
    s3.put_object(Bucket=BUCKET, Key=TEMPLATE, Body=json.dumps(_with_code(made.template)))


def _make_stack(cloudformation: Any, template_url: str) -> dict[str, Any]:
    capabilities = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
    cloudformation.create_stack(StackName=NAME, TemplateURL=template_url, Capabilities=capabilities)
    stack = wait_for(lambda: _settled(cloudformation), DEPLOY, "the stack")
    if stack["StackStatus"] != "CREATE_COMPLETE":
        raise NotDeployed("the stack cannot be made:\n" + "\n".join(_reasons(cloudformation)))
    return stack


def _with_code(template: dict[str, Any]) -> dict[str, Any]:
    """The template, with where the code is."""
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = f"s3://{BUCKET}/{CODE}"
    return template


def _set_public_url(cloud: Cloud, url: str) -> None:
    """Tell the functions where providers reach them: no Lambda could find out, and no template can know."""
    client = cloud.client("lambda")
    for function in client.list_functions()["Functions"]:
        variables = {**function["Environment"]["Variables"], "SMSIGNAL_PUBLIC_URL": url}
        client.update_function_configuration(
            FunctionName=function["FunctionName"], Environment={"Variables": variables}
        )


def _set_answers(cloud: Cloud, api: str) -> None:
    """Give the API its own answers: ministack passes over those in the template."""
    apigateway = cloud.client("apigateway")
    gateway.apply(apigateway, api)
    apigateway.create_deployment(restApiId=api, stageName=API_STAGE)


def _settled(cloudformation: Any) -> dict[str, Any] | None:
    (stack,) = cloudformation.describe_stacks(StackName=NAME)["Stacks"]
    return None if stack["StackStatus"].endswith("IN_PROGRESS") else stack


def _reasons(cloudformation: Any) -> Iterator[str]:
    for event in cloudformation.describe_stack_events(StackName=NAME)["StackEvents"]:
        if reason := event.get("ResourceStatusReason"):
            yield f"  {event['LogicalResourceId']}: {reason}"
