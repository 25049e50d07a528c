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

"""From an image to 3D: one person in a photograph, by BlazePose and the lifter, all of it in one process."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count

import cv2
import numpy as np

from diffupose_ros.benchmark.section import Bar, BenchmarkError, Cell, GiveUp, Options, Row, Section, find
from diffupose_ros.benchmark.timing import figures, interleaved
from diffupose_ros.camera import Camera
from diffupose_ros.detection.detector import Image
from diffupose_ros.detection.pipeline import Pipeline, load_pipeline
from diffupose_ros.lifting import Lifter

SIZES = ((1280, 720), (1920, 1080))
FOLLOWED, FOUND = "followed", "found anew"
_FIELD_OF_VIEW = 60.0  # degrees
_RATE = 30.0  # images per second


def photograph(width: int, height: int) -> Image:
    """Return an image of Rear Admiral Grace Hopper, to the waist, as high as the image; it comes with matplotlib."""
    from matplotlib.cbook import get_sample_data

    portrait = cv2.imread(str(get_sample_data("grace_hopper.jpg", asfileobj=False)))
    if portrait is None:
        raise BenchmarkError("matplotlib's photograph grace_hopper.jpg cannot be read")
    size = round(portrait.shape[1] * height / portrait.shape[0]), height
    portrait = np.asarray(cv2.resize(portrait, size, interpolation=cv2.INTER_AREA), np.uint8)
    image = np.full((height, width, 3), 128, np.uint8)
    left = (width - size[0]) // 2
    image[:, left : left + size[0]] = portrait
    return image


def from_image_to_3d(pipeline: Pipeline, lifter: Lifter, image: Image) -> Callable[[], None]:
    """Return what finds the person in the image, as the next one of a video, and lifts them.

    Raises:
        BenchmarkError: when it is called: it sees nobody, or more than one person.
    """
    height, width = image.shape[:2]
    camera = Camera.from_fov(np.deg2rad(_FIELD_OF_VIEW), width, height)
    numbers = count()

    def work() -> None:
        found = pipeline.process(image, next(numbers) / _RATE).detections
        if len(found.keypoints) != 1:
            raise BenchmarkError(f"expected one person in the photograph, the detector sees {len(found.keypoints)}")
        lifter.lift(found.keypoints, found.scores, camera, found.layout, detector=found.profile)

    return work


@contextmanager
def _prepare(options: Options) -> Iterator[Sequence[Cell]]:
    lifter = Lifter.load(options.weights, options.device)

    def cell(width: int, height: int, person: str) -> Cell:
        def measure(interrupted: GiveUp) -> dict[str, float]:
            try:
                pipeline = load_pipeline("blazepose", find_every=0.0 if person == FOUND else np.inf)
            except (ImportError, OSError, ValueError) as error:
                raise BenchmarkError(str(error)) from None
            work = from_image_to_3d(pipeline, lifter, photograph(width, height))
            return figures(interleaved({"work": work}, options.seconds, interrupted), "work")

        return Cell({"image": f"{width}x{height}", "person": person}, measure)

    yield [cell(*size, person) for size in SIZES for person in (FOLLOWED, FOUND)]


def bars(rows: Sequence[Row], device: str) -> list[Bar]:
    """Return what is demanded of this section's figures."""
    followed = find(rows, person=FOLLOWED)
    return [Bar("image to 3D, p50, ms", followed["p50_ms"], 100.0, False)] if followed else []


IMAGE = Section(
    "image", "from an image to 3D: BlazePose and the lifter", _prepare, depends=("weights", "seconds"), bars=bars
)
