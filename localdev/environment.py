"""What local processes see of this machine: nothing of its AWS settings, its proxies or its home."""

import os

REGION = "us-east-1"
KEPT = ("LANG", "LC_ALL", "PATH", "TZ")
#: Credentials that are none, and no file to look for others in.
AWS = {
    "AWS_ACCESS_KEY_ID": "local",
    "AWS_SECRET_ACCESS_KEY": "local",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_ACCOUNT_ID_ENDPOINT_MODE": "disabled",  # else DynamoDB is looked for under the account's own host name
}


def isolated() -> dict[str, str]:
    """The environment of a process that has no business outside the local cloud."""
    return {name: os.environ[name] for name in KEPT if name in os.environ} | AWS


def talking_to(endpoint: str) -> dict[str, str]:
    """The environment of a process that uses the local cloud as if it were a stage's Lambda."""
    return isolated() | {"AWS_ENDPOINT_URL": endpoint, "SMSIGNAL_STAGE": "local"}


def isolate() -> None:
    """Make this process one that talks to nothing but the local cloud, whatever profile or proxy is set."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(AWS)
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), "127.0.0.1"]))
