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

"""People in a bag of 2D skeletons, each as footage of their own."""

from collections import defaultdict
from pathlib import Path

import numpy as np

from diffupose_ros.camera import Camera
from diffupose_ros.evaluation.detector_profiles import Footage
from diffupose_ros.nodes.common.conversions import check_skeleton, keypoints_of, stamp_ns
from diffupose_ros.offline.bag_input import open_bag

_GAP = 2.5  # median steps in time from which on footage goes on as another


def read_footage(path: Path, rectified: bool = False) -> list[Footage]:
    """Return the footage of each person in a bag; another where they were out of sight in between.

    Args:
        path: rosbag2 folder, or a single .mcap or .db3 file.
        rectified: skeletons were found in the rectified image.

    Raises:
        FileNotFoundError: no bag at ``path``.
        ValueError: it is damaged, lacks what is needed, or a camera cannot be used.
    """
    times, people = defaultdict(list), defaultdict(list)
    cameras: dict[int, Camera] = {}
    with open_bag(path, rectified) as bag:
        for seen in bag:
            if seen.message is None:
                continue
            camera = seen.view.camera
            if camera is None:
                raise ValueError(f"{seen.topic}: {seen.view.problem}")
            cameras[id(camera)] = camera  # kept: its id stays its own
            for skeleton in seen.message.skeletons:
                try:
                    check_skeleton(skeleton)
                except ValueError:
                    continue
                key = (seen.topic, skeleton.id, skeleton.layout, id(camera))
                times[key].append(stamp_ns(seen.message.header) or seen.received)
                people[key].append(keypoints_of([skeleton])[0])
    footage = []
    for key, stamps in times.items():
        order = np.unique(stamps, return_index=True)[1]
        seconds, joints = np.array(stamps, np.float64)[order] * 1e-9, np.stack(people[key])[order]
        steps = np.diff(seconds)
        if not len(steps):
            continue
        usual = float(np.median(steps))
        ends = np.flatnonzero(steps > _GAP * usual) + 1
        footage += [
            Footage(part[..., :2], part[..., 2], key[2], 1 / usual, cameras[key[3]]) for part in np.split(joints, ends)
        ]
    return footage
