# Copyright 2026 diffupose_ros contributors
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.

"""Makes the paper's tables: trains what is not trained yet, measures it, and writes down what came out."""

import json
import platform
from pathlib import Path
from typing import Any

import numpy as np
import torch

import diffupose_ros
from diffupose_ros.files import make_folder, write_text
from diffupose_ros.paper.ablations import PROTOCOLS, Models, Say, Setup
from diffupose_ros.paper.figures import chart
from diffupose_ros.paper.tables import TABLES, Row, Table, markdown

_METRICS = ("mpjpe_mm", "p_mpjpe_mm", "best_of_n_mpjpe_mm")


def reproduce(name: str, setup: Setup, out: Path, say: Say = lambda _: None) -> dict[str, Any]:
    """Make a table; can be stopped and run again.

    Writes reproduce_<table>_<dataset>.json and .md, and for tables V and VI a chart, .png.

    Args:
        name: a key of ``TABLES``.
        setup: what on, and at which scale.
        out: folder of the results.
        say: is told what is going on.

    Returns:
        What is in the JSON: the table's rows, each with what was measured under the ``raw`` and the
        ``paper`` protocol and what was ``published``; scale, budget, seed, machine and versions.

    Raises:
        FileNotFoundError, ValueError: no such table, or not on this data set; the data cannot be read.
        Stopped, FloatingPointError, OSError: see ``Trainer.run``.
    """
    table = table_of(name, setup)
    models = Models(setup, say)
    rows = table.rows(setup)
    measured = [_measured(models, table, row) for row in rows]
    config = setup.config(rows[0].model)
    result = {
        "table": name,
        "title": table.title,
        "dataset": setup.dataset,
        "train": setup.train.name,
        "data": setup.data.name,
        "every": setup.every,
        "people": measured[0]["people"],
        "ddim_steps": setup.steps,
        "seed": setup.seed,
        "budget": {
            "samples": config.steps * config.batch,
            "steps": config.steps,
            "batch": config.batch,
            "learning_rate": config.optimiser.learning_rate,
            "optimiser": config.optimiser.name,
            "loss": config.loss,
            "precision": config.precision,
        },
        "machine": _machine(),
        "versions": {
            "diffupose_ros": diffupose_ros.__version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "rows": measured,
    }
    make_folder(out)
    stem = f"reproduce_{name}_{setup.dataset}"
    write_text(json.dumps(result, indent=1) + "\n", out / f"{stem}.json")
    write_text(markdown(result), out / f"{stem}.md")
    chart(result, out / f"{stem}.png")
    return result


def table_of(name: str, setup: Setup) -> Table:
    """Return a table.

    Raises:
        ValueError: there is none of that name, or it is not made of this data set.
    """
    if name not in TABLES:
        raise ValueError(f"unknown table {name!r}: expected one of {', '.join(TABLES)}")
    table = TABLES[name]
    if setup.dataset not in table.datasets:
        raise ValueError(f"table {name} is made of {' or '.join(table.datasets)}, not of {setup.dataset}")
    return table


def _measured(models: Models, table: Table, row: Row) -> dict[str, Any]:
    reports = models.measured(row.model, row.hypotheses, row.steps)
    found: dict[str, Any] = {
        "labels": dict(zip(table.labels, row.labels, strict=True)),
        "model": row.model.name,
        "parameters": models.parameters(row.model),
        "people": reports["raw"]["people"],
        "published": row.published,
    }
    for protocol in PROTOCOLS:
        report = reports[protocol]
        found[protocol] = {metric: report[metric] for metric in _METRICS}
        if table.per_activity:
            found[protocol]["per_activity"] = {
                activity: {metric: values[metric] for metric in ("people", *_METRICS)}
                for activity, values in report["per_activity"].items()
            }
    if table.speed:
        found["people_per_second"] = reports["people_per_second"]
    return found


def _machine() -> dict[str, Any]:
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else _processor()
    return {"device": name, "threads": torch.get_num_threads()}


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
