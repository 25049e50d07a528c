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

"""What a section of the benchmark is: cells that are measured one after another, and bars for what they find."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from typing import Any

GiveUp = Callable[[], bool]
"""Asked between two pieces of work whether to give up."""
Label = str | int | float | bool
Row = dict[str, Any]
"""``labels`` of a cell, and the figures that were measured."""


class BenchmarkError(Exception):
    """A section cannot be measured; the message says why, and what to do."""


@dataclass(frozen=True)
class Options:
    """What is measured, and for how long.

    Attributes:
        device: ``auto`` (CUDA if there is any), ``cpu``, ``cuda``, ...
        weights: of the lifter: a shipped name or a file.
        seconds: for each cell; at least a few rounds are made.
        minutes: of the overload.
    """

    device: str = "auto"
    weights: str = "default"
    seconds: float = 2.0
    minutes: float = 1.0


@dataclass(frozen=True)
class Cell:
    """One measurement.

    Attributes:
        labels: what tells it from the section's others.
        measure: takes the measurement, returns its figures; milliseconds end in ``_ms``.
    """

    labels: Mapping[str, Label]
    measure: Callable[[GiveUp], dict[str, float]]

    @property
    def title(self) -> str:
        """The labels as text."""
        return title(self.labels)


@dataclass(frozen=True)
class Bar:
    """What a figure shall be, and what it is.

    Attributes:
        name: of the figure.
        value: measured.
        wanted: limit.
        at_least: whether the value shall be at least or at most this.
    """

    name: str
    value: float
    wanted: float
    at_least: bool

    @property
    def met(self) -> bool:
        """Whether the value is what it shall be."""
        return self.value >= self.wanted if self.at_least else self.value <= self.wanted

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self) | {"met": self.met}


def _no_bars(rows: Sequence[Row], device: str) -> list[Bar]:
    return []


@dataclass(frozen=True)
class Section:
    """A group of measurements that share a set-up and a file.

    Attributes:
        name: of it.
        about: one line for people.
        prepare: sets up what the cells need, for as long as its context is open, and returns the cells.
        setting: what, beside the options, the figures depend on.
        depends: the ``Options`` that the figures depend on, the device aside.
        bars: of those of the section's rows that are there, on ``cpu`` or ``cuda``.
    """

    name: str
    about: str
    prepare: Callable[[Options], AbstractContextManager[Sequence[Cell]]]
    setting: Mapping[str, Any] = field(default_factory=dict)
    depends: tuple[str, ...] = ("seconds",)
    bars: Callable[[Sequence[Row], str], list[Bar]] = _no_bars


def title(labels: Mapping[str, Label]) -> str:
    """Return labels as text."""
    return ", ".join(f"{name} {value}" for name, value in labels.items())


def find(rows: Sequence[Row], **labels: Label) -> Row | None:
    """Return the first row with these labels, whatever its others are."""
    return next((row for row in rows if labels.items() <= row["labels"].items()), None)
