"""What wandb has written offline, in its own messages (`wandb.proto`).

A file is a LevelDB log after 7 bytes of its own: blocks of 32 KiB, in them chunks of a record, each
with a checksum (4 bytes), its length (2) and its kind (1): whole, first, middle or last.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from typing import Any

BLOCK, HEADER = 32768, 7
WHOLE, FIRST, MIDDLE, LAST = 1, 2, 3, 4


@dataclass
class Records:
    """A run's name for wandb, its config and summary, and the rows of its history."""

    run_id: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)


def read_records(path):
    from wandb.proto import wandb_internal_pb2

    records = Records()
    for data in _records(path.read_bytes()):
        record = wandb_internal_pb2.Record.FromString(data)
        kind = record.WhichOneof("record_type")
        if kind == "run":
            records.run_id = record.run.run_id
            records.config.update(_values(record.run.config.update))
        elif kind == "config":
            records.config.update(_values(record.config.update))
        elif kind == "summary":
            records.summary.update(_values(record.summary.update))
        elif kind == "history":
            records.history.append(_values(record.history.item))
    return records


def _values(items):
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}


def _records(data):
    place, parts = HEADER, []
    while place + HEADER <= len(data):
        if BLOCK - place % BLOCK < HEADER:
            place += BLOCK - place % BLOCK
            continue
        _, length, kind = struct.unpack_from("<IHB", data, place)
        place += HEADER
        parts.append(data[place : place + length])
        place += length
        if kind in (WHOLE, LAST):
            yield b"".join(parts)
            parts = []
