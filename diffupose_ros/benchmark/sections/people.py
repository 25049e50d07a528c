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

"""People over time: one frame into the estimator."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, cycle

import numpy as np

from diffupose_ros.benchmark.section import Bar, Cell, GiveUp, Options, Row, Section, find
from diffupose_ros.benchmark.sections.simulated_people import DETECTOR, LAYOUT, seen, truth
from diffupose_ros.benchmark.timing import figures, interleaved
from diffupose_ros.camera import Camera
from diffupose_ros.data.depth_images import DepthCamera, render_depth
from diffupose_ros.data.scenes import Scene
from diffupose_ros.estimation import Depth, Estimator, Evidence, Floor
from diffupose_ros.lifting import Lifted, Lifter

PEOPLE = (1, 4, 16)
EVIDENCE = ("none", "floor", "depth")
_FRAMES = 30
_DEPTH = 0.25  # of the camera's width and height


@dataclass(frozen=True)
class _Frame:
    lifted: Lifted
    depth: Depth


def _frames(lifter: Lifter, people: int) -> list[_Frame]:
    """Some frames there and back, so that nobody jumps where they begin again."""
    made, rng = [], np.random.default_rng(0)
    for frame in range(_FRAMES):
        pixels, scores, camera = seen(people, frame)
        lifted = lifter.lift(pixels, scores, camera, LAYOUT, seed=0, detector=DETECTOR)
        small = _smaller(camera)
        image = DepthCamera.stereo().measure(render_depth(truth(people, frame), small), small, rng)
        made.append(_Frame(lifted, Depth(image, small)))
    return made + made[::-1]


def _smaller(camera: Camera) -> Camera:
    factor = np.diag([_DEPTH, _DEPTH, 1])
    return Camera(factor @ camera.K, camera.D, camera.model, int(camera.width * _DEPTH), int(camera.height * _DEPTH))


def _cell(lifter: Lifter, people: int, kind: str, seconds: float) -> Cell:
    def measure(interrupted: GiveUp) -> dict[str, float]:
        estimator, ids, frames = Estimator(), [str(i) for i in range(people)], _frames(lifter, people)
        stamps, endless = count(), cycle(frames)

        def update() -> None:
            frame = next(endless)
            evidence: dict[str, tuple[Evidence, ...]] = {"none": (), "floor": (_FLOOR,), "depth": (frame.depth,)}
            estimator.update(next(stamps) / Scene.RATE, ids, frame.lifted, evidence=evidence[kind])

        return figures(interleaved({"update": update}, seconds, interrupted, warm_up=_FRAMES), "update")

    return Cell({"people": people, "evidence": kind}, measure)


_FLOOR = Floor(normal=(0, -1, 0), height=-1.5)  # of a camera that looks ahead, 1.5 m above it


def bars(rows: Sequence[Row], device: str) -> list[Bar]:
    """Return what is demanded of this section's figures."""
    wanted = {"none": 1.0, "depth": 4.0}
    found = {kind: find(rows, people=4, evidence=kind) for kind in wanted}
    return [
        Bar(f"4 people, evidence {kind}, p50, ms", row["p50_ms"], wanted[kind], False)
        for kind, row in found.items()
        if row is not None
    ]


@contextmanager
def _prepare(options: Options) -> Iterator[list[Cell]]:
    lifter = Lifter.load(options.weights, options.device)
    yield [_cell(lifter, people, kind, options.seconds) for people in PEOPLE for kind in EVIDENCE]


PEOPLE_OVER_TIME = Section(
    "people", "one frame into the estimator of people over time", _prepare, {}, ("weights", "seconds"), bars
)
