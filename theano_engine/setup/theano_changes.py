"""What numpy 2 changed under single functions of Theano 1.0.5, mended there.

numpy 2 takes a Python number for one of the array's or numpy scalar's own type (NEP 50), where
numpy 1 gave it a type by its value, or by its Python type. Nothing fails for that: Theano's dtypes
and constants silently become others. `tests/data/numpy1_promotion.json` holds what they were.
"""

from __future__ import annotations

from operator import attrgetter

import numpy as np

from theano_engine.setup.numpy_names import NUMPY_2, dtype_of
from theano_engine.setup.theano_text import change


def wrapping_asarray(a, dtype, order=None):
    """`numpy.asarray` as numpy 1 had it: of a Python number too large it keeps the last bits.

    Raises OverflowError where numpy 1 did: beyond C's long, or unsigned long for the types that it
    read through one.
    """
    try:
        return np.asarray(a, dtype=dtype, order=order)
    except OverflowError:
        numbers = np.asarray(a, dtype=object)
        if np.dtype(dtype).kind not in "iu":
            raise
        wrapped = [_last_bits(number, np.dtype(dtype)) for number in numbers.flat]
        return np.asarray(np.array(wrapped, dtype).reshape(numbers.shape), order=order)


def _last_bits(number, dtype: np.dtype):
    number = int(number)
    limits = np.iinfo(dtype)
    most = 2**64 if dtype in (np.uint32, np.uint64) else 2**63
    if not -(2**63) <= number < most:
        raise OverflowError("Python int too large to convert to C long")
    return (number - limits.min) % 2**limits.bits + limits.min


# Where, what its text's SHA-256 begins with, and what is said there instead of what.
Change = tuple[str, str, dict[str, str]]

_CHANGES: list[Change] = [
    # numpy.core is private, and on its way out.
    (
        "gof.cc.CLinker.cmodule_key_",
        "f09f558daa891203",
        {"np.core._multiarray_umath": "np._core._multiarray_umath"},
    ),
    # Types of Theano's are no dtypes to numpy 2: see `dtype_of`.
    ("scalar.basic.upcast", "af0184003e2cee69", {"dtype=dt)": "dtype=dtype_of(dt))"}),
    ("scalar.basic.Deg2Rad.L_op", "274b69b664f8322e", {"gz.type)": "gz.type.dtype)"}),
    ("scalar.basic.Rad2Deg.L_op", "17cbc338904e7ba0", {"gz.type)": "gz.type.dtype)"}),
    # Two methods of arrays are gone: tostring with numpy 2.3, itemset with 2.0.
    ("printing.hex_digest", "74027dc5ca1ddac9", {"x.tostring()": "x.tobytes()"}),
    (
        "tensor.blas.Gemm.perform",
        "ba9262e0d84de9db",
        {"z.itemset(z * a + b * np.dot(x, y))": "z[...] = z * a + b * np.dot(x, y)"},
    ),
    (
        "compile.debugmode._Linker.make_all",
        "d43570c6389b39e1",
        {"storage_map[r][0].itemset(dr_vals[r][0])": "storage_map[r][0][...] = dr_vals[r][0]"},
    ),
    # A number out of the type's range raises, where numpy 1 kept its last bits.
    (
        "misc.safe_asarray._asarray",
        "bdbd8ab9c800e5f1",
        {
            "np.dtype(dtype)": "dtype_of(dtype)",
            "np.asarray(a, dtype=dtype, order=order)": "wrapping_asarray(a, dtype, order)",
        },
    ),
    # 0.1 == np.float32(0.1) has become true: Theano would take that cast for exact.
    (
        "scalar.basic.NumpyAutocaster.__call__",
        "021af157329b5049",
        {"np.all(x == x_)": "np.all(np.asarray(x) == x_)"},
    ),
    (
        "scalar.basic.Scalar.filter",
        "431fcf1468f5eae7",
        {
            "data == converted_data": "np.asarray(data) == converted_data",
            "converted_data = py_type(data)": "converted_data = theano._asarray(data, py_type)[()]",
            "return py_type(data)": "return converted_data",
        },
    ),
    (
        "scalar.basic.Cast.impl",
        "5dbb23d46e6ef3bc",
        {"self.ctor(input)": "theano._asarray(input, self.ctor)[()]"},
    ),
    # float32 over a Python float was float64.
    (
        "scalar.basic.Inv.impl",
        "2e099485f4b7dbab",
        {"np.float32(1.0) / x": "np.float32(1.0) / np.asarray(x)[()]"},
    ),
    # int32 and 0xffffffff were int64.
    (
        "sandbox.rng_mrg.mrg_uniform.perform",
        "31be95b665d07af5",
        {"0xffffffff": "np.int64(0xffffffff)"},
    ),
    # The inverse has the array's shape, and was flat.
    (
        "tensor.extra_ops.Unique.perform",
        "d3bb042ced72467c",
        {"np.unique(x, **param)": "np.unique(x.ravel() if self.axis is None else x, **param)"},
    ),
]


# One character for a signature was a deprecated way to name the dtype; numpy 2.5 refuses it.
_ONE_CHARACTER = {
    "scalar.basic.Log.impl": "4e3f98f7cf4660be",
    "scalar.basic.Log2.impl": "cfe87edb54671a10",
    "scalar.basic.Log10.impl": "f669ec57b53b233a",
    "scalar.basic.Log1p.impl": "c671f1e6d391dc3a",
    "scalar.basic.Exp.impl": "36387025f4934480",
    "scalar.basic.Exp2.impl": "6178e4e8babb1bef",
    "scalar.basic.Expm1.impl": "d0efff79f0613343",
    "scalar.basic.Sqrt.impl": "8efe3b7cb309255a",
    "scalar.basic.Deg2Rad.impl": "a42185959d6047f4",
    "scalar.basic.Rad2Deg.impl": "1cf536439f5e255f",
    "scalar.basic.Cos.impl": "6f32100b2334975f",
    "scalar.basic.ArcCos.impl": "7cb32d22d5a1105b",
    "scalar.basic.Sin.impl": "60fd5278ee773002",
    "scalar.basic.ArcSin.impl": "1bf81e780b3a478b",
    "scalar.basic.Tan.impl": "affdd382d991430b",
    "scalar.basic.ArcTan.impl": "9c348d5e5a26e36f",
    "scalar.basic.ArcTan2.impl": "64fc495b84df6832",
    "scalar.basic.Cosh.impl": "38fbbba5a4836c71",
    "scalar.basic.ArcCosh.impl": "a83b810e0fe11e04",
    "scalar.basic.Sinh.impl": "39ef58d9ddf62bcc",
    "scalar.basic.ArcSinh.impl": "a284ae0b4985253c",
    "scalar.basic.Tanh.impl": "5e600d31ca945e05",
    "scalar.basic.ArcTanh.impl": "bdb092afd1b3f367",
    "tensor.nnet.sigm.ScalarSigmoid.st_impl": "7643ba7f517b9dc4",
    "tensor.nnet.sigm.ScalarSoftplus.static_impl": "3d30ed485f5f194f",
}
_CHANGES += [(name, digest, {"sig='f'": "dtype='f'"}) for name, digest in _ONE_CHARACTER.items()]


def install() -> None:
    """Change what has to be changed under this numpy; only after Theano's import.

    Raises `SetupError` where the installed Theano is not the one that the changes were made for.
    """
    import theano.compile.debugmode
    import theano.sandbox.rng_mrg
    import theano.tensor.subtensor

    if not NUMPY_2:
        return
    theano.tensor.subtensor.AdvancedIncSubtensor1.c_code = _no_c_code
    for name, digest, replacements in _CHANGES:
        change(
            attrgetter(name)(theano),
            digest,
            replacements,
            dtype_of=dtype_of,
            wrapping_asarray=wrapping_asarray,
        )


def _no_c_code(self, *_):
    # numpy 2 keeps its iterator over advanced indices (PyArrayMapIter) to itself. Theano falls back
    # on perform(), which calls numpy.add.at.
    raise NotImplementedError
