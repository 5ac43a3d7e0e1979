"""The local cloud: ministack, on 127.0.0.1 and nowhere else.

https://github.com/ministackorg/ministack: API Gateway, Lambda in processes, DynamoDB with streams, SQS, EventBridge,
Parameter Store, CloudWatch Logs and CloudFormation behind one port. It forgets everything when it ends.
"""

import socket
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from localdev import environment
from localdev.processes import NotStarted, Service
from localdev.waiting import wait_for

HOST = "127.0.0.1"
COMMAND = (sys.executable, "-m", "ministack")
ATTEMPTS = 3  # to get a port that nobody takes between the choice and the start
START = 30.0  # seconds


@dataclass(frozen=True)
class Cloud:
    """A local cloud that runs, by its URL."""

    endpoint: str

    def client(self, service: str) -> Any:
        """A boto3 client that talks to it alone."""
        import boto3  # here: not every command needs it, and it takes a quarter of a second
        from botocore.config import Config

        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=environment.REGION,
            aws_access_key_id=environment.AWS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment.AWS["AWS_SECRET_ACCESS_KEY"],
            config=Config(proxies={}, connect_timeout=5, read_timeout=30, retries={"total_max_attempts": 1}),
        )


def service(directory: Path) -> Service:
    """The process of the local cloud of a directory."""
    return Service("cloud", directory)


def start(directory: Path, port: int | None = None, leashed: bool = False) -> Cloud:
    """Start it; on that port if it can be had, else on any. Raises NotStarted."""
    for attempt in range(ATTEMPTS):
        chosen = port if port and attempt == 0 and _is_free(port) else _free_port()
        process = service(directory).start(COMMAND, _environment(directory, chosen), leashed)
        if _started(process, chosen):
            return Cloud(_url(chosen))
    raise NotStarted(service(directory))


def _started(process: "subprocess.Popen[bytes]", port: int) -> bool:
    wait_for(lambda: process.poll() is not None or _answers(port), START, "the local cloud")
    return process.poll() is None


def _environment(directory: Path, port: int) -> dict[str, str]:
    own = directory / "tmp"  # removed with everything that the Lambdas leave there
    own.mkdir(exist_ok=True)
    return environment.isolated() | {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": HOST,
        "MINISTACK_HOST": HOST,
        "MINISTACK_REGION": environment.REGION,
        "SFTP_ENABLED": "0",  # else it listens on further ports, on every interface
        "IOT_MTLS_ENABLED": "0",
        "DOCKER_HOST": f"unix://{own}/no-docker.sock",  # else it removes containers of other local clouds
        "PYTHONDONTWRITEBYTECODE": "1",  # as in Lambda, where the code is read-only
        "HOME": str(own),
        "TMPDIR": str(own),
        "STATE_DIR": str(own / "state"),
        "S3_DATA_DIR": str(own / "s3"),
    }


def _url(port: int) -> str:
    return f"http://{HOST}:{port}"


def _answers(port: int) -> bool:
    with requests.Session() as http:
        http.trust_env = False  # neither a proxy nor a .netrc
        try:
            return http.get(f"{_url(port)}/_ministack/health", timeout=2).ok
        except requests.RequestException:
            return False


def _is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port that was used a moment ago is free
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
