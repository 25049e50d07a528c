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

"""HRNet W32 on random weights; speed does not depend on the weights."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import torch

from diffupose_ros.benchmark.section import Cell, GiveUp, Options, Section
from diffupose_ros.benchmark.timing import figures, interleaved
from diffupose_ros.detection.detector import Image
from diffupose_ros.detection.hrnet import HRNet
from diffupose_ros.detection.top_down import HRNetDetector

PEOPLE = (1, 2, 4)
WIDTH, HEIGHT = 640, 480


def image() -> Image:
    """Return an image with structure of all sizes, and nobody in it."""
    random = np.random.default_rng(0)
    layers = [random.uniform(0, 64, (HEIGHT >> k, WIDTH >> k, 3)) for k in range(4)]
    summed = sum(np.asarray(cv2.resize(layer, (WIDTH, HEIGHT))) for layer in layers)
    return np.asarray(summed, np.uint8)


def random_detector(device: str) -> HRNetDetector:
    """Return a detector with weights that were never trained.

    Raises:
        ValueError: a device that is not there.
    """
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "random.pth"
        torch.save(HRNet("w32").state_dict(), path)
        return HRNetDetector(path, device)


@contextmanager
def _prepare(options: Options) -> Iterator[Sequence[Cell]]:
    detector, picture = random_detector(options.device), image()
    boxes = np.array([[20.0 + 150 * i, 60, 130, 380] for i in range(max(PEOPLE))])

    def cell(people: int) -> Cell:
        def measure(interrupted: GiveUp) -> dict[str, float]:
            works = {"work": lambda: detector.detect(picture, boxes[:people])}
            found = figures(interleaved(works, options.seconds, interrupted), "work")
            return found | {"people_per_second": 1000 * people / found["p50_ms"]}

        return Cell({"part": "HRNet W32", "people": people}, measure)

    yield [cell(people) for people in PEOPLE]
    detector.close()


DETECTOR = Section("detector", "HRNet W32", _prepare, {"image": f"{WIDTH}x{HEIGHT}"})
