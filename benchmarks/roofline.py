"""Each kernel of a CIFAR-10 training step against the ceiling that bounds it on this machine.

    python benchmarks/roofline.py [--rounds 7]

The ceilings are measured first: XNOR with population count, fused multiply-adds and table lookups
in registers, and memory traffic by `ceilings.cpp`; float matrix products through Theano's BLAS. The
table goes to docs/performance.json, of which `render.py` makes docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

BATCH = 50
CONVOLUTIONS = ((128, 128, 32), (128, 256, 16), (256, 256, 16), (256, 512, 8), (512, 512, 8))


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args(arguments).rounds
    ceilings = {**measured_ceilings(), "sgemm_gmac": sgemm_rate(rounds)}
    print(json.dumps(ceilings))
    rows = [*convolution_rows(rounds), *batch_norm_rows(rounds)]
    print(f"{'kernel':44s} {'reached':>10s} {'ceiling':>10s} share")
    for row in rows:
        row["limit"] = ceilings[row["ceiling"]]
        row["share"] = row["reached"] / row["limit"]
        print(
            f"{row['kernel']:44s} {row['reached']:10.1f} {row['limit']:10.1f} {row['share']:5.2f}"
        )
    from benchmarks import record

    record.put("roofline", {"ceilings": ceilings, "kernels": rows})


def measured_ceilings() -> dict:
    """Rates of `ceilings.cpp`, compiled for this processor."""
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "ceilings")
        source = str(Path(__file__).with_suffix("").parent / "ceilings.cpp")
        flags = ["-O3", "-march=native", "-fopenmp"]
        subprocess.run(["g++", *flags, source, "-o", program], check=True)
        done = subprocess.run([program], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def sgemm_rate(rounds: int) -> float:
    """Multiply-adds a second, in 1e9, of a 2048-cubed float product through Theano."""
    import numpy as np

    from theano_engine import T, theano

    n = 2048
    generator = np.random.default_rng(0)
    a, b = (theano.shared(generator.random((n, n), np.float32)) for _ in range(2))
    product = theano.function([], theano.Out(T.dot(a, b), borrow=True))
    return n**3 / best(product, rounds) / 1e9


def best(call, rounds: int) -> float:
    """Median seconds of `call`, after a first one that does not count."""
    from benchmarks.timing import in_turn

    return statistics.median(in_turn({"it": call}, rounds)["it"])


def signs(*shape):
    import numpy as np

    return (2 * np.random.default_rng(1).integers(0, 2, shape) - 1).astype(np.float32)


def convolution_rows(rounds: int):
    """Forward, input gradient and filter gradient of the five shapes of binary convolution."""
    import numpy as np

    from theano_engine import T, theano
    from theano_engine.ops.binary_conv import BinaryConv2d
    from theano_engine.ops.gradient_conv import BinaryConvFilterGradient, BinaryConvInputGradient

    x, w, g = T.tensor4(), T.tensor4(), T.tensor4()
    rows, columns = T.lscalar(), T.lscalar()
    options = ((1, 1), (1, 1), True, -1.0, 1.0)
    kernels = {
        "binary convolution": (BinaryConv2d((1, 1))(x, w), [x, w], "popcount_gmac"),
        "gradient of its input": (
            *(BinaryConvInputGradient(*options)(w, g, rows, columns), [w, g, rows, columns]),
            "lookup_gmac",
        ),
        "gradient of its filters": (
            *(BinaryConvFilterGradient(*options)(x, g, rows, columns), [x, g, rows, columns]),
            "lookup_gmac",
        ),
    }
    for name, (output, inputs, ceiling) in kernels.items():
        function = theano.function(inputs, theano.Out(output, borrow=True))
        for channels, filters, size in CONVOLUTIONS:
            gradient = np.random.default_rng(2).random((BATCH, filters, size, size), np.float32)
            images, weights = signs(BATCH, channels, size, size), signs(filters, channels, 3, 3)
            given = {x: images, w: weights, g: gradient, rows: size, columns: size}
            if name.endswith("filters"):
                given.update({rows: 3, columns: 3})
            arguments = [given[variable] for variable in inputs]
            products = BATCH * filters * channels * 9 * size * size
            seconds = best(lambda arguments=arguments: function(*arguments), rounds)  # noqa: B023
            yield {
                "kernel": f"{name}, {channels} to {filters}, {size}x{size}",
                "reached": products / seconds / 1e9,
                "ceiling": ceiling,
            }


def batch_norm_rows(rounds: int):
    """Batch norm with its activation, forward: reads its input twice, writes its output once."""
    import numpy as np

    from theano_engine import T, theano
    from theano_engine.ops.batch_norm import BatchNormTrainKernel

    x, gamma, beta = T.tensor4(), T.vector(), T.vector()
    outputs = BatchNormTrainKernel(1e-4, "tanh")(x, gamma, beta)
    function = theano.function([x, gamma, beta], [theano.Out(o, borrow=True) for o in outputs])
    for channels, _, size in CONVOLUTIONS[::2]:
        images = np.random.default_rng(3).random((BATCH, channels, size, size), np.float32)
        ones = np.ones(channels, np.float32)
        seconds = best(lambda images=images, ones=ones: function(images, ones, ones), rounds)
        yield {
            "kernel": f"batch norm and activation, {channels} of {size}x{size}",
            "reached": 3 * images.nbytes / seconds / 1e9,
            "ceiling": "memory_gb",
        }


if __name__ == "__main__":
    main()
