"""One HTTP transfer that cannot hang: its pace is watched from outside the connection."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

# A transfer that brings less than so many bytes a second, over so many seconds, is given up; so is
# one that takes longer than MOST_SECONDS altogether.
LEAST_RATE, WINDOW_SECONDS = 10_000, 30.0
MOST_SECONDS = 6 * 3600.0

_BLOCK = 1 << 16
_BLOCKS_AHEAD = 64


class TransferError(Exception):
    """A transfer came to nothing; the message says why."""


class BrokenOffError(TransferError):
    """The connection ended before the file did; another may go on from there."""


class Pace:
    """How long to wait for the next bytes; raises TransferError where they come too slowly."""

    def __init__(self) -> None:
        now = time.monotonic()
        self._deadline, self._window_end = now + MOST_SECONDS, now + WINDOW_SECONDS
        self._bytes = 0

    def patience(self) -> float:
        """Seconds until the pace is judged next."""
        return max(min(self._deadline, self._window_end) - time.monotonic(), 0.0)

    def count(self, received: int) -> None:
        """So many bytes have come since the last call."""
        self._bytes += received
        now = time.monotonic()
        if now >= self._deadline:
            raise TransferError(f"not at its end after {MOST_SECONDS / 3600:g} hours")
        if now >= self._window_end:
            if self._bytes < LEAST_RATE * WINDOW_SECONDS:
                raise TransferError(
                    f"too slow: {self._bytes:,} bytes in {WINDOW_SECONDS:g} seconds, where "
                    f"{LEAST_RATE:,} a second are the least"
                )
            self._window_end, self._bytes = now + WINDOW_SECONDS, 0


class Answer(NamedTuple):
    """What a server is about to send: from which byte on, and how many, where it tells."""

    start: int
    size: int | None


class Transfer:
    """A server's `answer`, and iteration over the blocks of bytes that follow.

    A server whose answer tells of more bytes than come ends it with BrokenOffError.
    """

    def __init__(self, inbox: queue.Queue, pace: Pace):
        self._inbox, self._pace = inbox, pace
        self.answer: Answer = self._next()

    def __iter__(self) -> Iterator[bytes]:
        while (block := self._next()) is not None:
            yield block

    def _next(self):
        while True:
            try:
                item = self._inbox.get(timeout=self._pace.patience())
            except queue.Empty:
                self._pace.count(0)
                continue
            if isinstance(item, Exception):
                raise item
            self._pace.count(len(item) if isinstance(item, bytes) else 0)
            return item


@contextmanager
def transfer(address: str, start: int, pace: Pace) -> Iterator[Transfer]:
    """`address` from byte `start` on, or from the first where the server cannot do that.

    Raises TransferError where it cannot be reached, refuses, or falls behind `pace`.
    """
    inbox: queue.Queue = queue.Queue(_BLOCKS_AHEAD)
    abandoned = threading.Event()
    # A name server, a handshake and a header may all come a byte at a time, or never: none of that
    # happens in the thread that watches.
    threading.Thread(target=_receive, args=(address, start, inbox, abandoned), daemon=True).start()
    try:
        yield Transfer(inbox, pace)
    finally:
        abandoned.set()
        with suppress(queue.Empty):
            while True:
                inbox.get_nowait()


def _receive(address: str, start: int, inbox: queue.Queue, abandoned: threading.Event) -> None:
    """Put an Answer into `inbox`, blocks of bytes, and None; or an exception at any point."""
    import requests

    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={start}-"} if start else {})}
    try:
        with requests.get(
            address, headers=headers, stream=True, timeout=WINDOW_SECONDS
        ) as response:
            if start and response.status_code == 416:
                # There is nothing from that byte on; whether it is all is for the checksum to say.
                inbox.put(Answer(start, 0))
                inbox.put(None)
                return
            response.raise_for_status()
            answer = _answer(response.status_code, response.headers, start)
            inbox.put(answer)
            received = 0
            try:
                while block := response.raw.read1(_BLOCK):
                    received += len(block)
                    inbox.put(block)
                    if abandoned.is_set():
                        return
            except Exception as error:
                raise BrokenOffError(f"{received:,} bytes came, then: {error}") from error
            if answer.size is not None and received < answer.size:
                raise BrokenOffError(f"{received:,} bytes came of {answer.size:,} announced")
            inbox.put(None)
    except TransferError as error:
        inbox.put(error)
    except Exception as error:
        inbox.put(TransferError(f"{type(error).__name__}: {error}"))


def _answer(status: int, headers, start: int) -> Answer:
    length = headers.get("Content-Length", "")
    size = int(length) if length.isdigit() else None
    if status != 206:
        return Answer(0, size)
    # "bytes FIRST-LAST/TOTAL"
    first = headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
    if first != str(start):
        raise TransferError(f"asked from byte {start} on, the server sent from {first or 'none'}")
    return Answer(start, size)
