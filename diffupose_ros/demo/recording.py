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

"""A run on disk, read for the pictures."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rosbags.highlevel import AnyReader

from diffupose_ros.bags import typestore
from diffupose_ros.camera import Camera
from diffupose_ros.demo.arrays import Detection, Estimate, Person, detections, estimates, people
from diffupose_ros.nodes.common.conversions import camera_from_info, stamp_ns

FloatArray = npt.NDArray[np.floating]

CONVERTERS = {
    "skeletons_2d": detections,
    "skeletons_3d": estimates,
    "ground_truth": lambda message: {name: e.mean for name, e in estimates(message).items()},
    "people": people,
    "people_predicted": lambda message: {name: person.mean for name, person in people(message).items()},
}
AHEAD = 500_000_000
"""ns that ``people_predicted`` is ahead of ``people``: the people node's default."""
_ROUNDED = 1_000_000  # ns that stamps of predictions may be off by


@dataclass(frozen=True)
class Frame:
    """What was said about one moment; people by id.

    Attributes:
        stamp: nanoseconds.
        detections: the 2D input.
        estimates: the 3D result; empty where none came.
        truth: true poses (17, 3) in metres in the camera's optical frame.
        people: over time; empty where none came.
        ahead: where the joints (17, 3) of these will be ``AHEAD`` later, metres.
    """

    stamp: int
    detections: dict[str, Detection]
    estimates: dict[str, Estimate]
    truth: dict[str, FloatArray]
    people: dict[str, Person] = field(default_factory=dict)
    ahead: dict[str, FloatArray] = field(default_factory=dict)


@dataclass(frozen=True)
class Recording:
    """A run.

    Attributes:
        frames: by increasing stamp.
        camera: of the 2D input; None where no usable CameraInfo was recorded.
        width, height: of the image in pixels; 0 where unknown.
    """

    frames: list[Frame]
    camera: Camera | None
    width: int
    height: int

    def answered(self) -> list[Frame]:
        """Return the frames that have a result with somebody in it."""
        return [f for f in self.frames if any(np.isfinite(e.mean).all() for e in f.estimates.values())]

    def people(self) -> list[str]:
        """Return all ids, sorted."""
        return sorted({person for frame in self.frames for person in (*frame.detections, *frame.estimates)})


def read_recording(path: Path) -> Recording:
    """Read a bag that has the topics of the demo, in whatever namespace.

    Raises:
        FileNotFoundError: no bag at ``path``.
    """
    if not (path / "metadata.yaml").is_file():
        raise FileNotFoundError(f"no bag at {path}: expected a folder with a metadata.yaml")
    parts: dict[str, dict[int, Any]] = {name: {} for name in CONVERTERS}
    camera_info, width, height = None, 0, 0
    for topic, message in _messages(path):
        if topic == "camera_info":
            camera_info = message
        else:
            parts[topic][stamp_ns(message.header)] = CONVERTERS[topic](message)
            if topic == "skeletons_2d":
                width, height = int(message.image_width), int(message.image_height)
    camera = _camera(camera_info) if camera_info is not None else None
    ahead = {round((stamp - AHEAD) / _ROUNDED): poses for stamp, poses in parts["people_predicted"].items()}
    frames = [
        Frame(
            stamp,
            parts["skeletons_2d"].get(stamp, {}),
            parts["skeletons_3d"].get(stamp, {}),
            parts["ground_truth"].get(stamp, {}),
            parts["people"].get(stamp, {}),
            _near(ahead, stamp),
        )
        for stamp in sorted({*parts["skeletons_2d"], *parts["skeletons_3d"]})
    ]
    if camera is not None:
        width, height = width or camera.width, height or camera.height
    return Recording(frames, camera, width, height)


def _near(by_time: dict[int, Any], stamp: int) -> Any:
    """Return what is there of a stamp: that of a prediction is rounded."""
    at = round(stamp / _ROUNDED)
    return next((by_time[near] for near in (at, at - 1, at + 1) if near in by_time), {})


def _messages(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield the last part of the topic's name, and the message, of the topics that the pictures need."""
    with AnyReader([path], default_typestore=typestore()) as reader:
        wanted = [c for c in reader.connections if c.topic.rpartition("/")[2] in (*CONVERTERS, "camera_info")]
        if wanted:
            for connection, _, data in reader.messages(connections=wanted):
                yield connection.topic.rpartition("/")[2], reader.deserialize(data, connection.msgtype)


def _camera(message: Any) -> Camera | None:
    try:
        return camera_from_info(message)
    except ValueError:
        return None
