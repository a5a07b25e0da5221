"""The words of a script: options, load, network, run, command.

A run writes `<results-dir>/<experiment>/<name>/`: `run.json` (all that is needed to repeat it),
`labels.npz` (the labels of all three sets, and which were replaced), `metrics.csv` (a line per
epoch) and the parameters under the original's file name. Theano is imported once it is needed, so
that --help and a mistake in the options are quick.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import datasets
from datasets import SETS, DataSet, Form, own
from datasets.labelled_sets import LabelledSets
from datasets.transformations import transformed, with_images
from foundations import files
from foundations.errors import UserError
from memorization import command_line, measuring, own_network, rehearsal, signals
from memorization.architecture import WIDTHS, Architecture, check_images
from memorization.augmentation import Augmentation
from memorization.measures.replaced import ReplacedLabels
from memorization.options import Options, parse
from memorization.options.network import check_left_alone
from memorization.own_network import Builder, OwnNetwork
from memorization.report import draw_figures
from memorization.run import console, environment
from memorization.run.earlier import options_of_before
from memorization.run.folder import complete, finished_history, place_of, recover
from memorization.run.record import describe_run
from memorization.run.recorder import Recorder, resuming_command, same_command
from memorization.run.settings import settings_name
from memorization.run.trackers import Trackers
from training_loop import loop, metrics
from training_loop.evaluation import Examples
from training_loop.observers import Observer
from training_loop.stopwatch import Stopwatch

# Testing needs no gradients, so larger batches fit; they change no result.
TEST_BATCH_SIZE = 500

# Fewer at a useful learning rate do not fit random labels, however few they are.
FEWEST_STEPS = 300


@dataclass(frozen=True)
class Network:
    """A network's output layer, what it is made of, and the fingerprint of what --init named.

    `remark`: what its user is told when it begins to train.
    """

    output: Any
    architecture: Architecture | OwnNetwork
    initial: str | None = None
    remark: str | None = None


def options(
    script: str, documentation: str | None, argv: Sequence[str] | None, **defaults: Any
) -> Options:
    """The options of `script`, whose own `defaults` these are; a mistake ends in exit code 2."""
    chosen = parse(script, documentation, argv, options_of_before, **defaults)
    command_line.check_process()
    chosen = replace(chosen, name=chosen.name or settings_name(chosen, defaults))
    rehearsal.parsed(chosen)
    return chosen


def load(
    name: str | DataSet, chosen: Options, *, random_labels: Sequence[str] = SETS
) -> LabelledSets:
    """The data set `name`: --corruption of the labels of `random_labels` replaced, --images of it.

    `name`, "cifar10" or "svhn", is the experiment's own: --data names another in its place, and
    --synthetic has digits drawn. Or it is a data set itself, any object with the fields of
    `datasets.DataSet`; the run keeps a copy of it. Raises UserError where it is none, where the
    network cannot see such images, and where --as-in-2017 would leave nothing of a set.
    """
    source = _source(name, chosen)
    check_images(chosen.network, source.form.image_shape)
    if chosen.augment and min(source.form.image_shape[1:]) == 1:
        raise UserError("--augment moves and mirrors images, and these are single rows or columns")
    loaded = source.load(chosen.data_dir)
    data = LabelledSets.of(loaded, chosen.train_size)
    if chosen.train_size is not None and chosen.train_size > len(data.training.numbers):
        raise UserError(
            f"--train-size {chosen.train_size}: the data set has {len(data.training.numbers)} "
            "training images; leave it out to take all"
        )
    if not isinstance(name, str) and chosen.data is None:
        data = replace(data, kept=loaded)
    for set_name, found in examples(data).items():
        if schedule(chosen).counted(len(found)) == 0 and len(found):
            raise UserError(
                f"--as-in-2017 leaves out a last partial batch, which is all of the {set_name} "
                f"set: {len(found)} images are less than --batch-size {chosen.batch_size}"
            )
    replacing = {"fraction": chosen.corruption, "sets": list(random_labels)}
    data = transformed(data, "random labels", chosen.seed_of_labels, **replacing)
    return with_images(data, chosen.images, chosen.seed)


def network(
    name: str,
    chosen: Options,
    *,
    activation: str = "tanh",
    stochastic: bool = False,
    form: Form | None = None,
) -> Network:
    """The network that the options choose for the data set `name`: by default BinaryNet's CNN.

    `form` is that of the images, where they are of no data set that has a name: the widths are then
    those of the network for `name`. The other arguments are the experiment's own, as in
    `Architecture`. Raises UserError where the parameters that --init names cannot be read or do
    not fit.
    """
    form = form or _source(name, chosen).form
    drawn = stochastic and chosen.weights == "binary" and chosen.latent_weights
    remark = None
    if stochastic and not drawn:
        why = "--weights float" if chosen.latent_weights else f"--optimizer {chosen.optimizer}"
        remark = f"{why}: this experiment's weights are not drawn"
    architecture = Architecture(
        WIDTHS[name] if chosen.network == "cnn" else tuple(chosen.hidden or ()),
        kind=chosen.network,
        weights=chosen.weights,
        stochastic=drawn,
        activation=activation,
        activations=chosen.activations,
        dropout=tuple(chosen.dropout),
        norm=chosen.norm,
        bias=chosen.bias == "yes",
        freeze_weights=chosen.freeze_weights,
        image_shape=form.image_shape,
        n_classes=form.n_classes,
    ).scaled(chosen.width)
    # Late, since it imports Theano.
    from memorization import networks

    output = networks.build(architecture, chosen.seed)
    initial = None if chosen.init is None else networks.start_from(output, Path(chosen.init))
    if not chosen.latent_weights:
        networks.binarize_weights(output)
    return Network(output, architecture, initial, remark)


def network_of(builder: Builder, chosen: Options, form: Form) -> Network:
    """A network that the function `builder` of one's own makes, for images of `form`.

    `builder(image_shape, outputs)` takes (channels, rows, columns) and the number of outputs, a
    single one for two classes, and gives Lasagne's output layer (batch, outputs). It draws
    Lasagne's initial weights from the stream of --seed. The record names it (`own_network`). Raises
    UserError where it gives anything else, or an option would have to shape the network.
    """
    check_left_alone(chosen)
    described = own_network.described(builder, form.image_shape, form.n_classes)
    # Late, since it imports Theano.
    from memorization import networks

    with networks.layer_streams(chosen.seed, 0):
        output = described.build(builder)
    initial = None if chosen.init is None else networks.start_from(output, Path(chosen.init))
    if not chosen.latent_weights:
        networks.binarize_weights(output)
    return Network(output, described, initial)


def run(
    chosen: Options,
    network: Network,
    data: LabelledSets,
    *,
    parameters: str,
    testing: Mapping[str, bool] | None = None,
) -> list[metrics.Row]:
    """Train `network` on `data` as the options say, into the run's folder; returns the metrics.

    `parameters` is the original's name for the saved parameters, without its ending. `testing` has
    `get_output`'s keywords when testing (`deterministic`). UserError where the folder is taken.
    """
    rehearsal.prepared(chosen, network, data, parameters, testing)
    if chosen.keep == "best" and not len(data.validation.numbers):
        raise UserError("--keep best: there is no validation image to tell which are best")
    from memorization import functions, networks
    from memorization.kept_parameters import KEPT

    mode = functions.execution_mode(chosen.device, chosen.tf32, network.architecture.mixed)
    folder = place_of(chosen)
    output = network.output
    counts = networks.parameter_counts(output)
    surroundings = environment.describe(chosen.device)
    record = describe_run(
        chosen,
        network.architecture,
        data,
        parameters,
        surroundings,
        counts,
        network.initial,
        datasets.folder_of(data.name, chosen.data_dir),
    )
    screen = console.Report(data.form.class_names, chosen)
    steps = schedule(chosen).steps_before_decay(len(data.training.numbers))
    if not chosen.quiet and not chosen.resume and chosen.epochs >= 10 and steps < FEWEST_STEPS:
        screen.warn(
            f"the learning rate falls to a tenth within {steps} steps, too few to memorise much: "
            "this schedule is for long runs; for a short one try --batch-size 25 --lr-start 0.003 "
            "--lr-fin 0.0003"
        )
    tracked = Trackers(chosen, folder, screen.note, screen.warn)
    counted = schedule(chosen).counted(len(data.training.numbers))
    kept = measuring.image_losses(chosen, counted, folder)
    # Twice: what has to be refused leaves no trace, and another process may have been in the folder
    # until the lock was ours.
    how = {"resume": bool(chosen.resume), "overwrite": chosen.overwrite}
    finished_history(folder, record, **how)
    advice = f"nothing has changed; start again with: {same_command(chosen.command)}"
    with signals.StopRequest(advice) as stop, files.locked(folder), tracked:
        recover(folder)
        history = finished_history(folder, record, **how)
        if history is not None:
            drawn = complete(folder, history, data)
        else:
            if network.remark:
                print(network.remark, file=sys.stderr)
            with screen.compiling():
                compiled = functions.build_functions(
                    output,
                    data.images,
                    penalty=_penalty(chosen, output),
                    margin=chosen.margin,
                    optimizer={"optimizer": chosen.optimizer, **chosen.optimizer_options},
                    testing=testing or functions.DETERMINISTIC,
                    margins=bool(kept),
                    augment=chosen.augment,
                    mode=mode,
                )
                views, training = _augmented(chosen, compiled, len(data.images))
                rehearsal.compiled(training, examples(data), schedule(chosen))
                measured = measuring.measures(
                    chosen, output, data, folder, compiled.test, testing, mode
                )
            state = functions.state_variables(
                output,
                compiled.train,
                compiled.test,
                *(function for of in measured for function in of.compiled),
            )
            for of in measured:
                state.update(of.state)
            saved = KEPT[chosen.keep](output)
            state.update(saved.state)
            recorder = Recorder(folder, record, state, saved, chosen.command)
            always = [ReplacedLabels(data, counts)] if data.any_replaced else []
            for losses in kept:
                screen.note(losses.remark)
                training = replace(training, test=losses.watched(training.test))
            observers = [*kept, recorder, screen, *always, *measured, *views]
            history = _train(chosen, training, data, recorder, observers, screen, tracked, stop)
            drawn = False
        again = resuming_command(chosen.command, folder)
        stop.advice = f"every epoch is done and saved; for the figures: {again}"
        screen.summary(history)
        if not drawn and not chosen.no_figures:
            draw_figures(folder, history, data)
            tracked.add_picture("labels", history)
    screen.written(folder)
    return history


def command(main: Callable[[], Any]) -> NoReturn:
    """Run a script's `main` as a command: a mistake becomes one line, every end an exit code."""
    command_line.run_command(main)


def schedule(chosen: Options) -> loop.Schedule:
    """What the options say of the course of training."""
    return loop.Schedule(
        chosen.epochs,
        chosen.batch_size,
        chosen.lr_start,
        chosen.lr_decay,
        chosen.seed,
        test_batch_size=chosen.batch_size if chosen.as_in_2017 else TEST_BATCH_SIZE,
        drop_last=chosen.as_in_2017,
        decay_epochs=chosen.decay_epochs,
        stop_at=chosen.stop_at,
    )


def _source(name: str | DataSet, chosen: Options) -> datasets.Source:
    """The data set that the options name, which is `name` where they name none."""
    name = chosen.data or name
    if not isinstance(name, str):
        if chosen.synthetic:
            raise UserError("--synthetic: no digits are drawn in the place of one's own data")
        data = own.of_object(name)
        return datasets.Source(data.form, lambda folder: data)
    name = f"synthetic-{name}" if chosen.synthetic else name
    return datasets.source(name, **chosen.data_parameters)


def examples(data: LabelledSets) -> dict[str, Examples]:
    """The sets as the loop wants them; their inputs are image numbers."""
    return {name: Examples((of := getattr(data, name)).numbers, of.labels) for name in SETS}


def _augmented(
    chosen: Options, compiled: loop.Functions, images: int
) -> tuple[list[Augmentation], loop.Functions]:
    """What --augment adds to the observers, and the functions that the loop calls."""
    if not chosen.augment:
        return [], compiled
    views = Augmentation(compiled.train, images, chosen.seed)
    return [views], replace(compiled, train=views.train)


def _penalty(chosen: Options, output: Any) -> Any:
    """What --l2 adds to the loss; None for nothing, as the script of 2017 did."""
    if not chosen.l2 or chosen.as_in_2017:
        return None
    from memorization import networks

    return networks.l2_penalty(output, chosen.l2, chosen.l2_layers)


def _train(
    chosen: Options,
    functions: loop.Functions,
    data: LabelledSets,
    recorder: Recorder,
    observers: Sequence[Observer],
    screen: console.Report,
    tracked: Trackers,
    stop: signals.StopRequest,
) -> list[metrics.Row]:
    """Begin or resume the run of `recorder` and bring it to its end, unless `stop` says so."""
    with stop.noting(), ExitStack() as during:
        if chosen.resume:
            screen.changed(recorder.resume())
        else:
            recorder.begin(data)
        stop.advice = f"what was saved last is whole, go on with: {recorder.resuming_command}"
        progress = recorder.progress
        if not chosen.resume:
            during.push(_discarding(recorder))
        tracked.begin(progress.history)
        # Before the recorder: of an epoch that was saved and not tracked nobody would hear again.
        observers = [tracked, *observers, Stopwatch(progress)]
        during.enter_context(screen.running(progress.history))
        try:
            history = loop.train(
                functions, examples(data), schedule(chosen), progress, observers, stop
            )
            recorder.ended()
            return history
        except loop.Stopped:
            raise recorder.interrupted(stop.signal_number) from None
        except files.WriteError as error:
            raise recorder.unwritable(error) from error


def _discarding(recorder: Recorder) -> Callable[[Any, BaseException | None, Any], None]:
    """What ends a start that failed: nothing of it stays. A mistake of the user's is no failure."""

    def discard(kind: Any, error: BaseException | None, trace: Any) -> None:
        expected = (UserError, signals.Interrupted)
        if isinstance(error, Exception) and not isinstance(error, expected):
            recorder.discard()

    return discard
