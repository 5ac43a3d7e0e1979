"""The deployment package: what is in it, that Lambda can run it, and the template that comes with it."""

import gzip
import hashlib
import json
import re
import stat
import subprocess
import sys
import zipfile
from importlib.util import MAGIC_NUMBER, cache_from_source, source_from_cache, source_hash
from pathlib import Path

import pytest

from chalicelib.blueprints import problems
from infra import build, descriptions, events, gateway, stage, vendor
from infra.errors import Stopped
from infra.package import package, unpacked_size

ROOT = Path(__file__).parent.parent.parent
MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """A place for build directories of our own; the installed requirements are shared with everybody."""
    with pytest.MonkeyPatch.context() as patched:
        folder = tmp_path_factory.mktemp("out")
        patched.setattr(build, "OUT", folder)
        yield folder


@pytest.fixture(scope="module")
def made(out):
    return package("dev", out / "package")


@pytest.fixture(scope="module")
def entries(made):
    with zipfile.ZipFile(made.archive) as archive:
        return archive.infolist()


@pytest.fixture(scope="module")
def unpacked(made, out):
    with zipfile.ZipFile(made.archive) as archive:
        archive.extractall(out / "unpacked")
    return out / "unpacked"


@pytest.fixture(scope="module")
def functions(made):
    resources = made.template["Resources"].values()
    found = [resource["Properties"] for resource in resources if resource["Type"] == "AWS::Serverless::Function"]
    return {function["FunctionName"]: function for function in found}


# What is in it.


def test_it_is_small(made):
    assert unpacked_size(made.archive) <= 30 * MEGABYTE  # the budget of the design
    assert unpacked_size(made.archive) <= 20 * MEGABYTE  # what it is, with some room


def test_it_holds_the_application_and_its_requirements_and_nothing_else(entries):
    names = [entry.filename for entry in entries]
    not_ours = {"bench", "bin", "docs", "infra", "localdev", "out", "pip", "setuptools", "tests", "yaml"}
    assert not_ours & {name.partition("/")[0] for name in names} == set()
    of_chalice = {name for name in names if name.startswith("chalice/") and name.endswith(".py")}
    assert of_chalice == {"chalice/__init__.py", "chalice/app.py"}
    installed = {name.partition(".dist-info/")[0] for name in names if ".dist-info/" in name}
    required = re.findall(r"^([\w-]+)==(\S+)", vendor.REQUIREMENTS.read_text(), re.MULTILINE)
    assert {one.lower() for one in installed} == {f"{name.replace('-', '_')}-{version}" for name, version in required}


def test_it_holds_the_bytecode_of_all_that_is_imported(unpacked):
    """And Python takes it on trust: that is a bit in its head, and no time of a file counts."""
    sources = {path for path in unpacked.rglob("*.py") if path != unpacked / "app.py"}
    bytecode = {Path(source_from_cache(path)): path for path in map(str, unpacked.rglob("*.pyc"))}
    assert set(bytecode) == sources
    assert {Path(path).read_bytes()[:8] for path in bytecode.values()} == {MAGIC_NUMBER + b"\1\0\0\0"}


def test_the_bytecode_is_that_of_the_code(unpacked):
    for path in (unpacked / "chalice" / "app.py", unpacked / "chalicelib" / "store.py"):
        kept = Path(cache_from_source(path)).read_bytes()
        assert kept[8:16] == source_hash(path.read_bytes())


def test_it_knows_the_aws_services_that_are_listed_and_no_other(entries):
    data = [entry.filename.split("/") for entry in entries if entry.filename.startswith("botocore/data/")]
    assert {path[2] for path in data if len(path) > 3} == set(vendor.services())


def test_everyone_may_read_its_files(entries):
    assert {stat.S_IMODE(entry.external_attr >> 16) for entry in entries} == {0o644}


def test_it_names_nothing_of_the_machine_that_made_it(unpacked):
    here = [str(ROOT).encode(), sys.prefix.encode(), str(Path.home()).encode() + b"/"]
    named = [path for path in unpacked.rglob("*") if path.is_file() and any(word in path.read_bytes() for word in here)]
    assert named == []


def test_the_same_code_gives_the_same_bytes(made, out):
    first = hashlib.sha256(made.archive.read_bytes()).hexdigest()
    again = package("dev", out / "again")
    assert hashlib.sha256(again.archive.read_bytes()).hexdigest() == first


def test_what_botocore_reads_is_short_and_all_there(unpacked):
    data = unpacked / "botocore" / "data"
    description = json.loads(gzip.decompress((data / "dynamodb" / "2012-08-10" / "service-2.json.gz").read_bytes()))
    assert "UpdateItem" in description["operations"]
    assert '"documentation"' not in json.dumps(description)
    partitions = json.loads((data / "endpoints.json").read_text())["partitions"]
    assert {"aws", "aws-cn", "aws-us-gov"} <= {partition["partition"] for partition in partitions}
    assert set(partitions[0]["services"]) >= {"dynamodb", "streams.dynamodb", "events", "sqs", "ssm", "sns", "sts"}
    assert "ec2" not in partitions[0]["services"]


@pytest.mark.parametrize(
    ("description", "short"),
    [
        pytest.param({"documentation": "<p>", "type": "map"}, {"type": "map"}, id="a text"),
        pytest.param({"members": {"documentation": {"shape": "Text"}}}, ..., id="a parameter of that name"),
        pytest.param([{"documentation": ""}], [{}], id="in a list"),
    ],
)
def test_only_what_is_for_readers_goes(description, short):
    assert descriptions.without_prose(description) == (description if short is ... else short)


# That Lambda can run it.


def as_lambda_does(unpacked, code):
    """Run code in an interpreter that has the package and the standard library, and nothing else."""
    script = f"import sys; sys.path.insert(0, {str(unpacked)!r})\n{code}"
    environment = {"SMSIGNAL_STAGE": "dev", "AWS_DEFAULT_REGION": "us-east-1", "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-I", "-S", "-c", script]
    ran = subprocess.run(command, env=environment, cwd=unpacked, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr


def test_each_handler_can_be_imported(unpacked, functions):
    assert len(functions) == 9
    for function in functions.values():
        module, _, name = function["Handler"].rpartition(".")
        app = "import" if module == "app" else "assert 'app' not in sys.modules #"
        as_lambda_does(unpacked, f"from {module} import {name}; assert callable({name})\n{app} app")


def test_what_is_imported_late_is_there(unpacked):
    services = ", ".join(repr(service) for service in vendor.services())
    as_lambda_does(unpacked, "import requests, phonenumbers, chalicelib.sending, chalicelib.providers.vonage")
    as_lambda_does(unpacked, f"import boto3\nfor service in [{services}]: boto3.client(service)")


# The template.


def test_the_template_is_clean(made):
    lint = [Path(sys.executable).with_name("cfn-lint"), "--non-zero-exit-code", "warning", made.template_file]
    ran = subprocess.run(lint, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stdout
    assert not re.search(r"[&*]id\d", made.template_file.read_text())  # CloudFormation reads no YAML aliases


def test_functions_are_named_as_chalice_deploy_names_them(functions):
    called = ("aws_eum_event", "aws_eum_message", "deliver_webhook", "dispatch_due", "log_outcome")
    events = (*called, "on_message_change", "sandbox_report", "submit_message")
    assert sorted(functions) == ["smsignal-dev", *(f"smsignal-dev-{name}" for name in events)]


def test_the_stream_is_read_so_that_nothing_blocks_it(functions):
    (event,) = functions["smsignal-dev-on_message_change"]["Events"].values()
    assert event["Properties"]["Stream"] == {"Fn::GetAtt": ["MessagesTable", "StreamArn"]}
    assert event["Properties"].items() >= events.STREAM.items()
    given_up = event["Properties"]["DestinationConfig"]["OnFailure"]["Destination"]
    assert given_up == {"Fn::GetAtt": ["UnsignalledQueue", "Arn"]}


def test_the_outbox_takes_back_only_what_failed(functions):
    (event,) = functions["smsignal-dev-submit_message"]["Events"].values()
    assert event["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]


def test_what_a_subscriber_cannot_handle_is_kept(made, functions):
    for name, queue in {
        "log_outcome": "LogOutcome",
        "aws_eum_message": "AwsEumMessage",
        "aws_eum_event": "AwsEumEvent",
    }.items():
        config = functions[f"smsignal-dev-{name}"]["EventInvokeConfig"]
        destination = config["DestinationConfig"]["OnFailure"]["Destination"]
        assert destination == {"Fn::GetAtt": [f"{queue}DeadQueue", "Arn"]}
        kept = made.template["Resources"][f"{queue}DeadQueue"]
        assert kept["Properties"]["QueueName"] == f"smsignal-dev-dead-{name}"
        assert kept["DeletionPolicy"] == "RetainExceptOnCreate"
    assert functions["smsignal-dev-dispatch_due"]["EventInvokeConfig"]["MaximumRetryAttempts"] == 0


def test_a_queue_hides_a_message_for_six_times_its_function(made, functions):
    pairs = {"OutboxQueue": "smsignal-dev-submit_message", "SandboxQueue": "smsignal-dev-sandbox_report"}
    pairs["WebhooksQueue"] = "smsignal-dev-deliver_webhook"
    for queue, function in pairs.items():
        hidden = made.template["Resources"][queue]["Properties"]["VisibilityTimeout"]
        assert hidden >= 6 * functions[function]["Timeout"]


def test_each_function_has_a_log_group_that_ends(made):
    groups = [one for one in made.template["Resources"].values() if one["Type"] == "AWS::Logs::LogGroup"]
    assert [group["Properties"]["RetentionInDays"] for group in groups] == [30] * 9


def test_what_holds_messages_outlives_the_stack(made):
    tables = [one for one in made.template["Resources"].values() if one["Type"] == "AWS::DynamoDB::Table"]
    # Kept, but for a creation that failed: else what it left behind would be in the way of the next.
    assert [table["DeletionPolicy"] for table in tables] == ["RetainExceptOnCreate"] * 3


def test_the_outputs_say_where_everything_is(made):
    outputs = {"RestAPIId", "EndpointURL", "MessagesStreamArn", "MessagesTable", "ApiKeysTable", "EventSource"}
    assert set(made.template["Outputs"]) >= outputs


def test_api_gateway_answers_as_the_application_does(made):
    api = made.template["Resources"]["RestAPI"]["Properties"]["DefinitionBody"]
    assert api["x-amazon-apigateway-gateway-responses"] == gateway.responses()
    for answer in gateway.responses().values():
        said = json.loads(answer["responseTemplates"]["application/json"])
        ours = problems.problem(said["status"], said["code"], said["title"], said["detail"])
        assert (json.loads(ours.body), ours.status_code) == (said, int(answer["statusCode"]))
        if said["status"] in problems.CODES:
            assert (problems.CODES[said["status"]], problems.TITLES[said["status"]]) == (said["code"], said["title"])


# Stages.


def test_more_variables_can_be_given(out):
    made = package("dev", out / "more", environment={"SMSIGNAL_PUBLIC_URL": "http://localhost"})
    variables = made.template["Resources"]["APIHandler"]["Properties"]["Environment"]["Variables"]
    assert variables["SMSIGNAL_PUBLIC_URL"] == "http://localhost"
    assert variables["SMSIGNAL_STAGE"] == "dev"


def test_a_custom_domain_is_the_public_url():
    domain = {"domain_name": "sms.example.com", "url_prefix": "v1", "certificate_arn": "..."}
    config = {"stages": {"prod": {"api_gateway_custom_domain": domain}}}
    assert stage.Stage("prod", config).environment["SMSIGNAL_PUBLIC_URL"] == "https://sms.example.com/v1"


@pytest.mark.parametrize(
    ("config", "name", "sentence"),
    [
        pytest.param('{"stages": {"dev": {}}}', "prod", "no stage 'prod' .* only dev", id="a stage that is not there"),
        pytest.param('{"stages": {"Prod-1": {}}}', "Prod-1", "small letters", id="a name that AWS would not take"),
        pytest.param("{", "dev", "not JSON", id="a broken file"),
    ],
)
def test_what_is_wrong_with_a_stage_is_said(config, name, sentence, tmp_path, monkeypatch):
    (tmp_path / "config.json").write_text(config)
    monkeypatch.setattr(stage, "CONFIG", tmp_path / "config.json")
    with pytest.raises(Stopped, match=sentence):
        stage.read_stage(name)


def test_a_requirement_that_lambda_cannot_have_is_named(tmp_path, monkeypatch):
    (tmp_path / "requirements.txt").write_text("not-pure==1\n")
    failed = subprocess.CompletedProcess([], 1, stdout="", stderr="WARNING: x\nERROR: No matching distribution\n")
    monkeypatch.setattr(vendor, "REQUIREMENTS", tmp_path / "requirements.txt")
    monkeypatch.setattr(vendor, "OUT", tmp_path)
    monkeypatch.setattr(vendor.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(Stopped, match=r"for Lambda: No matching distribution\n.*vendor/"):
        vendor.vendored()
    assert [path.name for path in tmp_path.iterdir()] == ["requirements.txt"]


def test_a_package_of_ones_own_in_vendor_comes_first(tmp_path, monkeypatch):
    (tmp_path / "vendor" / "requests").mkdir(parents=True)
    (tmp_path / "vendor" / "requests" / "own.py").write_text("")
    (tmp_path / "chalicelib").mkdir()
    (tmp_path / "app.py").write_text("")
    monkeypatch.setattr(build, "ROOT", tmp_path)
    monkeypatch.setattr(build, "OUT", tmp_path / "out")
    project = build.build(stage.read_stage("dev"))
    assert [path.name for path in (project / "vendor" / "requests").iterdir()] == ["own.py"]
    assert (project / "vendor" / "boto3" / "session.py").exists()
