"""--keep: the parameters that a run saves after an epoch, the last or the best ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from binary_net import lasagne
from foundations import files
from memorization.measures.held import HeldArray
from memorization.networks import parameter_names, save_parameters
from training_loop import metrics


class LastParameters:
    """Those of the epoch that has just ended. `state`: what they need besides the network's."""

    def __init__(self, network: lasagne.layers.Layer):
        self._network = network
        self.state: Mapping[str, Any] = {}

    def epoch_ends(self, row: metrics.Row) -> None:
        """The epoch of `row` has ended; what is kept may be another."""

    def save(self, path: Path) -> None:
        """Write to `path` what is kept."""
        save_parameters(path, self._network)


class BestParameters:
    """Those of the epoch with the least validation error until now; of several, the last."""

    def __init__(self, network: lasagne.layers.Layer):
        names = parameter_names(network)
        self._parameters = lasagne.layers.get_all_params(network)
        # In the run's state, for what an epoch wrote that was killed before its state goes.
        self.state = {f"best/{names[p]}": HeldArray(p.get_value()) for p in self._parameters}

    def epoch_ends(self, row: metrics.Row) -> None:
        """The epoch of `row` has ended; what is kept may be another."""
        if row[metrics.BEST_EPOCH] == row[metrics.EPOCH]:
            for of, parameter in zip(self.state.values(), self._parameters):
                of.set_value(parameter.get_value())

    def save(self, path: Path) -> None:
        """Write to `path` what is kept."""
        files.save_arrays(path, *(of.get_value(borrow=True) for of in self.state.values()))


KEPT: Mapping[str, Callable[[Any], LastParameters | BestParameters]] = {
    "last": LastParameters,
    "best": BestParameters,
}
