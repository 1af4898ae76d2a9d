"""Before the start: what the folder holds already, of this study or of another under the same names, and what it lost.

Has no rules. What it finds is told on stderr; files of another study are not replaced without leave.
"""

from itertools import chain

from junkdna.provenance import existing, record


def made_with():
    """The files of the study that say how they were made, each with what it should be made with."""
    quantized = [run for run in RUNS if RECIPES[run["recipe"]]["method"] == "quantize"]
    for pattern, parts, made_by in (
        ("resources/checkpoints/{checkpoint}/manifest.json", ("checkpoint",), RUNS),
        (rules.fetch_task.output.manifest, ("task",), RUNS),
        (rules.tokenize_task.output.train, config_hashes.TOKENS, RUNS),
        (rules.build_mask.output.mask, config_hashes.MASK, RUNS),
        (rules.quantize_weights.output.weights, config_hashes.MASK, quantized),
        (rules.finetune_null.output.metrics, config_hashes.NULL, NULL_RUNS),
        (rules.finetune.output.metrics, config_hashes.RUN, RUNS),
    ):
        for path, run in {pattern.format(**run): run for run in made_by}.items():
            yield path, config_hashes.made_of(MADE, parts, run)


def lost_files():
    """Files between the checkpoints and the report that are gone though what was made of them stands.

    `rule all` names them, for Snakemake does not miss a file that stands only between others, and a job that fails
    loses its outputs: the report would stand over runs that are missing. Where tables and figures are of another
    config, or not there, they are made anyway, with all that they need.
    """
    if not workflow.is_main_process:
        return []
    page, table = (
        Path(path.format(study=STUDY))
        for path in (rules.render_report.output.page, rules.aggregate_runs.output.runs)
    )
    files = made_by_study() if page.exists() else []
    files += made_by_runs() if (record.peek(table) or {}).get("made") == MADE_STUDY else []
    return [path for path in files if not Path(path).exists()]


def made_by_runs():
    """The files of single runs that a table is made of."""
    return [
        *for_runs(rules.finetune.output.metrics),
        *for_runs(rules.finetune.output.predictions),
        *nulls_of_study(),
        *for_runs(rules.finetune_traced.output.confidences, where=TRACED_RUNS),
        *for_runs(rules.interpolate.output.path, where=CONNECTED),
        *for_runs(rules.interpolate.output.losses, where=CONNECTED),
    ]


def made_by_study():
    """The tables and figures of the study, which stand between its runs and its report."""
    made = [rules.aggregate_runs.output, rules.score_difficulty.output]
    made += [rules.measure_connectivity.output] * bool(CONNECTED)
    made += [rules.replicate.output] * bool(config["study"]["replicates"])
    return expand([*chain(*made), rules.plot_figure.output.spec], study=STUDY, figure=FIGURES)


LOST = lost_files()
if LOST:
    told = f"note: {len(LOST)} files that the report of this study stands on are gone, the first: {LOST[0]}"
    print(f"{told}. The target all makes them anew.", file=sys.stderr)
EXISTING = existing.survey(made_with() if workflow.is_main_process else [], STUDY)
FOREIGN = existing.describe_foreign(EXISTING.foreign, STUDY, config["study"]["overwrites"])
for line in [*existing.describe_versions(EXISTING.versions), *([f"warning: {FOREIGN}"] if FOREIGN else [])]:
    print(line, file=sys.stderr)


onstart:
    # Nothing is deleted yet. Jobs that touch no file of another study may run.
    planned = {str(path) for job in workflow.dag.needrun_jobs() for path in job.output}
    replaced = {path: found for path, found in EXISTING.foreign.items() if path in planned}
    refusal = existing.describe_foreign(replaced, STUDY, config["study"]["overwrites"])
    if refusal and not workflow.touch:
        raise WorkflowError(refusal)
