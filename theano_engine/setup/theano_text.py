"""Changes to the text of Theano's functions, which is known to be that of Theano 1.0.5."""

from __future__ import annotations

import hashlib
import inspect
import textwrap

from theano_engine.setup.errors import SetupError


def change(function, digest: str, replacements: dict[str, str], **names) -> None:
    """Replace parts of the text of `function`, wherever it has been imported to.

    The new text may use `names`. `digest` begins the SHA-256 of the text that the replacements were
    made for. Raises `SetupError` where the installed text is another one.
    """
    name = f"{function.__module__}.{function.__qualname__}"
    try:
        lines, number = inspect.getsourcelines(function)
    except (OSError, TypeError) as error:
        raise SetupError(f"{name}: its source cannot be read ({error}); {_REMEDY}") from error
    text = textwrap.dedent("".join(lines))
    if not hashlib.sha256(text.encode()).hexdigest().startswith(digest):
        raise SetupError(
            f"{name} ({inspect.getsourcefile(function)}, line {number}) is not what Theano 1.0.5 "
            f"has there; {_REMEDY}"
        )
    for old, new in replacements.items():
        assert old in text, (name, old)
        text = text.replace(old, new)
    function.__globals__.update(names)
    made: dict = {}
    # Blank lines before it, so that tracebacks name the right ones.
    padded = "\n" * (number - 1) + text
    code = compile(padded, inspect.getsourcefile(function) or "", "exec", dont_inherit=True)
    exec(code, function.__globals__, made)
    remade = made[function.__name__]
    # A static method's text has its decorator.
    function.__code__ = getattr(remade, "__func__", remade).__code__


_REMEDY = "install that version anew: `make venv` after `make clean`, or sh tools/install.sh PYTHON"
