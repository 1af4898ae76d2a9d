"""Where the numbers of a study come from: versions, checkpoints, code, machine time."""

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import pandas as pd

PACKAGES = ("junkdna", "torch", "transformers", "snakemake", "datasets", "pandas", "altair")


def describe_origins(
    manifests: Sequence[Mapping[str, Any]],
    runs: pd.DataFrame,
    codes: Mapping[str, str],
    axes: Mapping[str, Mapping[str, Any]],
) -> dict[str, dict[str, Any]]:
    """Sections for the report's "how it was made".

    manifests: of the checkpoints. runs: the table of runs. codes: rule -> digest of the code behind it.
    axes: as in the config; the order of their tasks is an assertion, shown with its reason.
    """
    checkpoints = {
        manifest["name"]: {
            "source": " ".join(f"{key}={value}" for key, value in manifest["source"].items()),
            **{key: manifest[key] for key in ("commit", "model_type", "parameters") if key in manifest},
            **{f"sha256 of {name}": entry["sha256"] for name, entry in manifest["files"].items()},
        }
        for manifest in manifests
    }
    hours = runs["total_seconds"].sum() / 3600
    return {
        "software": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "code digests": dict(codes),
        "training": {
            "runs": len(runs),
            "device hours": f"{hours:.2f}",
            "devices": sorted(runs["device"].unique()),
            "precision": sorted(runs["precision"].unique()),
            "versions": version_counts(runs),
        },
        "axes": {
            name: {
                "easy to hard": axis["tasks"],
                "differ by": axis["knob"],
                "order asserted because": axis["reason"],
                "same sizes and steps": "yes" if axis["matched"] else "not asserted",
            }
            for name, axis in axes.items()
        },
        "checkpoints": checkpoints,
    }


def version_counts(runs: pd.DataFrame) -> list[str]:
    """How many runs were made with which versions of the libraries, one line each."""
    if "versions" not in runs:
        return []
    counts = runs["versions"].value_counts().sort_index()
    return [f"{count} of {len(runs)} runs were made with {versions}" for versions, count in counts.items()]
