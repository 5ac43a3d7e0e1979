"""API keys of a stage, made and revoked with chalicelib's own code: in the local cloud, or in AWS."""

import json
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timezone

from localdev import environment
from localdev.cloud import Cloud
from localdev.deployment import NotDeployed
from localdev.processes import ROOT


def create_locally(cloud: Cloud, scopes: Sequence[str], label: str) -> str:
    """Make a key in the local cloud; returns the token. In a process of its own: its environment says which stage.

    Raises NotDeployed.
    """
    done = subprocess.run(
        [sys.executable, "-m", "localdev.apikeys", label, *scopes],
        cwd=ROOT,
        env=environment.talking_to(cloud.endpoint),
        capture_output=True,
        text=True,
        timeout=60,
    )
    if done.returncode:
        raise NotDeployed(f"no API key can be made:\n{done.stderr}")
    return str(json.loads(done.stdout))


def create(scopes: Sequence[str], label: str | None) -> tuple[str, str]:
    """Make a key in the stage that the environment names; returns the token and the key's id. Raises ValueError."""
    from chalicelib import keys

    token, key = keys.create(scopes, _now(), label)
    return token, key.key_id


def revoke(key_id: str) -> bool:
    """Revoke a key in the stage that the environment names; False when there is none."""
    from chalicelib import store_keys

    return store_keys.revoke_key(key_id, _now())


def _now() -> datetime:
    return datetime.now(timezone.utc)


if __name__ == "__main__":
    print(json.dumps(create(sys.argv[2:], sys.argv[1])[0]))
