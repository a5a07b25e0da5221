"""Signals that ask a run to stop: when it ends, with which exit code, and what it says then.

A run that trains notes the signal and stops when its state can be saved; at any other time it ends
at once, and says what to do. What the parent process ignores, as nohup does, stays ignored.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


class Interrupted(Exception):  # noqa: N818 - it was asked for
    """A run stopped as asked; the message says what to do, the exit code by which signal."""

    def __init__(self, message: str, signal_number: int):
        super().__init__(message)
        self.exit_code = 128 + signal_number


class SignalReceived(KeyboardInterrupt):
    """A signal that ends what is going on; whatever is careful with Ctrl-C is careful with it."""

    def __init__(self, signal_number: int):
        super().__init__(signal_number)
        self.signal_number = signal_number


def number_of(interruption: KeyboardInterrupt) -> int:
    """The signal behind an exception; Python's own KeyboardInterrupt stands for SIGINT."""
    return getattr(interruption, "signal_number", signal.SIGINT)


def leave_interrupts_to_the_system() -> None:
    """From now on Ctrl-C ends this process without a word, for what was to be written is written.

    Python's own handler would show the inside of whatever it is putting away. What the parent
    process ignores stays ignored, and in a thread that is not the main one nothing is done.
    """
    in_main_thread = threading.current_thread() is threading.main_thread()
    if in_main_thread and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


class StopRequest:
    """How a run answers signals within this context: at once, but within `noting` when it can.

    `advice` is what the run says when it ends by one; it may be set anew as the run goes on. In a
    thread that is not the main one no signal arrives, and nothing is done about any.
    """

    def __init__(self, advice: str):
        self.advice = advice
        self.signal_number: int | None = None
        self._noting = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():
            for number in STOPPING:
                before = signal.getsignal(number)
                # None: set by something that is not Python, and could not be restored.
                if before not in (signal.SIG_IGN, None):
                    self._before[number] = before
                    signal.signal(number, self._receive)
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if isinstance(error, KeyboardInterrupt):
            raise self._interrupted(number_of(error)) from None

    def __call__(self) -> bool:
        """Whether a stop has been asked for."""
        return self.signal_number is not None

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Within the block a signal is noted, for whoever asks; a second SIGINT ends it at once.

        A signal that nobody asked about in time raises Interrupted when the block is done.
        """
        self._noting = True
        try:
            yield
        finally:
            self._noting = False
        if self.signal_number is not None:
            raise self._interrupted(self.signal_number)

    def _interrupted(self, number: int) -> Interrupted:
        return Interrupted(f"stopped by {signal.Signals(number).name}: {self.advice}", number)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        again = self.signal_number is not None
        if not self._noting:
            if again:
                # What the first one ends is being put in order.
                return
            self.signal_number = number
            raise SignalReceived(number)
        if self.signal_number == signal.SIGINT == number:
            raise KeyboardInterrupt
        self.signal_number = self.signal_number or number
        if not again:
            # Not by print: the signal may have come in the middle of one.
            with suppress(OSError):
                os.write(2, b"\nstopping when this batch, or this epoch's testing, is done ...\n")
