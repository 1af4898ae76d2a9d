"""One self-contained page that shows what a study found and how it was made."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd

from junkdna.claims.verdicts import summarise
from junkdna.report.answers import answer_kind_rows, example_rows, score_rule_rows
from junkdna.report.tables import (
    barrier_rows,
    cell_rows,
    curve_rows,
    difficulty_rows,
    equal_terms_rows,
    order_rows,
    replication_rows,
    run_rows,
    strata_rows,
)

# More marks than this make an SVG sluggish; a canvas is not.
SVG_ROWS = 20_000
# Kinds of figure, by the beginning of their names, that show a claim; performance- where nothing is said.
SHOWN_BY = {
    "irreversible": ("budget-", "regimes-"),
    "small-weights": ("regimes-",),
    "quantization-differs": ("equal-damage-",),
    "quantization-differs-bytes": ("equal-bytes-",),
}
# Tables that a study may have: title, caption, and what makes the rows.
EXTRA = {
    "difficulty": (
        "Difficulty",
        "How hard each task is for the dense model, by every measure, with 95 % intervals. An arrow up: larger is "
        "harder; down: smaller is harder",
        difficulty_rows,
    ),
    "orders": (
        "Order of difficulty",
        "The order that each axis asserts, against what each measure says",
        order_rows,
    ),
    "curves": (
        "Where it falls",
        "s50 and s90: the level, in % of the weights removed (of the bytes saved, by quantization), at which half and "
        "nine tenths of what the dense model had above chance are left; by a logistic and by a falling step-free fit, "
        "never extrapolated",
        curve_rows,
    ),
    "equal_terms": (
        "On equal terms",
        "What each level of pruning and quantization costs the tasks of an axis: bits a weight, mean loss of "
        "retention, and how much more of it is lost with each step of the axis, in points",
        equal_terms_rows,
    ),
    "score_rules": (
        "By every score rule",
        "How often the right option is chosen, by each rule that compares options; mean over seeds. A star: the "
        "rule of the task, set before the runs. A verdict that another rule would turn is to be doubted",
        score_rule_rows,
    ),
    "answer_kinds": (
        "Free answers",
        "What they turned out as, in % of the questions; mean over seeds. Unfinished: cut at max_new_tokens",
        answer_kind_rows,
    ),
    "examples": (
        "Ten questions",
        "The first ten questions of each task, with the answers of the dense model and of the highest level of each "
        "family; a tick where the answer is right",
        example_rows,
    ),
    "strata": (
        "Hard examples within a task",
        "Thirds of the examples of a task by cross-fitted PVI: same data, same model, same metric",
        strata_rows,
    ),
    "connectivity": ("Mode connectivity", "Barriers on the line from dense to compressed", barrier_rows),
    "replication": (
        "Against the paper",
        "This study beside the values of the paper's figures",
        replication_rows,
    ),
}

TABLES = ("claims", "cells", "runs", *EXTRA)


def render(
    *,
    template: Path,
    study: str,
    tables: Mapping[str, pd.DataFrame],
    charts: Mapping[str, dict[str, Any]],
    provenance: Mapping[str, Any],
    cautions: Sequence[str] = (),
    notice: str = "",
) -> str:
    """Render the report of a study as one HTML page that asks nothing of any network.

    template: the Jinja page; what it includes lies beside it. tables: of the study, by name: claims, cells and
    runs, and those of EXTRA that there are. charts: name -> Vega-Lite spec, drawn in this order; a spec without a
    title is refused (ValueError). provenance: sections of "how it was made", each a mapping (or, as `config`,
    anything YAML can show). cautions: sentences that a reader must keep in mind. notice: a sentence that stands
    above everything, such as that the study is a toy world.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(template.parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    claims = tables["claims"]
    figures = [_figure(name, spec) for name, spec in charts.items()]
    version = "v" + alt.SCHEMA_VERSION.removeprefix("v").rsplit(".", 1)[0]
    return environment.get_template(template.name).render(
        study=study,
        notice=notice,
        facts=_facts(tables["runs"]),
        verdicts=[
            row | {"rows": _claims_of(claims, row), "figures": _figures_of(row, charts)}
            for row in summarise(claims)
        ],
        margin=100 * float(claims["margin"].iloc[0]),
        cautions=list(cautions),
        figures=figures,
        sections=[_extra(name, tables[name]) for name in EXTRA if len(tables.get(name, ()))],
        cells=cell_rows(tables["cells"]),
        runs=run_rows(tables["runs"]),
        provenance=_sections({key: value for key, value in provenance.items() if key != "config"}),
        config=_yaml(provenance["config"]) if "config" in provenance else "",
        bundle=_bundle(version) if figures else "",
        specs=json.dumps({figure["name"]: figure["spec"] for figure in figures}).replace("<", "\\u003c"),
    )


def _bundle(version: str) -> str:
    """What draws figures in a browser, as one script."""
    import vl_convert

    libraries = vl_convert.javascript_bundle(vl_version=version)  # type: ignore[call-arg]  # its stub asks for more
    return _inside_script(libraries)


def _extra(name: str, table: pd.DataFrame) -> dict[str, Any]:
    """A section with a table, and its sentences where the table has some."""
    title, caption, rows = EXTRA[name]
    sentences = list(table["sentence"]) if "sentence" in table else []
    return {"name": name, "title": title, "caption": caption, "table": rows(table), "sentences": sentences}


def _figures_of(claim: Mapping[str, Any], charts: Mapping[str, dict[str, Any]]) -> list[str]:
    """The figures that show what a claim is about."""
    kinds = ("claims", *SHOWN_BY.get(claim["claim"], ("performance-",)))
    return [name for name in charts if name.startswith(kinds)]


def _figure(name: str, spec: dict[str, Any]) -> dict[str, Any]:
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
        f"{failed or 'no'} run{'s' * (failed != 1)} failed to train."
    )


def _claims_of(claims: pd.DataFrame, summary: dict[str, Any]) -> list[dict[str, Any]]:
    chosen = claims[(claims["claim"] == summary["claim"]) & (claims["regime"] == summary["regime"])]
    return chosen.loc[chosen["scope"] == "cell", ["verdict", "sentence"]].to_dict("records")


def _sections(provenance: Mapping[str, Any]) -> list[dict[str, Any]]:
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


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"
