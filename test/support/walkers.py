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

"""What tests of people over time share: what cameras see of people who walk."""

from __future__ import annotations

import numpy as np
from diffupose_ros.msg import Joint3D, Skeleton3D, Skeleton3DArray
from geometry_msgs.msg import Pose, PoseWithCovariance
from scipy.spatial.transform import Rotation
from std_msgs.msg import Header

from diffupose_ros.nodes.common.conversions import points, quaternions
from diffupose_ros.skeleton import pelvis_axes
from support.nodes import SCENE

CAMERAS = {  # poses in the world, whose x is the scene's camera's z
    "camera": (SCENE.TO_OPTICAL.T, np.array([0, 0, SCENE.HEIGHT])),
    "other": (Rotation.from_euler("z", 90, degrees=True).as_matrix() @ SCENE.TO_OPTICAL.T, np.array([3.0, -3, 1.5])),
}
WORLD = CAMERAS["camera"]


def seen(header: Header, i: int, people: int = 1) -> Skeleton3DArray:
    """Return the people of the scene at frame ``i`` as the lift node would publish them, as its camera sees them."""
    truth = SCENE.poses(i)[:people]
    if header.frame_id != "camera":
        rotation, place = CAMERAS["other"]
        world = truth @ WORLD[0].T + WORLD[1]
        truth = (world - place) @ rotation
    covariance = np.zeros((6, 6))
    covariance[:3, :3], covariance[3:, 3:] = np.diag([0.03, 0.03, 0.2]) ** 2, 0.01 * np.eye(3)
    message = Skeleton3DArray(header=header)
    for number, (one, turn) in enumerate(zip(truth, quaternions(pelvis_axes(truth)), strict=True)):
        joints = [
            Joint3D(position=p, covariance=(0.03**2 * np.eye(3)).ravel(), confidence=0.9, status=Joint3D.MEASURED)
            for p in points(one)
        ]
        root = PoseWithCovariance(
            pose=Pose(position=joints[0].position, orientation=turn), covariance=covariance.ravel()
        )
        message.skeletons.append(
            Skeleton3D(id=f"person_{number}", joints=joints, root=root, reprojection_error=2.0, novelty=1.0)
        )
    return message
