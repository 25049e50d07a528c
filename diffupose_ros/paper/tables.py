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

"""The paper's tables: which models each compares, what the paper says, and how a result is written down.

What the paper says is in mm of MPJPE and P-MPJPE on its own data (Human3.6M, S9 and S11), and lifted
people a second on an RTX A5000. Source: DiffuPose, Choi et al., IROS 2023.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from diffupose_ros.paper.ablations import Dataset, Keypoints, Model, Setup

WIDTHS = (128, 256, 384)


@dataclass(frozen=True)
class Row:
    """One model measured in one way.

    Attributes:
        labels: what tells it from the other rows, one for each of the table's ``labels``.
        model: the network.
        hypotheses: N.
        steps: DDIM steps; None for DDPM.
        published: the paper's ``mpjpe_mm``, ``p_mpjpe_mm``, ``people_per_second``; what it does not say is left out.
    """

    labels: tuple[str, ...]
    model: Model
    hypotheses: int
    steps: int | None
    published: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """One of the paper's tables.

    Attributes:
        title: what it compares.
        labels: headings of its rows' labels.
        rows: its rows for a set-up.
        datasets: that it can be made on.
        per_activity: whether it says the errors of each activity.
        speed: whether it says how fast the models are.
    """

    title: str
    labels: tuple[str, ...]
    rows: Callable[[Setup], list[Row]]
    datasets: tuple[Dataset, ...] = ("h36m", "cmu")
    per_activity: bool = False
    speed: bool = False


def _single(setup: Setup, hypotheses: int, keypoints: Keypoints) -> Model:
    """Return the network of tables that do not compare networks: where it is trained for long, the paper's."""
    if setup.dataset == "cmu":
        return Model(channels=128, keypoints=keypoints)
    # Its numbers for N = 1 are those of d = 256 in its table V, those for N = 10 of d = 384.
    return Model(channels=256 if hypotheses == 1 else 384, keypoints=keypoints)


def _ablated(setup: Setup, model: Model) -> Model:
    """Return the model with the 2D joints that the paper's ablations have."""
    return replace(model, keypoints="gt" if setup.dataset == "cmu" else "detected")


def _detected(setup: Setup) -> list[Row]:
    said = {1: {"mpjpe_mm": 50.7, "p_mpjpe_mm": 40.9}, 10: {"mpjpe_mm": 49.4, "p_mpjpe_mm": 39.9}}
    return [Row((str(n),), _single(setup, n, "detected"), n, setup.steps, said[n]) for n in (1, 10)]


def _exact(setup: Setup) -> list[Row]:
    said = {10: {"mpjpe_mm": 37.3}}
    return [Row((str(n),), _single(setup, n, "gt"), n, setup.steps, said.get(n, {})) for n in (1, 10)]


def _more_hypotheses(setup: Setup) -> list[Row]:
    model = _single(setup, 10, "gt")
    return [Row((str(n),), model, n, setup.steps) for n in (1, 5, 10, 30)]


def _networks(setup: Setup) -> list[Row]:
    return [
        Row(("U-Net",), _ablated(setup, Model("unet", 0)), 1, setup.steps, {"mpjpe_mm": 58.1}),
        Row(("modulated GCN, d = 256",), _ablated(setup, Model()), 1, setup.steps, {"mpjpe_mm": 50.7}),
    ]


def _widths(setup: Setup) -> list[Row]:
    said = {1: (53.4, 50.7, 50.0), 5: (51.7, 49.9, 49.5), 10: (51.4, 49.8, 49.4)}
    return [
        Row((str(n), str(d)), _ablated(setup, Model(channels=d)), n, setup.steps, {"mpjpe_mm": mm})
        for n, row in said.items()
        for d, mm in zip(WIDTHS, row, strict=True)
    ]


def _steps(setup: Setup) -> list[Row]:
    steps = (2, 5, 10, 20, 100)
    said = {1: (56.7, 53.8, 53.7, 53.6, 50.7), 10: (50.2, 49.8, 49.7, 49.6, 49.4)}
    speed = (8927, 3820, 1795, 869, 188)
    rows = []
    for n, errors in said.items():
        model = _ablated(setup, _single(setup, n, "gt"))
        for k, mm, rate in zip(steps, errors, speed, strict=True):
            published = {"mpjpe_mm": mm} | ({"people_per_second": float(rate)} if n == 1 else {})
            rows.append(Row((str(n), str(k)), model, n, k, published))
    return rows


def _schedules(setup: Setup) -> list[Row]:
    linear, cosine = (_ablated(setup, Model(schedule=s)) for s in ("linear", "cosine"))
    return [
        Row(("linear",), linear, 1, setup.steps, {"mpjpe_mm": 54.9}),
        Row(("cosine",), cosine, 1, setup.steps, {"mpjpe_mm": 50.7}),
    ]


TABLES = {
    "I": Table("2D joints of a detector", ("N",), _detected, per_activity=True),
    "II": Table("Exact 2D joints", ("N",), _exact, per_activity=True),
    "III": Table("HumanEva-I", ("N",), _more_hypotheses, ("humaneva", "cmu"), per_activity=True),
    "IV": Table("Denoisers, N = 1", ("denoiser",), _networks),
    "V": Table("Hypotheses and width", ("N", "d"), _widths),
    "VI": Table("DDIM steps", ("N", "steps"), _steps, speed=True),
    "schedule": Table("Noise schedules, N = 1, d = 256", ("schedule",), _schedules),
}
_COLUMNS = (
    ("raw P1", "raw", "mpjpe_mm"),
    ("raw P2", "raw", "p_mpjpe_mm"),
    ("paper's protocol P1", "paper", "mpjpe_mm"),
    ("paper's protocol P2", "paper", "p_mpjpe_mm"),
)


def markdown(result: dict[str, Any]) -> str:
    """Return a result of ``reproduce`` as Markdown: scale and budget, the table, and errors by activity."""
    rows = result["rows"]
    said = [key for key in ("mpjpe_mm", "p_mpjpe_mm") if any(key in row["published"] for row in rows)]
    header = [*rows[0]["labels"], "parameters", *(title for title, _, _ in _COLUMNS)]
    header += [f"paper, Human3.6M {'P1' if key == 'mpjpe_mm' else 'P2'}" for key in said]
    speed = "people_per_second" in rows[0]
    header += ["people/s", "paper, people/s (A5000)"] if speed else []
    lines = []
    for row in rows:
        cells = [*row["labels"].values(), f"{row['parameters'] / 1e6:.2f} M"]
        cells += [_number(row[protocol][metric]) for _, protocol, metric in _COLUMNS]
        cells += [_number(row["published"].get(key)) for key in said]
        if speed:
            cells += [_number(row["people_per_second"]), _number(row["published"].get("people_per_second"), 0)]
        lines.append(cells)
    parts = [f"## {_title(result)}", _scale(result)]
    parts += [_matrix(rows)] if len(rows[0]["labels"]) == 2 else []
    parts += [_grid(header, lines)]
    if "per_activity" in rows[0]["raw"]:
        parts += [f"{title}, by activity:\n\n{_activities(rows, *where)}" for title, *where in _COLUMNS]
    return "\n\n".join(parts) + "\n"


def _title(result: dict[str, Any]) -> str:
    number = f"Table {result['table']}: " if result["table"].isupper() else ""
    return f"{number}{result['title']} ({result['dataset']})"


def _scale(result: dict[str, Any]) -> str:
    budget, machine = result["budget"], result["machine"]
    steps = f"DDIM {result['ddim_steps']} steps" if result["ddim_steps"] else "DDPM 100 steps"
    sampler = "" if "steps" in result["rows"][0]["labels"] else f", {steps}"
    return (
        f"Errors in mm over {result['people']} people (one frame in {result['every']} of {result['data']}) of the mean "
        f"of N hypotheses{sampler}, every second for the mirror image. P1 is MPJPE, P2 P-MPJPE. Each model was "
        f"trained with {budget['samples']:,} samples of {result['train']} ({budget['steps']:,} steps of "
        f"{budget['batch']}), seed {result['seed']}, on {machine['device']}, {machine['threads']} threads. `raw` is "
        "the network's own pose; the paper's protocol overwrites its x and y with ground truth, and is for comparison "
        "with the paper alone."
    )


def _matrix(rows: list[dict[str, Any]]) -> str:
    """The rows in the paper's form, over their two labels."""
    down, across = rows[0]["labels"]
    columns = list(dict.fromkeys(row["labels"][across] for row in rows))
    cells: dict[str, list[str]] = {}
    for row in rows:
        published = row["published"].get("mpjpe_mm")
        text = _number(row["raw"]["mpjpe_mm"]) + (f" ({_number(published)})" if published is not None else "")
        cells.setdefault(row["labels"][down], []).append(text)
    header = [f"raw P1 (paper, Human3.6M)<br>{down} \\ {across}", *columns]
    return _grid(header, [[name, *texts] for name, texts in cells.items()])


def _activities(rows: list[dict[str, Any]], protocol: str, metric: str) -> str:
    names = sorted({name for row in rows for name in row[protocol]["per_activity"]})
    lines = [
        [*row["labels"].values(), *(_number(row[protocol]["per_activity"].get(name)[metric]) for name in names)]
        + [_number(row[protocol][metric])]
        for row in rows
    ]
    return _grid([*rows[0]["labels"], *names, "all"], lines)


def _grid(header: list[str], lines: list[list[str]]) -> str:
    texts = [header, ["---"] * len(header), *lines]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in texts)


def _number(value: float | None, digits: int = 1) -> str:
    return "" if value is None else f"{value:,.{digits}f}"
