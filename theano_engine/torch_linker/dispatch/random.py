"""Uniform random numbers: the generator MRG31k3p of Theano's MRG_RandomStreams, number for number.

Its state, one row of six int32 per stream, is a shared variable of the graph; it is updated, saved
and restored like any other. Every number is integer arithmetic modulo two primes, so that a seed
gives the same stream on every device as in Theano's own code.

Theano draws the numbers of a stream one after another. The recurrence is linear, so that here all
are computed at once: the k-th state is the k-th power of a constant matrix times the first.
(P. L'Ecuyer and R. Touzin, "Fast combined multiple recursive generators with multipliers of the
form a = +-2**q +- 2**r", 2000.)
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import torch
from theano.sandbox.rng_mrg import mrg_uniform

from theano_engine.torch_linker.dispatch.registry import handles
from theano_engine.torch_linker.storage import torch_dtype

MODULI = (2147483647, 2147462579)
_STEPS = (
    np.array([[0, 4194304, 129], [1, 0, 0], [0, 1, 0]], dtype=object),
    np.array([[32768, 0, 32769], [1, 0, 0], [0, 1, 0]], dtype=object),
)


@cache
def _powers(rounds: int) -> tuple[np.ndarray, np.ndarray]:
    """For both components, the matrices of 1 to `rounds` steps: (rounds, 3, 3) int64."""
    results = []
    for step, modulus in zip(_STEPS, MODULI):
        power, powers = step, [step]
        for _ in range(rounds - 1):
            power = step.dot(power) % modulus
            powers.append(power)
        results.append(np.array(powers, dtype=np.int64))
    return results[0], results[1]


def _times(coefficients, states, modulus):
    """`coefficients` (..., 3) times the states (streams, 3), modulo: (..., streams) int64."""
    products = [coefficients[..., i, None] * states[:, i] % modulus for i in range(3)]
    return (products[0] + products[1] + products[2]) % modulus


@handles(mrg_uniform, host=[1], creates=True)
def uniform(op, node):
    dtype = torch_dtype(node.outputs[1].type.dtype)
    if dtype not in (torch.float32, torch.float64):
        raise NotImplementedError(f"random numbers of dtype {dtype}: only float32 and float64")
    # Theano's C code multiplies a float32 by its float32 constant, just below 2**-31.
    scale = float(np.float32(4.6566126e-10)) if dtype == torch.float32 else 2.0**-31
    tables: dict[int, tuple] = {}

    def table(rounds, device):
        # Filled when a graph is specialised, so that nothing is uploaded at later steps.
        if rounds not in tables:
            tables[rounds] = tuple(torch.from_numpy(p).to(device) for p in _powers(rounds))
        return tables[rounds]

    def uniform(state, size, device):
        streams, wanted = state.shape[0], math.prod(size)
        if not wanted:
            return state.clone(), torch.empty(size, dtype=dtype, device=device)
        rounds = -(-wanted // streams)
        halves = [half.long() for half in state.split(3, 1)]
        parts = list(zip(table(rounds, device), halves, MODULI))
        first, second = (_times(powers[:, 0], half, m) for powers, half, m in parts)
        difference = first - second
        difference = torch.where(difference <= 0, difference + MODULI[0], difference)
        sample = difference.to(dtype) * scale
        # Streams beyond the remainder of the last round have taken one step less.
        last = wanted - (rounds - 1) * streams
        moved = torch.cat([_times(powers[-1], half, m) for powers, half, m in parts]).t()
        if last < streams:
            earlier = state
            if rounds > 1:
                earlier = torch.cat([_times(p[-2], half, m) for p, half, m in parts]).t()
            moved = torch.cat([moved[:last], earlier[last:]])
        return moved.to(torch.int32), sample.reshape(-1)[:wanted].reshape(size)

    return uniform
