"""A small config to change and check, and the lines of what is wrong with it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from junkdna.study.check import check

ROOT = Path(__file__).parents[1]
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
USER = """
study:
  name: mine
  checkpoints: [mine]
  axes: [depth]
  seeds: [1, 2]
  runs:
    - {recipes: [magnitude], regimes: [sparse]}
sweeps:
  magnitude: {score: magnitude, sparsity: [50, 70.5], keep: [2of8]}
training: {epochs: 2}
checkpoints:
  mine: {source: {hub: me/mine, revision: main}}
tasks:
  easy:
    source: {path: {train: t.csv, validation: v.csv}}
    format: classification
    columns: {text: text, label: label}
    labels: [bad, good]
    metric: accuracy
    train_examples: 100
    version: 1
  hard: {base: easy, format: pair, columns: {text_pair: second}, metric: mcc}
axes:
  depth: {tasks: [easy, hard], knob: texts, reason: mine, matched: true}
"""


def user(**changes: Any) -> dict:
    """USER with changes, `a__b__c=value` standing for the key a.b.c; the value `...` deletes the key."""
    config = yaml.safe_load(USER)
    for path, value in changes.items():
        *parents, last = path.split("__")
        at = config
        for key in parents:
            at = at[int(key) if isinstance(at, list) else key]
        if value is ...:
            del at[last]
        else:
            at[int(last) if isinstance(at, list) else last] = value
    return config


def lines(config: dict, human=None) -> list[str]:
    with pytest.raises(ValueError) as error:
        check(config, SCHEMA, human)
    return str(error.value).splitlines()
