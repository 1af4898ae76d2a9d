"""Time how a decoder is asked: ours against a plain loop and lm-evaluation-harness, same model, same prompts, one run.

    PYTHONPATH=workflow <python with lm-eval> benchmarks/asking.py CHECKPOINT --data DATASETS [--only options]

The Python is that of an environment of its own (lm-eval 0.4.13, torch and transformers of the versions here). DATASETS
as for against_lm_eval.py, whose questions these are. All in float32, on as many threads as OMP_NUM_THREADS says, by
processor time. The ways take turns; medians of the rounds, and of the ratios within a round. In the first round it is
checked that all ways say the same.

options: CommonsenseQA without shots. shots: the same with eight. written: TriviaQA with four shots, free text of up to
24 tokens. start: the share of loading and compressing in a run of 400 questions of the first kind.

Ours includes rendering and encoding the prompts. The check whether a model can share is made once a run: it is timed
apart, and counted as in a run of 400 questions. The plain loop (one sequence an option, longest first, 16 a batch) is
given tokens; lm-evaluation-harness is given finished prompts.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from against_lm_eval import NEW, QUESTION, fetch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM

from junkdna.compression.compressed import Compressed
from junkdna.compression.masks import build_mask
from junkdna.inference.answers import AnswerSpec, AskedRun, ask_model
from junkdna.inference.generate import generate_answers
from junkdna.inference.options import shares, target_sums
from junkdna.models.decoder import load_causal
from junkdna.models.prunable import prunable_weights
from junkdna.study.specs import PruneSpec
from junkdna.tasks.ask import ask
from junkdna.tasks.prompts import PromptSpec
from junkdna.tasks.tokens import load_tokenizer

BATCH = 16
QUESTIONS = {"options": 40, "shots": 12, "written": 32, "start": 40}
SHOTS = {"options": 0, "shots": 8, "written": 4}
WHOLE = 400
STOP = ("\n",)


def ask_of(tables: Mapping[str, Any], tokenizer: Any, part: str, count: int) -> Any:
    table = tables["trivia" if part == "written" else "csqa"]
    answer = "{{ answer }}" if part == "written" else "{{ option }}"
    spec = PromptSpec(prompt=QUESTION, answer=answer, shots=SHOTS[part])
    measured, pool = table["validation"].iloc[:count], table["train"]
    if part == "written":  # its aliases are not scored here
        measured = measured.assign(answers=[each[:1] for each in measured["answers"]])
    return ask(measured, pool, tokenizer, spec, seed=1, room=2000)


@torch.inference_mode()
def plain_loop(model: Any, pairs: list[tuple[tuple[int, ...], tuple[int, ...]]]) -> np.ndarray:
    """One sequence an option, padded behind, all logits."""
    order = sorted(range(len(pairs)), key=lambda i: -sum(map(len, pairs[i])))
    sums = np.zeros(len(pairs))
    for start in range(0, len(order), BATCH):
        batch = order[start : start + BATCH]
        width = max(sum(map(len, pairs[i])) for i in batch)
        ids, present = (torch.zeros((len(batch), width), dtype=torch.long) for _ in range(2))
        for row, i in enumerate(batch):
            tokens = torch.tensor([*pairs[i][0], *pairs[i][1]])
            ids[row, : len(tokens)], present[row, : len(tokens)] = tokens, 1
        likely = model(input_ids=ids, attention_mask=present).logits.log_softmax(-1)
        for row, i in enumerate(batch):
            first, target = len(pairs[i][0]) - 1, torch.tensor(pairs[i][1])
            sums[i] = float(likely[row, first : first + len(target)].gather(1, target[:, None]).sum())
    return sums


def options_ways(
    model: Any, harness: Any, tables: Mapping[str, Any], tokenizer: Any, part: str, count: int
) -> dict[str, Callable[[], Any]]:
    encoded = ask_of(tables, tokenizer, part, count).encoded()
    pairs = [(each.context, target) for each in encoded for target in each.targets]
    texts = [(tokenizer.decode(list(one)), tokenizer.decode(list(two))) for one, two in pairs]

    def ours() -> np.ndarray:
        asked = ask_of(tables, tokenizer, part, count).encoded()
        return np.concatenate(target_sums(model, asked, "fp32", fast=True))

    def theirs() -> np.ndarray:
        asked = [Instance("loglikelihood", {}, pair, i) for i, pair in enumerate(texts)]
        return np.array([sums for sums, _ in harness.loglikelihood(asked, disable_tqdm=True)])

    check = partial(shares, model, encoded, "fp32")
    plain = partial(plain_loop, model, pairs)
    return {"ours": ours, "check": check, "plain loop": plain, "lm-evaluation-harness": theirs}


def written_ways(
    model: Any, harness: Any, tables: Mapping[str, Any], tokenizer: Any, count: int
) -> dict[str, Callable[[], Any]]:
    encoded = ask_of(tables, tokenizer, "written", count).encoded()
    texts = [tokenizer.decode(list(each.context)) for each in encoded]
    how = {"until": list(STOP), "max_gen_toks": NEW, "do_sample": False}

    def ours() -> list[str]:
        asked = ask_of(tables, tokenizer, "written", count).encoded()
        made = generate_answers(
            model, tokenizer, [each.context for each in asked], stop=STOP, max_new_tokens=NEW, precision="fp32",
        )  # fmt: skip
        return [answer.text.strip() for answer in made]

    def theirs() -> list[str]:
        asked = [Instance("generate_until", {}, (text, how), i) for i, text in enumerate(texts)]
        return [text.strip() for text in harness.generate_until(asked, disable_tqdm=True)]

    check = partial(shares, model, encoded, "fp32")
    return {"ours": ours, "check": check, "lm-evaluation-harness": theirs}


def compare(part: str, ways: Mapping[str, Callable[[], Any]], count: int, rounds: int) -> None:
    """Print a row a way: seconds a question, and how many times as long as ours."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds):
        said = {}
        for name, way in ways.items():
            start = time.process_time()
            said[name] = way()
            seconds[name].append(time.process_time() - start)
            print(f"{part}, round {turn}, {name}: {seconds[name][-1]:.2f} s", file=sys.stderr, flush=True)
        assert said.pop("check"), "the model cannot share"
        if turn == 0:
            for name, other in said.items():
                if part == "written":
                    same = sum(a == b for a, b in zip(said["ours"], other, strict=True))
                    assert same >= 0.95 * count, f"{name}: {same} of {count} texts are ours"
                else:
                    worst = float(np.abs(said["ours"] - other).max())
                    assert worst < 1e-3, f"{name}: differs by {worst} nats"
    checks = seconds.pop("check")
    own_way = [a + b * count / WHOLE for a, b in zip(seconds["ours"], checks, strict=True)]
    for name, own in (seconds | {"ours": own_way}).items():
        ratios = [b / a for a, b in zip(own_way, own, strict=True)]
        print(
            f"| {part}, {count} questions | {name} | {median(own) / count:.3f} | {median(ratios):.2f} "
            f"({min(ratios):.2f}–{max(ratios):.2f}) |",
            flush=True,
        )


def start_share(checkpoint: Path, tables: Mapping[str, Any], tokenizer: Any, count: int, rounds: int) -> None:
    """Print what share of a run of WHOLE questions goes into loading and compressing, computed from `count`."""
    asked = ask_of(tables, tokenizer, "options", count)
    tensors = {
        name: entry.tensor.detach()
        for name, entry in prunable_weights(load_causal(checkpoint), "body").items()
    }
    spec = PruneSpec(
        score="magnitude", selection="layer", scope="body", per_mille=500, keep=0, group=0, seed=0
    )
    mask = build_mask(tensors, dict.fromkeys(tensors, 1), spec)
    pruned = {"family": "magnitude", "level": 50.0, "method": "prune", "score": "magnitude", "selection": "layer",
              "scope": "body", "per_mille": 500, "keep": 0, "group": 0, "seed": 0}  # fmt: skip
    dense = {"family": "dense", "level": 0.0, "method": "none"}
    for recipe, regime, compressed in (
        (dense, "dense", Compressed()),
        (pruned, "zero-shot", Compressed(mask=mask)),
    ):
        found = []
        for _ in range(rounds):
            run = AskedRun(
                checkpoint=checkpoint, asked=asked, gold=None, recipe=recipe, regime=regime, how=AnswerSpec(),
                precision="fp32", device=torch.device("cpu"), compressed=compressed,
            )  # fmt: skip
            facts = ask_model(run).facts
            load, whole = facts["load_seconds"], facts["eval_seconds"] * WHOLE / count
            found.append((load / (load + whole), load, whole))
        share, load, whole = sorted(found)[len(found) // 2]
        print(f"| {recipe['family']} | {load:.1f} | {whole:.0f} | {100 * share:.1f} % |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=QUESTIONS, default=list(QUESTIONS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--questions", type=int, help=f"default {QUESTIONS}")
    arguments = parser.parse_args()
    torch.set_grad_enabled(False)
    with tempfile.TemporaryDirectory() as folder:
        tables = fetch(arguments.data, Path(folder), arguments.questions or max(QUESTIONS.values()))
    tokenizer, model = load_tokenizer(arguments.checkpoint), load_causal(arguments.checkpoint).eval()
    harness = HFLM(pretrained=str(arguments.checkpoint), dtype="float32", batch_size=BATCH, device="cpu")
    for part in arguments.only:
        count = arguments.questions or QUESTIONS[part]
        if part == "start":
            start_share(arguments.checkpoint, tables, tokenizer, count, arguments.rounds)
        elif part == "written":
            compare(part, written_ways(model, harness, tables, tokenizer, count), count, arguments.rounds)
        else:
            ways = options_ways(model, harness, tables, tokenizer, part, count)
            compare(part, ways, count, arguments.rounds)


if __name__ == "__main__":
    main()
