"""`from theano_engine import T, theano` is all that anyone needs; in processes of their own."""

from __future__ import annotations

import pytest
from support.project import run_code

pytestmark = pytest.mark.slow

SUM_OVER_CHANNELS = """
x = T.tensor4()
function = theano.function([x], x.sum((0, 2, 3)))
print(*(type(node.op).__name__ for node in function.maker.fgraph.apply_nodes))
print('theano_modules.h' in theano.config.gcc.cxxflags, theano.config.floatX)
"""


@pytest.mark.parametrize("first", ["", "ops.pool", "rewrites", "rewrites.pool", "processor"])
def test_kernels_rewrites_and_header_are_in_place(first):
    before = f"import theano_engine.{first}\n" if first else ""
    done = run_code(f"{before}from theano_engine import T, theano\n{SUM_OVER_CHANNELS}")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "ChannelSum\nTrue float32\n"


def test_importing_the_package_alone_is_cheap():
    done = run_code(
        "import sys, theano_engine\nprint({'theano', 'numpy', 'torch'} & set(sys.modules))"
    )
    assert (done.stdout, done.stderr) == ("set()\n", "")


def test_threads_that_come_first_at_once_all_find_it_ready():
    done = run_code(
        "import threading\n"
        "def touch():\n"
        "    from theano_engine import T, theano\n"
        "    ready.append('channel_sum' in theano.compile.optdb.__db__)\n"
        "ready = []\n"
        "threads = [threading.Thread(target=touch) for _ in range(4)]\n"
        "for thread in threads: thread.start()\n"
        "for thread in threads: thread.join()\n"
        "print(ready)\n"
    )
    assert (done.stdout, done.stderr) == (f"{[True] * 4}\n", "")


@pytest.mark.parametrize("before", ["", "import scipy.stats, scipy.signal, scipy.special\n"])
def test_parts_of_scipy_that_theano_seldom_asks_come_when_somebody_asks(before):
    done = run_code(
        f"import sys\n{before}from theano_engine import T, theano\n"
        "import scipy\n"
        "slow = {'scipy.stats', 'scipy.signal', 'scipy.special'}\n"
        "print(len(slow & set(sys.modules)), theano.scalar.basic_scipy.imported_scipy_special)\n"
        "print(round(theano.scalar.basic_scipy.erf.impl(0.5), 6))\n"
        "print(round(theano.scalar.basic_scipy.chi2sf.impl(2.0, 2.0), 6))\n"
        "print(scipy.stats.norm.cdf(0), scipy.signal.convolve([1], [2]))\n"
        "import scipy.stats, scipy.signal\n"
        "print(len(slow & set(sys.modules)))\n"
    )
    found = 3 if before else 0
    assert (done.stdout, done.stderr) == (f"{found} True\n0.5205\n0.367879\n0.5 [2]\n3\n", "")
