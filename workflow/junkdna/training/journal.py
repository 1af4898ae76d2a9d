"""What a training tells while it runs: rows of its history, and a line on the terminal now and then."""

import sys
import time
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

PROGRESS_SECONDS = 10.0


@dataclass(slots=True)
class Journal:
    """The loss since the last row, and the rows so far.

    loss: sum of example losses since the last row, on the device (read only when a row or a line is due, as
    reading makes a GPU wait). examples: how many. seconds: of training before this process took it up.
    """

    loss: Tensor
    examples: int = 0
    total_examples: int = 0
    seconds: float = 0.0
    rows: list[dict[str, Any]] = field(default_factory=list)
    started: float = 0.0
    row_at: float = 0.0
    line_at: float = 0.0

    def elapsed(self) -> float:
        """Seconds of training, those of earlier processes included."""
        return self.seconds + time.perf_counter() - self.started


def open_journal(device: torch.device) -> Journal:
    """Start with nothing said."""
    return Journal(loss=torch.zeros((), dtype=torch.float64, device=device))


def start_clock(journal: Journal) -> None:
    """Count the time from now on, not what the loading took."""
    journal.started = journal.row_at = journal.line_at = time.perf_counter()


def skip_time(journal: Journal, seconds: float) -> None:
    """Leave out `seconds` just past, in which nothing was trained."""
    journal.started += seconds
    journal.row_at += seconds


def note_batch(journal: Journal, loss_sum: Tensor, examples: int) -> None:
    """Count one forward pass: the sum of its example losses."""
    journal.loss += loss_sum.detach()
    journal.examples += examples
    journal.total_examples += examples


def write_row(journal: Journal, *, step: int, epoch: float, learning_rate: float, sparsity: float) -> float:
    """Close a row of the history and return its mean loss."""
    loss = journal.loss.item() / journal.examples
    now = time.perf_counter()
    rate = journal.examples / max(now - journal.row_at, 1e-9)
    journal.rows.append(
        {
            "step": step,
            "epoch": epoch,
            "loss": loss,
            "learning_rate": learning_rate,
            "examples_per_second": rate,
            "sparsity": sparsity,
        }
    )
    journal.loss.zero_()
    journal.examples, journal.row_at = 0, now
    return loss


def show_progress(journal: Journal, step: int, steps: int, first_step: int, *, last: bool = False) -> None:
    """Write a line to stderr if the last is PROGRESS_SECONDS old, or this is the `last`.

    first_step: steps done before this process took the training up; the time left is judged by the others.
    """
    now = time.perf_counter()
    if not last and now - journal.line_at < PROGRESS_SECONDS:
        return
    journal.line_at = now
    # Between two rows there are examples to average over; right after one, its loss is the news.
    loss = journal.loss.item() / journal.examples if journal.examples else journal.rows[-1]["loss"]
    left = (now - journal.started) / max(step - first_step, 1) * (steps - step)
    rate = journal.total_examples / max(journal.elapsed(), 1e-9)
    minutes, seconds = divmod(round(left), 60)
    print(
        f"step {step}/{steps}  loss {loss:.4f}  {rate:.1f} examples/s  ETA {minutes:02d}:{seconds:02d}",
        file=sys.stderr,
        flush=True,
    )
