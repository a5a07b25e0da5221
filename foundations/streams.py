"""Random streams: every purpose of every run has one of its own, and no two share one.

A stream is named by its purpose, the run's seed and up to two whole numbers more (a set, an epoch,
a layer). All four are words of numpy's SeedSequence, always four and the purpose, which is never 0,
last: SeedSequence pads with zeros, so that the seeds 5, [5, 0] and [5, 0, 0] would be the same.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

# Of L'Ecuyer's generator MRG31k3p, Theano's MRG_RandomStreams.
MRG_MODULI = (2147483647, 2147462579)


class Purpose(IntEnum):
    """What random numbers are drawn for; behind each the two numbers that tell its streams apart.

    The values are part of every result: a new purpose takes the next free one.
    """

    LABELS = 1  # number of the set
    BATCH_ORDER = 2  # epoch, counted from 0
    GAUSSIAN_IMAGES = 3
    SATURATION_SAMPLE = 4
    CRITICAL_SAMPLE = 5  # number of the set
    CRITICAL_NOISE = 6  # epoch, counted from 1; number of the set
    WEIGHTS = 7  # number of the layer
    STOCHASTIC_WEIGHTS = 8  # number of the layer
    DROPOUT = 9  # number of the layer
    DRAWN_DIGITS = 10  # how many are drawn
    SHUFFLED_PIXELS = 11
    RANDOM_PIXELS = 12
    PATTERNS = 13  # number of the set
    PATTERN_LABELS = 14  # number of the set
    AUGMENTATION = 15  # epoch, counted from 1
    TEACHER_WEIGHTS = 16  # number of the layer
    SBPI = 17


def random_state(purpose: Purpose, seed: int, first: int = 0, second: int = 0):
    """The stream's np.random.RandomState: draws that are the same in every version of numpy.

    Raises ValueError where `seed`, `first` or `second` is not from 0 to 2**32 - 1.
    """
    return np.random.RandomState(np.random.MT19937(_sequence(purpose, seed, first, second)))


def mrg_seed(purpose: Purpose, seed: int, first: int = 0, second: int = 0) -> tuple[int, ...]:
    """The stream as the six numbers that seed Theano's MRG_RandomStreams; raises as above.

    The generator's period is 2**185, its own sub-streams lie 2**134 apart.
    """
    words = _sequence(purpose, seed, first, second).generate_state(6, np.uint64)
    # Never 0: three zeros would be the one state that the recurrence cannot leave.
    return tuple(
        int(word) % (modulus - 1) + 1
        for word, modulus in zip(words, np.repeat(MRG_MODULI, 3).tolist())
    )


def _sequence(purpose: Purpose, seed: int, first: int, second: int) -> np.random.SeedSequence:
    words = [seed, first, second, Purpose(purpose)]
    for word in words:
        if not 0 <= word < 2**32:
            raise ValueError(f"{word} names no random stream: it is not from 0 to 4294967295")
    return np.random.SeedSequence([int(word) for word in words])
