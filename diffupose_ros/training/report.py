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

"""What a training run tells: a progress bar, log.csv, and TensorBoard where it is installed."""

import csv
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text

_COLUMNS = ("step", "loss", "learning_rate", "samples_per_second", "mpjpe_mm")


class _RateColumn(ProgressColumn):
    """Samples a second."""

    def __init__(self, batch: int) -> None:
        super().__init__(table_column=Column(no_wrap=True))
        self.batch = batch

    def render(self, task: Task) -> Text:
        """Return the rate since a little while ago."""
        return Text(f"{(task.finished_speed or task.speed or 0) * self.batch:,.0f} samples/s")


class TrainingReport:
    """The reports of one run; a context.

    Args:
        folder: of the run.
        steps: of the whole run.
        step: where it goes on; what the log holds of later steps is forgotten.
        batch: samples a step.
        silent: report nothing, as another process does.
    """

    def __init__(self, folder: Path, steps: int, step: int, batch: int, silent: bool = False) -> None:
        columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _RateColumn(batch)]
        self._progress = Progress(
            *columns, TimeElapsedColumn(), TextColumn("ETA"), TimeRemainingColumn(), disable=silent
        )
        self._task = self._progress.add_task("training", total=steps, completed=step)
        self._batch, self._loss, self._best = batch, 0.0, float("inf")
        self._log, self._board = None if silent else folder / "log.csv", None
        if self._log is not None:
            _forget_after(self._log, step)
            self._board = self._tensorboard(folder, step)

    def __enter__(self) -> "TrainingReport":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
        if self._board is not None:
            self._board.close()

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        if self._log is not None:
            self._progress.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def losses(self, step: int, losses: list[float]) -> None:
        """Show the losses of the steps up to ``step``."""
        for loss in losses:
            self._loss = loss if not self._loss else self._loss + 0.01 * (loss - self._loss)
        self._show(step)

    def log(self, step: int, rate: float, mpjpe_mm: float | None = None) -> None:
        """Write a line of the log: the smoothed loss, the learning rate, and an error where one was measured."""
        if self._log is None:
            return
        speed = self._batch * (self._progress.tasks[0].speed or 0)
        values = (
            step,
            f"{self._loss:.6g}",
            f"{rate:.6g}",
            f"{speed:.0f}",
            "" if mpjpe_mm is None else f"{mpjpe_mm:.3f}",
        )
        with self._log.open("a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerow(values)
        if self._board is not None:
            numbers = {"loss": self._loss, "learning_rate": rate, "samples_per_second": speed, "mpjpe_mm": mpjpe_mm}
            for name, value in numbers.items():
                if value is not None:
                    self._board.add_scalar(name, value, step)

    def validated(self, step: int, error: float, best: float) -> None:
        """Say what a validation measured, in mm: see ``Trainer.validation_error``."""
        self._best = best
        self._show(step)
        self.say(f"step {step}: loss {self._loss:.4f}, validation error {error:.1f} mm, best {best:.1f} mm")

    def _show(self, step: int) -> None:
        best = f", best {self._best:.1f} mm" if self._best < float("inf") else ""
        self._progress.update(self._task, completed=step, description=f"loss {self._loss:.4f}{best}")

    def _tensorboard(self, folder: Path, step: int) -> Any:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            self.say(f"TensorBoard is not installed: the log is {self._log} alone (pip install tensorboard)")
            return None
        return SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1)


def say(text: str) -> None:
    """Print a line while there is no bar."""
    Console().print(text, highlight=False, markup=False, soft_wrap=True)


def _forget_after(log: Path, step: int) -> None:
    """Keep the log's lines up to a step, as a run that goes on from there needs it."""
    rows = []
    if log.is_file():
        with log.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.reader(file) if row and row[0].isdecimal() and int(row[0]) <= step]
    with log.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([_COLUMNS, *rows])
