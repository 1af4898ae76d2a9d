"""The runs of `failed_trainings.py`: which there are."""

import random
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

# Formats of the tasks other than classification.
FORMATS = {"choice": "choice", "passage": "choice", "size": "regression", "stsb": "regression"}
FORMATS |= dict.fromkeys(("home", "qnli", "rte", "mnli"), "pair")
PERMUTED = {
    "toy": (
        ("keyword", (0.5, 0.5)),
        ("fact", (0.3, 0.7)),
        ("hop", (0.1, 0.9)),
        ("kind", (1 / 3, 1 / 3, 1 / 3)),
        ("hop", (0.5, 0.3, 0.2)),
        ("size", ()),
        ("choice", ()),
        ("home", (0.5, 0.5)),
        ("home", (0.3, 0.7)),
    ),
    "minilm": (
        ("sst2", (0.5, 0.5)),
        ("cola", (0.3, 0.7)),
        ("sst2", (0.1, 0.9)),
        ("cola", (1 / 3, 1 / 3, 1 / 3)),
        ("sst2", (0.5, 0.3, 0.2)),
        ("stsb", ()),
        ("passage", ()),
        ("qnli", (0.5, 0.5)),
        ("mnli", (0.3, 0.7)),
    ),
}
TRUE = {
    "toy": ("keyword", "kind", "fact", "hop", "choice", "sort", "size", "home"),
    "minilm": ("sst2", "cola", "qnli", "stsb", "rte", "mnli", "passage"),
}
# Share of class 0 and of class 1, and the metric of such a task.
UNEQUAL = (((0.3, 0.7), "accuracy"), ((0.7, 0.3), "mcc"), ((0.1, 0.9), "mcc"), ((0.9, 0.1), "f1"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One training. shares: of each class, () as they come. permuted: the labels have nothing to do with the text."""

    model: str
    source: str
    permuted: bool = False
    shares: tuple[float, ...] = ()
    metric: str = "accuracy"
    level: int = 0
    regime: str = "dense"
    rate: float
    epochs: int
    train: int
    validation: int
    repeat: int = 0

    @property
    def cell(self) -> str:
        """The runs of a cell differ in the seed of the training alone."""
        labels = "permuted" if self.permuted else "true"
        shares = "-".join(f"{100 * share:.0f}" for share in self.shares) or "as-is"
        training = f"u{self.level}_{self.regime}_lr{self.rate:g}_e{self.epochs}_n{self.train}"
        return f"{self.model}_{self.source}_{labels}_{shares}_{self.metric}_{training}"

    @property
    def name(self) -> str:
        return f"{self.cell}_{self.repeat}"

    @property
    def seed(self) -> int:
        """Of its training."""
        return zlib.crc32(self.name.encode()) % 2**31

    @property
    def examples_seed(self) -> int:
        return zlib.crc32(f"{self.cell}_0".encode()) % 2**31

    @property
    def format(self) -> str:
        return FORMATS.get(self.source, "classification")


def all_runs() -> list[Run]:
    """Every run, cell by cell, shuffled: what there is after an interruption is a sample of all."""
    cells: dict[str, list[Run]] = {}
    for run in (*_nothing_to_learn(), *_true_labels()):
        cells.setdefault(run.cell, []).append(run)
    shuffled = [*cells.values()]
    random.Random(0).shuffle(shuffled)
    return [run for cell in shuffled for run in cell]


def _seeds(count: int, **given) -> Iterator[Run]:
    regime = given.pop("regime", "sparse" if given["level"] else "dense")
    for repeat in range(count):
        yield Run(regime=regime, repeat=repeat, **given)


def _nothing_to_learn() -> Iterator[Run]:
    for model, rates, passes, levels in (
        ("toy", (1e-4, 5e-4, 2e-3), (1, 4, 12), (0, 50, 80, 90)),
        ("minilm", (2e-5, 1e-4), (1, 2, 4), (0, 50, 80)),
    ):
        for kind, (source, shares) in enumerate(PERMUTED[model]):
            for (i, level), (j, rate) in product(enumerate(levels), enumerate(rates)):
                yield from _seeds(
                    1 if (kind + i + j) % 2 else {"toy": 3, "minilm": 2}[model],
                    model=model,
                    source=source,
                    permuted=True,
                    shares=shares,
                    metric="pearson" if source in ("size", "stsb") else "accuracy",
                    level=level,
                    rate=rate,
                    epochs=passes[(kind + i + j) % len(passes)],
                    train=384 if model == "toy" and source != "choice" else 200,
                    validation=256 if model == "toy" else 400,
                )


def _true_labels() -> Iterator[Run]:
    given = {"model": "toy", "rate": 5e-4, "epochs": 4, "validation": 256}
    for source in TRUE["toy"]:
        metric = "pearson" if source == "size" else "accuracy"
        # Of a choice each example is four texts.
        common = {"source": source, "metric": metric, "train": 240 if source == "choice" else 384, **given}
        for level in (0, 30, 50, 60, 70, 80, 90):
            yield from _seeds(3, level=level, **common)
        for regime in ("regrow", "freeze"):
            yield from _seeds(3, level=70, regime=regime, **common)
        for train, level in product((48, 96, 192), (0, 30, 60)):
            yield from _seeds(3, **{**common, "train": train, "level": level})
    for source, (shares, metric), level in product(TRUE["toy"][:4], UNEQUAL, (0, 50, 70, 80)):
        yield from _seeds(3, source=source, shares=shares, metric=metric, level=level, train=384, **given)
    given = {"model": "minilm", "rate": 1e-4, "epochs": 2, "validation": 400}
    for source in TRUE["minilm"]:
        common = {
            "source": source,
            "metric": {"stsb": "pearson", "cola": "mcc"}.get(source, "accuracy"),
            **given,
        }
        for level in (0, 40, 60, 80):
            yield from _seeds(1, level=level, train=400, **common)
        for regime in ("regrow", "freeze"):
            yield from _seeds(1, level=60, regime=regime, train=400, **common)
        for train in (100, 200):
            yield from _seeds(1, level=0, train=train, **common)
    for source, (shares, metric), level in product(TRUE["minilm"][:2], UNEQUAL, (0, 60)):
        yield from _seeds(1, source=source, shares=shares, metric=metric, level=level, train=400, **given)
