"""JSON Web Tokens: RFC 7519, in the compact form of RFC 7515, with an HMAC of the receiver's secret."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from chalicelib.errors import CallbackNotAuthentic
from chalicelib.providers.base import matches

DIGESTS = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}  # above all not `none`


def claims_of(token: str, secrets: Sequence[str], algorithms: Collection[str]) -> Mapping[str, Any]:
    """What a token says that one of the secrets signed, by one of the algorithms. Raises CallbackNotAuthentic."""
    signed, _, given = token.rpartition(".")
    head, _, payload = signed.partition(".")
    algorithm = _part(head).get("alg")
    digest = DIGESTS[algorithm] if isinstance(algorithm, str) and algorithm in algorithms else None
    text = signed.encode(errors="surrogatepass")  # half an emoji in a forged callback must not end in an exception
    good = [segment(hmac.digest(secret.encode(), text, digest)) for secret in secrets] if digest else []
    if not matches(given, good):
        raise CallbackNotAuthentic("the signature is missing or wrong")
    return _part(payload)


def segment(part: bytes) -> str:
    """A part of a token, as it travels."""
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def _part(text: str) -> dict[str, Any]:
    """What a part says; one that cannot be read says nothing."""
    try:
        part = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, RecursionError):
        return {}
    return part if isinstance(part, dict) else {}
