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

"""What a subscriber can say about people over time, beside single images of the same moments.

No ROS in here: stamps and times are integers in nanoseconds of one clock. Positions are where joints are in the
camera's frame: nothing is moved to the root, unless said.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from diffupose_ros.demo.arrays import Estimate, Person
from diffupose_ros.demo.statistics import rate, root_relative_errors, share
from diffupose_ros.lifting.uncertainty import mahalanobis2, radius2
from diffupose_ros.skeleton import H36M17

FloatArray = npt.NDArray[np.floating]

_WRISTS = [H36M17.index(joint) for joint in ("left_wrist", "right_wrist")]
_UNEVEN = 0.2  # part by which the spaces between three messages may differ, to be three in a row


@dataclass(frozen=True)
class Quality:
    """How near the truth, how honest, how steady; NaN where nothing was measured.

    Attributes:
        mpjpe_mm: mean distance of the 17 joints to the truth, both moved to their roots.
        error_mm: mean distance of the 17 joints to the truth.
        coverage: share of joints whose truth lies in the 90 % ellipsoid of their position.
        jitter: mean second difference of the joints from message to message, as times the truth's.
        wrist_speed_error: m/s, mean length of the error of the wrists' velocities.
    """

    mpjpe_mm: float
    error_mm: float
    coverage: float
    jitter: float
    wrist_speed_error: float


@dataclass(frozen=True)
class OverTime:
    """The figures of people over time; NaN where nothing was measured.

    Attributes:
        results: ``people`` messages.
        rate: of them, per second, by the time of receipt.
        latency_p50_ms, latency_p99_ms: from the input's stamp to the receipt.
        update_p50_ms: of one message, as the people node says.
        compared: person-frames that have a single image's result, one over time, and a truth.
        single, people: of these.
    """

    results: int
    rate: float
    latency_p50_ms: float
    latency_p99_ms: float
    update_p50_ms: float
    compared: int
    single: Quality
    people: Quality


class Comparison:
    """Collects messages, in whatever order the topics arrive, and compares what one stamp and id have of each."""

    def __init__(self) -> None:
        self._received: dict[int, int] = {}  # stamp -> time of receipt
        self._waiting: dict[int, dict[str, Mapping[str, Any]]] = {}
        self._latest: dict[str, deque[_Moment]] = {}
        self._single, self._people, self._truth = _Sums(), _Sums(), _Sums()
        self._update_ms = float("nan")

    def add_truth(self, stamp: int, people: Mapping[str, FloatArray]) -> None:
        """Take the true poses (17, 3) in metres of a stamp, by id."""
        self._add(stamp, "truth", people)

    def add_single(self, stamp: int, people: Mapping[str, Estimate]) -> None:
        """Take a ``skeletons_3d`` message."""
        self._add(stamp, "single", people)

    def add_people(self, stamp: int, received: int, people: Mapping[str, Person]) -> None:
        """Take a ``people`` message."""
        self._received.setdefault(stamp, received)
        self._add(stamp, "people", people)

    def add_update(self, milliseconds: float) -> None:
        """Take the median time of an update, as the people node says."""
        self._update_ms = milliseconds

    def summary(self) -> OverTime:
        """Return the figures so far."""
        latencies = [(received - stamp) / 1e6 for stamp, received in self._received.items()]
        p50, p99 = np.percentile(latencies, [50, 99]) if latencies else (np.nan, np.nan)
        return OverTime(
            results=len(self._received),
            rate=rate(sorted(self._received.values())),
            latency_p50_ms=float(p50),
            latency_p99_ms=float(p99),
            update_p50_ms=self._update_ms,
            compared=len(self._people.relative),
            single=self._single.quality(self._truth),
            people=self._people.quality(self._truth),
        )

    def _add(self, stamp: int, source: str, people: Mapping[str, Any]) -> None:
        parts = self._waiting.setdefault(stamp, {})
        parts[source] = people
        if len(parts) < 3:
            return
        del self._waiting[stamp]
        truth, single, over_time = parts["truth"], parts["single"], parts["people"]
        for name in truth.keys() & single.keys() & over_time.keys():
            if np.isfinite(truth[name]).all() and np.isfinite(single[name].mean).all():
                self._compare(name, _Moment(stamp, truth[name], single[name], over_time[name]))

    def _compare(self, name: str, moment: "_Moment") -> None:
        self._single.place(moment.single.mean, moment.single.whole_covariance, moment.truth)
        self._people.place(moment.people.mean, moment.people.covariance, moment.truth)
        latest = self._latest.setdefault(name, deque(maxlen=3))
        latest.append(moment)
        if len(latest) < 3:
            return
        first, middle, last = latest
        before, after = (middle.stamp - first.stamp) * 1e-9, (last.stamp - middle.stamp) * 1e-9
        if before <= 0 or abs(after - before) > _UNEVEN * before:
            return
        true_velocity = (last.truth - first.truth) / (before + after)
        self._truth.move([m.truth for m in latest], true_velocity, true_velocity)
        difference = (middle.single.mean - first.single.mean) / before
        self._single.move([m.single.mean for m in latest], difference, true_velocity)
        self._people.move([m.people.mean for m in latest], middle.people.velocity, true_velocity)


@dataclass(frozen=True)
class _Moment:
    stamp: int
    truth: FloatArray
    single: Estimate
    people: Person


@dataclass
class _Sums:
    """What has been seen of one source."""

    relative: list[float] = field(default_factory=list)  # m, mean over the joints of one person
    distances: list[float] = field(default_factory=list)  # m, likewise
    inside: list[int] = field(default_factory=lambda: [0, 0])  # joints inside, joints
    unsteady: list[float] = field(default_factory=list)  # m, second differences
    speeds: list[float] = field(default_factory=list)  # m/s, errors of the wrists

    def place(self, mean: FloatArray, covariance: FloatArray, truth: FloatArray) -> None:
        self.relative.append(float(np.linalg.norm(root_relative_errors(mean, truth), axis=1).sum() / 17))
        errors = mean - truth
        self.distances.append(float(np.linalg.norm(errors, axis=1).mean()))
        self.inside[0] += int((mahalanobis2(errors, covariance) <= radius2(0.9)).sum())
        self.inside[1] += len(errors)

    def move(self, three: list[FloatArray], velocity: FloatArray, true_velocity: FloatArray) -> None:
        self.unsteady.append(float(np.linalg.norm(three[0] - 2 * three[1] + three[2], axis=1).mean()))
        self.speeds.append(float(np.linalg.norm((velocity - true_velocity)[_WRISTS], axis=1).mean()))

    def quality(self, truth: "_Sums") -> Quality:
        of_truth = _mean(truth.unsteady)
        return Quality(
            mpjpe_mm=1000 * _mean(self.relative),
            error_mm=1000 * _mean(self.distances),
            coverage=share(self.inside),
            jitter=_mean(self.unsteady) / of_truth if of_truth > 0 else float("nan"),
            wrist_speed_error=_mean(self.speeds),
        )


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
