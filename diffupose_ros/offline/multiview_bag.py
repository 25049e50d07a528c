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

"""One person as several cameras saw him, from a bag with a topic of 2D skeletons for each camera."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from diffupose_ros.camera import Camera
from diffupose_ros.data.markerless.moments import match
from diffupose_ros.data.markerless.multiview import Multiview, Person, PlacedCamera, align, follow
from diffupose_ros.data.markerless.rig import read_rig
from diffupose_ros.nodes.common.conversions import check_skeleton, keypoints_of, stamp_ns
from diffupose_ros.offline.bag_input import Seen, open_bag
from diffupose_ros.offline.static_frames import read_static_frames


@dataclass
class _Stream:
    """What one camera saw."""

    name: str
    lens: Camera
    images: dict[int, list[Person]] = field(default_factory=dict)
    """People by stamp in nanoseconds."""


def read_multiview(
    bag: Path,
    rig: Path | None,
    person: str,
    tolerance: float,
    rectified: bool,
    advance: Callable[[], object] = lambda: None,
) -> Multiview:
    """Return what the cameras of a bag saw of one person.

    A camera is called as its optical frame, ``header.frame_id`` of its skeletons.

    Args:
        bag: with a Skeleton2DArray topic and a CameraInfo for each camera; stamps are those of the images.
        rig: file that says where the cameras are (``data.rig``); None: /tf_static of the bag does, and the world is the
            root of its frames.
        person: id; "": whom each camera saw most.
        tolerance: seconds by which stamps of the same moment may differ.
        rectified: skeletons were found in the rectified images.
        advance: called after each message.

    Raises:
        FileNotFoundError: no bag there.
        ValueError: it is damaged or lacks what is needed, or the cameras saw nobody at the same time.
    """
    streams, layouts = _read(bag, rectified, advance)
    if len(streams) < 2:
        raise ValueError(
            f"{bag}: skeletons of {len(streams)} camera ({', '.join(streams)}): expected topics of two at least"
        )
    if len(layouts) != 1:
        raise ValueError(f"{bag}: skeletons of layouts {', '.join(sorted(layouts)) or 'none'}: expected one layout")
    cameras = _placed(bag, rig, {stream.name: stream.lens for stream in streams.values()})
    stamps = {stream.name: sorted(stream.images) for stream in streams.values()}
    begin = min(times[0] for times in stamps.values())
    frames, rate = match({name: (np.array(times) - begin) * 1e-9 for name, times in stamps.items()}, tolerance)
    tracks = []
    for stream, rows in zip(streams.values(), frames, strict=True):
        times = stamps[stream.name]
        tracks.append(follow([stream.images[times[row]] if row >= 0 else [] for row in rows], person))
    return align(cameras, tracks, layouts.pop(), rate)


def _read(bag: Path, rectified: bool, advance: Callable[[], object]) -> tuple[dict[str, _Stream], set[str]]:
    """Return what each topic's camera saw, and the layouts of the skeletons."""
    streams: dict[str, _Stream] = {}
    layouts: set[str] = set()
    with open_bag(bag, rectified) as messages:
        for seen in messages:
            if seen.message is not None:
                layouts |= {skeleton.layout for skeleton in seen.message.skeletons}
                stream = _stream(seen, streams)
                stream.images[stamp_ns(seen.message.header)] = _people(seen)
            advance()
    return streams, layouts


def _stream(seen: Seen, streams: dict[str, _Stream]) -> _Stream:
    if seen.view.camera is None:
        raise ValueError(f"{seen.topic}: {seen.view.problem}")
    assert seen.message is not None
    name = seen.message.header.frame_id.lstrip("/")
    stream = streams.setdefault(seen.topic, _Stream(name, seen.view.camera))
    taken = [topic for topic, other in streams.items() if other.name == name and topic != seen.topic]
    if stream.name != name or taken:
        both = f"{stream.name!r} and {name!r}" if stream.name != name else f"{name!r}, as on {taken[0]}"
        raise ValueError(f"{seen.topic}: skeletons in frame {both}: expected a frame for each topic")
    return stream


def _people(seen: Seen) -> list[Person]:
    assert seen.message is not None
    people = []
    for skeleton in seen.message.skeletons:
        try:
            check_skeleton(skeleton)
        except ValueError as error:
            raise ValueError(f"{seen.topic}: person {skeleton.id!r}: {error}") from None
        people.append(Person(skeleton.id, keypoints_of([skeleton])[0, :, :3]))
    return people


def _placed(bag: Path, rig: Path | None, lenses: Mapping[str, Camera]) -> tuple[PlacedCamera, ...]:
    if rig is not None:
        return read_rig(rig, lenses)
    frames = read_static_frames(bag)
    try:
        poses = {name: frames.in_root(name) for name in lenses}
    except ValueError as error:
        raise ValueError(f"{bag}: {error}. Or give the poses in a file: --cameras") from None
    roots = {root for root, _ in poses.values()}
    if len(roots) > 1:
        raise ValueError(f"{bag}: /tf_static does not connect the cameras: they are below {', '.join(sorted(roots))}")
    inverses = {name: np.linalg.inv(pose) for name, (_, pose) in poses.items()}
    return tuple(
        PlacedCamera(name, lens, inverses[name][:3, :3], inverses[name][:3, 3]) for name, lens in lenses.items()
    )
