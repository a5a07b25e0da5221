"""What a tree of sources imports, held against the table of directions in its CONTRIBUTING.md."""

from __future__ import annotations

import ast
import functools
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

SCRIPT_PATTERNS = ("cifar10_*", "svhn_*")
# Folders of a checkout that hold none of its sources, or none that have a direction.
APART = {"tests", "build", "results"}


@dataclass(frozen=True)
class Room:
    """A row of the table: whoever lives under `names`, and what they may import."""

    names: tuple[str, ...]
    may_import: frozenset[str]
    packages: frozenset[str]


@dataclass
class House:
    """The modules of the tree at `root`, by dotted name, and the rooms of its table."""

    root: Path
    modules: dict[str, Path] = field(init=False)
    rooms: list[Room] = field(init=False)

    def __post_init__(self) -> None:
        self.modules = {
            _dotted(path.relative_to(self.root)): path
            for path in sorted(self.root.rglob("*.py"))
            if not _apart(path.relative_to(self.root).parts)
        }
        self.rooms = list(_rooms((self.root / "CONTRIBUTING.md").read_text(encoding="utf-8")))

    def name_of_room(self, module: str) -> str | None:
        """The longest name in the table that `module` lives under; None where it has no room."""
        names = [
            name
            for room in self.rooms
            for name in room.names
            if module == name
            or module.startswith(name + ".")
            or (name == "scripts" and any(Path(module).match(p) for p in SCRIPT_PATTERNS))
        ]
        return max(names, key=len, default=None)

    def imports(self, module: str) -> set[str]:
        """What the file of `module` imports, inside functions too: modules of the house by their
        dotted names, other packages by their first."""
        path = self.modules[module]
        found = set()
        # A command finds what lies beside it by its bare name.
        beside = "" if (path.parent / "__init__.py").exists() else module.rpartition(".")[0]
        is_package = path.name == "__init__.py"
        for name in _imported(path.read_text(encoding="utf-8"), module, is_package):
            if beside and f"{beside}.{name.partition('.')[0]}" in self.modules:
                name = f"{beside}.{name}"
            while name not in self.modules and "." in name:
                name = name.rpartition(".")[0]
            found.add(name)
        return found - {module}

    def wrong_imports(self) -> list[str]:
        """A line for every import that the table does not allow, and for every homeless module."""
        lines = []
        for module in self.modules:
            home = self.name_of_room(module)
            if home is None:
                lines.append(f"{module} is in no room of CONTRIBUTING.md's table")
                continue
            (room,) = (room for room in self.rooms if home in room.names)
            for name in sorted(self.imports(module)):
                if name in self.modules:
                    allowed = self.name_of_room(name) in room.may_import | {home}
                else:
                    allowed = name in room.packages or name in sys.stdlib_module_names
                if not allowed:
                    lines.append(f"{module} imports {name}")
        return lines

    def circles(self) -> list[str]:
        """A line for every circle of imports between modules that is found."""
        graph = {name: sorted(self.imports(name) & self.modules.keys()) for name in self.modules}
        done: set[str] = set()
        found = []

        def visit(name: str, above: tuple[str, ...]) -> None:
            if name in above:
                found.append(" -> ".join((*above[above.index(name) :], name)))
            elif name not in done:
                for other in graph[name]:
                    visit(other, (*above, name))
                done.add(name)

        for name in graph:
            visit(name, ())
        return found


def _apart(parts: tuple[str, ...]) -> bool:
    return parts[0] in APART or any(part.startswith(".") for part in parts)


def _dotted(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _rooms(text: str) -> Iterator[Room]:
    table = text.partition("| room |")[2].partition("\n\n")[0]
    rooms_above: list[str] = []
    packages_above = ["numpy"]  # at home everywhere
    for line in table.splitlines()[2:]:
        cells = line.split("|")[1:-1]
        names, may_import, packages = (
            [name.replace("/", ".") for name in re.findall(r"`([^`]+)`", cell)] for cell in cells
        )
        if "every room above" in cells[1]:
            may_import += rooms_above
        if "every package above" in cells[2]:
            packages += packages_above
        yield Room(tuple(names), frozenset(may_import), frozenset({*packages, "numpy"}))
        rooms_above += names
        packages_above += packages


@functools.cache
def _imported(text: str, module: str, is_package: bool) -> frozenset[str]:
    """Dotted names of all that `text` imports; for `from a import b` the name is `a.b`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module.split(".")
                package = package[: len(package) - node.level + is_package]
                base = ".".join([*package, *filter(None, [node.module])])
            found |= {f"{base}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and node.args:
            called = getattr(node.func, "attr", getattr(node.func, "id", None))
            name = getattr(node.args[0], "value", None)
            if called in ("import_module", "__import__") and isinstance(name, str):
                found.add(name)
    return frozenset(found)
