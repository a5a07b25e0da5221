"""What the user should know, and need not act on."""

from __future__ import annotations

import sys


def notice(line: str) -> None:
    """Print `line` on stderr, where there is one."""
    # Python has none where the shell closed it, and print() would take stdout instead.
    if sys.stderr is not None:
        print(line, file=sys.stderr)
