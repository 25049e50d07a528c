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

"""3D skeletons of one image as the lifter gave them, checked; what was wrong is said."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from diffupose_ros.lifting import Lifted
from diffupose_ros.lifting.uncertainty import NORMAL
from diffupose_ros.msg import Skeleton3D, Skeleton3DArray
from diffupose_ros.nodes.common.checks import check_covariance, check_positions
from diffupose_ros.skeleton import H36M17, PELVIS

JOINTS = len(H36M17)
_NEAREST = 0.05  # m, of a pelvis
_SAME = 0.01  # m, up to which the pelvis and the root are one place


@dataclass(frozen=True)
class Seen:
    """The usable people of one message.

    Attributes:
        ids: unique.
        lifted: their poses, all valid; of the sampled poses only their mean.
        problems: (kind, detail) of all that was wrong with the others.
    """

    ids: list[str]
    lifted: Lifted
    problems: list[tuple[str, str]]


def read_people(message: Skeleton3DArray) -> Seen:
    """Return the usable people of a message; one bad person costs no other."""
    people: dict[str, tuple[Any, ...]] = {}
    problems: list[tuple[str, str]] = []
    for skeleton in message.skeletons:
        try:
            if skeleton.id in people:
                raise ValueError("a second one of that id")
            people[skeleton.id] = _numbers(skeleton)
        except ValueError as error:
            problems.append(("bad person", f"{skeleton.id!r} is left out: {error}"))
    return Seen(list(people), _lifted(list(people.values())), problems)


def _numbers(skeleton: Skeleton3D) -> tuple[Any, ...]:
    joints, root = skeleton.joints, skeleton.root
    mean = np.array([(j.position.x, j.position.y, j.position.z) for j in joints], np.float64)
    covariance = np.array([j.covariance for j in joints], np.float64).reshape(JOINTS, 3, 3)
    pose_covariance = np.array(root.covariance, np.float64).reshape(6, 6)
    place, turn = root.pose.position, root.pose.orientation
    origin = np.array([place.x, place.y, place.z], np.float64)
    check_positions(mean)
    if not np.linalg.norm(origin - mean[PELVIS]) < _SAME:  # NaN too
        raise ValueError("a root that is not where the pelvis is")
    if np.linalg.norm(origin) < _NEAREST:
        raise ValueError("a pelvis in the camera itself")
    covariance[PELVIS] = 0  # relative to itself
    check_covariance("joints", np.delete(covariance, PELVIS, 0))
    check_covariance("root", pose_covariance[:3, :3])
    try:
        axes = Rotation.from_quat([turn.x, turn.y, turn.z, turn.w]).as_matrix()
    except ValueError:
        raise ValueError("an orientation that is no rotation") from None
    scores, status = [j.confidence for j in joints], [j.status for j in joints]
    errors = skeleton.reprojection_error, skeleton.novelty
    return mean, covariance, origin, pose_covariance[:3, :3], axes, pose_covariance[3:, 3:], *errors, scores, status


def _lifted(people: list[tuple[Any, ...]]) -> Lifted:
    columns = zip(*people, strict=True) if people else [()] * 10
    shapes = ((JOINTS, 3), (JOINTS, 3, 3), (3,), (3, 3), (3, 3), (3, 3), (), (), (JOINTS,), (JOINTS,))
    mean, covariance, root, root_covariance, axes, axes_covariance, error, novelty, scores, status = (
        np.array(column, np.float64).reshape(len(people), *shape) for column, shape in zip(columns, shapes, strict=True)
    )
    valid: npt.NDArray[np.bool_] = np.ones(len(people), bool)
    return Lifted(
        mean=mean,
        covariance=covariance,
        freedom=np.full((len(people), JOINTS), NORMAL),
        hypotheses=mean[:, None],
        root=root,
        root_covariance=root_covariance,
        orientation=axes,
        orientation_covariance=axes_covariance,
        reprojection_error=error,
        novelty=novelty,
        scores=scores,
        status=status.astype(np.int8),
        valid=valid,
    )
