"""The local stack itself: a text goes its way, and the commands start, find and end the stack."""

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from localdev.processes import ROOT, Service
from localdev.waiting import wait_for

SERVICES = ("cloud", "carrier")
pytestmark = pytest.mark.timeout(180)
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent, and has /proc")


def command(*arguments, directory, **environment):
    """The environment of somebody with AWS settings of their own, which must not matter."""
    own = {"AWS_PROFILE": "theirs", "AWS_CONFIG_FILE": "/nowhere", "AWS_ENDPOINT_URL": "http://192.0.2.1"}
    return {
        "args": [sys.executable, "-m", "localdev", *arguments],
        "cwd": ROOT,
        "env": {**os.environ, **own, "SMSIGNAL_LOCAL_DIR": str(directory), **environment},
        "text": True,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.STDOUT,
    }


def run(*arguments, directory, **environment):
    """A command that ends; its exit code and output."""
    done = subprocess.run(**command(*arguments, directory=directory, **environment), timeout=120)
    return done.returncode, done.stdout


@contextmanager
def running(directory):
    """`make run`, from when it says what to do next."""
    with subprocess.Popen(**command("run", directory=directory)) as process:
        shown = []
        try:
            for line in process.stdout:
                shown.append(line)
                if "until Ctrl-C" in line:
                    break
            yield process, "".join(shown)
        finally:
            process.kill()


def groups(directory):
    """The process groups of a stack."""
    return {pid for name in SERVICES if (pid := Service(name, directory).pid())}


def remains(pgids):
    """The process groups of these that still have a living process, be it a Lambda."""
    if Path("/proc/self/stat").exists():
        states = [text.rpartition(")")[2].split() for text in stat_files()]
        found = [(state, int(pgid)) for state, _, pgid, *_ in states]
    else:
        listed = subprocess.run(["ps", "-eo", "stat=,pgid="], capture_output=True, text=True, check=True).stdout
        found = [(line.split()[0][0], int(line.split()[1])) for line in listed.splitlines()]
    return {pgid for state, pgid in found if pgid in pgids and state != "Z"}


def stat_files():
    """proc_pid_stat(5) of every process."""
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            yield file.read_text()


def gone(pgids):
    return wait_for(lambda: not remains(pgids), 10, f"the end of {remains(pgids)}")


def stack_file(directory):
    return json.loads((directory / "stack.json").read_text())


def test_it_answers(api):
    assert api.call("GET", "/health").json() == {"status": "ok", "stage": "local"}


def test_a_path_that_does_not_exist_is_a_problem_too(api):
    answer = api.call("GET", "/nothing")
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")


def test_a_text_goes_its_way_to_delivered(api):
    answer = api.send(reference="flow")
    message = api.ended(answer.json()["id"], reports=4)

    assert answer.status_code == 201
    assert message["reference"] == "flow"
    # Receipts may overtake each other on a busy machine; what they say arrives all the same.
    assert {entry["status"] for entry in message["history"]} == {"created", "sending", "sent", "delivered"}


def test_the_sandbox_needs_no_carrier(api):
    message = api.ended(api.send(to="+447700900002", provider="sandbox").json()["id"], "rejected", reports=4)

    assert {entry["status"] for entry in message["history"]} == {"created", "sending", "sent", "rejected"}


def test_the_subscriber_writes_how_a_text_ended(stack, api):
    message_id = api.ended(api.send().json()["id"])["id"]
    logs = stack.cloud.client("logs")

    def line():
        found = logs.filter_log_events(logGroupName="/aws/lambda/smsignal-local-log_outcome", filterPattern=message_id)
        return found["events"]

    (event,) = wait_for(line, 20, "the subscriber's line")
    assert json.loads(event["message"])["status"] == "delivered"


def test_a_callback_url_has_room_within_vonages_100_characters(stack):
    longest_port = stack.url.replace(stack.url.split(":")[2].partition("/")[0], "65535")
    assert len(f"{longest_port}/callback/vonage") <= 100


def test_stack_json_says_how_to_reach_it_to_its_owner_only(stack, stack_directory):
    file = stack_directory / "stack.json"
    names = "url api_key aws_endpoint_url region stage messages_table messages_stream_arn event_source carrier_url"

    assert list(stack_file(stack_directory)) == names.split()
    assert file.stat().st_mode & 0o777 == 0o600
    assert stack_file(stack_directory)["url"] == stack.url


def test_a_second_up_finds_the_first(stack, stack_directory):
    before = (stack_directory / "stack.json").read_text()
    code, said = run("up", directory=stack_directory)

    assert (code, "already" in said, stack.url in said) == (0, True, True)
    assert (stack_directory / "stack.json").read_text() == before


def test_a_key_has_the_scopes_it_was_made_with_until_it_is_revoked(api, stack_directory):
    code, said = run("key", "--scopes", "read", "--label", "a test", directory=stack_directory)
    token = {"Authorization": f"Bearer {said.split()[0]}"}
    assert code == 0
    assert api.call("GET", "/messages", headers=token).status_code == 200
    assert api.send(headers=token).status_code == 403

    code, said = run("revoke", said.split()[0], directory=stack_directory)
    assert (code, "revoked" in said) == (0, True)


def test_a_scope_that_does_not_exist_is_named(stack_directory, stack):
    assert run("key", "--scopes", "send,write", directory=stack_directory) == (
        1,
        "No key was made: scopes are send, read, admin; not write.\n",
    )


@linux
def test_nothing_listens_beyond_this_machine(stack, stack_directory):
    """ministack listens on every interface, and on more ports, unless it is told not to."""
    sockets = {
        str(descriptor.readlink())
        for pid in groups(stack_directory)
        for descriptor in Path(f"/proc/{pid}/fd").iterdir()
        if descriptor.is_symlink()
    }
    listening = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                listening.append(fields[1].partition(":")[0])
    assert listening == ["0100007F"] * len(SERVICES)


def test_up_on_a_taken_port_and_down_without_remains(tmp_path):
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        code, said = run("up", directory=tmp_path, LOCAL_PORT=port)
        assert code == 0, said
        assert f":{port}/" not in stack_file(tmp_path)["url"]
    pgids = groups(tmp_path)
    assert len(pgids) == len(SERVICES)

    assert run("down", directory=tmp_path) == (0, "The stack is down.\n")
    assert gone(pgids)
    assert not (tmp_path / "stack.json").exists()
    assert not (tmp_path / "tmp").exists()
    assert run("down", directory=tmp_path) == (0, "The stack is down already.\n")


def test_run_shows_the_way_of_a_first_text_and_leaves_nothing(tmp_path):
    with running(tmp_path) as (process, shown):
        pgids = groups(tmp_path)
        assert all(word in shown for word in ("created", "sending", "delivered", "log_outcome: text ended"))
        assert all(stack_file(tmp_path)[name] in shown for name in ("url", "api_key"))
        assert "\x1b" not in shown  # no colours in a pipe

        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert gone(pgids)


@linux
def test_a_killed_run_leaves_nothing(tmp_path):
    with running(tmp_path) as (process, _):
        pgids = groups(tmp_path)
        process.kill()
        process.wait(20)
        assert gone(pgids)


def test_an_interrupted_up_leaves_nothing(tmp_path):
    with subprocess.Popen(**command("up", directory=tmp_path)) as process:
        wait_for(lambda: Service("carrier", tmp_path).pid(), 60, "the start of the carrier")
        pgids = groups(tmp_path)
        process.terminate()
        process.communicate(timeout=20)
    assert process.returncode == 128 + signal.SIGTERM
    assert gone(pgids)


def test_a_pid_file_that_a_dead_process_left_names_nobody(tmp_path):
    (tmp_path / "cloud.pid").write_text(str(os.getpid()))
    service = Service("cloud", tmp_path)

    assert service.pid() is None
    service.stop()  # and this process goes on
    assert not (tmp_path / "cloud.pid").exists()
