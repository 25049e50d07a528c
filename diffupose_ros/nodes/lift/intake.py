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

"""What a node takes in: the camera, and people, checked; what was wrong is said."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sensor_msgs.msg import CameraInfo

from diffupose_ros.camera import Camera
from diffupose_ros.lifting.condition import normalised
from diffupose_ros.msg import Skeleton2D, Skeleton2DArray
from diffupose_ros.names import unused_name
from diffupose_ros.nodes.common.conversions import (
    FloatArray,
    camera_from_info,
    check_skeleton,
    keypoints_of,
    stamp_ns,
)
from diffupose_ros.profiles import PROFILES, Profile, load_profile
from diffupose_ros.skeleton import Skeletons2D


@dataclass(frozen=True)
class View:
    """What the latest CameraInfo says.

    Attributes:
        camera: None where there is none that can be used.
        problem: why not.
        frame_id: of the camera's optical frame.
        content: of the message, its numbers as bytes, in which NaN equals NaN.
    """

    camera: Camera | None
    problem: str
    frame_id: str = ""
    content: tuple[Any, ...] = ()


NO_VIEW = View(None, "no camera_info received yet")


def read_camera(info: CameraInfo, rectified: bool, previous: View) -> View:
    """Return what a CameraInfo says; ``previous`` itself where that has not changed."""
    roi = info.roi
    content = (
        *(np.asarray(numbers, np.float64).tobytes() for numbers in (info.k, info.d, info.p if rectified else ())),
        *(roi.x_offset, roi.y_offset, roi.width, roi.height, info.binning_x, info.binning_y),
        *(rectified, info.distortion_model, info.width, info.height, info.header.frame_id),
    )
    if content == previous.content:
        return previous
    try:
        camera, problem = camera_from_info(info, rectified), ""
    except ValueError as error:
        camera, problem = None, f"camera_info refused: {error}"
    return View(camera, problem, info.header.frame_id, content)


@dataclass(frozen=True)
class People:
    """The usable people of one message.

    Attributes:
        message: that they come from.
        ids: unique.
        skeletons: their joints.
        problems: (kind, detail) of all that was wrong with the message.
    """

    message: Skeleton2DArray
    ids: list[str]
    skeletons: Skeletons2D
    problems: list[tuple[str, str]]


def read_people(message: Skeleton2DArray, view: View, min_score: float, unsaid: Profile | None = None) -> People:
    """Return the usable people of a message; one bad person costs no other.

    Args:
        message: from a detector.
        view: the camera.
        min_score: below which a joint counts as not seen.
        unsaid: profile of detectors that do not say who they are; None: the generic one.
    """
    problems = list(_header_problems(message, view))
    profile = _profile(message.detector, unsaid, problems)
    if any(kind == "image size" for kind, _ in problems):
        return People(message, [], Skeletons2D.join([]), problems)
    ids: list[str] = []
    taken: set[str] = set()
    usable: list[Skeleton2D] = []
    for index, skeleton in enumerate(message.skeletons):
        try:
            check_skeleton(skeleton)
        except ValueError as error:
            problems.append(("bad skeleton", f"person {skeleton.id!r}: {error}"))
            continue
        name = unused_name(skeleton.id or f"p{index}", taken)
        if not skeleton.id:
            problems.append(("no id", f"people without an id are numbered: {name!r}"))
        elif name != skeleton.id:
            problems.append(("duplicate id", f"two people called {skeleton.id!r}: one is published as {name!r}"))
        ids.append(name)
        taken.add(name)
        usable.append(skeleton)
    return _in_pixels(People(message, ids, _joints(usable, min_score, profile, problems), problems), view.camera)


def _in_pixels(people: People, camera: Camera | None) -> People:
    """Return the people without those whose keypoints are no pixels."""
    small = normalised(people.skeletons, camera) if camera else np.zeros(len(people.ids), bool)
    if not small.any():
        return people
    names = [name for name, refused in zip(people.ids, small, strict=True) if refused]
    detail = f"the keypoints of people {names} look normalised: expected pixels"
    ids = [name for name in people.ids if name not in names]
    return People(people.message, ids, people.skeletons[~small], [*people.problems, ("normalised", detail)])


def _profile(detector: str, unsaid: Profile | None, problems: list[tuple[str, str]]) -> Profile:
    """Return the profile of a message's detector: one that ships, as a message must not name files."""
    if not detector:
        return unsaid or load_profile("generic")
    if detector in PROFILES:
        return load_profile(detector)
    known = ", ".join(PROFILES)
    problems.append(("unknown detector", f"{detector!r} is taken as generic: expected one of {known}, or nothing"))
    return load_profile("generic")


def _joints(
    people: list[Skeleton2D], min_score: float, profile: Profile, problems: list[tuple[str, str]]
) -> Skeletons2D:
    """Return the joints of people who are all of a known layout, converted one layout at a time."""
    rows: dict[str, list[int]] = {}
    for row, skeleton in enumerate(people):
        rows.setdefault(skeleton.layout, []).append(row)
    converted = []
    for layout, members in rows.items():
        values = keypoints_of([people[row] for row in members])
        scores = values[..., 2]
        bad = ~((scores >= 0) & (scores <= 1)).all(-1)  # NaN too
        for member in np.flatnonzero(bad).tolist():
            detail = f"person {people[members[member]].id!r}: scores outside [0, 1] are taken as 0 or 1"
            problems.append(("bad score", detail))
        at_corner = (scores > 0) & (scores >= min_score) & ~values[..., :2].any(-1)
        for member in np.flatnonzero(at_corner.any(-1)).tolist():
            detail = f"person {people[members[member]].id!r}: joints at exactly (0, 0) count as not seen: score them 0"
            problems.append(("joints at (0, 0)", detail))
        variance = _variances(values, [people[row].id for row in members], problems)
        converted.append(profile.skeletons(values[..., :2], scores, layout, min_score, variance))
    joints = Skeletons2D.join(converted)
    if len(converted) < 2:  # in order already
        return joints
    order = np.argsort([row for members in rows.values() for row in members])
    return joints[order]


def _variances(values: FloatArray, ids: list[str], problems: list[tuple[str, str]]) -> FloatArray:
    """Return the variances (P, J) of values (P, J, 4) in px^2; 0 where the profile must tell."""
    variance = values[..., 3]
    bad = ~(np.isfinite(variance) & (variance >= 0))
    for person in np.flatnonzero((bad & (values[..., 2] > 0)).any(-1)).tolist():
        detail = f"person {ids[person]!r}: expected 0 px^2 or more; the detector's profile tells instead"
        problems.append(("bad variance", detail))
    return np.where(bad, 0, variance)


def _header_problems(message: Skeleton2DArray, view: View) -> list[tuple[str, str]]:
    problems, camera = [], view.camera
    if stamp_ns(message.header) == 0:
        problems.append(("zero stamp", "header.stamp is zero; latency is not known, and tf will refuse the result"))
    frame = message.header.frame_id
    if frame and view.frame_id and frame != view.frame_id:
        detail = f"skeletons in frame {frame!r}, but camera_info of {view.frame_id!r}: is it the same camera?"
        problems.append(("frame", detail))
    size = (message.image_width, message.image_height)
    expected = (camera.width, camera.height) if camera else (0, 0)
    if 0 not in size and 0 not in expected and size != expected:
        detail = f"keypoints of a {size[0]}x{size[1]} image, but camera_info is of {expected[0]}x{expected[1]}"
        problems.append(("image size", detail + ": give the camera_info of the image the detector saw"))
    return problems
