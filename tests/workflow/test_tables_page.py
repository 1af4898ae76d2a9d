"""Every Parquet file of a study that really ran has the columns that docs/tables.md describes."""

from collections import Counter

from described import DESCRIBED, untrue
from junkdna.files.artifacts import read_table
from studies import planned, snakemake

# What a plain study leaves out: confidences of training examples, paths, a comparison with the paper.
KEYS = """  seeds: [1, 2]
  cartography: true
  mode_connectivity:
    - {recipes: [magnitude-u50], regimes: [sparse]}
  replicates: [true-gem-tasks-unstructured]
"""


def test_every_table_is_as_described(workspace):
    config = workspace / "tiny.yaml"
    text = config.read_text().replace("  seeds: [1, 2]\n", KEYS)
    text = text.replace("  tiny-easy:\n", "  tiny-easy:\n    paper: sst2\n", 1)
    text = text.replace("    base: tiny-easy\n", "    base: tiny-easy\n    paper: cola\n", 1)
    config.write_text(text)
    done = snakemake(workspace)
    assert done.returncode == 0, done.stdout + done.stderr
    seen, lines = Counter(), []
    for path in sorted(
        path for top in ("results", "resources/tasks") for path in (workspace / top).rglob("*.parquet")
    ):
        table = read_table(path)
        if path.is_relative_to(workspace / "results/nulls") and path.stem == "metrics":
            # The same columns in another order.
            table = table[list(DESCRIBED["metrics"].columns)]
        seen[path.stem] += 1
        lines += [f"{path.relative_to(workspace)}: {line}" for line in untrue(path.stem, table)]
    assert lines == []
    # What asked tasks leave is held in test_asked.
    assert set(DESCRIBED) - set(seen) == {"score_rules", "answer_kinds", "examples"}
    assert seen["runs"] == 1 and seen["metrics"] == seen["history"] > seen["confidences"] == 4
    assert planned(workspace) == {}
