"""The compiled kernel of packed networks against numpy, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from support.trained import ARCHITECTURES, images_of, trained

from foundations.errors import UserError
from memorization.export import inference
from memorization.export.folding import fold
from memorization.export.native import NativeNetwork

pytestmark = pytest.mark.slow

STRICT = ("-Wall", "-Wextra", "-Werror")
# Those of this processor, and those that any compiler has.
OPTIONS = {"native": (*STRICT, "-march=native"), "portable": STRICT}


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_scores_are_those_of_numpy_bit_for_bit(name, options):
    network = fold(trained(name))
    images = images_of(ARCHITECTURES[name], 9)
    expected = inference.scores(network, images)
    assert len(np.unique(expected, axis=0)) > 2
    compiled = NativeNetwork(network, OPTIONS[options])
    for threads in (1, 3):
        assert compiled.scores(images, threads).tobytes() == expected.tobytes()
        # One image on several threads, and what an earlier call left behind.
        alone = [compiled.scores(images[n : n + 1], threads) for n in range(len(images))]
        assert np.concatenate(alone).tobytes() == expected.tobytes()
    assert compiled.scores(images[:0]).shape == (0, expected.shape[1])


def test_a_missing_or_failing_compiler_is_told(monkeypatch):
    for compiler in ("/no/such/compiler", "false"):
        monkeypatch.setenv("CC", compiler)
        with pytest.raises(UserError, match=compiler):
            NativeNetwork(fold(trained("mlp")))
