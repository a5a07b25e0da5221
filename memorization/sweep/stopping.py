"""What a sweep does when a signal asks for its end."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from memorization.signals import Interrupted


def interrupted(number: int, again: str) -> Interrupted:
    """What tells that signal `number` ended the sweep, which the command `again` continues."""
    return Interrupted(f"stopped; what is done is kept, go on with: {again}", number)


@contextlib.contextmanager
def handling(handle: Callable[[int], Any]) -> Iterator[None]:
    """Within this context `handle` is called with the number of a signal that asks for an end.

    A second one of the same kind does what the system does.
    """

    def first(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        handle(number)

    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # What nohup has made its processes ignore stays ignored.
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, first)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
