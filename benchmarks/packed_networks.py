"""A packed network against onnxruntime and PyTorch: milliseconds an image, one at a time and many.

    python benchmarks/packed_networks.py [--width 1] [--batches 1 1000] [--threads 1 2] [--compiled]

The CIFAR-10 network of 2017 with drawn weights. Scores of the packed network's compiled kernel are
asserted to be those of numpy bit for bit, those of onnxruntime and PyTorch in float32 within 1e-4;
of bfloat16, which rounds sums to eight bits, the share of equal classes is told. Then all are timed
in turn: medians and quartiles, and the ratio of the medians to the packed network's. PyTorch has
the weights' signs computed beforehand, and its images as channels_last.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

CHECKED = 16


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 1000])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, os.cpu_count()])
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--compiled", action="store_true", help="torch.compile as well")
    options = parser.parse_args(arguments)
    from memorization.export import inference
    from memorization.export.folding import fold
    from theano_engine import processor

    network, parameters = _network(options.width)
    packed = fold(network)
    images = np.random.default_rng(2).integers(0, 256, (max(options.batches), 3, 32, 32))
    images = images.astype(np.uint8)
    print(f"{processor.model()}; width {options.width}; milliseconds an image")
    for threads in dict.fromkeys(options.threads):
        sides = _sides(network, packed, parameters, threads, options.compiled)
        for line in _checked(inference.scores(packed, images[:CHECKED]), sides, images[:CHECKED]):
            print(line)
        for batch in options.batches:
            timed = dict(sides)
            if batch == 1:
                # As many threads as it likes; a thousand images take it most of a minute.
                timed["packed, numpy alone"] = partial(inference.scores, packed)
            for row in _rows(timed, images[:batch], threads, options.rounds):
                print(row, flush=True)


def _network(width):
    """A network with weights as they begin, averages as a training leaves them; its parameters."""
    from binary_net import lasagne
    from memorization import networks
    from memorization.architecture import WIDTHS, Architecture
    from memorization.export.network import TrainedNetwork, layers_of

    architecture = Architecture(WIDTHS["cifar10"]).scaled(width)
    output = networks.build(architecture, seed=1)
    random = np.random.default_rng(1)
    arrays = [
        np.array(values, np.float32) for values in lasagne.layers.get_all_param_values(output)
    ]
    for start in range(0, len(arrays), 6):
        W, _, beta, _, mean, inv_std = arrays[start : start + 6]
        inputs = W[0].size if W.ndim == 4 else len(W)
        mean[:] = np.round(random.normal(0, inputs**0.5 / 4, mean.shape))
        inv_std[:] = inputs**-0.5
        beta[:] = random.uniform(-0.3, 0.3, beta.shape)
    names = tuple(map(str, range(10)))
    layers = layers_of(architecture, arrays, "drawn")
    return TrainedNetwork(architecture, layers, Path("drawn"), names), arrays


def _sides(network, packed, parameters, threads, compiled):
    """Scores of uint8 images, by the name of what computes them."""
    import onnxruntime
    import torch

    from memorization.export import onnx_file
    from memorization.export.native import NativeNetwork

    sides = {"packed": partial(NativeNetwork(packed).scores, threads=threads)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        onnx_file.save(network, path)
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(
            str(path), settings, providers=["CPUExecutionProvider"]
        )
    sides["onnxruntime float32"] = lambda x: session.run(["scores"], {"images": x})[0]
    torch.set_num_threads(threads)
    model = _torch_model(network.architecture.widths, parameters)
    for name, dtype in (("float32", None), ("bfloat16", torch.bfloat16)):
        sides[f"PyTorch {name}"] = partial(_torch_scores, model, dtype)
        if compiled:
            sides[f"torch.compile {name}"] = partial(_torch_scores, torch.compile(model), dtype)
    return sides


def _torch_model(widths, parameters):
    import torch

    from benchmarks.torch_binarynet import BinaryNet

    model = BinaryNet(widths)
    model.load(parameters)
    for layers, plain in ((model.convolutions, torch.nn.Conv2d), (model.dense, torch.nn.Linear)):
        for layer in layers:
            layer.weight.data = torch.where(layer.weight > 0, 1.0, -1.0)
            layer.__class__ = plain
    return model.eval().to(memory_format=torch.channels_last)


def _torch_scores(model, dtype, images):
    import torch

    from benchmarks.torch_binarynet import to_unit_range

    with torch.inference_mode(), torch.autocast("cpu", dtype, enabled=dtype is not None):
        x = to_unit_range(torch.from_numpy(images)).to(memory_format=torch.channels_last)
        return model(x).float().numpy()


def _checked(expected, sides, images):
    """Lines on sides that are not equal; AssertionError where they have to be."""
    for name, scores in sides.items():
        found = scores(images)
        if name == "packed":
            np.testing.assert_array_equal(found, expected)
        elif name.endswith("float32"):
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4, err_msg=name)
        else:
            same = np.mean(found.argmax(axis=1) == expected.argmax(axis=1))
            yield f"{name}: {100 * same:.0f} % of the classes are the same"


def _rows(sides, images, threads, rounds):
    from benchmarks.timing import in_turn

    calls = {name: partial(scores, images) for name, scores in sides.items()}
    seconds = in_turn(calls, rounds, calls=3 if len(images) < 100 else 1)
    quartiles = {
        name: 1000 * np.percentile(values, (25, 50, 75)) / len(images)
        for name, values in seconds.items()
    }
    yield f"\n{f'batch {len(images)}, {threads} threads':24}{'ms an image':>24}{'ratio':>8}"
    for name, (low, middle, high) in quartiles.items():
        ratio = middle / quartiles["packed"][1]
        yield f"{name:24}{f'{middle:.2f} ({low:.2f}-{high:.2f})':>24}{ratio:8.1f}"


if __name__ == "__main__":
    main()
