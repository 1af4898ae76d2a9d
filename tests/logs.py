"""Sample logs in the formats of lm-evaluation-harness and inspect, with answers of our choice."""

import hashlib
import json
from pathlib import Path
from typing import Any

DATE = "2026-11-30T12-00-00.123456"


def hashed(value: Any) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()


def choice_sample(number: int, options: list[str], right: int, sums: list[float], **changes: Any) -> dict:
    """A question whose options were compared; `target` and the like may be changed."""
    doc = {"question": f"what is {number}?", "options": options, "label": right}
    context = f"Question: what is {number}?\nAnswer:"
    best = max(range(len(sums)), key=lambda place: sums[place])
    answers = [[repr(each), "False"] for each in sums]
    return {
        "doc_id": number,
        "doc": doc,
        "target": str(right),
        "arguments": {
            f"gen_args_{i}": {"arg_0": context, "arg_1": f" {each}"} for i, each in enumerate(options)
        },
        "resps": [[each] for each in answers],
        "filtered_resps": answers,
        "filter": "none",
        "metrics": ["acc"],
        "doc_hash": hashed(doc),
        "prompt_hash": hashed(context),
        "target_hash": hashed(str(right)),
        "acc": float(best == right),
        **changes,
    }


def written_sample(number: int, gold: list[str], answer: str, score: float, **changes: Any) -> dict:
    """A question that was answered in free text."""
    doc = {"question": f"who is {number}?", "answers": gold}
    context = f"Question: who is {number}?\nAnswer:"
    return {
        "doc_id": number,
        "doc": doc,
        "target": str(gold),
        "arguments": {"gen_args_0": {"arg_0": context, "arg_1": "{'until': ['\\n']}"}},
        "resps": [[answer]],
        "filtered_resps": [answer],
        "filter": "none",
        "metrics": ["exact_match"],
        "doc_hash": hashed(doc),
        "prompt_hash": hashed(context),
        "target_hash": hashed(str(gold)),
        "exact_match": score,
        **changes,
    }


def write_lm_eval(folder: Path, tasks: dict[str, list[dict]], model: str = "some/model") -> Path:
    """Write the logs of one call: the samples of each task, and the results."""
    folder.mkdir(parents=True, exist_ok=True)
    for task, samples in tasks.items():
        text = "".join(json.dumps(sample) + "\n" for sample in samples)
        (folder / f"samples_{task}_{DATE}.jsonl").write_text(text)
    results = {
        "configs": {task: {"target_delimiter": " ", "fewshot_delimiter": "\n\n"} for task in tasks},
        "config": {
            "model": "hf",
            "model_dtype": "torch.float32",
            "device": "cpu",
            "model_num_parameters": 1000,
        },
        "transformers_version": "5.23.0",
        "lm_eval_version": "0.4.13",
        "model_name": model,
    }
    (folder / f"results_{DATE}.json").write_text(json.dumps(results))
    return folder


def inspect_sample(
    number: int, target: Any, value: Any, answer: str, choices: list[str] | None = None
) -> dict:
    """A question of inspect; `answer` is the letter of an option, or free text."""
    return {
        "id": number,
        "epoch": 1,
        "input": f"what is {number}?",
        **({"choices": choices} if choices else {}),
        "target": target,
        "output": {
            "choices": [{"message": {"content": answer}, "stop_reason": "stop"}],
            "completion": answer,
            "usage": {"output_tokens": 3},
        },
        "scores": {"choice": {"value": value, "answer": answer}},
    }


def write_inspect(path: Path, task: str, samples: list[dict], **changes: Any) -> Path:
    """Write one log of inspect."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "version": 2,
        "status": "success",
        "eval": {"task": task, "model": "mock/model", "packages": {"inspect_ai": "0.3.285"}},
        "samples": samples,
        **changes,
    }
    path.write_text(json.dumps(content))
    return path
