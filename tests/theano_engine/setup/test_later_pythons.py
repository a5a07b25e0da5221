"""What later Pythons and numpys took away from under Theano and Lasagne is there for them."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from support.project import PROJECT, run_code

from theano_engine import T, theano
from theano_engine.rewrites.questions.values import value_set
from theano_engine.setup.errors import SetupError
from theano_engine.setup.theano_text import change

PYTHON_LINKER = theano.Mode("py", "fast_compile")


def run(code: str) -> str:
    done = run_code(code)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.slow
def test_stand_ins_are_for_those_who_ask():
    """What is not installed stays so for the program, and what it looks for is its own."""
    code = """
def there(name):
    try:
        return __import__(name).__name__
    except ImportError:
        return None

import sys
names = ("distutils.sysconfig", "pkg_resources", "imp")
before = [there(name) for name in names] if {first} else None
from theano_engine import theano
import lasagne, theano.gpuarray
after = [there(name) for name in names]
stand_ins = [name for name in names if vars(sys.modules.get(name, sys)).get("__file__", 0) is None]
print(before in (None, after), stand_ins, after)
"""
    outputs = {
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code.replace("{first}", first)],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for first in ("True", "False")
    }
    assert len(outputs) == 1, outputs
    assert outputs.pop().startswith("True []")


@pytest.mark.slow
@pytest.mark.parametrize("order", ["theano, lasagne", "lasagne, theano", "lasagne.layers"])
def test_lasagne_at_any_time_after_the_engine(order):
    assert (
        run(f"from theano_engine import theano; import {order}; print(lasagne.__version__)")
        == "0.1\n"
    )


@pytest.mark.slow
def test_lasagnes_pooling_under_its_old_name():
    code = "from theano_engine import theano\nimport lasagne, numpy as np\n"
    code += "layer = lasagne.layers.MaxPool2DLayer((1, 1, 4, 4), 2)\n"
    code += "x = np.arange(16, dtype='float32').reshape(1, 1, 4, 4)\n"
    code += "print(layer.get_output_for(theano.shared(x)).eval().ravel().tolist())"
    assert run(code) == "[5.0, 7.0, 13.0, 15.0]\n"


@pytest.mark.slow
def test_scan_and_jacobian():
    x = T.vector()
    jacobian = theano.function([x], theano.gradient.jacobian(x**2, x))
    np.testing.assert_array_equal(jacobian([1, 2, 3]), np.diag([2, 4, 6]))
    sums, _ = theano.scan(lambda value, total: total + value, x, outputs_info=T.zeros(()))
    np.testing.assert_array_equal(theano.function([x], sums)([1, 2, 3]), [1, 3, 6])


def test_changed_text_is_refused_by_name():
    with pytest.raises(SetupError, match=r"Inv\.L_op .*basic\.py, line \d+\) is not what Theano"):
        change(theano.scalar.basic.Inv.L_op, "0" * 16, {})


def test_methods_of_arrays():
    assert len(theano.printing.hex_digest(np.arange(3))) > 64
    product = theano.tensor.blas.gemm_no_inplace
    storage = [[None]]
    inputs = [np.float32(x) for x in (1, 2, 3, 4, 2)]
    z, a, x, y, b = (np.array(value) for value in inputs)
    product.perform(None, (z, a, x, y, b), storage, product.params_type.filter(product))
    assert storage[0][0] == 1 * 2 + 2 * 3 * 4


@pytest.mark.slow
def test_debug_mode_on_a_number():
    x = T.scalar()
    assert theano.function([x], x + 1, mode="DebugMode")(1) == 2


@pytest.mark.slow
def test_random_numbers_of_both_linkers():
    drawn = [
        theano.function([], theano.sandbox.rng_mrg.MRG_RandomStreams(7).uniform((5,)), mode=mode)()
        for mode in (PYTHON_LINKER, None)
    ]
    np.testing.assert_array_equal(*drawn)


@pytest.mark.slow
def test_unique_of_a_matrix():
    x = T.lmatrix()
    outputs = T.extra_ops.Unique(return_inverse=True)(x)
    values, inverse = theano.function([x], outputs)([[3, 1], [1, 3]])
    np.testing.assert_array_equal(values, [1, 3])
    np.testing.assert_array_equal(inverse, [1, 0, 0, 1])


@pytest.mark.slow
def test_rows_by_index():
    x, rows = T.matrix(), T.lvector()
    y = T.inc_subtensor(x[rows], 1)
    added = theano.function([x, rows], y)(np.zeros((3, 2), np.float32), [0, 2, 0])
    np.testing.assert_array_equal(added, [[2, 2], [0, 0], [1, 1]])


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_c_code_of_complex_numbers(dtype):
    z = T.vector(dtype=dtype)
    outputs = [z * z + 1, abs(z), T.real(z), T.imag(z), T.conj(z), T.cast(z.real, dtype)]
    value = np.array([1 + 2j, -3j], dtype)
    expected = [value**2 + 1, abs(value), value.real, value.imag, value.conj(), value.real]
    for found, wanted in zip(theano.function([z], outputs)(value), expected):
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


@pytest.mark.slow
def test_c_code_over_all_axes():
    x = T.matrix()
    outputs = [T.argmax(x), T.all(x), T.cumsum(x), T.cumprod(x), x[x > 2].sum(), T.max(x)]
    value = np.array([[1, 2], [4, 3]], np.float32)
    expected = [2, True, [1, 3, 7, 10], [1, 2, 8, 24], 7, 4]
    for found, wanted in zip(theano.function([x], outputs)(value), expected):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.slow
def test_c_code_takes_rows_within_bounds_only():
    x, rows = T.matrix(), T.lvector()
    take = theano.function([x, rows], x[rows])
    value = np.arange(6, dtype=np.float32).reshape(3, 2)
    np.testing.assert_array_equal(take(value, [2, -3]), value[[2, 0]])
    with pytest.raises(IndexError):
        take(value, [3])


def test_rounding_is_seen_whatever_the_numbers_type():
    """0.1 as float32 is not 0.1: no rewrite may take the one for the other."""
    signs = T.switch(T.gt(T.vector(), 0), np.float32(1), np.float32(-1))
    assert value_set(signs * np.float32(0.5)) == {-0.5, 0.5}
    assert value_set(signs / np.float32(10)) is None
