"""python -m memorization COMMAND ...: what is not an experiment."""

import difflib
import importlib
import sys

from foundations.version import __version__
from memorization import command_line

COMMANDS = {
    "report": "memorization.report",
    "figures": "memorization.report.figures",
    "replicas": "memorization.replicas.command",
    "sweep": "memorization.sweep",
    "summary": "memorization.export.summary",
    "export": "memorization.export.command",
    "predict": "memorization.predict.command",
}
NAME = "python -m memorization"


def _usage(named: str = "") -> str:
    close = difflib.get_close_matches(named, COMMANDS, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    return f"usage: {NAME} {{{','.join(COMMANDS)}}} ...{hint}"


def main() -> None:
    if sys.argv[1:] == ["--version"]:
        print(f"{NAME} {__version__}")
        return
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        print(_usage(*sys.argv[1:2]), file=sys.stderr)
        sys.exit(2)
    command = sys.argv.pop(1)

    def call() -> None:
        # Here, where what the import complains about becomes a line.
        importlib.import_module(COMMANDS[command]).main()

    command_line.run_command(call, f"{NAME} {command}")


if __name__ == "__main__":
    main()
