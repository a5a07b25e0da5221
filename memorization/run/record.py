"""`run.json`, the record of a run: what it takes to repeat it and to rebuild its network."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import datasets
from datasets import SETS
from datasets.labelled_sets import LabelledSets
from foundations import files, reading
from foundations.errors import UserError
from memorization.architecture import Architecture, OwnNetwork, from_record
from memorization.options import Options, flag
from memorization.run import environment, process
from memorization.run.environment import Environment
from memorization.run.settings import completed, contradiction, lengthened

RUN_FILE = "run.json"

# What a run keeps of data that were given in Python, and are in no file.
OWN_DATA_FILE = "data.npz"

# In bytes, as file systems count.
MOST_OF_A_FILE_NAME = 255

# Of the run folder as a whole. A run goes on only in the format that it began in; all are read by
# figures, report and evaluation. What has changed since each earlier one:
FORMAT = 2
EARLIER_FORMATS = {
    1: "labels, order of the batches and samples of --measure shared a random stream, and the "
    "state was saved under numbers",
}


def describe_run(
    options: Options,
    architecture: Architecture | OwnNetwork,
    data: LabelledSets,
    parameters: str,
    surroundings: Environment,
    parameter_counts: Mapping[str, Mapping[str, int]],
    initial: str | None = None,
    folder: str | None = None,
) -> dict[str, Any]:
    """The record of a run that is about to begin, ready for JSON.

    `parameters` is the name of the saved parameters without its ending, `surroundings` what
    `environment.describe` found, `parameter_counts` what `networks.parameter_counts` did,
    `initial` the fingerprint of the parameters that --init names, `folder` where the data set's
    files are.
    """
    return {
        "format": FORMAT,
        "experiment": options.experiment,
        "parameters": f"{parameters}.npz",
        "options": options.recorded(),
        "seed": options.seed,
        "network": architecture.recorded(),
        "initial": initial,
        "parameter_counts": parameter_counts,
        "data": {
            "name": data.name,
            "fingerprint": data.fingerprint,
            "source_fingerprint": data.source_fingerprint,
            "class_names": data.form.class_names,
            "recipe": data.recorded(),
            "parameters": dict(data.parameters),
            **({} if file_of(data) is None else {"file": file_of(data)}),
            "folder": folder,
            **{name: len(getattr(data, name).numbers) for name in SETS},
        },
        "environments": [environment.period(1, surroundings)],
        "processes": [{"from_epoch": 1, **process.describe(options.command)}],
    }


def save_record(folder: Path, record: Mapping[str, Any]) -> None:
    """Write `record` as that of the run in `folder`."""
    files.save_json(folder / RUN_FILE, record)


def file_of(data: LabelledSets) -> str | None:
    """The file that `data` of one's own are read from again: a path, or a name in the folder."""
    return OWN_DATA_FILE if data.kept is not None else data.file


def load_record(folder: Path) -> dict[str, Any]:
    """The record of the run in `folder`; UserError where there is none or it cannot be read."""
    path = folder / RUN_FILE
    with reading.file_errors(path, "no readable record of a run"):
        record = reading.load_json(path)
        _check(record)
    return record


def _check(record: Any) -> None:
    parts = {"experiment": str, "parameters": str, "options": dict, "network": dict, "data": dict}
    reading.check_fields(record, parts)
    reading.check_fields({"format": format_of(record)}, {"format": int})
    if not 1 <= format_of(record) <= FORMAT:
        raise ValueError(
            f"format {reading.printable(format_of(record))}; this suite reads those up to {FORMAT}"
        )
    options, network, data = record["options"], record["network"], record["data"]
    reading.check_fields(options, {"data_dir": (str, type(None))})
    reading.check_fields(options, {"synthetic": bool, "train_size": (int, type(None))})
    reading.check_fields({"margin": 1.0, **options}, {"margin": (int, float)})
    architecture = from_record(network)
    reading.check_fields({"initial": None, **record}, {"initial": (str, type(None))})
    reading.check_fields(data, {"name": str, "fingerprint": str, "class_names": list})
    if "file" in data:
        reading.check_fields(data, {"file": str})
    elif data["name"] not in datasets.DATA_SETS:
        raise ValueError(f"the data set's name is {reading.printable(data['name'])}")
    # Format 1 told of noise in place of images alone, under that name.
    made = {"recipe": list, "source_fingerprint": str}
    reading.check_fields(data, made if format_of(record) > 1 else {})
    reading.check_fields({"parameters": {}, **data}, {"parameters": dict})
    if len(data["class_names"]) != architecture.n_classes:
        raise ValueError(f"{len(data['class_names'])} names of classes")
    # The first runs did not record any.
    if "environments" in record:
        environment.check(record["environments"])
    process.check(record.get("processes", []))
    # It is looked for in the run's folder, and nowhere else.
    name = record["parameters"]
    if Path(name).name != name or len(os.fsencode(name)) > MOST_OF_A_FILE_NAME:
        raise ValueError(f"parameters is {reading.printable(name)}")


def format_of(record: Mapping[str, Any]) -> int:
    """The format of the run folder whose record this is; the first did not say."""
    return record.get("format", 1)


def changed_environment(earlier: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    """What differs between the last environment of `earlier` and that of `record`; "" for nothing.

    One line, as `environment.changes` has it.
    """
    return environment.changes(earlier.get("environments"), _environment(record))


def continued(
    earlier: Mapping[str, Any], record: Mapping[str, Any], from_epoch: int
) -> dict[str, Any]:
    """The record `earlier` of a run that goes on with `from_epoch` as `record` says.

    Added are its environment where it is another, its process, and what was lengthened.
    """
    now = dict(earlier)
    if changed_environment(earlier, record):
        period = environment.period(from_epoch, _environment(record))
        now["environments"] = [*earlier.get("environments", []), period]
    now["data"] = {**earlier["data"], "folder": record["data"]["folder"]}
    (process_,) = record["processes"]
    now["processes"] = [*earlier.get("processes", []), {**process_, "from_epoch": from_epoch}]
    options = record["options"]
    if lengthened(earlier["options"], options):
        again = {name: options[name] for name in ("epochs", "decay_epochs")}
        rate = "the last" if options["decay_epochs"] else "computed anew"
        told = {"from_epoch": from_epoch, "epochs": options["epochs"], "learning_rate": rate}
        now["options"] = {**earlier["options"], **again}
        now["lengthened"] = [*earlier.get("lengthened", []), told]
    return now


def ended(record: Mapping[str, Any]) -> dict[str, Any]:
    """`record`, whose last process ends now."""
    *before, last = record["processes"]
    return {**record, "processes": [*before, process.ended(last)]}


def _environment(record: Mapping[str, Any]) -> Environment:
    return record["environments"][-1]["environment"]


def check_exact(folder: Path, earlier: Mapping[str, Any], record: Mapping[str, Any]) -> None:
    """Raise UserError where the bits may differ between a run of `earlier` and one of `record`."""
    changed = changed_environment(earlier, record)
    if changed:
        raise UserError(
            f"{folder}: --exact, but {changed}; make it as it was, or leave out --exact to go on"
        )


def check_resumable(folder: Path, earlier: Mapping[str, Any], record: Mapping[str, Any]) -> None:
    """Raise UserError, naming what it is, where `record` contradicts `earlier`, that of `folder`.

    Only options that change no result may differ, and the data have to be the same.
    """
    if format_of(earlier) != FORMAT:
        raise UserError(
            f"{folder}: a run of an earlier version of this suite, which cannot go on in this one "
            f"({EARLIER_FORMATS[format_of(earlier)]}); figures, report and evaluation still read "
            "it; give another --results-dir, or start over with --overwrite"
        )
    recorded, chosen = completed(earlier["options"]), record["options"]
    name = contradiction(recorded, chosen)
    if name is not None:
        raise UserError(
            f"{flag(name)} {chosen[name]} contradicts the run to be resumed, which has "
            f"{flag(name)} {reading.printable(recorded.get(name))}; leave it as it was, or start "
            "over with --overwrite"
        )
    if earlier.get("initial") != record["initial"]:
        raise UserError(
            f"{folder}: --init names other parameters than this run began with; give the same "
            "file, or start over with --overwrite"
        )
    if earlier["data"]["fingerprint"] != record["data"]["fingerprint"]:
        raise UserError(f"{folder}: the data set is not the one that this run began with")
