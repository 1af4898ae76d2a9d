"""Batches: every example once, paired across runs, little padding, and padding that changes nothing."""

import numpy as np
import pytest
import torch

from junkdna.inference.batches import load_data, order_epoch, order_evaluation, pad_batches
from junkdna.tasks.tokens import Tokens

CPU = torch.device("cpu")


def make_tokens(lengths: list[int], options: list[int] | None = None, segments: bool = False) -> Tokens:
    """Sequences that hold 1, 2, 3 ... in a row, so that each token tells where it came from."""
    total = sum(lengths)
    examples = len(lengths) if options is None else len(options) - 1
    return Tokens(
        input_ids=torch.arange(1, total + 1, dtype=torch.int32),
        offsets=torch.tensor([0, *np.cumsum(lengths)], dtype=torch.int64),
        segments=torch.arange(total).remainder(2).to(torch.uint8) if segments else None,
        example_id=torch.arange(examples) + 100,
        label=torch.zeros(examples, dtype=torch.int64),
        options=None if options is None else torch.tensor(options, dtype=torch.int64),
        format="classification" if options is None else "choice",
        num_labels=2,
        pad_id=0,
    )


def order(widths: np.ndarray, **changed: int) -> list[list[int]]:
    settings = {"batch_size": 8, "bucket": 5, "seed": 1, "epoch": 0} | changed
    return [batch.tolist() for batch in order_epoch(widths, **settings)]


@pytest.mark.parametrize(("examples", "batch_size"), [(203, 8), (5, 8), (1, 1), (40, 8), (41, 40)])
def test_an_epoch_holds_every_example_once(examples, batch_size):
    widths = np.random.default_rng(0).integers(1, 99, examples)
    batches = order(widths, batch_size=batch_size)
    assert sorted(sum(batches, [])) == list(range(examples))
    sizes = sorted(len(batch) for batch in batches)
    assert len(batches) == -(-examples // batch_size) and sizes[-1] <= batch_size
    assert all(size == batch_size for size in sizes[1:]), "at most one batch is incomplete"


def test_order_depends_on_seed_and_epoch_and_nothing_else():
    widths = np.random.default_rng(0).integers(1, 99, 203)
    torch.manual_seed(1)
    np.random.seed(1)
    first = order(widths)
    torch.manual_seed(2)
    np.random.seed(2)
    assert order(widths) == first
    assert order(widths, seed=2) != first
    assert order(widths, epoch=1) != first
    assert order(widths, seed=0, epoch=1) != order(widths, seed=1, epoch=0)


def test_buckets_save_padding_without_a_fixed_composition():
    widths = np.random.default_rng(0).integers(8, 129, 3200)

    def padded(batches: list[list[int]]) -> int:
        return sum(len(batch) * widths[batch].max() for batch in batches)

    bucketed = order(widths, batch_size=32, bucket=50)
    assert padded(bucketed) < 1.05 * widths.sum()
    assert padded(order(widths, batch_size=32, bucket=1)) > 1.6 * widths.sum()
    mates = [{frozenset(batch) for batch in order(widths, batch_size=32, bucket=25, epoch=e)} for e in (0, 1)]
    assert not mates[0] & mates[1]
    # The batches of a window come in no order of width.
    means = [widths[batch].mean() for batch in bucketed[:50]]
    assert abs(np.corrcoef(means, range(50))[0, 1]) < 0.5


def test_the_incomplete_batch_is_not_always_the_widest():
    widths = np.arange(1, 28)
    incomplete = set()
    for epoch in range(40):
        (short,) = [batch for batch in order(widths, epoch=epoch) if len(batch) == 3]
        incomplete.add(min(widths[short]))
    assert len(incomplete) == 4


@pytest.mark.parametrize("segments", [False, True])
def test_padded_rows_hold_the_sequences(segments):
    lengths = [3, 1, 5, 5, 2]
    tokens = make_tokens(lengths, segments=segments)
    batches = list(pad_batches(load_data(tokens, CPU), [np.array([4, 2]), np.array([3, 2]), np.array([1])]))
    assert [tuple(batch.inputs["input_ids"].shape) for batch in batches] == [(2, 5), (2, 5), (1, 1)]
    assert batches[0].inputs["input_ids"].tolist() == [[15, 16, 0, 0, 0], [5, 6, 7, 8, 9]]
    assert batches[0].inputs["attention_mask"].tolist() == [[1, 1, 0, 0, 0], [1, 1, 1, 1, 1]]
    assert batches[1].inputs["input_ids"].tolist() == [[10, 11, 12, 13, 14], [5, 6, 7, 8, 9]]
    assert "attention_mask" not in batches[1].inputs, "there is nothing to mask"
    assert batches[0].inputs["input_ids"].dtype == torch.int64
    if segments:
        assert batches[0].inputs["token_type_ids"].tolist() == [[0, 1, 0, 0, 0], [0, 1, 0, 1, 0]]
        assert batches[1].inputs["token_type_ids"].tolist() == [[1, 0, 1, 0, 1], [0, 1, 0, 1, 0]]
    else:
        assert "token_type_ids" not in batches[0].inputs


def test_rows_padded_on_the_left_end_with_their_sequences():
    data = load_data(make_tokens([3, 1, 5, 2], segments=True), CPU, left=True)
    (batch,) = pad_batches(data, [np.array([3, 2, 0])])
    assert batch.inputs["input_ids"].tolist() == [[0, 0, 0, 10, 11], [5, 6, 7, 8, 9], [0, 0, 1, 2, 3]]
    assert batch.inputs["attention_mask"].tolist() == [[0, 0, 0, 1, 1], [1] * 5, [0, 0, 1, 1, 1]]
    assert batch.inputs["token_type_ids"].tolist() == [[0, 0, 0, 1, 0], [0, 1, 0, 1, 0], [0, 0, 0, 1, 0]]


def test_options_of_an_example_stay_together():
    tokens = make_tokens([2, 3, 1, 1, 4, 2], options=[0, 2, 5, 6])
    data = load_data(tokens, CPU)
    assert data.widths.tolist() == [3, 4, 2]
    (batch,) = pad_batches(data, [np.array([1, 2, 0])])
    assert batch.inputs["input_ids"][:, 0].tolist() == [6, 7, 8, 12, 1, 3]
    assert batch.positions.tolist() == [[0, 1, 2], [3, -1, -1], [4, 5, -1]]


@pytest.mark.parametrize("options", [None, [0, 2, 5, 6, 9, 10, 12, 20, 21, 25, 30]])
def test_evaluation_batches_hold_every_example_once_within_the_budget(options):
    lengths = np.random.default_rng(0).integers(1, 30, 30).tolist()
    data = load_data(make_tokens(lengths, options=options), CPU)
    batches = order_evaluation(data, max_tokens=64)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(data)))
    for batch in batches:
        assert len(batch) == 1 or data.counts[batch].sum() * data.widths[batch].max() <= 64


def test_an_empty_split_is_an_error():
    with pytest.raises(ValueError, match="no example"):
        load_data(make_tokens([]), CPU)
