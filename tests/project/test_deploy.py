"""`make deploy`, whole, against the local cloud: from nothing to a delivered text, again, elsewhere, and away."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from infra import vendor
from localdev import cloud, environment
from localdev.waiting import wait_for

ROOT = Path(__file__).parent.parent.parent
API = "smsignal01"
LONG = 60  # seconds
#: The calls that change nothing.
READS = re.compile("(Get|Describe|List)[A-Z]")


class Checkout:
    """A copy of the repository and the local cloud that it is deployed to."""

    def __init__(self, root, where):
        self.root, self.cloud = root, where
        self.url = f"{where.endpoint}/restapis/{API}/api/_user_request_"
        self.environment = environment.isolated() | {"AWS_ENDPOINT_URL": where.endpoint}

    def run(self, *command, **variables):
        """Run Python here; returns what came of it, with all that it said as `output`."""
        env = {name: value for name, value in {**self.environment, **variables}.items() if value is not None}
        done = subprocess.run(
            [sys.executable, *command],
            cwd=self.root,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LONG,
        )
        done.output = done.stdout
        return done

    def deploy(self, stage):
        """`make deploy`; returns what it said."""
        done = self.run("-m", "infra.deploy", "--stage", stage)
        assert done.returncode == 0, done.output
        return done.output

    def config(self, stage, entry):
        """Give .chalice/config.json an entry for a stage."""
        path = self.root / ".chalice" / "config.json"
        config = json.loads(path.read_text())
        config["stages"][stage] = entry
        path.write_text(json.dumps(config))

    def record(self, stage):
        """What Chalice deployed, by name."""
        resources = json.loads((self.root / ".chalice" / "deployed" / f"{stage}.json").read_text())["resources"]
        return {resource["name"]: resource for resource in resources}

    def functions(self, stage):
        """The stage's Lambdas as they are, by name."""
        found = self.cloud.client("lambda").list_functions()["Functions"]
        return {one["FunctionName"]: one for one in found if one["FunctionName"].startswith(f"smsignal-{stage}")}

    def mappings(self, stage):
        """The stage's event source mappings as they are, by function."""
        found = self.cloud.client("lambda").list_event_source_mappings()["EventSourceMappings"]
        named = {one["FunctionArn"].rpartition(":")[2]: one for one in found}
        return {name: one for name, one in named.items() if name.startswith(f"smsignal-{stage}-")}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """The repository as a newcomer has it, and an empty cloud."""
    root, home = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("cloud")
    for name in ("app.py", "requirements.txt"):
        shutil.copy(ROOT / name, root)
    for name in ("chalicelib", "infra", ".chalice"):
        unwanted = shutil.ignore_patterns("__pycache__", "deployed", "deployments")
        shutil.copytree(ROOT / name, root / name, ignore=unwanted)
    installed = vendor.vendored()
    (root / "out").mkdir()
    (root / "out" / installed.name).symlink_to(installed)
    with pytest.MonkeyPatch.context() as patched:
        shim = Path(__file__).with_name("importing_cloud.py")
        patched.setattr(cloud, "COMMAND", (sys.executable, str(shim), API))
        yield Checkout(root, cloud.start(home, leashed=True))
        cloud.service(home).stop()


@pytest.fixture(scope="module")
def dev(checkout):
    """The stage dev, deployed; its callbacks come to the local cloud's own URL."""
    variables = {"SMSIGNAL_DEFAULT_SENDER": "smsignal", "SMSIGNAL_PUBLIC_URL": checkout.url}
    checkout.config("dev", {"environment_variables": variables})
    checkout.said = checkout.deploy("dev")
    return checkout


@pytest.fixture(scope="module")
def prod(dev):
    """A second stage, next to the first."""
    dev.config("prod", {"environment_variables": {"SMSIGNAL_SECRETS": "secretsmanager"}})
    dev.deploy("prod")
    return dev


@pytest.fixture(scope="module")
def key(dev):
    """An API key of the stage dev."""
    code = "from chalicelib import keys, sending; print(keys.create(['send', 'read'], sending.now())[0])"
    return {"Authorization": f"Bearer {dev.run('-c', code, SMSIGNAL_STAGE='dev').output.strip()}"}


# The first deployment.


def test_it_says_where_the_stage_is_and_what_to_do_next(dev):
    assert f"Stage dev is at {dev.url}\n" in dev.said
    assert dev.said.endswith("make key STAGE=dev SCOPES=send,read\n")


def test_the_api_answers(dev):
    answer = requests.get(f"{dev.url}/health", timeout=LONG)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "stage": "dev"})


@pytest.mark.parametrize("path", ["/nowhere", "/messages/a/b"])
def test_a_path_that_is_not_there_is_a_problem(dev, path):
    answer = requests.get(f"{dev.url}{path}", timeout=LONG)
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")
    assert answer.json()["code"] == "not_found"


def test_a_text_is_delivered_and_whoever_subscribed_is_told(dev, key):
    text = {"to": "+33612345678", "text": "Your code is 123456"}
    sent = requests.post(f"{dev.url}/send", json=text, headers=key, timeout=LONG)
    assert sent.status_code == 201, sent.text
    message = f"{dev.url}/messages/{sent.json()['id']}"
    wait_for(
        lambda: requests.get(message, headers=key, timeout=LONG).json()["status"] == "delivered", LONG, "the receipts"
    )
    logs, group = dev.cloud.client("logs"), "/aws/lambda/smsignal-dev-log_outcome"
    wait_for(lambda: sent.json()["id"] in str(logs.filter_log_events(logGroupName=group)["events"]), LONG, "its signal")


def test_a_text_for_later_goes_over_the_outbox(dev, key):
    text = {"to": "+33612345678", "text": "Your code is 123456"}
    headers = key | {"Prefer": "respond-async"}
    stored = requests.post(f"{dev.url}/send", json=text, headers=headers, timeout=LONG)
    assert (stored.status_code, stored.json()["status"]) == (202, "created")
    message = f"{dev.url}/messages/{stored.json()['id']}"
    wait_for(
        lambda: requests.get(message, headers=key, timeout=LONG).json()["status"] == "delivered", LONG, "the receipts"
    )


def test_the_events_come_as_the_decorators_cannot_say(dev):
    mappings, queue = dev.mappings("dev"), "arn:aws:sqs:us-east-1:000000000000:smsignal-dev-"
    stream = mappings["smsignal-dev-on_message_change"]
    assert (stream["BisectBatchOnFunctionError"], stream["MaximumRecordAgeInSeconds"]) == (True, 21_600)
    assert stream["DestinationConfig"]["OnFailure"]["Destination"] == f"{queue}unsignalled"
    assert mappings["smsignal-dev-submit_message"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    config = dev.cloud.client("lambda").get_function_event_invoke_config(FunctionName="smsignal-dev-log_outcome")
    assert config["DestinationConfig"]["OnFailure"]["Destination"] == f"{queue}dead-log_outcome"


def test_the_logs_of_each_function_end(dev):
    groups = dev.cloud.client("logs").describe_log_groups(logGroupNamePrefix="/aws/lambda/smsignal-dev")["logGroups"]
    assert {group["logGroupName"].removeprefix("/aws/lambda/") for group in groups} == set(dev.functions("dev"))
    assert {group["retentionInDays"] for group in groups} == {30}


def test_the_package_in_the_cloud_is_that_of_make_package(dev):
    sums = {function["CodeSha256"] for function in dev.functions("dev").values()}
    package = "from infra.package import package; import hashlib, base64; made = package('dev').archive.read_bytes()"
    said = dev.run("-c", f"{package}; print(base64.b64encode(hashlib.sha256(made).digest()).decode())")
    assert sums == {said.output.strip()}


# The next ones.


def test_a_second_deployment_changes_nothing(dev):
    before = dev.record("dev"), dev.functions("dev").keys(), dev.mappings("dev").keys()
    said = dev.deploy("dev")
    assert (dev.record("dev"), dev.functions("dev").keys(), dev.mappings("dev").keys()) == before
    # Chalice sends everything again, and its upload drops the API's own answers; those are all that is put back.
    assert [line for line in said.splitlines() if line.startswith(("Setting", "Telling"))] == [
        "Setting the API's own answers"
    ]
    assert requests.get(f"{dev.url}/nowhere", timeout=LONG).status_code == 404


WITHOUT_CHALICE = """
import json
from infra import deploy
calls, open_session = [], deploy.open_session
def watched(region):
    session, place = open_session(region)
    session.events.register("before-call", lambda model, **_: calls.append(model.name))
    return session, place
deploy.open_session, deploy._run_chalice = watched, lambda *_: None
deploy.deploy("dev", show=lambda _: None)
print(json.dumps(calls))
"""


def test_what_is_not_chalice_only_reads_when_there_is_nothing_to_do(dev):
    calls = json.loads(dev.run("-c", WITHOUT_CHALICE).output)
    assert len(calls) > 10
    assert [call for call in calls if not READS.match(call)] == []


def test_two_stages_live_side_by_side(prod):
    assert prod.record("prod")["rest_api"]["rest_api_id"] != API
    assert len(prod.functions("prod")) == len(prod.functions("dev")) == 9
    assert requests.get(f"{prod.url}/health", timeout=LONG).json()["stage"] == "dev"


def test_a_stage_that_names_no_url_is_told_its_own(prod):
    url = prod.record("prod")["rest_api"]["rest_api_url"].rstrip("/")
    known = {one["Environment"]["Variables"]["SMSIGNAL_PUBLIC_URL"] for one in prod.functions("prod").values()}
    assert known == {url}
    assert re.fullmatch(r"https://\w+\.execute-api\.us-east-1\.amazonaws\.com/api", url)


def test_the_sandbox_can_sign_wherever_the_secrets_are(prod):
    found = prod.cloud.client("ssm").get_parameter(Name="/smsignal/dev/sandbox", WithDecryption=True)["Parameter"]
    assert found["Type"] == "SecureString"
    stored = prod.cloud.client("secretsmanager").get_secret_value(SecretId="smsignal/prod/sandbox")["SecretString"]
    assert len(json.loads(stored)["secret"]) == len(json.loads(found["Value"])["secret"]) == 43


def test_a_stage_is_found_again_without_the_record_of_it(prod):
    before, mappings = prod.record("prod"), prod.mappings("prod").keys()
    (prod.root / ".chalice" / "deployed" / "prod.json").unlink()
    prod.deploy("prod")
    assert (prod.record("prod"), prod.mappings("prod").keys()) == (before, mappings)


def test_the_end_of_a_stage_leaves_its_messages(prod):
    done = prod.run("-m", "infra.remove", "--stage", "prod", "--yes")
    assert done.returncode == 0, done.output
    assert (prod.functions("prod"), prod.mappings("prod")) == ({}, {})
    assert "smsignal-prod-messages" in prod.cloud.client("dynamodb").list_tables()["TableNames"]
    assert len(prod.functions("dev")) == 9
    again = prod.run("-m", "infra.deploy", "--stage", "prod")
    assert again.returncode == 1
    assert re.match("Stopped: smsignal-prod-messages, .* exist, but not the stack", again.output)


# What is said when it cannot go on.


@pytest.mark.parametrize(
    ("stage", "variables", "sentence"),
    [
        pytest.param("qa", {}, "Stopped: there is no stage 'qa' in .chalice/config.json", id="no such stage"),
        pytest.param(
            "dev", {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}, "no AWS credentials", id="no credentials"
        ),
        pytest.param("dev", {"AWS_DEFAULT_REGION": None}, "which region?", id="no region"),
        pytest.param("dev", {"AWS_PROFILE": "acme"}, r"profile \(acme\) could not be found", id="no such profile"),
        pytest.param(
            "dev", {"AWS_DEFAULT_REGION": "eu-west-1"}, "'dev' is in .* region us-east-1; you are in .*, eu-west-1",
            id="another region",
        ),
        pytest.param(
            "dev", {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_MAX_ATTEMPTS": "1"}, "AWS cannot be asked: ",
            id="no network",
        ),
    ],
)  # fmt: skip
def test_what_is_missing_is_said_in_a_sentence(dev, stage, variables, sentence):
    done = dev.run("-m", "infra.deploy", "--stage", stage, **variables)
    assert done.returncode == 1
    assert re.search(sentence, done.output)
    assert "Traceback" not in done.output


def test_what_chalice_fails_at_is_said_in_a_sentence(dev):
    broken = dev.root / "chalicelib" / "blueprints" / "health.py"
    code = broken.read_text()
    broken.write_text(f"{code}\nraise RuntimeError('no good')\n")
    done = dev.run("-m", "infra.deploy", "--stage", "dev")
    broken.write_text(code)
    assert (done.returncode, done.output.splitlines()[-1]) == (
        1,
        "Stopped: chalice package failed: RuntimeError: no good",
    )


def test_chalice_alone_says_what_to_run_instead(dev):
    main = "import sys; from chalice.cli import main; sys.exit(main())"
    done = dev.run("-c", main, "deploy", "--stage", "dev")
    assert done.returncode != 0
    assert done.output.startswith("The tables and queues of stage 'dev' are not known here. Run: make deploy STAGE=dev")
    assert "Traceback" not in done.output
