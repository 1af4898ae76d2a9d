"""Pre-train a small language model, an encoder or a decoder, on text about the generated world."""

import random
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from junkdna.checkpoints.toy_models import END, LOSSES, PAD, START, build_model, build_tokenizer
from junkdna.files.artifacts import describe_file, whole_folder, write_json
from junkdna.tasks.toy_questions import generate_lessons
from junkdna.tasks.toy_world import generate_corpus

# What is read by objective: an encoder fills gaps, a decoder says what comes next.
CORPORA = {"masked": generate_corpus, "causal": generate_lessons}
WINDOW = 20


def pretrain(
    corpus: list[str],
    *,
    objective: str = "masked",
    folder: Path,
    seed: int,
    steps: int,
    batch_size: int,
    learning_rate: float,
    hidden: int,
    layers: int,
    heads: int,
    threads: int,
) -> dict[str, Any]:
    """Train a model of `layers` x `hidden` on the lines of `corpus` and save it with its tokenizer in `folder`.

    objective: `masked` (a BERT) or `causal` (a Llama), see `toy_models`, also for words that begin with `_`. steps,
    batch_size (lines), learning_rate (peak, linear warm-up over 5 % and decay): of AdamW. The same arguments give the
    same weights. Returns steps, seconds, final loss (mean of the last 50 steps), the number of parameters, model_type
    and architectures.
    """
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    tokenizer = build_tokenizer(corpus, objective)
    model = build_model(objective, len(tokenizer), hidden=hidden, layers=layers, heads=heads)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=learning_rate, betas=(0.9, 0.98), weight_decay=0.01, fused=True
    )
    warmup = max(1, steps // 20)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda i: min((i + 1) / warmup, (steps - i) / (steps - warmup))
    )
    ids, marked = encode(corpus, tokenizer)
    generator = torch.Generator().manual_seed(seed)
    start = shown = time.perf_counter()
    losses = []
    batches = draw_batches(len(ids), batch_size, steps, seed)
    if objective == "causal":
        batches = by_length(batches, (ids != PAD).sum(1), seed)
    for step, rows in enumerate(batches, 1):
        loss = LOSSES[objective](model, ids[rows], marked[rows], generator)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        losses.append(loss.detach())
        if (now := time.perf_counter()) - shown > 10 or step == steps:
            shown = now
            eta = (now - start) / step * (steps - step)
            mean = torch.stack(losses[-50:]).mean()
            clock = f"{eta // 60:02.0f}:{eta % 60:02.0f}"
            print(f"step {step}/{steps}  loss {mean:.3f}  ETA {clock}", file=sys.stderr, flush=True)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    seconds = time.perf_counter() - start
    return {
        "steps": steps,
        "seconds": seconds,
        "loss": float(torch.stack(losses[-50:]).mean()),
        "parameters": model.num_parameters(),
        "model_type": model.config.model_type,
        "architectures": model.config.architectures,
    }


def encode(corpus: list[str], tokenizer: PreTrainedTokenizerFast) -> tuple[Tensor, Tensor]:
    """Token ids [lines, longest], padded, and whether each is marked."""
    rows = [line.split() for line in corpus]
    width = max(map(len, rows)) + 2
    ids, marked = torch.full((len(rows), width), PAD), torch.zeros(len(rows), width, dtype=torch.bool)
    for i, words in enumerate(rows):
        numbers = [tokenizer.convert_tokens_to_ids(word.lstrip("_")) for word in words]
        ids[i, : len(words) + 2] = torch.tensor([START, *numbers, END])
        marked[i, 1 : len(words) + 1] = torch.tensor([word.startswith("_") for word in words])
    return ids, marked


def draw_batches(lines: int, batch_size: int, steps: int, seed: int) -> Iterator[Tensor]:
    """Yield the row numbers of one batch after the other, each line once before any comes again."""
    rng = random.Random(seed)
    queue: list[int] = []
    for _ in range(steps):
        while len(queue) < batch_size:
            queue += rng.sample(range(lines), lines)
        yield torch.tensor(queue[:batch_size])
        del queue[:batch_size]


def by_length(batches: Iterable[Tensor], lengths: Tensor, seed: int) -> Iterator[Tensor]:
    """The same lines in as many batches, those of WINDOW batches sorted by length, so that little is padding.

    lengths: [lines], in tokens.
    """
    rng = random.Random(seed)
    waiting = iter(batches)
    while window := list(islice(waiting, WINDOW)):
        rows = torch.cat(window)
        yield from rng.sample(rows[lengths[rows].argsort(stable=True)].split(len(window[0])), len(window))


def pretrain_checkpoint(
    source: Mapping[str, Any],
    folder: Path,
    *,
    name: str,
    threads: int,
    about: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Pre-train what a catalog entry `source: {pretrain: ...}` asks for and return its manifest.

    `folder` appears whole, with manifest, or is not touched. about: what else the manifest says of how it was made.
    """
    settings = dict(source["pretrain"])
    corpus = CORPORA[settings.get("objective", "masked")](settings.pop("world_seed"))
    with whole_folder(folder) as partial:
        training = pretrain(corpus, folder=partial, threads=threads, **settings)
        manifest = {
            **(about or {}),
            "name": name,
            "source": dict(source),
            "commit": None,
            **{name: training.pop(name) for name in ("model_type", "architectures", "parameters")},
            "training": training,
            "files": {path.name: describe_file(path) for path in sorted(partial.iterdir())},
        }
        write_json(partial / "manifest.json", manifest)
    return manifest
