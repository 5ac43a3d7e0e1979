"""The example on smsignal's local stack: `python local.py deploy`, `python local.py show`; the Makefile calls it.

What `chalice deploy` does on AWS is done here with the package that Chalice makes, as a CloudFormation stack.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import boto3
from botocore.exceptions import ClientError

HERE = Path(__file__).parent
STAGE, NAME, BUCKET = "dev", "notifications-dev", "notifications-package"
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]


def clients():
    """What makes clients of the local cloud that smsignal runs in."""
    directory = Path(os.environ.get("SMSIGNAL_LOCAL_DIR") or HERE.parent.parent / ".local")
    try:
        stack = json.loads((directory / "stack.json").read_text())
    except FileNotFoundError:
        sys.exit("smsignal's local stack is down. Start it first: make up")
    place = {"endpoint_url": stack["aws_endpoint_url"], "region_name": stack["region"]}
    keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
    return lambda service: boto3.client(service, **place, **keys)


def deploy(client):
    """Package, upload, make the stack (or change it), and say how to go on."""
    with tempfile.TemporaryDirectory() as out:
        template = package(Path(out))
        code = Path(out, "deployment.zip").read_bytes()
    name = f"{hashlib.sha256(code).hexdigest()}.zip"  # other code has another name, so that CloudFormation sees it
    client("s3").create_bucket(Bucket=BUCKET)
    client("s3").put_object(Bucket=BUCKET, Key=name, Body=code)
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            function = resource["Properties"]
            function["CodeUri"] = f"s3://{BUCKET}/{name}"
            function["FunctionName"] = f"{NAME}-{function['Handler'].rpartition('.')[2]}"  # as by `chalice deploy`
    make_stack(client("cloudformation"), json.dumps(template))
    for function in client("lambda").list_functions()["Functions"]:
        if function["FunctionName"].startswith(NAME):
            say(function["FunctionArn"])


def package(out):
    """Have Chalice make the package, with the table in its template; returns the template."""
    chalice = Path(sys.executable).with_name("chalice")
    command = [chalice, "package", "--stage", STAGE, "--merge-template", "resources.json"]
    # Chalice must have a region, and uses it for nothing.
    environment = {**os.environ, "AWS_DEFAULT_REGION": "us-east-1", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([*command, str(out)], cwd=HERE, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads((out / "sam.json").read_text())


def make_stack(cloudformation, template):
    """Make the stack, or change the one that is there."""
    request = {"StackName": NAME, "TemplateBody": template, "Capabilities": CAPABILITIES}
    try:
        cloudformation.create_stack(**request)
        waiter = cloudformation.get_waiter("stack_create_complete")
    except cloudformation.exceptions.AlreadyExistsException:
        try:
            cloudformation.update_stack(**request)
        except ClientError as error:
            if "No updates" not in str(error):
                raise
        waiter = cloudformation.get_waiter("stack_update_complete")
    waiter.wait(StackName=NAME, WaiterConfig={"Delay": 1, "MaxAttempts": 60})


def show(client):
    """The table: a line for each notification."""
    for page in client("dynamodb").get_paginator("scan").paginate(TableName="notifications"):
        for item in page["Items"]:
            found = (item.get(name, {}) for name in ("message_id", "reference", "sequence", "status", "price"))
            say("  ".join(str(value.get("S", value.get("N", "-"))) for value in found))


def say(line):
    """Write a line."""
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    {"deploy": deploy, "show": show}[sys.argv[1]](clients())
