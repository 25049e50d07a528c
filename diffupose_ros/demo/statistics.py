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

"""What a subscriber can say about the lifting: rates, latency, drops, error, honesty of the covariance.

No ROS in here: stamps and times are integers in nanoseconds of one clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from diffupose_ros.demo.arrays import Estimate
from diffupose_ros.lifting.uncertainty import mahalanobis2, radius2
from diffupose_ros.skeleton import Status

FloatArray = npt.NDArray[np.floating]

OVERDUE = 1_000_000_000
"""ns after which an input without an answer counts as dropped, even if no later one was answered."""


@dataclass(frozen=True)
class Summary:
    """The figures; NaN where nothing was measured.

    Attributes:
        inputs, results, dropped: messages. Dropped: never answered, though a later one was, or overdue.
        people: distinct ids among the results.
        rate_in, rate_out: messages per second, by the time of receipt.
        latency_p50_ms, latency_p99_ms: from the input's stamp to the receipt of its result.
        mpjpe_mm: mean distance of the 17 root-relative joints to the ground truth (the root counts, with 0).
        compared: person-frames that have both a result and a ground truth.
        coverage_seen, coverage_unseen: share of joints whose ground truth lies in the 90 % ellipsoid,
            of those seen by the detector (measured or derived) and of those placed by the model alone.
        joints_seen, joints_unseen: how many joints these shares are of.
    """

    inputs: int
    results: int
    dropped: int
    people: int
    rate_in: float
    rate_out: float
    latency_p50_ms: float
    latency_p99_ms: float
    mpjpe_mm: float
    compared: int
    coverage_seen: float
    coverage_unseen: float
    joints_seen: int
    joints_unseen: int


def root_relative_errors(mean: FloatArray, truth: FloatArray) -> FloatArray:
    """Return the errors (16, 3) in metres of all joints but the root, both poses moved to their roots.

    Args:
        mean: (17, 3) metres.
        truth: (17, 3) metres, same frame.
    """
    errors = (mean - mean[:1]) - (truth - truth[:1])
    return np.asarray(errors[1:])


def rate(times: list[int]) -> float:
    """Return events per second of increasing times in ns; NaN below two."""
    if len(times) < 2 or times[-1] <= times[0]:
        return float("nan")
    return (len(times) - 1) * 1e9 / (times[-1] - times[0])


class Statistics:
    """Collects messages, in whatever order the three topics arrive, and sums them up.

    Every result is compared with the ground truth of the same stamp and id.
    """

    def __init__(self) -> None:
        self._inputs: dict[int, int] = {}  # stamp -> time of receipt
        self._results: dict[int, int] = {}
        self._waiting_truth: dict[int, Mapping[str, FloatArray]] = {}
        self._waiting_result: dict[int, Mapping[str, Estimate]] = {}
        self._people: set[str] = set()
        self._distances: list[float] = []  # m, mean over the joints of one person
        self._seen = [0, 0]  # joints inside, joints
        self._unseen = [0, 0]

    def add_input(self, stamp: int, received: int) -> None:
        """Count a ``skeletons_2d`` message."""
        self._inputs.setdefault(stamp, received)

    def add_truth(self, stamp: int, people: Mapping[str, FloatArray]) -> None:
        """Take the true poses (17, 3) in metres of a stamp, by id."""
        self._waiting_truth[stamp] = people
        self._compare(stamp)

    def add_result(self, stamp: int, received: int, people: Mapping[str, Estimate]) -> None:
        """Take a ``skeletons_3d`` message."""
        self._results.setdefault(stamp, received)
        self._people.update(people)
        self._waiting_result[stamp] = people
        self._compare(stamp)

    def summary(self, now: int) -> Summary:
        """Return the figures so far; ``now`` decides which inputs are overdue."""
        latencies = [(received - stamp) / 1e6 for stamp, received in self._results.items()]
        p50, p99 = np.percentile(latencies, [50, 99]) if latencies else (np.nan, np.nan)
        return Summary(
            inputs=len(self._inputs),
            results=len(self._results),
            dropped=self._dropped(now),
            people=len(self._people),
            rate_in=rate(sorted(self._inputs.values())),
            rate_out=rate(sorted(self._results.values())),
            latency_p50_ms=float(p50),
            latency_p99_ms=float(p99),
            mpjpe_mm=1000 * float(np.mean(self._distances)) if self._distances else float("nan"),
            compared=len(self._distances),
            coverage_seen=share(self._seen),
            coverage_unseen=share(self._unseen),
            joints_seen=self._seen[1],
            joints_unseen=self._unseen[1],
        )

    def _dropped(self, now: int) -> int:
        newest = max((self._inputs[s] for s in self._results if s in self._inputs), default=0)
        return sum(
            received < newest or now - received > OVERDUE
            for stamp, received in self._inputs.items()
            if stamp not in self._results
        )

    def _compare(self, stamp: int) -> None:
        if stamp not in self._waiting_truth or stamp not in self._waiting_result:
            return
        truth, result = self._waiting_truth.pop(stamp), self._waiting_result.pop(stamp)
        for person in truth.keys() & result.keys():
            estimate, errors = result[person], root_relative_errors(result[person].mean, truth[person])
            if not np.isfinite(errors).all() or not np.isfinite(estimate.covariance).all():
                continue
            self._distances.append(float(np.linalg.norm(errors, axis=1).sum() / 17))
            inside = mahalanobis2(errors, estimate.covariance[1:]) <= radius2(0.9)
            unseen = estimate.status[1:] == Status.MISSING
            for counts, chosen in ((self._seen, ~unseen), (self._unseen, unseen)):
                counts[0] += int((inside & chosen).sum())
                counts[1] += int(chosen.sum())


def share(counts: list[int]) -> float:
    """Return [inside, all] as a share; NaN of none."""
    return counts[0] / counts[1] if counts[1] else float("nan")
