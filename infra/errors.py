"""The one exception of this folder."""

from __future__ import annotations


class Stopped(Exception):
    """A build or a deployment that cannot go on. Its text says in one sentence why, and what to do."""
