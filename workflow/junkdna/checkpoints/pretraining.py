"""Pre-train a small masked language model on the generated world."""

import random
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

from junkdna.files.artifacts import describe_file, whole_folder, write_json
from junkdna.tasks.toy_world import generate_corpus

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
PAD, CLS, SEP, MASK = 0, 2, 3, 4
MAX_LENGTH = 32
# A marked word carries a fact or a verdict and is hidden most of the time, any other word seldom.
HIDE_MARKED, HIDE_OTHER = 0.8, 0.05


def pretrain(
    corpus: list[str],
    *,
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
    """Train a BERT of `layers` x `hidden` on the lines of `corpus` and save it with its tokenizer in `folder`.

    A word that begins with `_` is marked; see HIDE_MARKED. steps, batch_size (lines), learning_rate (peak, linear
    warm-up over 5 % and decay): of AdamW. The same arguments give the same weights. Returns steps, seconds, final
    loss (mean of the last 50 steps) and the number of parameters.
    """
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    tokenizer = build_tokenizer(corpus)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=4 * hidden,
        max_position_embeddings=MAX_LENGTH,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        initializer_range=0.05,
    )
    model = BertForMaskedLM(config)
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
    for step, rows in enumerate(draw_batches(len(ids), batch_size, steps, seed), 1):
        loss = masked_loss(model, ids[rows], marked[rows], generator)
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
    }


def build_tokenizer(corpus: list[str]) -> PreTrainedTokenizerFast:
    """One token a word of the corpus, in alphabetical order after the special ones."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    words = sorted({word.lstrip("_") for line in corpus for word in line.split()})
    tokenizer = Tokenizer(
        models.WordLevel({word: i for i, word in enumerate((*SPECIAL, *words))}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", CLS), ("[SEP]", SEP)],
    )
    names = dict(
        zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL, strict=True)
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=MAX_LENGTH, **names)


def encode(corpus: list[str], tokenizer: PreTrainedTokenizerFast) -> tuple[Tensor, Tensor]:
    """Token ids [lines, longest], padded, and whether each is marked."""
    rows = [line.split() for line in corpus]
    width = max(map(len, rows)) + 2
    ids, marked = torch.full((len(rows), width), PAD), torch.zeros(len(rows), width, dtype=torch.bool)
    for i, words in enumerate(rows):
        numbers = [tokenizer.convert_tokens_to_ids(word.lstrip("_")) for word in words]
        ids[i, : len(words) + 2] = torch.tensor([CLS, *numbers, SEP])
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


def masked_loss(model: BertForMaskedLM, ids: Tensor, marked: Tensor, generator: torch.Generator) -> Tensor:
    """Mean cross-entropy in nats of the hidden words of a batch."""
    width = int((ids != PAD).sum(1).max())
    ids, marked = ids[:, :width], marked[:, :width]
    chance = torch.rand(ids.shape, generator=generator)
    hide = chance < torch.where(marked, HIDE_MARKED, HIDE_OTHER * (ids > MASK))
    hide[0, 1] = True  # at least one word a batch
    states = model.bert(ids.masked_fill(hide, MASK), attention_mask=(ids != PAD).long()).last_hidden_state
    return torch.nn.functional.cross_entropy(model.cls(states[hide]), ids[hide])


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
    corpus = generate_corpus(settings.pop("world_seed"))
    with whole_folder(folder) as partial:
        training = pretrain(corpus, folder=partial, threads=threads, **settings)
        manifest = {
            **(about or {}),
            "name": name,
            "source": dict(source),
            "commit": None,
            "model_type": "bert",
            "architectures": ["BertForMaskedLM"],
            "parameters": training["parameters"],
            "training": training,
            "files": {path.name: describe_file(path) for path in sorted(partial.iterdir())},
        }
        write_json(partial / "manifest.json", manifest)
    return manifest
