"""Set our prompts, likelihoods and free answers against those of lm-evaluation-harness 0.4.13, on one decoder.

    python benchmarks/against_lm_eval.py ours CHECKPOINT FOLDER --data DATASETS
    <other python> benchmarks/against_lm_eval.py theirs CHECKPOINT FOLDER
    python benchmarks/against_lm_eval.py compare FOLDER

`theirs` is run by the Python of an environment of its own (lm-eval 0.4.13 with torch and transformers of the versions
here) and imports nothing of ours. DATASETS: a folder that holds tau/commonsense_qa, allenai/openbookqa,
mandarjoshi/trivia_qa and rajpurkar/squad as the hub lays them out. FOLDER holds what the parts hand on: questions as
JSON lines and the answers of both. Four tasks: CommonsenseQA without shots; OpenBookQA in ARC's layout, whose options
have names; TriviaQA with four shots in free text, stopped at a line break; passages of SQuAD as running text. The shots
are ours, and their sampler `first_n` takes them in order. All in float32.
"""

import argparse
import json
from pathlib import Path
from typing import Any

QUESTION = "Question: {{ text }}\nAnswer:"
COUNT, TEXTS, SHOTS, NEW, SEED = 40, 8, 4, 24, 1


def write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def fetch(data: Path, folder: Path, count: int) -> dict[str, dict[str, Any]]:
    """The tables of the three asked tasks, by our own way from file to table, cut to `count` questions."""
    import pandas as pd

    from junkdna.tasks.fetch import fetch_task

    trivia = pd.read_parquet(next((data / "mandarjoshi/trivia_qa/rc.nocontext").glob("*.parquet")))
    # The likelihood of gold answers, of which some questions have a hundred, is not compared: one is enough.
    trivia["aliases"] = [list(answer["aliases"][:1]) for answer in trivia["answer"]]
    # Shots are questions that are not measured.
    trivia[["question", "aliases"]].iloc[:200].to_parquet(folder / "trivia-train.parquet")
    trivia[["question", "aliases"]].iloc[200:].to_parquet(folder / "trivia-validation.parquet")
    sources = {
        "csqa": {
            split: data / f"tau/commonsense_qa/default/{split}.parquet" for split in ("train", "validation")
        },
        "obqa": {
            split: data / f"allenai/openbookqa/main/{split}.parquet" for split in ("train", "validation")
        },
        "trivia": {split: folder / f"trivia-{split}.parquet" for split in ("train", "validation")},
    }
    choice = {"options": "choices.text", "names": "choices.label", "label": "answerKey"}
    entries: dict[str, dict[str, Any]] = {
        "csqa": {"format": "choice", "columns": {"text": "question", **choice}},
        "obqa": {"format": "choice", "columns": {"text": "question_stem", **choice}},
        "trivia": {"format": "generate", "columns": {"text": "question", "answers": "aliases"}},
    }
    made: dict[str, dict[str, Any]] = {}
    for name, entry in entries.items():
        source = {"path": {split: str(path) for split, path in sources[name].items()}}
        tables, _ = fetch_task(entry | {"source": source, "validation_examples": count}, name=name)
        made[name] = tables
    return made


def ours(checkpoint: Path, folder: Path, data: Path) -> None:
    """Write the questions, and what our code says of them."""
    import numpy as np
    import pandas as pd
    import torch

    from junkdna.inference.answers import AnswerSpec, choose_options, write_answers
    from junkdna.inference.batches import load_data
    from junkdna.inference.running_text import predict_text
    from junkdna.models.decoder import load_causal
    from junkdna.tasks.ask import ask
    from junkdna.tasks.prompts import PromptSpec, choose_shots
    from junkdna.tasks.tokens import load_tokenizer, tokenize

    folder.mkdir(parents=True, exist_ok=True)
    tables = fetch(data, folder, COUNT)
    tokenizer, model = load_tokenizer(checkpoint), load_causal(checkpoint).eval()
    said: dict[str, Any] = {}
    for name in ("csqa", "obqa"):
        measured = tables[name]["validation"]
        write_lines(
            folder / f"{name}.jsonl",
            json.loads(measured.drop(columns="example_id").to_json(orient="records")),
        )
        asked = ask(measured, measured.iloc[:0], tokenizer, PromptSpec(prompt=QUESTION), seed=SEED, room=2000)
        made = choose_options(model, asked, "sum", "fp32")
        said[name] = {
            "prompts": [tokenizer.decode(list(each.context)) for each in asked.encoded()],
            "sums": [list(map(float, own)) for own in made["sums"]],
        }
    trivia, pool = tables["trivia"]["validation"], tables["trivia"]["train"]
    spec = PromptSpec(prompt=QUESTION, answer="{{ answer }}", shots=SHOTS)
    shown = pool.iloc[
        choose_shots(pool["example_id"].to_numpy(), list(pool["text"]), list(trivia["text"]), SEED, SHOTS)
    ]
    for split, table in (("trivia", trivia), ("trivia-shots", shown)):
        rows = [
            {"text": text, "answers": list(gold)}
            for text, gold in zip(table["text"], table["answers"], strict=True)
        ]
        write_lines(folder / f"{split}.jsonl", rows)
    asked = ask(trivia, pool, tokenizer, spec, seed=SEED, room=2000)
    how = AnswerSpec(metric="exact-match", stop=("\n",), max_new_tokens=NEW)
    made = write_answers(model, tokenizer, asked, list(trivia["answers"]), how, "fp32")
    said["trivia"] = {
        "prompts": [tokenizer.decode(list(each.context)) for each in asked.encoded()],
        "texts": list(made["text"]),
    }
    passages = pd.read_parquet(data / "rajpurkar/squad/plain_text/validation.parquet")["context"].unique()[
        :TEXTS
    ]
    write_lines(folder / "text.jsonl", [{"text": text} for text in passages])
    # They let a text follow the token that begins texts, else the one that ends them; so does ours, where it is
    # spelled out.
    first = tokenizer.bos_token or tokenizer.eos_token
    table = pd.DataFrame({"example_id": np.arange(TEXTS), "text": [first + text for text in passages]})
    table["label"] = 0
    tokens = tokenize(table, tokenizer, format="lm", max_length=2000, num_labels=0)
    scored = predict_text(model, load_data(tokens, torch.device("cpu")), "fp32", tokens)
    scored = scored.sort_values("example_id")
    said["text"] = {
        "sums": list(scored["prediction"] * scored["target"]),
    }
    (folder / "ours.json").write_text(json.dumps(said))


def theirs(checkpoint: Path, folder: Path) -> None:
    """Ask the same questions through lm-evaluation-harness."""
    import lm_eval
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    same = {"dataset_path": "json", "test_split": "test", "doc_to_text": QUESTION, "metadata": {"version": 1}}
    tasks: list[dict[str, Any]] = [
        same
        | {
            "task": name,
            "dataset_kwargs": {"data_files": {"test": str(folder / f"{name}.jsonl")}},
            "output_type": "multiple_choice",
            "doc_to_choice": "options",
            "doc_to_target": "label",
            "num_fewshot": 0,
            "metric_list": [{"metric": "acc"}],
        }
        for name in ("csqa", "obqa")
    ]
    files = {"test": str(folder / "trivia.jsonl"), "shots": str(folder / "trivia-shots.jsonl")}
    tasks.append(
        same
        | {
            "task": "trivia",
            "dataset_kwargs": {"data_files": files},
            "output_type": "generate_until",
            "doc_to_target": "{{ answers[0] }}",
            "num_fewshot": SHOTS,
            "fewshot_split": "shots",
            "fewshot_config": {"sampler": "first_n"},
            "generation_kwargs": {"until": ["\n"], "max_gen_toks": NEW, "do_sample": False},
            "metric_list": [{"metric": "exact_match"}],
        }
    )
    tasks.append(
        same
        | {
            "task": "text",
            "dataset_kwargs": {"data_files": {"test": str(folder / "text.jsonl")}},
            "output_type": "loglikelihood_rolling",
            "doc_to_text": "",
            "doc_to_target": "{{ text }}",
            "metric_list": [{"metric": "bits_per_byte"}],
        }
    )
    said: dict[str, Any] = {}
    model = HFLM(pretrained=str(checkpoint), dtype="float32", batch_size=16, device="cpu")
    for task in tasks:
        found = lm_eval.simple_evaluate(
            model=model,
            tasks=[task],
            task_manager=TaskManager(include_defaults=False),
            log_samples=True,
            bootstrap_iters=0,
        )
        samples = sorted(found["samples"][task["task"]], key=lambda sample: sample["doc_id"])
        said[task["task"]] = {
            "arguments": [sample["arguments"] for sample in samples],
            "answers": [sample["resps"] for sample in samples],
        }
    (folder / "theirs.json").write_text(json.dumps(said, default=str))


def compare(folder: Path) -> None:
    """Print a row a task: how many prompts and texts are equal, and the largest difference of a likelihood."""
    own, other = (json.loads((folder / f"{who}.json").read_text()) for who in ("ours", "theirs"))
    print("| task | questions | equal prompts | equal answers | largest difference, nats |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, said in other.items():
        mine, prompts, answers, worst = own[name], "–", "–", "–"
        if "prompts" in mine:
            asked = [_first_text(each) for each in said["arguments"]]
            prompts = f"{sum(a == b for a, b in zip(mine['prompts'], asked, strict=True))}"
        if "texts" in mine:
            written = [_first(each) for each in said["answers"]]
            answers = f"{sum(a == b for a, b in zip(mine['texts'], written, strict=True))}"
        else:
            theirs_ = [[float(_first(option)) for option in each] for each in said["answers"]]
            ours_ = [each if isinstance(each, list) else [each] for each in mine["sums"]]
            gaps = [
                abs(a - b)
                for one, two in zip(ours_, theirs_, strict=True)
                for a, b in zip(one, two, strict=True)
            ]
            worst = f"{max(gaps):.1e}"
        print(f"| {name} | {len(said['answers'])} | {prompts} | {answers} | {worst} |")


def _first(value: Any) -> Any:
    """The number in an answer, however deep the lists around it are."""
    while isinstance(value, list):
        value = value[0]
    return value


def _first_text(value: Any) -> str:
    """The first text in the arguments of a question, however deep it is."""
    while not isinstance(value, str):
        value = next(iter(value.values() if isinstance(value, dict) else value))
    return value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=["ours", "theirs", "compare"])
    parser.add_argument("paths", nargs="+", type=Path, help="CHECKPOINT and FOLDER; of compare FOLDER alone")
    parser.add_argument("--data", type=Path)
    arguments = parser.parse_args()
    if arguments.part == "ours":
        ours(*arguments.paths, arguments.data)
    elif arguments.part == "theirs":
        theirs(*arguments.paths)
    else:
        compare(*arguments.paths)


if __name__ == "__main__":
    main()
