"""Small trainings for tests: a tiny BERT, made-up tokens, one run of either."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from transformers import BertConfig, BertModel

import junkdna.training.loop as loop
from described import untrue
from junkdna.compression.compressed import Compressed
from junkdna.compression.masks import build_mask
from junkdna.inference.run import Run
from junkdna.models.load import load_classifier
from junkdna.models.prunable import prunable_weights
from junkdna.study.specs import PruneSpec, TrainSpec
from junkdna.tasks.tokens import Tokens

DENSE = {"family": "dense", "level": 0.0, "method": "none"}
PRUNED = {
    "family": "magnitude",
    "level": 40.0,
    "method": "prune",
    "score": "magnitude",
    "selection": "global",
    "scope": "body",
    "per_mille": 400,
    "keep": 0,
    "group": 0,
    "seed": 0,
}
SPEC = TrainSpec(
    learning_rate=2e-3,
    epochs=2,
    max_steps=0,
    batch_size=4,
    accumulation=2,
    warmup=0.1,
    weight_decay=0.1,
    clip=1.0,
    precision="fp32",
    bucket=3,
    save_minutes=0.0,
    gradual_end=0.7,
    gradual_every=3,
)


def save_checkpoint(folder: Path) -> Path:
    """A BERT of two layers with random weights, in `folder`."""
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = BertConfig(vocab_size=40, max_position_embeddings=24, **sizes)
    BertModel(config, add_pooling_layer=True).save_pretrained(folder)
    return folder


def make_tokens(examples: int, seed: int, format: str = "classification", segments: bool = False) -> Tokens:
    """Sequences of random words; the label is whether word 7 occurs (the right option is where it does)."""
    draw = np.random.default_rng(seed)
    counts = draw.integers(2, 5, examples) if format == "choice" else np.ones(examples, dtype=np.int64)
    labels = draw.integers(0, counts) if format == "choice" else draw.integers(0, 2, examples)
    sequences = []
    for label, count in zip(labels, counts, strict=True):
        for option in range(count):
            words = draw.integers(10, 40, draw.integers(3, 12))
            if (option == label) if format == "choice" else label:
                words[draw.integers(len(words))] = 7
            sequences.append(words)
    ids = torch.from_numpy(np.concatenate(sequences)).int()
    offsets = np.cumsum([0, *[len(words) for words in sequences]])
    label = torch.from_numpy(labels).float() * 2.5 if format == "regression" else torch.from_numpy(labels)
    return Tokens(
        input_ids=ids,
        offsets=torch.from_numpy(offsets),
        segments=(torch.arange(len(ids)) % 2).to(torch.uint8) if segments else None,
        example_id=torch.arange(examples) * 11 + 3,
        label=label,
        options=torch.from_numpy(np.cumsum([0, *counts])) if format == "choice" else None,
        format=format,
        num_labels=1 if format in ("regression", "choice") else 2,
        pad_id=0,
    )


def body_mask(checkpoint, recipe=PRUNED):
    found = prunable_weights(load_classifier(checkpoint, 2, 0), "body")
    weights = {name: entry.tensor.detach() for name, entry in found.items()}
    dims = {name: entry.input_dim for name, entry in found.items()}
    return build_mask(weights, dims, PruneSpec.from_mapping(recipe)), weights


def run_of(checkpoint, *, mask=None, moved=None, quantized=None, **changed) -> Run:
    """A run of `checkpoint` on made-up tokens, on the CPU, unless said otherwise."""
    settings = {"train": make_tokens(30, 1), "validation": make_tokens(13, 2), "recipe": PRUNED}
    settings |= {"regime": "sparse", "spec": SPEC, "seed": 5, "device": torch.device("cpu")}
    compressed = Compressed(mask=mask, moved=moved, quantized=quantized)
    return Run(checkpoint=Path(checkpoint), compressed=compressed, **(settings | changed))


def run(checkpoint, tmp_path, *, traced=False, after_step=None, **changed):
    state = tmp_path / "state.safetensors"
    made = run_of(checkpoint, **changed)
    result = loop.finetune(made, state=state, fingerprint="x", traced=traced, after_step=after_step)
    assert untrue_files(made, result) == []
    return result


def untrue_files(made: Run, result) -> list[str]:
    """In what the files of a run would not be what is said of them."""
    keys = {
        "checkpoint": "tiny",
        "recipe": "made-up",
        "task": "words",
        "regime": made.regime,
        "seed": made.seed,
    }
    keys |= {"family": made.recipe.get("family", "made-up"), "level": made.recipe.get("level", 0.0)}
    lines = untrue("predictions", result.predictions) + untrue("history", result.history)
    lines += untrue("metrics", pd.DataFrame([{**keys, **result.facts}]))
    return lines + (untrue("confidences", result.confidences) if result.confidences is not None else [])


def prepare(checkpoint, recipe, regime, spec, **changed):
    return loop.prepare_training(run_of(checkpoint, recipe=recipe, regime=regime, spec=spec, **changed))


def watch(seen: list, scope: str = "body"):
    """An after_step that keeps a copy of the prunable weights after each step."""

    def after_step(step, model):
        found = prunable_weights(model, scope)
        seen.append((step, {name: entry.tensor.detach().clone() for name, entry in found.items()}))

    return after_step


def same_bits(first, second) -> bool:
    return first.predictions.drop(columns="scores").equals(second.predictions.drop(columns="scores")) and all(
        (a == b).all() for a, b in zip(first.predictions.scores, second.predictions.scores, strict=True)
    )
