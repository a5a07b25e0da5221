"""--history losses: through a kill, against the run's own metrics; margins against plain numpy."""

from __future__ import annotations

import shutil
import subprocess
import sys

import h5py
import numpy as np
import pytest
from support.project import run_script
from support.runs import (
    ARGUMENTS,
    SCRIPT,
    assert_same_run,
    finished_epochs,
    kill_after,
    run_in,
)

from foundations.errors import UserError
from memorization.functions import margins_of
from memorization.measures.image_losses import LOSSES_FILE, ImageLosses
from memorization.run.folder import load_metrics
from theano_engine import T, theano
from training_loop.evaluation import Evaluation

EPOCHS, IMAGES = 4, 200


def stored(folder):
    with h5py.File(folder / LOSSES_FILE) as file:
        return file["losses"][:], file["margins"][:]


@pytest.mark.exhaustive
def test_a_run_that_was_killed_keeps_every_epoch(tmp_path, undisturbed):
    kill_after(2, tmp_path, "--history", "losses")
    run = run_in(tmp_path)
    losses, margins = stored(run)
    done = finished_epochs(run)
    assert losses.shape == margins.shape == (EPOCHS, IMAGES)
    assert np.isfinite(losses[:done]).all()
    # As if it had been killed after an epoch was written, before its state was.
    with h5py.File(run / LOSSES_FILE, "r+") as file:
        file["losses"][done:] = 7

    # Its record tells that there is a history to be kept.
    done = run_script(f"{SCRIPT}.py", *ARGUMENTS, "--resume", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "--history losses: 0.0 MB in image_losses.h5 (200 images, 4 epochs)" in done.stdout
    losses, margins = stored(run)
    rows = load_metrics(run / "metrics.csv")
    means = [float(np.mean(row, dtype=np.float64)) for row in losses]
    assert means == [row["training_loss"] for row in rows]
    assert [np.mean(row <= 0) for row in margins] == [row["training_error"] for row in rows]
    # And to look so closely changes nothing.
    assert_same_run(run, undisturbed)


def evaluation(losses):
    numbers = np.zeros(len(losses), np.int64)
    return {"training": Evaluation(np.array(losses, np.float32), numbers, numbers)}


def told_of(kept, epoch, losses, margins):
    """Let `kept` see an epoch whose training set has these losses and margins."""
    test = kept.watched(lambda inputs, labels: (None, None, margins[inputs]))
    kept.epoch_begins(epoch, 0.1, len(losses))
    for name in ("training", "validation"):
        kept.testing_begins(name, len(losses))
        for batch in np.array_split(np.arange(len(losses)), 2):
            test(batch, None)
    kept.epoch_ends({"epoch": epoch}, evaluation(losses))


@pytest.fixture
def two_epochs(tmp_path):
    """A folder whose file has room for five epochs of three images, of which two have been."""
    kept = ImageLosses(tmp_path, 3, 5)
    for epoch in (1, 2):
        told_of(kept, epoch, [epoch, 0.5, 0.25], np.array([-epoch, 1, 2]))
    return tmp_path


def test_what_was_not_saved_is_cut_back(two_epochs):
    before = (two_epochs / LOSSES_FILE).stat().st_size
    losses, margins = stored(two_epochs)
    assert losses[:2].tolist() == [[1, 0.5, 0.25], [2, 0.5, 0.25]]
    assert margins[:2].tolist() == [[-1, 1, 2], [-2, 1, 2]]
    assert np.isnan(losses[2:]).all()
    ImageLosses(two_epochs, 3, 5).epoch_begins(2, 0.1, 3)
    losses, margins = stored(two_epochs)
    assert losses[0].tolist() == [1, 0.5, 0.25]
    assert np.isnan(losses[1:]).all()
    assert np.isnan(margins[1:]).all()
    assert (two_epochs / LOSSES_FILE).stat().st_size == before


@pytest.mark.parametrize("epochs", [3, 9])
def test_a_run_of_other_length_keeps_what_it_had(two_epochs, epochs):
    kept = ImageLosses(two_epochs, 3, epochs)
    told_of(kept, 3, [3, 3, 3], np.array([4, 4, 4]))
    losses, margins = stored(two_epochs)
    assert losses.shape == (epochs, 3)
    assert losses[:3].tolist() == [[1, 0.5, 0.25], [2, 0.5, 0.25], [3, 3, 3]]
    assert margins[:3].tolist() == [[-1, 1, 2], [-2, 1, 2], [4, 4, 4]]
    assert np.isnan(losses[3:]).all()
    assert [path.name for path in two_epochs.iterdir()] == [LOSSES_FILE]


@pytest.mark.slow
def test_it_can_be_read_while_it_is_written(two_epochs):
    program = (
        "import h5py, sys\n"
        f"with h5py.File({str(two_epochs / LOSSES_FILE)!r}) as file:\n"
        "    print(file['losses'][1, 0], flush=True)\n"
        "    sys.stdin.readline()\n"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as reader:
        assert reader.stdout.readline() == "2.0\n"
        told_of(ImageLosses(two_epochs, 3, 5), 3, [3, 3, 3], np.array([4, 4, 4]))
        reader.communicate("\n")
    assert reader.returncode == 0
    assert stored(two_epochs)[0][2].tolist() == [3, 3, 3]


def cut_off(path):
    path.write_bytes(path.read_bytes()[:1000])


def of_other_names(path):
    with h5py.File(path, "w") as file:
        file["mine"] = [1.0]


def of_doubles(path):
    with h5py.File(path, "w") as file:
        file["losses"] = file["margins"] = np.zeros((5, 3))


@pytest.mark.parametrize(
    "damage", [cut_off, of_other_names, of_doubles, lambda path: path.write_text("no"), "missing"]
)
def test_another_file_in_its_place_is_named(two_epochs, damage):
    path = two_epochs / LOSSES_FILE
    if damage == "missing":
        path.unlink()
    else:
        damage(path)
    before = path.read_bytes() if path.exists() else None
    with pytest.raises(UserError, match=str(path)) as told:
        ImageLosses(two_epochs, 3, 5).epoch_begins(3, 0.1, 3)
    assert "\n" not in str(told.value)
    assert (path.read_bytes() if path.exists() else None) == before


def test_other_images_are_refused(two_epochs):
    with pytest.raises(UserError, match=r"losses is float32 of shape \(5, 3\)"):
        ImageLosses(two_epochs, 4, 5).epoch_begins(3, 0.1, 4)


def test_what_no_disk_can_hold_is_refused_first(tmp_path):
    with pytest.raises(UserError, match=r"--history losses needs .* MB, of which .* free"):
        ImageLosses(tmp_path / "new" / "run", 10**9, 10**6).check_room()
    assert list(tmp_path.iterdir()) == []
    free = shutil.disk_usage(tmp_path).free
    ImageLosses(tmp_path, min(1000, free // 8000), 100).check_room()


@pytest.mark.slow
@pytest.mark.parametrize("outputs", [1, 2, 3, 10])
def test_margins(outputs):
    class Network:
        output_shape = (None, outputs)

    generator = np.random.RandomState(outputs)
    scores = generator.normal(size=(50, outputs)).astype(np.float32)
    labels = generator.randint(max(2, outputs), size=50)
    output, given = T.matrix("output"), T.lvector("labels")
    found = theano.function([given, output], margins_of(Network, given, output))(labels, scores)
    if outputs == 1:
        expected = np.where(labels == 1, scores[:, 0], -scores[:, 0])
    else:
        own = scores[np.arange(50), labels]
        others = [np.delete(row, label).max() for row, label in zip(scores, labels)]
        expected = own - np.array(others)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected.astype(np.float32))
