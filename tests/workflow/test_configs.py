"""Every shipped config can be run, and a wrong one says what is wrong before any job starts."""

import pytest

from studies import ROOT, copy_project, planned, snakemake

SHIPPED = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "config").glob("*.yaml"))


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """The project without any result."""
    return copy_project(tmp_path_factory.mktemp("fresh"))


@pytest.mark.parametrize("config", SHIPPED)
def test_a_shipped_config_dry_runs(fresh, config):
    plan = planned(fresh, config=config)
    runs = sum(plan[rule] for rule in ("finetune", "evaluate", "keep_fewer_options"))
    assert runs >= 40 and plan["render_report"] == 1


def test_a_wrong_config_gives_one_clear_error(fresh):
    text = (fresh / "tiny.yaml").read_text().replace("metric: accuracy", "metric: acuracy")
    (fresh / "wrong.yaml").write_text(text)
    done = snakemake(fresh, "--dry-run", config="wrong.yaml")
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "tasks.tiny-easy.metric: found 'acuracy'" in said and "did you mean 'accuracy'?" in said
    assert "Traceback" not in said


def test_what_yaml_would_swallow_and_files_that_are_not_there(fresh):
    text = (fresh / "tiny.yaml").read_text()
    twice = text.replace("version: 1\n", "version: 1\n    metric: mcc\n", 1)
    (fresh / "wrong.yaml").write_text(twice)
    done = snakemake(fresh, "--dry-run", config="wrong.yaml")
    said = done.stdout + done.stderr
    assert "tasks.tiny-easy.metric: found in line" in said and "wrong.yaml and again in line" in said
    own = """
    source: {path: {train: t.csv, validation: resources/reference/human.csv}}
    format: classification
    columns: {text: slug, label: metric}
    labels: [accuracy, mcc]
    metric: accuracy
    version: 1
"""
    base = "\n    base: tiny-easy\n    source: {generate: {task: fact}}\n"
    (fresh / "wrong.yaml").write_text(text.replace(base, own))
    done = snakemake(fresh, "--dry-run", config="wrong.yaml")
    said = done.stdout + done.stderr
    assert "tasks.tiny-hard.source.path.train: found 't.csv', which is no file" in said
    assert said.count("source.path") == 1 and "Traceback" not in said


def test_plan_prices_what_is_missing(workspace):
    done = snakemake(workspace, "plan")
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert "finetune" in said and "disk for the missing runs" in said
    again = snakemake(workspace, "plan").stderr
    assert "disk for the missing runs" in again, "the second question stays unanswered"
    edited = (workspace / "tiny.yaml").read_text().replace("seeds: [1, 2]", "seeds: [1, 2, 3]")
    (workspace / "tiny.yaml").write_text(edited)
    said = snakemake(workspace, "plan").stderr
    assert "12 runs to do" in said and "measured" in said
