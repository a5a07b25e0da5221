"""python -m memorization report|figures|sweep ...: what is not an experiment."""

import importlib
import sys

from memorization import command_line

COMMANDS = {
    "report": "memorization.report.report",
    "figures": "memorization.report.figures",
    "sweep": "memorization.sweep",
}
NAME = "python -m memorization"


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        print(f"usage: {NAME} {{{','.join(COMMANDS)}}} ...", file=sys.stderr)
        sys.exit(2)
    command = sys.argv.pop(1)
    module = importlib.import_module(COMMANDS[command])
    command_line.run_command(module.main, f"{NAME} {command}")


if __name__ == "__main__":
    main()
