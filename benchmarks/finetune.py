"""Compare fine-tuning with the Hugging Face Trainer and with a bare loop, all in one run.

    OMP_NUM_THREADS=1 python benchmarks/finetune.py --checkpoint FOLDER --data FOLDER

FOLDER of --data holds train.parquet with the columns of GLUE's RTE (sentence1, sentence2, label). The four
contenders take turns step by step, each in a process of its own that sleeps while the others run, so what
else the machine does hits all alike. They train on the same examples, in the same precision. The bare loop
and ours see the same batches in the same order; the Trainer makes its own, as a user gets them.
"""

import argparse
import multiprocessing
import os
import statistics
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
import torch
from transformers import AutoTokenizer, Trainer, TrainerCallback, TrainingArguments

from junkdna.inference.batches import load_data, order_epoch, pad_batches
from junkdna.inference.precision import autocast, choose_precision
from junkdna.inference.run import Run
from junkdna.models.load import load_classifier
from junkdna.study.specs import TrainSpec
from junkdna.tasks.tokens import Tokens, tokenize
from junkdna.training.loop import prepare_training, run_training

BATCH = 32
WIDTH = 128
RATE = 2e-5
SEED = 1
CPU = torch.device("cpu")
DENSE = {"family": "dense", "level": 0.0, "method": "none"}
HALF = {
    "family": "magnitude",
    "level": 50.0,
    "method": "prune",
    "score": "magnitude",
    "selection": "global",
    "scope": "body",
    "per_mille": 500,
    "keep": 0,
    "group": 0,
    "seed": 0,
}
SPEC = TrainSpec(
    learning_rate=RATE,
    epochs=1,
    max_steps=0,
    batch_size=BATCH,
    accumulation=1,
    warmup=0.1,
    weight_decay=0.0,
    clip=1.0,
    precision="auto",
    bucket=50,
    save_minutes=0.0,
    gradual_end=0.5,
    gradual_every=100,
)


class Turn:
    """Let one process run for a step, then the next one; keep what each step took (CPU and wall seconds)."""

    def __init__(self, own, following) -> None:
        self.own, self.following = own, following
        self.times = []

    def wait(self) -> None:
        self.own.acquire()
        self.began = (time.process_time(), time.perf_counter())

    def pass_on(self) -> None:
        cpu, wall = self.began
        self.times.append((time.process_time() - cpu, time.perf_counter() - wall))
        self.following.release()

    def step_done(self) -> None:
        self.pass_on()
        self.wait()


def run_trainer(step_done, tokens: Tokens, checkpoint: Path) -> None:
    """As a user runs it: dynamic padding by the default collator, default optimizer and clipping."""

    class Tell(TrainerCallback):
        def on_step_end(self, args, state, control, **_):
            step_done()

    rows = []
    for start, stop, label in zip(tokens.offsets, tokens.offsets[1:], tokens.label, strict=False):
        row = {"input_ids": tokens.input_ids[start:stop].tolist(), "labels": label.item()}
        row["token_type_ids"] = tokens.segments[start:stop].tolist()
        rows.append(row | {"attention_mask": [1] * len(row["input_ids"])})
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            num_train_epochs=1,
            per_device_train_batch_size=BATCH,
            learning_rate=RATE,
            warmup_steps=0.1,
            seed=SEED,
            bf16=choose_precision("auto", CPU) == "bf16",
            use_cpu=True,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        trainer = Trainer(
            model=load_classifier(checkpoint, 2, SEED),
            args=arguments,
            train_dataset=rows,
            processing_class=AutoTokenizer.from_pretrained(checkpoint),
            callbacks=[Tell()],
        )
        trainer.train()


def run_bare(step_done, tokens: Tokens, checkpoint: Path) -> None:
    """Forward, backward, step, and nothing else; the batches are made beforehand."""
    data = load_data(tokens, CPU)
    order = order_epoch(data.widths, batch_size=BATCH, bucket=SPEC.bucket, seed=SEED, epoch=0)
    batches = list(pad_batches(data, order))
    model = load_classifier(checkpoint, 2, SEED).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, fused=True)
    precision = choose_precision("auto", CPU)
    for batch in batches:
        with autocast(precision, CPU):
            loss = torch.nn.functional.cross_entropy(model(**batch.inputs).logits.float(), batch.labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        step_done()


def run_ours(step_done, tokens: Tokens, checkpoint: Path, recipe: dict, regime: str) -> None:
    """The loop of a study's run."""
    training = prepare_training(
        Run(
            checkpoint=checkpoint,
            train=tokens,
            validation=tokens,
            recipe=recipe,
            regime=regime,
            spec=SPEC,
            seed=SEED,
            device=CPU,
        )
    )
    run_training(training, Path("no-state"), "", lambda step, model: step_done())


def run_dense(step_done, tokens: Tokens, checkpoint: Path) -> None:
    run_ours(step_done, tokens, checkpoint, DENSE, "dense")


def run_sparse(step_done, tokens: Tokens, checkpoint: Path) -> None:
    run_ours(step_done, tokens, checkpoint, HALF, "sparse")


CONTENDERS = {
    "Hugging Face Trainer": run_trainer,
    "bare loop": run_bare,
    "ours, dense": run_dense,
    "ours, sparse 50 %": run_sparse,
}


def enter(name: str, own, following, results, data: Path, checkpoint: Path, examples: int) -> None:
    """Run one contender in this process."""
    torch.set_num_threads(1)
    turn = Turn(own, following)
    tokens = read_tokens(data, checkpoint, examples)
    turn.wait()
    CONTENDERS[name](turn.step_done, tokens, checkpoint)
    turn.pass_on()
    # The first step holds the set-up, the last entry what comes after the last step.
    results.put((name, turn.times[1:-1]))


def race(data: Path, checkpoint: Path, examples: int) -> dict[str, list[tuple[float, float]]]:
    """Run all contenders in turns; return the times of their steps."""
    context = multiprocessing.get_context("spawn")
    names, results = list(CONTENDERS), context.Queue()
    turns = [context.Semaphore(0) for _ in names]
    processes = [
        context.Process(
            target=enter,
            args=(name, turns[index], turns[(index + 1) % len(names)], results, data, checkpoint, examples),
            daemon=True,
        )
        for index, name in enumerate(names)
    ]
    for process in processes:
        process.start()
    turns[0].release()
    times = dict(results.get() for _ in names)
    return {name: times[name] for name in names}


def read_tokens(data: Path, checkpoint: Path, examples: int) -> Tokens:
    table = pd.read_parquet(data / "train.parquet").sample(examples, random_state=0, ignore_index=True)
    table = table.rename(columns={"sentence1": "text", "sentence2": "text_pair"})
    table["example_id"] = np.arange(examples)
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    return tokenize(table, tokenizer, format="pair", max_length=WIDTH, num_labels=2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--checkpoint", type=Path, required=True, help="folder of a classifier's checkpoint")
    parser.add_argument("--data", type=Path, required=True, help="folder with train.parquet")
    parser.add_argument("--steps", type=int, default=40, help="optimizer steps of each contender")
    arguments = parser.parse_args()
    times = race(arguments.data, arguments.checkpoint, arguments.steps * BATCH)

    cpu = {name: [step[0] for step in steps] for name, steps in times.items()}
    speed = {name: BATCH * len(steps) / sum(steps) for name, steps in cpu.items()}
    wall = {name: BATCH * len(steps) / sum(step[1] for step in steps) for name, steps in times.items()}
    trainer, bare, dense, _ = CONTENDERS
    print(f"{arguments.steps} steps of {BATCH} examples, {choose_precision('auto', CPU)}, 1 thread\n")
    print("| | examples / CPU s | examples / s | CPU s a step | to the Trainer | to the bare loop |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in CONTENDERS:
        # The Trainer has other batches, so whole epochs are compared; the rest are paired step by step.
        paired = statistics.median(b / own for b, own in zip(cpu[bare], cpu[name], strict=True))
        print(
            f"| {name} | {speed[name]:.1f} | {wall[name]:.1f} | {statistics.median(cpu[name]):.3f} "
            f"| {speed[name] / speed[trainer]:.2f} | {'' if name == trainer else f'{paired:.3f}'} |"
        )
    cost = statistics.median(s / d for s, d in zip(cpu["ours, sparse 50 %"], cpu[dense], strict=True)) - 1
    print(f"\nThe sparse regime costs {100 * cost:+.1f} % over dense (median over steps on the same batch).")


if __name__ == "__main__":
    main()
