"""Which runs can train side by side."""

from __future__ import annotations

from foundations.errors import UserError
from memorization.option import flag
from memorization.options import Options

# What a network alone does, and those side by side do not.
ALONE = (
    *("dropout", "l2", "augment", "measure", "batch_statistics", "history", "tensorboard"),
    *("corrupted_labels", "stop_at", "as_in_2017"),
)


def check_options(chosen: Options) -> None:
    """Raise UserError where runs with these options do not train side by side."""
    if chosen.network != "mlp":
        raise UserError("replicas are perceptrons: give --network mlp, or train one run at a time")
    if chosen.device != "cpu":
        raise UserError(f"--device {chosen.device}: replicas train on the cpu")
    for name in ALONE:
        value = getattr(chosen, name)
        if any(value) if isinstance(value, tuple) else value:
            raise UserError(f"{flag(name)}: not for replicas; train one run at a time")
