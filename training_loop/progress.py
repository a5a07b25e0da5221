"""How far a run has come: what a stopped run goes on from."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from foundations import reading
from training_loop import metrics


@dataclass
class Progress:
    """How far a run has come; the training loop brings it forward.

    `history`: the metrics of the finished epochs. Of the epoch after them, `batches` have been
    trained on, with losses that sum to `loss_sum` (each times its images). `more`: what else has to
    survive, ready for JSON.
    """

    history: list[metrics.Row] = field(default_factory=list)
    batches: int = 0
    loss_sum: float = 0.0
    more: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, value: Any) -> Progress:
        """The progress whose `as_json` is `value`; ValueError or TypeError where it is none."""
        kinds: dict[str, Any] = {"history": list, "batches": int, "loss_sum": (int, float)}
        reading.check_fields(value, {**kinds, "more": dict})
        progress = cls(**value)
        metrics.check(progress.history)
        if progress.batches < 0 or not math.isfinite(progress.loss_sum):
            raise ValueError(f"{progress.batches} batches, losses that sum to {progress.loss_sum}")
        return progress

    def as_json(self) -> dict[str, Any]:
        """Its fields by name, ready for JSON."""
        return asdict(self)

    @property
    def epoch(self) -> int:
        """The epoch that is under way or comes next, counted from 1."""
        return len(self.history) + 1

    def add_batches(self, batches: int, loss_sum: float) -> None:
        """Count `batches` more of the epoch under way, whose losses sum to `loss_sum`."""
        self.batches += batches
        self.loss_sum += loss_sum

    def end_epoch(self, row: metrics.Row) -> None:
        """The epoch under way has ended with the metrics `row`."""
        self.history.append(row)
        self.batches, self.loss_sum = 0, 0.0
