"""Make pages of the public modules from their docstrings: what `make docs` calls.

    python tools/api_pages.py [FOLDER]

Written into build/api by default, for a browser: index.html and what it leads to. Needs pdoc
(extra `docs`).
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

PROJECT = Path(__file__).resolve().parent.parent
# What a program of one's own imports. A package brings its modules along, less those with a "!".
MODULES = (
    "binary_net",
    *("datasets", "datasets.labelled_sets", "datasets.patterns", "datasets.transformations"),
    *("training_loop", "!training_loop.printed", "!training_loop.saved"),
    *("memorization.experiment", "memorization.architecture", "memorization.options"),
    *("memorization.report", "!memorization.report.[^.]+"),
    *("memorization.export.inference", "memorization.export.packed"),
    *("theano_engine", "theano_engine.straight_through"),
    "foundations.streams",
)


def main(folder: Path) -> None:
    try:
        import pdoc
    except ImportError:
        sys.exit("API pages need pdoc: make venv EXTRAS=docs")
    # Theano asks the system for its compiler when it is imported.
    os.environ["PDOC_ALLOW_EXEC"] = "1"
    # They are packages of others'; the page's first lines tell of them.
    warnings.filterwarnings("ignore", "Found '(T|theano)' in theano_engine.__all__")
    pdoc.render.configure(docformat="markdown", footer_text="", show_source=True)
    pdoc.pdoc(*MODULES, output_directory=folder)
    print(folder / "index.html")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else PROJECT / "build" / "api")
