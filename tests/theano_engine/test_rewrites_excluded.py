"""The recorded training of the original, with every rewrite left out in turn."""

from __future__ import annotations

import numpy as np
import pytest
from support import oracle_network

from theano_engine import theano

pytestmark = pytest.mark.exhaustive


REWRITES = theano.compile.optdb.__db__
# What is made on request alone is left out as it is.
NAMES = sorted(rewrite.name for rewrite in REWRITES["binary"] if rewrite in REWRITES["fast_run"])


@pytest.mark.parametrize("name", [*NAMES, "binary"])
def test_recorded_training_without(name, oracle):
    mode = theano.compile.get_default_mode().excluding(name)
    losses, validations = oracle_network.Recorded(oracle, mode=mode).train()
    np.testing.assert_allclose(losses[:3], oracle["losses"][:3], rtol=0, atol=1e-5)
    np.testing.assert_allclose(losses, oracle["losses"], rtol=0, atol=1e-4)
    np.testing.assert_allclose(validations, oracle["vals"], rtol=0, atol=1e-4)
