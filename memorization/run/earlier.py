"""The options of a run that is there already: what --resume and --config go by.

Nothing has to be given again: what a run's record says holds, and what is given has to agree with
it, but for --epochs, which may lengthen a finished run.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from foundations import reading
from foundations.errors import UserError
from foundations.reading import MOST_OF_A_PATH, printable
from memorization.option import Decides
from memorization.options import OPTIONS, Options, flag
from memorization.run import state
from memorization.run.folder import (
    METRICS_FILE,
    load_metrics,
    nothing_to_resume,
    runs_below,
    set_aside,
)
from memorization.run.record import RUN_FILE, load_record
from memorization.run.settings import completed, settings_name
from training_loop import metrics

# Where a run is kept, and what one process of it shows and does.
OF_A_PROCESS = (
    *("results_dir", "name", "overwrite", "resume", "config", "stretch_schedule"),
    *("exact", "quiet", "class_errors"),
)
MOST_LISTED = 8


def options_of_before(
    experiment: str, given: Mapping[str, Any], defaults: Mapping[str, Any]
) -> dict[str, Any]:
    """What --resume or --config makes of the options of `experiment`; {} with neither.

    `given` are the options of the command line, `defaults` those of the script, by name. Raises
    UserError where the run that is meant is not to be found, or is another experiment's.
    """
    if given.get("config") is not None:
        return _of_record(Path(given["config"]), experiment)
    if not given.get("resume"):
        return {}
    folder = _meant(experiment, given, defaults)
    found = set_aside(folder) or folder
    if not (found / RUN_FILE).exists():
        raise nothing_to_resume(folder)
    before = _of_record(found / RUN_FILE, experiment)
    if given.get("epochs", before["epochs"]) > before["epochs"]:
        before["decay_epochs"] = _lengthened(found, given, before)
    return {**before, "resume": str(folder)}


def _lengthened(folder: Path, given: Mapping[str, Any], before: Mapping[str, Any]) -> int | None:
    """--decay-epochs of the finished run in `folder` that is to go on for more --epochs."""
    done = len(history_of(folder))
    if done < before["epochs"]:
        raise UserError(
            f"--epochs {given['epochs']} contradicts the run to be resumed, which has done {done} "
            f"of its --epochs {before['epochs']}: finish it first, then lengthen it"
        )
    if "decay_epochs" in given:
        raise UserError(
            "--decay-epochs: a run that is lengthened keeps its last learning rate, or, with "
            "--stretch-schedule, goes on as if it had been meant to be as long"
        )
    if given.get("stretch_schedule"):
        return None
    return before["decay_epochs"] or before["epochs"]


def history_of(folder: Path) -> list[metrics.Row]:
    """The metrics of the epochs that the run in `folder` has finished."""
    path = folder / state.STATE_FILE
    if path.exists():
        return state.read_progress(path).history
    return load_metrics(folder / METRICS_FILE) if (folder / METRICS_FILE).exists() else []


def _of_record(path: Path, experiment: str) -> dict[str, Any]:
    """The options in the record `path`, checked as those of the command line are."""
    with reading.file_errors(path, "no readable record of a run"):
        record = load_record(path.parent) if path.name == RUN_FILE else reading.load_json(path)
        reading.check_fields(record, {"experiment": str, "options": dict})
        recorded = record["options"]
        if record["experiment"] != experiment:
            raise UserError(
                f"{printable(path, MOST_OF_A_PATH)}: a run of {printable(record['experiment'])}: "
                f"start that script, not {experiment}"
            )
        unknown = sorted(set(recorded) - set(OPTIONS) - {"experiment"})
        if unknown:
            raise ValueError(f"options unknown to this version: {printable(', '.join(unknown))}")
        chosen = {n: v for n, v in completed(recorded).items() if n in OPTIONS}
        values = {n: _checked(n, v) for n, v in chosen.items() if n not in OF_A_PROCESS}
    folder = record.get("data", {}).get("folder")
    if isinstance(folder, str) and Path(folder).is_dir():
        values["data_dir"] = folder
    return values


def _checked(name: str, value: Any) -> Any:
    option = OPTIONS[name]
    if value is None or option.parse is None:
        if (value is None and option.default is not None) or value not in (None, True, False):
            raise ValueError(f"{flag(name)} is {printable(value)}")
        return value
    values = value if isinstance(value, list) else [value]
    if isinstance(value, list) != (option.nargs is not None):
        raise ValueError(f"{flag(name)} is {printable(value)}")
    try:
        parsed = [option.parse(str(one)) for one in values]
    except Exception as error:
        raise ValueError(f"{flag(name)}: {printable(error)}") from error
    if option.choices is not None and value not in option.choices:
        raise ValueError(f"{flag(name)} is {printable(value)}")
    return parsed if isinstance(value, list) else parsed[0]


def _meant(experiment: str, given: Mapping[str, Any], defaults: Mapping[str, Any]) -> Path:
    """The folder of the run that --resume means."""
    if isinstance(given["resume"], str):
        return Path(given["resume"])
    everything = {**defaults, **given}
    place = Path(everything["results_dir"]) / experiment
    chosen = Options(experiment=experiment, **everything)
    exact = place / (everything["name"] or settings_name(chosen, defaults))
    # Runs of before had the experiment's folder to themselves.
    if (place / RUN_FILE).exists() and not exact.exists() and not set_aside(exact):
        return place
    deciding = any(OPTIONS[name].decides is not Decides.NOTHING for name in given)
    if everything["name"] or (deciding and (exact.exists() or set_aside(exact))):
        return exact
    unfinished = [folder for folder in runs_below(place) if _goes_on(folder, given)]
    if len(unfinished) > 1:
        names = [printable(folder, MOST_OF_A_PATH) for folder in unfinished[:MOST_LISTED]]
        raise UserError(
            f"--resume: {len(unfinished)} unfinished runs are meant; give the folder of one, as in "
            f"--resume {names[0]} ({', '.join(names)})"
        )
    return unfinished[0] if unfinished else exact


def _goes_on(folder: Path, given: Mapping[str, Any]) -> bool:
    """Whether the run in `folder` is unfinished, and no option that is `given` contradicts it."""
    try:
        recorded = completed(load_record(folder)["options"])
        if metrics.ended(history_of(folder), recorded["epochs"], recorded["stop_at"]):
            return False
    except UserError:
        # One broken run does not hide the others.
        return False
    deciding = (n for n in given if OPTIONS[n].decides is not Decides.NOTHING)
    return all(recorded.get(name) == given[name] for name in deciding)
