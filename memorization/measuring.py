"""The observers that options add to a run: --measure and its kin, --history."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datasets.labelled_sets import LabelledSets
from memorization.measures.batch_statistics import BatchStatistics
from memorization.measures.columns import Measures
from memorization.measures.corrupted import CorruptedLabels
from memorization.measures.image_losses import ImageLosses
from memorization.options import Options


def measures(
    chosen: Options,
    output: Any,
    data: LabelledSets,
    folder: Path,
    test: Any,
    testing: Mapping[str, bool] | None = None,
    mode: Any = None,
) -> list[Measures | BatchStatistics | CorruptedLabels]:
    """What --measure, --batch-statistics and --corrupted-labels add to the observers of a run.

    The run is that in `folder`; `test` is the compiled test function of the network `output`,
    `testing` as `experiment.run` takes it. Raises UserError where there is no batch norm to have
    statistics.
    """
    added: list[Measures | BatchStatistics | CorruptedLabels] = []
    # --measure has the same columns where it has any of them.
    elsewhere = chosen.measure and chosen.corruption < 1
    if chosen.corrupted_labels and chosen.corruption > 0 and not elsewhere:
        added.append(CorruptedLabels(data.training))
    if not (chosen.measure or chosen.batch_statistics):
        return added
    # Late, since they import Theano.
    from memorization import functions
    from memorization.measures import functions as measuring

    if chosen.measure:
        compiled = measuring.build_measuring_functions(output, mode)
        corruption, seed = chosen.corruption, chosen.seed
        added.append(Measures(folder, data, compiled, corruption=corruption, seed=seed))
    if chosen.batch_statistics:
        keywords = testing or functions.DETERMINISTIC
        pool = functions.pool_of(test)
        of_batches = measuring.build_batch_statistics_test(output, pool, keywords, mode)
        added.append(BatchStatistics(of_batches, data.training, chosen.batch_size))
    return added


def image_losses(chosen: Options, images: int, folder: Path) -> list[ImageLosses]:
    """What --history adds to the observers of the run in `folder`, which has room for it.

    An epoch's test pass visits so many training `images`.
    """
    if chosen.history is None:
        return []
    losses = ImageLosses(folder, images, chosen.epochs)
    losses.check_room()
    return [losses]
