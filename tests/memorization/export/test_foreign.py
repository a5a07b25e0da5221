"""Parameters as BinaryNet's own scripts save and load them: no record, `arr_0` ... in order."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
from support.project import check_one_line, run_command
from support.trained import ARCHITECTURES, images_of, parameters, trained

from memorization.export import inference, packed
from memorization.export.folding import fold


@pytest.mark.slow
def test_a_file_of_binarynet_is_taken_with_its_activation(tmp_path):
    arrays = parameters(ARCHITECTURES["cnn"])
    np.savez(tmp_path / "cifar10_parameters.npz", *arrays)
    done = run_command("export", "cifar10_parameters.npz", "--to", "packed", cwd=tmp_path)
    check_one_line(done, "cifar10_parameters.npz", "run.json", "--activation")
    told = ("--activation", "tanh")
    done = run_command("export", "cifar10_parameters.npz", "--to", "packed", *told, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    network = packed.load(tmp_path / "cifar10_parameters.h5")
    images = images_of(ARCHITECTURES["cnn"])
    expected = inference.scores(fold(trained("cnn")), images)
    assert network.image_shape == (3, 32, 32) and network.record == {}
    assert inference.scores(network, images).tobytes() == expected.tobytes()
    np.save(tmp_path / "images.npy", images[:3])
    predicted = {
        run_command("predict", *network, "images.npy", cwd=tmp_path).stdout
        for network in (("cifar10_parameters.npz", *told), ("cifar10_parameters.h5",))
    }
    assert len(predicted) == 1 and predicted.pop().count("images.npy[") == 3
    done = run_command("predict", "cifar10_parameters.h5", "images.npy", *told, cwd=tmp_path)
    check_one_line(done, "--activation")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mlp", "two classes", "no bias", "no norm", "sigmoid"])
def test_out_and_in_again_it_is_the_same_network(name, tmp_path):
    from memorization.export import foreign

    network = trained(name)
    foreign.save(network, tmp_path / "saved.npz")
    with np.load(tmp_path / "saved.npz") as saved:
        # What Lasagne's set_all_param_values takes: W, b, beta, gamma, mean, inv_std.
        shapes = [saved[f"arr_{number}"].shape for number in range(len(saved.files))]
    units = [layer.units for layer in network.layers]
    assert [shape for shape in shapes if len(shape) == 1] == [(n,) for n in units for _ in "bBgms"]
    words = ("--activation", ARCHITECTURES[name].activation, "--image-shape")
    shape = map(str, ARCHITECTURES[name].image_shape)
    done = run_command("export", "saved.npz", "--to", "packed", *words, *shape, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    images = images_of(ARCHITECTURES[name])
    found = inference.scores(packed.load(tmp_path / "saved.h5"), images)
    assert found.tobytes() == inference.scores(fold(network), images).tobytes()


@pytest.mark.slow
def test_a_run_as_a_file_of_binarynet(short_run, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(short_run, run)
    done = run_command("export", run, "--to", "binarynet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with (
        np.load(run / "model_parameters.binarynet.npz") as exported,
        np.load(run / "model_parameters.npz") as saved,
    ):
        assert exported.files == saved.files
        assert all(np.array_equal(exported[name], saved[name]) for name in saved.files)
    done = run_command("summary", run, "--activation", "tanh", cwd=tmp_path)
    check_one_line(done, "run.json", "--activation")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shapes", "told"),
    [
        ([(5, 3, 3, 3), (9, 9)], "1 convolutions"),
        ([(784, 9), (9,), (9, 2)], "3 arrays for 2 layers"),
        ([(100, 9), (9, 3)], "--image-shape"),
        ([(3, 3)] * 0, "arr_0"),
        ([(784, 9), (8, 3)], "arr_1"),
    ],
    ids=str,
)
def test_other_files_are_refused_in_a_line(shapes, told, tmp_path):
    np.savez(tmp_path / "other.npz", *[np.ones(shape, np.float32) for shape in shapes])
    done = run_command("summary", "other.npz", "--activation", "tanh", cwd=tmp_path)
    check_one_line(done, "other.npz", told)


def test_a_float_twin_is_refused(tmp_path):
    from foundations.errors import UserError
    from memorization.export import foreign

    network = trained("mlp")
    relu = replace(network, architecture=replace(network.architecture, activations="relu"))
    with pytest.raises(UserError, match="activations relu"):
        foreign.save(relu, tmp_path / "saved.npz")
    assert list(tmp_path.iterdir()) == []
