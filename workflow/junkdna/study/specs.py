"""What a recipe and a training are, as values: checked once here, passed around everywhere."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

SCORES = ("magnitude", "inverse-magnitude", "random", "wanda", "ria", "sparsegpt", "shuffled")
SELECTIONS = ("global", "layer", "row", "nm")
ALLOCATIONS = ("owl", "erk")
SCOPES = ("body", "paper")
QUANTIZERS = ("rtn", "gptq", "nf4")
# Bits of a weight as released, of the scale of a group of codes, and of a weight's place in a mask.
WEIGHT_BITS, SCALE_BITS, MASK_BITS = 16, 16, 1
PRECISIONS = ("auto", "fp32", "bf16")
FORMATS = ("classification", "pair", "regression", "choice", "generate", "lm")
METRICS = (
    "accuracy",
    "mcc",
    "f1",
    "pearson",
    "spearman",
    "expected-accuracy",
    "exact-match",
    "token-f1",
    "number",
    "gold-likelihood",
    "log-likelihood",
)
# How the options of a question are compared, and by whose rule free answers are.
SCORE_RULES = ("sum", "char", "token", "pmi")
NORMALISATIONS = ("squad", "triviaqa")


@dataclass(frozen=True, kw_only=True, slots=True)
class PruneSpec:
    """How a pruning recipe decides which weights go.

    score: what makes a weight worth keeping, one of SCORES.
    selection: over what the scores are compared: `global` (all prunable weights together), `layer` (each
        tensor by itself), `row` (each output row of a tensor), `nm` (N of every M consecutive weights along the
        input dimension stay).
    scope: `body` or `paper` (see `junkdna.models.prunable.prunable_weights`).
    per_mille: weights to remove in thousandths, 0 for `nm`.
    keep, group: N and M of N:M (`nm`), else 0.
    like: slug of the recipe that says how many weights go from each tensor (score `shuffled`: from each row);
        "" where this one decides itself.
    allocation: what decides how many weights go from each tensor, one of ALLOCATIONS; "" for the same share of each,
        or what the selection says.
    seed: seed of the scores random and shuffled; no other reads it.
    """

    score: str
    selection: str
    scope: str
    per_mille: int
    keep: int
    group: int
    seed: int
    like: str = ""
    allocation: str = ""

    def __post_init__(self) -> None:
        assert self.score in SCORES and self.selection in SELECTIONS and self.scope in SCOPES, self
        if self.selection == "nm":
            assert 0 < self.keep < self.group <= 32 and self.per_mille == 0, self
        else:
            assert 0 < self.per_mille < 1000 and self.keep == self.group == 0, self

    @classmethod
    def from_mapping(cls, recipe: Mapping[str, Any]) -> Self:
        """The spec in an expanded recipe (a mapping that may hold more than the spec)."""
        held = {"like": "", "allocation": "", **recipe}
        return cls(**{name: held[name] for name in cls.__dataclass_fields__})

    @property
    def copies_layers(self) -> bool:
        """Whether the mask needs another recipe's; N:M removes the same share of every tensor anyway."""
        return bool(self.like) and self.selection != "nm"

    @property
    def takes_counts(self) -> bool:
        """Whether it is given how many weights of each tensor go."""
        return self.copies_layers or bool(self.allocation)

    @property
    def layerwise(self) -> bool:
        """Whether its mask is made layer by layer from whole matrices (`junkdna.compression.layerwise`)."""
        return self.selection == "row" or self.score in ("wanda", "ria", "sparsegpt")

    @property
    def sparsity(self) -> float:
        """Asked fraction of weights removed, 0 to 1."""
        return 1 - self.keep / self.group if self.selection == "nm" else self.per_mille / 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainSpec:
    """The hyper-parameters of one fine-tuning.

    learning_rate: peak of the linear warm-up / linear decay schedule.
    epochs: passes over the training set. max_steps: stop (and end the decay) there; 0 means no cap.
    batch_size: examples per forward pass. accumulation: forward passes per optimizer step.
    warmup: share of all steps, 0 to 1. weight_decay: decoupled (AdamW). clip: gradient norm, 0 means none.
    precision: `auto` takes bf16 where the device computes it natively, else fp32.
    bucket: batches per window inside which examples are sorted by length; 1 means no bucketing.
    save_minutes: minutes between two saves of the resumable state; 0 means never.
    gradual_end: share of the steps after which the gradual regime's mask is final. gradual_every: steps
        between two growths of that mask.
    lora_rank, lora_alpha, lora_dropout: of the adapters of the regime qlora: their rank r, the number whose
        quotient with r scales what they add, and the share of their inputs that dropout zeroes.
    """

    learning_rate: float
    epochs: int
    max_steps: int
    batch_size: int
    accumulation: int
    warmup: float
    weight_decay: float
    clip: float
    precision: str
    bucket: int
    save_minutes: float
    gradual_end: float
    gradual_every: int
    lora_rank: int = 16
    lora_alpha: float = 32.0
    lora_dropout: float = 0.0

    @classmethod
    def from_mapping(cls, training: Mapping[str, Any]) -> Self:
        """The spec in a merged `training:` section; runs without adapters have no keys of theirs."""
        return cls(**{name: training[name] for name in cls.__dataclass_fields__ if name in training})
