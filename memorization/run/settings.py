"""The options of a run as they were recorded: how two runs compare, and what a run is called."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datasets import own
from datasets.own import is_file_of_ones_own
from foundations.reading import file_errors
from memorization.option import Decides
from memorization.options import OPTIONS, Options, flag

MOST_CHARACTERS = 120
DIGITS = 8

# They decide the outcome, and say no more of it than how long it takes and where.
_UNNAMED = ("seed", "epochs", "device", "tf32")
_FILE = "init"


def completed(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a run's record, with those that came later as runs behaved before them."""
    before = {name: option.value_before(recorded) for name, option in OPTIONS.items()}
    return {**before, **recorded}


def without_folder(name: str, value: Any) -> Any:
    """The `value` of the option `name` as runs compare in it: a data file by its name alone.

    Where it lies changes nothing, and what is in it is told by its fingerprint.
    """
    own = name == "data" and isinstance(value, str) and is_file_of_ones_own(value)
    return Path(value).stem if own else value


def outcome_settings(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Of a run's record: the options that decide its outcome, those included that came later.

    An option that this version does not know, of a record of a later one, counts as deciding.
    """
    return {
        name: without_folder(name, value)
        for name, value in completed(recorded).items()
        if name != "experiment"
        and (name not in OPTIONS or OPTIONS[name].decides is Decides.OUTCOME)
    }


def lengthened(recorded: Mapping[str, Any], chosen: Mapping[str, Any]) -> bool:
    """Whether a run of the options `chosen` goes on for more epochs than `recorded` has."""
    return chosen["epochs"] > recorded["epochs"]


def contradiction(recorded: Mapping[str, Any], chosen: Mapping[str, Any]) -> str | None:
    """The first of the `chosen` options with which the run `recorded` cannot go on; None if none.

    Only what decides nothing may differ, and --epochs may be more, with the learning rates that
    belong to them.
    """
    earlier = completed(recorded)
    if lengthened(earlier, chosen):
        earlier.update({name: chosen[name] for name in ("epochs", "decay_epochs")})
    for name, value in chosen.items():
        free = name in OPTIONS and OPTIONS[name].decides is Decides.NOTHING
        if not free and without_folder(name, earlier.get(name)) != without_folder(name, value):
            return name
    return None


def settings_name(chosen: Options, defaults: Mapping[str, Any]) -> str:
    """The name of a run of `chosen`, whose script has `defaults` of its own.

    "seed-0", then by an underscore each option that decides the outcome and is not the script's
    default: "seed-0_synthetic_width-0.25". A file goes by its name without ending and the first
    digits of its SHA-256, data of one's own by those of their fingerprint. What is too long is cut,
    and ends in digits of the whole name's.
    Raises UserError where a file cannot be read.
    """
    words = [f"seed-{chosen.seed}"]
    for name, option in OPTIONS.items():
        value = getattr(chosen, name)
        # Of a file the contents decide, which the record tells apart from the option.
        named = option.decides is Decides.OUTCOME or name == _FILE
        if named and name not in _UNNAMED and value != defaults.get(name, option.default):
            words.append(_word(name, value))
    text = "_".join(words)
    if len(text) <= MOST_CHARACTERS:
        return text
    return f"{text[: MOST_CHARACTERS - DIGITS - 1]}_{_digits(text.encode())}"


def _word(name: str, value: Any) -> str:
    word = flag(name).removeprefix("--")
    if value is True:
        return word
    if value is None or value is False:
        return f"{word}-no"
    if name == _FILE:
        with file_errors(value, "cannot be read (--init)"):
            value = f"{Path(value).stem}-{_digits(Path(value).read_bytes())}"
    elif name == "data" and is_file_of_ones_own(value):
        data = own.source(value).load(None)
        value = f"{data.name}-{data.fingerprint()[:DIGITS]}"
    values = value if isinstance(value, list | tuple) else [value]
    if not values:
        return word
    text = "-".join(map(str, values))
    return f"{word}-{''.join(c if c.isalnum() or c in '.+-' else '-' for c in text)}"


def _digits(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:DIGITS]
