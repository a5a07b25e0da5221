"""Packed networks: what they compute, and files that are none."""

from __future__ import annotations

import hashlib
import io
import json
import shutil

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from support.damage import damages
from support.project import check_one_line, run_command, run_script
from support.trained import ARCHITECTURES, images_of, network_of, parameters, trained

from foundations.errors import UserError
from memorization import functions, networks
from memorization.architecture import WIDTHS, Architecture
from memorization.export import inference, packed
from memorization.export.folding import fold
from memorization.export.model import affine, is_high


@pytest.mark.slow
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_scores_are_those_of_the_evaluation_bit_for_bit(name, tmp_path):
    architecture = ARCHITECTURES[name]
    network = networks.build(architecture)
    networks.set_parameters(network, parameters(architecture), name)
    networks.replace_weights_by_sign(network)
    images = images_of(architecture)
    expected = functions.build_scores(network)(images)
    packed.save(tmp_path / "packed.h5", fold(trained(name)))
    found = inference.scores(packed.load(tmp_path / "packed.h5"), images)
    assert len(np.unique(expected, axis=0)) > 7
    assert found.dtype == np.float32 and found.tobytes() == expected.tobytes()
    # As float32 images from -1 to 1, which are taken as they are.
    scaled = inference.unit_range(images)
    assert inference.scores(fold(trained(name)), scaled).tobytes() == expected.tobytes()


@pytest.mark.exhaustive
def test_the_evaluation_computes_what_testing_in_training_does():
    architecture = ARCHITECTURES["sigmoid"]
    network = networks.build(architecture)
    random = np.random.RandomState(0)
    arrays = [
        array + random.uniform(0.1, 0.2) if array.ndim == 1 else array
        for array in parameters(architecture, 3)
    ]
    networks.set_parameters(network, arrays, "")
    networks.replace_weights_by_sign(network)
    images = images_of(architecture)
    from binary_net import lasagne
    from theano_engine import T, theano

    x = T.tensor4()
    output = lasagne.layers.get_output(network, x, deterministic=True)
    expected = theano.function([x], output)(inference.unit_range(images))
    # Nothing ties: no rounding turns a unit.
    assert np.allclose(functions.build_scores(network)(images), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["cnn", "no norm", "mlp"])
def test_every_threshold_is_where_the_norm_turns(name):
    network = trained(name, seed=5)
    for layer, folded in list(zip(network.layers, fold(network).layers))[1:-1]:
        sums = np.arange(-layer.inputs, layer.inputs + 1, dtype=np.float32)
        normalised = affine(sums[:, None], *layer.affine())
        high = (sums[:, None] >= folded.threshold) != folded.flipped
        assert np.array_equal(high, is_high(normalised))


@pytest.mark.exhaustive
def test_a_packed_file_goes_where_an_npz_goes(undisturbed, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(undisturbed, run)
    done = run_command("export", run, "--to", "packed", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (exported,) = run.glob("*.h5")
    told = {}
    for path in (exported, exported.with_suffix(".npz")):
        script = ("svhn_evaluation_random_labels.py", "--params", path, "--count", "90")
        done = run_script(*script, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        first, _, error = done.stdout.splitlines()
        assert first == f"{path}: 90 images"
        told[path.suffix] = error
    assert told[".h5"] == told[".npz"]
    check_one_line(run_command("export", run, "--to", "packed", cwd=tmp_path), "--overwrite")
    record = json.loads((run / "run.json").read_text())
    assert packed.load(exported).record == record
    (run / "run.json").write_text(json.dumps({**record, "seed": 9}))
    check_one_line(run_script(*script[:2], exported, cwd=tmp_path), exported, "seed")


@pytest.mark.slow
def test_a_packed_file_goes_with_images_of_2017(tmp_path):
    packed.save(tmp_path / "packed.h5", fold(trained("cnn")))
    images = images_of(ARCHITECTURES["cnn"])
    outputs = inference.scores(fold(trained("cnn")), images)
    np.save(tmp_path / "X.npy", inference.unit_range(images))
    np.save(tmp_path / "Y.npy", inference.predicted_classes(outputs))
    files = ("--images", "X.npy", "--labels", "Y.npy", "--params", "packed.h5")
    done = run_script("svhn_evaluation_random_labels.py", *files, cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == "error = 0.00% (0 of 50 images)", done.stderr
    done = run_script(
        "svhn_evaluation_random_labels.py", *files, "--device", "torch-cpu", cwd=tmp_path
    )
    check_one_line(done, "--device")


def test_full_networks_are_28_times_smaller(tmp_path):
    for widths in WIDTHS.values():
        network = network_of(Architecture(widths))
        arrays = parameters(network.architecture)
        packed.save(tmp_path / "packed.h5", fold(network))
        np.savez(tmp_path / "saved.npz", *arrays)
        sizes = [(tmp_path / file).stat().st_size for file in ("saved.npz", "packed.h5")]
        assert sizes[0] > 28 * sizes[1]


@pytest.mark.exhaustive
def test_what_has_no_bits_is_refused_by_name(tmp_path, short_run):
    run = tmp_path / "run"
    shutil.copytree(short_run, run)
    record = json.loads((run / "run.json").read_text())
    record["network"]["activations"] = "relu"
    (run / "run.json").write_text(json.dumps(record))
    done = run_command("export", run, "--to", "packed", cwd=tmp_path)
    check_one_line(done, "activations relu")
    assert not list(run.glob("*.h5"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("packed") / "packed.h5"
    packed.save(path, fold(trained("mlp")))
    return path.read_bytes()


def test_the_same_network_gives_the_same_bytes(whole, tmp_path):
    packed.save(tmp_path / "packed.h5", fold(trained("mlp")))
    assert (tmp_path / "packed.h5").read_bytes() == whole


def refused(path, content):
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        packed.load(path)
    assert str(error.value).startswith(f"{path}: ") and "\n" not in str(error.value)
    return str(error.value)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(damage=damages())
def test_damage_is_told_in_a_line(whole, tmp_path, damage):
    damaged = damage(whole)
    if damaged != whole:
        refused(tmp_path / "damaged.h5", damaged)


def test_a_later_version_is_refused_by_name(whole, tmp_path):
    later = whole[:16] + (2).to_bytes(4, "little") + whole[20:]
    assert "version 2" in refused(tmp_path / "later.h5", later)


def checked(body):
    """`body` behind a header that vouches for it, and where it went wrong."""
    body = body[packed.HEADER_BYTES :]
    digest = hashlib.sha256(body).digest()
    header = packed.HEADER.pack(packed.MAGIC, 1, packed.HEADER_BYTES + len(body), digest)
    return header.ljust(packed.HEADER_BYTES, b"\0") + body


def changed(whole, change):
    """The file `whole` after `change` of its open HDF5 part, with a checksum that fits."""
    content = io.BytesIO(whole)
    with h5py.File(content, "r+") as file:
        change(file)
    return checked(content.getvalue())


def replace(name, value, **options):
    def change(file):
        del file[name]
        file.create_dataset(name, data=value, **options)

    return change


def link(name, target):
    def change(file):
        del file[name]
        file[name] = target

    return change


def describe(**fields):
    def change(file):
        told = json.loads(file["description"][()].tobytes())
        told |= fields
        replace("description", np.frombuffer(json.dumps(told).encode(), np.uint8))(file)

    return change


def external(file):
    del file["layer_1/threshold"]
    file["layer_1"].create_dataset(
        "threshold", (33,), "<i4", external=[("/etc/hostname", 0, 33 * 4)]
    )


HUGE = [{"kind": "dense", "units": (1 << 24) - 1, "pools": False}] * 4
HOSTILE = {
    "link outside": link("layer_1/threshold", h5py.ExternalLink("/etc/passwd", "/x")),
    "soft link": link("layer_1/threshold", h5py.SoftLink("/layer_2/threshold")),
    "bytes of another file": external,
    "compressed": replace("layer_1/threshold", np.zeros(33, "<i4"), compression="gzip"),
    "other type": replace("layer_1/threshold", np.zeros(33, "<f4")),
    "other shape": replace("layer_1/threshold", np.zeros(32, "<i4")),
    "threshold out of reach": replace("layer_1/threshold", np.full(33, 99, "<i4")),
    "no number": replace("layer_0/scale", np.full(9, np.nan, "<f4")),
    "dataset for a group": replace("layer_2", np.zeros(3)),
    "no description": lambda file: file.__delitem__("description"),
    "no JSON": replace("description", np.frombuffer(b"{", np.uint8)),
    "huge layers": describe(layers=HUGE),
    "no layers": describe(layers=[]),
    "huge images": describe(image_shape=[65535, 65535, 65535]),
    "images of no size": describe(image_shape=[1, 0, 5]),
    "another unit": describe(unit="relu"),
    "too few classes": describe(class_names=["a"]),
    "classes that are no names": describe(class_names=[{}] * 7),
    "a convolution behind a dense layer": describe(
        layers=[{"kind": kind, "units": 9, "pools": False} for kind in ("dense", "convolution")]
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_in_a_line(whole, tmp_path, name):
    message = refused(tmp_path / "hostile.h5", changed(whole, HOSTILE[name]))
    assert "checksum" not in message


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\n" * 100, packed.MAGIC * 100])
def test_a_foreign_file_is_refused_in_a_line(tmp_path, content):
    refused(tmp_path / "foreign.h5", content)


def test_an_unharmed_change_is_read(whole, tmp_path):
    (tmp_path / "same.h5").write_bytes(changed(whole, describe(record={"seed": 3})))
    assert packed.load(tmp_path / "same.h5").record == {"seed": 3}
