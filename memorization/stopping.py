"""Ctrl-C and SIGTERM as a wish to stop soon, not as an end in the middle of something."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from types import FrameType


class Interrupted(Exception):  # noqa: N818 - it was asked for
    """The run stopped as asked, its state saved; the message says how to go on."""

    def __init__(self, message: str, signal_number: int):
        super().__init__(message)
        self.exit_code = 128 + signal_number


class StopRequest:
    """Within this context SIGINT and SIGTERM are noted; a second SIGINT interrupts at once."""

    signal_number: int | None = None

    def __enter__(self) -> StopRequest:
        self._before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
        for number in self._before:
            signal.signal(number, self._note)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __call__(self) -> bool:
        """Whether a stop has been asked for."""
        return self.signal_number is not None

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.signal_number == signal.SIGINT == number:
            raise KeyboardInterrupt
        if self.signal_number is None:
            # Not by print: the signal may have come in the middle of one.
            with suppress(OSError):
                os.write(2, b"\nstopping when this batch, or this epoch's testing, is done ...\n")
        self.signal_number = number
