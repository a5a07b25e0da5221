"""Print the dependencies that pyproject.toml names, with the given extras, one per line.

usage: requirements.py PYPROJECT EXTRA[,EXTRA...]
"""

from __future__ import annotations

import re
import sys
from pathlib import Path


def read_list(text: str, name: str) -> list[str]:
    """The strings of the TOML array `name`, read without tomllib, which Python 3.11 brought."""
    found = re.search(rf"^{re.escape(name)} = \[(.*?)\]", text, re.MULTILINE | re.DOTALL)
    if found is None:
        raise SystemExit(f"pyproject.toml names no list {name!r}")
    return re.findall(r'"([^"]+)"', found.group(1))


def main() -> None:
    path, extras = sys.argv[1:]
    text = Path(path).read_text(encoding="utf-8")
    for name in ["dependencies", *filter(None, extras.split(","))]:
        print("\n".join(read_list(text, name)))


if __name__ == "__main__":
    main()
