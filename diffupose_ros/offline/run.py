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

"""``diffupose run``: a video to 3D people, as a video, a bag and figures."""

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from std_msgs.msg import Header

from diffupose_ros.bags import BagRecorder
from diffupose_ros.camera import Camera
from diffupose_ros.detection.detector import Detections, Image
from diffupose_ros.files import make_folder
from diffupose_ros.lifting import Lifter
from diffupose_ros.nodes.common.conversions import camera_to_info, skeletons_2d_message, skeletons_3d_message
from diffupose_ros.offline.cameras import Cameras
from diffupose_ros.offline.display import progress_bar
from diffupose_ros.offline.interrupt import interruptible
from diffupose_ros.offline.messages import record
from diffupose_ros.offline.over_time import OverTime
from diffupose_ros.offline.pictures.people import LiftedPeople
from diffupose_ros.offline.pictures.picture import Picture
from diffupose_ros.offline.settings import Settings
from diffupose_ros.offline.video import Video, VideoWriter
from diffupose_ros.profiles import load_profile

if TYPE_CHECKING:
    from diffupose_ros.detection.pipeline import Pipeline

FRAME_ID = "camera"
PATIENCE = 10
"""Frames in a row on which the detector may fail."""
NOBODY = Detections(np.zeros((0, 17, 2)), np.zeros((0, 17)), "coco17")


@dataclass(frozen=True)
class VideoReport:
    """What came of a video.

    Attributes:
        frames: that were lifted, and are in the outputs.
        frames_with_people: of these, with a 3D pose.
        people: different ids.
        poses: 3D poses, one for each person and frame.
        frames_per_second: of each part alone, and of all together.
        problems: what was left out, by reason.
        overlay_problem: why there is no whole ``video.mp4``; "" where there is.
        interrupted: the rest of the video is not in the outputs.
    """

    frames: int
    frames_with_people: int
    people: int
    poses: int
    frames_per_second: dict[str, float]
    problems: dict[str, int]
    overlay_problem: str
    interrupted: bool


class Stopwatch:
    """Adds up how long each part of the work takes."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Measure what is done inside."""
        start = time.perf_counter()
        yield
        self.seconds[name] += time.perf_counter() - start  # type: ignore[assignment]

    def rates(self, frames: int) -> dict[str, float]:
        """Return frames per second of each part, and of all."""
        parts = {**self.seconds, "all": sum(self.seconds.values())}
        return {name: round(frames / seconds, 2) for name, seconds in parts.items() if seconds > 0}


class VideoLifter:
    """Takes frame by frame through detector and lifter.

    Args:
        pipeline: finds people.
        lifter: places them in 3D.
        settings: of the lifter.

    Attributes:
        problems: what went wrong, by kind.
    """

    def __init__(self, pipeline: "Pipeline", lifter: Lifter, settings: Settings) -> None:
        self._pipeline, self._lifter, self._settings = pipeline, lifter, settings
        self.problems: Counter[str] = Counter()
        self._failures = 0  # in a row

    def find(self, image: Image, seconds: float) -> tuple[tuple[str, ...], Detections]:
        """Return the ids and 2D skeletons of the people in an image; nobody where the detector fails.

        Raises:
            RuntimeError: it fails on one frame after the other.
        """
        try:
            people = self._pipeline.process(image, seconds)
        except Exception as error:
            self.problems["detector failed"] += 1
            self._failures += 1
            if self._failures == PATIENCE:
                raise RuntimeError(f"the detector fails on every frame: {type(error).__name__}: {error}") from error
            return (), NOBODY
        self._failures = 0
        return tuple(people.ids), people.detections

    def lift(self, ids: tuple[str, ...], found: Detections, camera: Camera) -> LiftedPeople:
        """Return the people with their 3D poses, by the camera that saw them."""
        options = self._settings
        profile = load_profile(found.profile or options.detector_profile)
        skeletons = profile.skeletons(found.keypoints, found.scores, found.layout, options.min_score, found.variance)
        lifted = self._lifter.lift_h36m(
            skeletons, camera, options.hypotheses, options.steps, options.flip, options.seed
        )
        if few := int((~lifted.valid).sum()):
            self.problems["too few joints"] += few
        return LiftedPeople(ids, found, lifted)


def run_video(
    video: Video,
    cameras: Cameras,
    pipeline: "Pipeline",
    lifter: Lifter,
    output: Path,
    settings: Settings,
    console: Console,
) -> VideoReport:
    """Lift all people of a video, and write what came of it.

    After Ctrl-C the outputs hold what was done until then. An overlay that cannot be written costs no other output.

    Args:
        video: to read.
        cameras: that took its images.
        pipeline: finds people.
        lifter: places them in 3D.
        output: folder for ``video.mp4``, ``bag/`` and ``summary.json``. Stamps in the bag are the video's times.
        settings: of the lifter.
        console: for the progress bar.

    Raises:
        OSError: the bag or the summary cannot be written.
        RuntimeError: the detector fails on one frame after the other.
    """
    make_folder(output)
    worker, watch, over_time = VideoLifter(pipeline, lifter, settings), Stopwatch(), OverTime()
    picture = Picture(video.width, video.height)
    frames, with_people, poses = 0, 0, 0
    ids: set[str] = set()
    with (
        BagRecorder(output / "bag") as bag,
        VideoWriter(output / "video.mp4", video.rate, picture.size) as pictures,
        interruptible() as interrupted,
        progress_bar(console) as progress,
    ):
        task = progress.add_task("frames", total=video.count or None)
        frames_left = iter(video)
        while not interrupted():
            with watch.part("read"):
                frame = next(frames_left, None)
            if frame is None:
                break
            height, width = frame.image.shape[:2]
            camera = cameras.of(width, height, frame.focal)
            with watch.part("detect"):
                names, found = worker.find(frame.image, frame.time)
            with watch.part("lift"):
                people = worker.lift(names, found, camera)
            with watch.part("draw"):
                drawn = picture.draw(frame.image, camera, people, frame.time)
            with watch.part("write"):
                pictures.write(drawn)
                _record(bag, camera, people, over_time, frame.time)
            frames, ids = frames + 1, ids | set(names)
            poses, with_people = poses + len(people.valid()), with_people + bool(people.valid())
            progress.update(task, completed=frames)
        stopped = interrupted()
    problems = dict(video.problems + worker.problems + over_time.problems)
    report = VideoReport(frames, with_people, len(ids), poses, watch.rates(frames), problems, pictures.problem, stopped)
    (output / "summary.json").write_text(json.dumps(asdict(report), indent=2) + "\n")
    return report


def _record(bag: BagRecorder, camera: Camera, people: LiftedPeople, over_time: OverTime, seconds: float) -> None:
    stamp = max(1, round(seconds * 1e9))  # 0 says in ROS that the time is not known
    header = Header(frame_id=FRAME_ID)
    header.stamp.sec, header.stamp.nanosec = divmod(stamp, 1_000_000_000)
    names, found = list(people.ids), people.detections
    record(bag, "/camera_info", camera_to_info(camera, header), stamp)
    message = skeletons_2d_message(
        header, camera, names, found.layout, found.keypoints, found.scores, found.profile, found.variance
    )
    record(bag, "/skeletons_2d", message, stamp)
    record(bag, "/skeletons_3d", skeletons_3d_message(header, names, people.lifted, range(len(names))), stamp)
    if (message := over_time.add(header, names, people.lifted)) is not None:
        record(bag, "/people", message, stamp)
