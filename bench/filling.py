"""Hundreds of thousands of stored texts in seconds: written straight into the file of a DynamoDB Local that is not running.

Its version is pinned, and its file is SQLite's: one table for each of DynamoDB's, with the item as JSON and the keys of the indexes
in columns of their own. Every text here is one that smsignal itself has stored, under another id, so all are as large as real ones.
"""

from __future__ import annotations

import hashlib
import json
import random
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chalicelib.store import due_shard

FILE = "shared-local-instance.db"
GAPS = ("message_id", "recipient", "to", "position", "day", "due_shard", "due_at")  #: what differs from text to text
DAY = 86_400_000  # milliseconds
#: One in so many waits for its receipts, so that the index of what is due is filled too.
WAITING = 10
#: One in so many goes to one and the same number; the others each to one of their own.
TO_ONE = 2


@dataclass(frozen=True)
class Filling:
    """What the stored texts are like."""

    table: str
    day: str  #: on which all of them were sent: the fullest that a day can be
    recipient: str  #: of half of them
    due_at: str  #: of those that wait: not now
    templates: Mapping[str, str]  #: ids of stored texts: `waiting`, `delivered`


def fill(folder: Path, filling: Filling, start: int, count: int) -> None:
    """Store so many texts; `start` is how many there are already."""
    with closing(sqlite3.connect(folder / FILE, isolation_level=None)) as database:
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-500000"):
            database.execute(f"PRAGMA {pragma}")
        columns = _columns(database, filling.table)
        names = ", ".join(["hashValue", "itemSize", "ObjectJSON", *columns.values()])
        marks = ", ".join("?" * (3 + len(columns)))
        database.execute("BEGIN")
        statement = f'INSERT INTO "{filling.table}" ({names}) VALUES ({marks})'
        database.executemany(statement, _rows(database, filling, columns, start, count))
        database.execute("COMMIT")


def _columns(database: sqlite3.Connection, table: str) -> dict[str, str]:
    """The column of each attribute that is a key, as DynamoDB Local has noted it down."""
    ((noted,),) = database.execute("SELECT TableInfo FROM dm WHERE TableName = ?", [table])
    keys = [key for keys in json.loads(noted)["SQLiteIndex"].values() for key in keys]
    return {key["DynamoDBAttribute"]["AttributeName"]: key["SQLiteColumnName"] for key in keys}


def _rows(
    database: sqlite3.Connection, filling: Filling, columns: Mapping[str, str], start: int, count: int
) -> Iterator[tuple[Any, ...]]:
    chance = random.Random(start)
    kinds = {name: _Template(database, filling, message_id) for name, message_id in filling.templates.items()}
    for number in range(start, start + count):
        message_id = f"{chance.getrandbits(128):032x}"
        at = DAY * (number - start) // count  # evenly over the day, whatever is there already
        recipient = filling.recipient if number % TO_ONE == 0 else f"+3379{number % 10**7:07d}"
        values = {
            "message_id": message_id,
            "recipient": recipient,
            "to": recipient,
            "position": f"{filling.day}T{_clock(at)}Z#{message_id}",
            "day": f"{filling.day}#{message_id[0]}",
        }
        waits = number % WAITING == 1
        if waits:
            values |= {"due_shard": due_shard(message_id), "due_at": filling.due_at}
        size, text = kinds["waiting" if waits else "delivered"].filled(values)
        keys = [values[name].encode() if name in values else None for name in columns]
        yield hashlib.sha1(message_id.encode(), usedforsecurity=False).digest(), size, text, *keys


class _Template:
    """One stored text, with gaps where the keys are."""

    def __init__(self, database: sqlite3.Connection, filling: Filling, message_id: str) -> None:
        query = f'SELECT itemSize, ObjectJSON FROM "{filling.table}" WHERE hashKey = ?'
        ((self._size, stored),) = database.execute(query, [message_id.encode()])
        item = json.loads(stored)
        gaps = {name: {"S": f"<{name}>"} for name in GAPS if name in item}
        self._text = json.dumps(item | gaps, separators=(",", ":"))

    def filled(self, values: Mapping[str, str]) -> tuple[int, bytes]:
        text = self._text
        for name, value in values.items():
            text = text.replace(f"<{name}>", value)
        return self._size, text.encode()


def _clock(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}.{rest:03}"
