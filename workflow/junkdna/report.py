"""One self-contained page that shows what a study found and how it was made."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd

from junkdna.verdicts import summarise

# More marks than this make an SVG sluggish; a canvas is not.
SVG_ROWS = 20_000


def render(
    *,
    template: Path,
    study: str,
    claims: pd.DataFrame,
    cells: pd.DataFrame,
    runs: pd.DataFrame,
    charts: Mapping[str, dict],
    provenance: Mapping[str, Any],
    notice: str = "",
) -> str:
    """Render the report of a study as one HTML page that asks nothing of any network.

    template: the Jinja page; what it includes lies beside it. claims, cells, runs: from `aggregate`.
    charts: name -> Vega-Lite spec, drawn in this order; a spec without a title is refused (ValueError).
    provenance: sections of "how it was made", each a mapping (or, as `config`, anything YAML can show).
    notice: a sentence that stands above everything, such as that the study is a toy world.
    """
    import jinja2
    import vl_convert

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template.parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    figures = [_figure(name, spec) for name, spec in charts.items()]
    version = "v" + alt.SCHEMA_VERSION.removeprefix("v").rsplit(".", 1)[0]
    return environment.get_template(template.name).render(
        study=study,
        notice=notice,
        facts=_facts(runs),
        verdicts=[row | {"rows": _claims_of(claims, row)} for row in summarise(claims)],
        margin=100 * float(claims["margin"].iloc[0]),
        figures=figures,
        cells=_cell_rows(cells),
        runs=_run_rows(runs),
        provenance=_sections({key: value for key, value in provenance.items() if key != "config"}),
        config=_yaml(provenance["config"]) if "config" in provenance else "",
        bundle=_inside_script(vl_convert.javascript_bundle(vl_version=version)) if figures else "",
        specs=json.dumps({figure["name"]: figure["spec"] for figure in figures}).replace("<", "\\u003c"),
    )


def _figure(name: str, spec: dict) -> dict:
    """A chart with words for those who do not see it: its title and subtitle."""
    title = spec.get("title")
    if not title:
        raise ValueError(f"charts: {name!r} has no title; the page needs words for those who do not see it")
    if isinstance(title, str):
        title = {"text": title}
    words = [title["text"], *_listed(title.get("subtitle", []))]
    rows = sum(len(values) for values in spec.get("datasets", {}).values())
    renderer = "svg" if rows <= SVG_ROWS else "canvas"
    described = spec | {"description": " ".join(words)}
    return {
        "name": name,
        "title": title["text"],
        "words": " ".join(words),
        "renderer": renderer,
        "spec": described,
    }


def _facts(runs: pd.DataFrame) -> str:
    """What was run, in one sentence."""
    failed = int((~runs["trained"]).sum())
    hours = runs["total_seconds"].sum() / 3600
    time = f"{hours:.1f} hours" if hours >= 1 else f"{60 * hours:.0f} minutes"
    parts = [
        _counted(runs["checkpoint"].nunique(), "checkpoint"),
        _counted(runs["recipe"].nunique(), "recipe"),
        _counted(runs["task"].nunique(), "task"),
        _counted(runs["regime"].nunique(), "regime"),
        _counted(runs["seed"].nunique(), "seed"),
    ]
    return (
        f"{_counted(len(runs), 'run')} of {', '.join(parts)}; {time} of training and evaluation in all; "
        f"{failed or 'no'} run{'s' * (failed != 1)} collapsed or diverged."
    )


def _claims_of(claims: pd.DataFrame, summary: dict) -> list[dict]:
    chosen = claims[(claims["claim"] == summary["claim"]) & (claims["regime"] == summary["regime"])]
    return chosen[["verdict", "sentence"]].to_dict("records")


def _cell_rows(cells: pd.DataFrame) -> dict:
    """Header and formatted rows of the table of cells."""
    columns = {
        "checkpoint": cells["checkpoint"],
        "recipe": cells["recipe"],
        "task": cells["task"],
        "regime": cells["regime"],
        "removed %": _numbers(cells["level"], ".4g"),
        "trained": [f"{row.n_trained} of {row.n_seeds}" for row in cells.itertuples()],
        "score": _intervals(cells, "score_trained", 1, ".3f"),
        "retention %": _intervals(cells, "retention_trained", 100, ".1f"),
        "drop": _intervals(cells, "drop_trained", 1, ".3f"),
        "chance": _numbers(cells["chance"], ".3f"),
        "metric": cells["metric"],
        "resampled": cells["resampled"],
    }
    return _table(columns, text=("checkpoint", "recipe", "task", "regime", "metric", "resampled"))


def _run_rows(runs: pd.DataFrame) -> dict:
    """Header and formatted rows of the table of runs."""
    state = runs["collapsed"].map({True: "collapsed", False: "trained"}).mask(runs["diverged"], "diverged")
    columns = {
        "checkpoint": runs["checkpoint"],
        "recipe": runs["recipe"],
        "task": runs["task"],
        "regime": runs["regime"],
        "seed": runs["seed"].map(str),
        "removed %": _numbers(100 * runs["sparsity"], ".4g"),
        "state": state,
        "score": _intervals(runs, "score", 1, ".3f"),
        "retention %": _numbers(100 * runs["retention"], ".1f"),
        "chance": _numbers(runs["chance"], ".3f"),
        "metric": runs["metric"],
        "loss": _numbers(runs["loss"], ".3f"),
        "steps": _numbers(runs["steps"], ".0f"),
        "seconds": _numbers(runs["total_seconds"], ".1f"),
        "examples/s": _numbers(runs["examples_per_second"], ".0f"),
        "peak MB": _numbers(runs["peak_memory_mb"], ".0f"),
    }
    return _table(columns, text=("checkpoint", "recipe", "task", "regime", "state", "metric"))


def _table(columns: Mapping[str, Any], *, text: tuple[str, ...]) -> dict:
    header = [{"name": name, "numeric": name not in text} for name in columns]
    return {"header": header, "rows": list(zip(*columns.values(), strict=True))}


def _numbers(values: pd.Series, form: str) -> list[str]:
    return ["\N{EN DASH}" if pd.isna(value) else format(value, form) for value in values]


def _intervals(table: pd.DataFrame, name: str, factor: float, form: str) -> list[str]:
    triples = (factor * table[[name, f"{name}_low", f"{name}_high"]]).itertuples(index=False, name=None)
    return [
        "\N{EN DASH}" if pd.isna(mean) else f"{mean:{form}} [{low:{form}}, {high:{form}}]"
        for mean, low, high in triples
    ]


def _sections(provenance: Mapping[str, Any]) -> list[dict]:
    """Sections of name and value; deeper mappings become dotted names, anything else text."""
    return [
        {"name": name, "rows": _flat(content) if isinstance(content, Mapping) else [("", str(content))]}
        for name, content in provenance.items()
    ]


def _flat(content: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows = []
    for name, value in content.items():
        if isinstance(value, Mapping):
            rows += _flat(value, f"{prefix}{name}.")
        else:
            rows.append((f"{prefix}{name}", ", ".join(map(str, _listed(value)))))
    return rows


def _yaml(config: Any) -> str:
    import yaml

    if isinstance(config, str):
        return config
    # Through JSON: what a config holds may be a subclass that YAML does not know.
    return yaml.safe_dump(json.loads(json.dumps(config)), sort_keys=False, allow_unicode=True, width=100)


def _inside_script(code: str) -> str:
    """Script text that cannot end its element early."""
    return code.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def _listed(value: Any) -> list:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"
