"""Measure what the verdicts are worth: simulated studies whose truth is known go through the tables.

    OMP_NUM_THREADS=1 nice python benchmarks/claims.py --raw FOLDER [--studies N] [--jobs J] [--only TEXT ...]

Draws N studies of each setting (scenario, number of seeds, rate of failed trainings, spread of the runs), seeded by
the setting's name, and writes what became of each estimate to FOLDER, a file a setting; a file that is there is not
made again, and one that another process is making is passed over: the measurement can be interrupted, and several
processes can share it. At the end what was counted in all files there replaces the lines of the same settings in
docs/claims-machinery.csv, and the tables of all that it holds go to docs/claims-machinery.md. The settings are in
`benchmarks/claims_settings.py`, the tables in `benchmarks/claims_page.py`.

False claims: the share of studies in which a row of the claim is `supported` though its true effect is at or below
the margin. Coverage: the share of 95 % intervals that hold the true value. Rates come with their Wilson interval;
several rows of one study count as one study there.
"""

import argparse
import fcntl
import time
import zlib
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from claims_page import COUNTED, counts, page
from claims_settings import Setting, settings

from junkdna.simulation.asked import asked_trial, true_effects
from junkdna.simulation.scenarios import unrelated
from junkdna.simulation.trials import plan_of, trial

PAGE = Path(__file__).parents[1] / "docs/claims-machinery.md"


def measure(setting: Setting) -> pd.DataFrame:
    """Run the trials of a setting; one row an estimate and study."""
    rng = np.random.default_rng(zlib.crc32(setting.name.encode()))
    if setting.part == "asked":
        truth = true_effects(setting.scenario, margin=setting.margin)
        told = {"seeds": setting.seeds, "examples": setting.examples, "margin": setting.margin}
        asked = [asked_trial(setting.scenario, truth, rng, **told) for _ in range(setting.studies)]
        return pd.concat(asked, keys=range(setting.studies), names=["study", None]).reset_index("study")
    options = {
        "examples": setting.examples,
        "collapse": setting.collapse,
        "margin": setting.margin,
        "tables": setting.tables,
    }
    rows, plan = [], None
    for study in range(setting.studies):
        if plan is None or setting.task_sd:
            scenario = unrelated(setting.task_sd, rng) if setting.task_sd else setting.scenario
            plan = plan_of(scenario, setting.seeds, **options)
        rows.append(trial(plan, rng, spread=setting.runs_vary).assign(study=study))
    return pd.concat(rows, ignore_index=True)


def keep(name: str, studies: int, folder: Path) -> None:
    """Measure a setting and write its file, unless it is there or another process is at it."""
    setting = next(each for each in settings(studies) if each.name == name)
    path = folder / f"{setting.name}.parquet"
    with path.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        if path.exists():
            return
        start = time.monotonic()
        part = path.with_suffix(".part")
        measure(setting).to_parquet(part)
        part.rename(path)
        print(f"{setting.name}: {setting.studies} studies, {time.monotonic() - start:.0f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--raw", type=Path, required=True)
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=1, help="processes that share the settings")
    parser.add_argument(
        "--only", nargs="+", default=[""], help="settings whose name holds one of these texts"
    )
    parser.add_argument("--page", type=Path, default=PAGE)
    arguments = parser.parse_args()
    arguments.raw.mkdir(parents=True, exist_ok=True)
    every = settings(arguments.studies)
    chosen = [each.name for each in every if any(text in each.name for text in arguments.only)]
    with ProcessPoolExecutor(arguments.jobs) as pool:
        list(pool.map(partial(keep, studies=arguments.studies, folder=arguments.raw), chosen))
    paths = {setting: arguments.raw / f"{setting.name}.parquet" for setting in every}
    new = [counts(setting, pd.read_parquet(path)) for setting, path in paths.items() if path.exists()]
    known = arguments.page.with_suffix(".csv")
    parts = [pd.read_csv(known)] if known.exists() else []
    counted = pd.concat([*parts, *new]).drop_duplicates(COUNTED[:4], keep="last")
    counted.to_csv(known, index=False, float_format="%.6g")
    arguments.page.write_text(page(every, counted))


if __name__ == "__main__":
    main()
