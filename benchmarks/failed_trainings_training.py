"""How `failed_trainings.py` makes a run: its checkpoint, its examples, its training."""

import random
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from failed_trainings_runs import Run

from junkdna.checkpoints.pretraining import pretrain_checkpoint
from junkdna.files.artifacts import write_table
from junkdna.inference import run as runs
from junkdna.study.recipes import expand_recipes
from junkdna.study.specs import TrainSpec
from junkdna.tasks.fetch import CLASSES
from junkdna.tasks.tokens import Tokens, load_tokenizer, tokenize
from junkdna.tasks.toy_world import HOME, KIND, build_world, generate_task
from junkdna.training.loop import finetune

# The catalog's tiny-encoder.
PRETRAIN = {"world_seed": 1, "seed": 1, "steps": 1500, "batch_size": 128, "learning_rate": 1e-3}
PRETRAIN |= {"hidden": 128, "layers": 4, "heads": 4}
# What stands in GLUE's columns, and how many tokens a run sees of it.
GLUE = {
    "sst2": (("sentence",), 24),
    "cola": (("sentence",), 24),
    "qnli": (("question", "sentence"), 40),
    "rte": (("sentence1", "sentence2"), 48),
    "mnli": (("premise", "hypothesis"), 40),
    "stsb": (("sentence1", "sentence2"), 40),
}
# The three sorts of the toy world's kinds: animals, plants, tools.
SORT = {"bird": 0, "fish": 0, "snake": 0, "tree": 1, "herb": 1, "moss": 1, "knife": 2, "lamp": 2}


def train_and_write(run: Run, path: Path, checkpoint: Path, glue: Path | None) -> None:
    """Train and write what the run predicted; its settings and training losses are the metadata."""
    recipes = expand_recipes(
        {
            "magnitude": {"score": "magnitude", "selection": "global", "scope": "body", "seed": 0}
            | {"sparsity": [run.level or 50]}
        }
    )
    recipe = recipes[f"magnitude-u{run.level}" if run.level else "dense"]
    tokens = read_tokens(run, checkpoint, glue)
    with tempfile.TemporaryDirectory() as folder:
        spec = TrainSpec(
            learning_rate=run.rate,
            epochs=run.epochs,
            max_steps=0,
            batch_size=32 if run.model == "toy" else 16,
            accumulation=1,
            warmup=0.1,
            weight_decay=0.0,
            clip=1.0,
            precision="auto",
            bucket=50,
            save_minutes=0.0,
            gradual_end=0.7,
            gradual_every=10,
        )
        outcome = finetune(
            runs.Run(
                checkpoint=checkpoint,
                **tokens,
                recipe=recipe,
                regime=run.regime,
                spec=spec,
                seed=run.seed,
                device=torch.device("cpu"),
            ),
            state=Path(folder) / "state.safetensors",
            fingerprint="",
        )
    told = {key: outcome.facts[key] for key in ("min_loss", "final_loss", "prior_entropy", "diverged")}
    if run.format in CLASSES:
        told["commonest"] = int(np.bincount(tokens["train"].label.numpy()).argmax())
    write_table(path, outcome.predictions, {**asdict(run), "format": run.format, **told})


def read_tokens(run: Run, checkpoint: Path, glue: Path | None) -> dict[str, Tokens]:
    """The examples of a run, as tokens: train and validation."""
    rng = np.random.default_rng(run.examples_seed)
    tables = (
        toy_examples(run.source, run.examples_seed) if run.model == "toy" else glue_examples(run, glue, rng)
    )
    width = 1
    if run.format in CLASSES:
        width = len(run.shares) or 1 + max(int(table["label"].max()) for table in tables.values())
    tokenizer, tokens = load_tokenizer(checkpoint), {}
    for split, table in tables.items():
        taken = chosen(table, run, getattr(run, split), rng).reset_index(drop=True)
        taken["example_id"] = np.arange(len(taken))
        longest = 24 if run.model == "toy" else GLUE.get(run.source, ((), 40))[1]
        tokens[split] = tokenize(taken, tokenizer, format=run.format, max_length=longest, num_labels=width)
    return tokens


def chosen(table: pd.DataFrame, run: Run, size: int, rng: np.random.Generator) -> pd.DataFrame:
    """Up to `size` rows, with the labels that the run asks for."""
    size = min(size, len(table))
    if not run.permuted and run.shares:
        # Where a class is too small for its share, all are fewer.
        held = [np.flatnonzero(table["label"] == label) for label in range(len(run.shares))]
        size = min(size, *(int(len(own) / share) for own, share in zip(held, run.shares, strict=True)))
        rows = [
            rng.permutation(own)[: round(size * share)] for own, share in zip(held, run.shares, strict=True)
        ]
        return table.iloc[rng.permutation(np.concatenate(rows))]
    table = table.iloc[rng.permutation(len(table))[:size]]
    if not run.permuted:
        return table
    if run.format == "choice":
        return table.assign(label=[int(rng.integers(len(options))) for options in table["options"]])
    if run.shares:
        return table.assign(label=rng.choice(len(run.shares), size, p=run.shares))
    return table.assign(label=rng.permutation(table["label"].to_numpy()))


def toy_examples(source: str, seed: int) -> dict[str, pd.DataFrame]:
    """All examples of a task of the generated world, the three with us alone among them: sort, size and home."""
    if source in ("keyword", "kind", "fact", "hop", "choice"):
        most = {"train": 384, "validation": 256} if source in ("kind", "choice") else None
        most = most or {"train": 768, "validation": 512}
        return generate_task(source, world_seed=PRETRAIN["world_seed"], seed=seed, **most)
    world, rng = build_world(PRETRAIN["world_seed"]), random.Random(f"{source} {seed}")
    tables = {}
    for split in ("train", "validation"):
        rows: list[dict] = []
        if source == "home":
            for name, town in world.members(world.home, split).items():
                for value, label in ((town, 1), (rng.choice([t for t in world.land if t != town]), 0)):
                    rows.append({"text": HOME[0][0].format(name, ""), "text_pair": value, "label": label})
        else:
            for name, kind in world.members(world.kind, split).items():
                # A size that the kind of the thing tells, up to noise.
                label = SORT[kind] if source == "sort" else list(SORT).index(kind) + rng.gauss(0, 0.7)
                rows += [{"text": wording.format(name, "thing"), "label": label} for wording in KIND[0]]
        tables[split] = pd.DataFrame(rows)
    return tables


def glue_examples(run: Run, glue: Path, rng: np.random.Generator) -> dict[str, pd.DataFrame]:
    """All examples of a task of GLUE; `passage` asks which of three sentences of QNLI answers the question."""
    source = "qnli" if run.source == "passage" else run.source
    parts, _ = GLUE[source]
    tables = {}
    for split in ("train", "validation"):
        stem = "validation_matched" if (source, split) == ("mnli", "validation") else split
        table = pd.read_parquet(glue / source / f"{stem}.parquet")
        table = table[[*parts, "label"]].rename(columns=dict(zip(parts, ("text", "text_pair"), strict=False)))
        if run.source == "passage":
            table = table[table["label"] == 0].drop_duplicates("text_pair").reset_index(drop=True)
            wrong = [np.roll(table["text_pair"], shift) for shift in rng.choice(1000, 2, replace=False) + 1]
            label = rng.integers(3, size=len(table))
            options = [[*pair] for pair in zip(*wrong, strict=True)]
            for place, held, right in zip(label, options, table["text_pair"], strict=True):
                held.insert(int(place), right)
            table = pd.DataFrame({"text": table["text"], "options": options, "label": label})
        tables[split] = table
    return tables


def checkpoints(raw: Path, minilm: Path | None) -> Mapping[str, Path]:
    """The folder of each model; the toy encoder is pre-trained where it is not there yet."""
    toy = raw / "tiny-encoder"
    if not toy.exists():
        pretrain_checkpoint({"pretrain": PRETRAIN}, toy, name="tiny-encoder", threads=1)
    return {"toy": toy} | ({"minilm": minilm} if minilm else {})
