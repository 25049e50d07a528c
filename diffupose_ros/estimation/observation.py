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

"""What a lifted frame says of people's states: positions in the world, and their errors split by how long they last."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from diffupose_ros.lifting import Lifted
from diffupose_ros.skeleton import MIRROR, Status, unit

FloatArray = npt.NDArray[np.float64]

SIZE_SPREAD = 0.05
"""Standard deviation of the logarithm of people's size against that which the model takes them for."""
FRESH = 0.25
"""Part of a covariance that is new in each frame. The rest lasts for tenths of a second and longer: no filter can tell
it from how people move, and it stays for as long as they are seen from about the same side."""
_LEAST_REST = 0.1  # part of a variance that is not of the person's size, at least
_REVERSED = 3.0  # factor on the covariance of a pose whose sides were exchanged after lifting


@dataclass(frozen=True)
class Observation:
    """P people as one camera saw them, in the world. Metres.

    Attributes:
        position: (P, 17, 3) row 0 the pelvis in the world, the others relative to it.
        covariance: (P, 17, 3, 3) m^2 of those, without what is due to the person's size.
        camera: (3,) where the camera was.
        novelty: (P,) see ``lifting.Lifted``.
        measured: (P, 17) bool, joints that the detector gave.
    """

    position: FloatArray
    covariance: FloatArray
    camera: FloatArray
    novelty: FloatArray
    measured: npt.NDArray[np.bool_]

    def __getitem__(self, rows: npt.NDArray[np.intp]) -> "Observation":
        """Return the people of some rows."""
        return Observation(
            self.position[rows], self.covariance[rows], self.camera, self.novelty[rows], self.measured[rows]
        )

    @property
    def ray(self) -> FloatArray:
        """(P, 3) from the camera to the pelvis."""
        return self.position[:, 0] - self.camera

    def lasting(self) -> FloatArray:
        """Return (P, 17, 3, 3) the part of the covariances that stays; of the pelvis only across the ray.

        Along it, it is the person's size that stays.
        """
        lasting = (1 - FRESH) * self.covariance
        across = np.eye(3) - np.einsum("pi,pj->pij", unit(self.ray), unit(self.ray))
        lasting[:, 0] = across @ lasting[:, 0] @ across
        return lasting

    def reversed(self) -> "Observation":
        """Return the poses as they are if the detector exchanged all that is left and right.

        A body's image does not tell it from its mirror image in depth, with left and right exchanged (the reversal of
        Necker's cube); so what was lifted from exchanged joints is such a mirror image.
        """
        ray = unit(self.ray)
        mirror = np.eye(3) - 2 * np.einsum("pi,pj->pij", ray, ray)
        position = np.einsum("pij,pkj->pki", mirror, self.position)[:, MIRROR]
        covariance = _REVERSED * (mirror[:, None] @ self.covariance @ mirror[:, None])[:, MIRROR]
        position[:, 0], covariance[:, 0] = self.position[:, 0], self.covariance[:, 0]
        return replace(self, position=position, covariance=covariance)


def observe(lifted: Lifted, camera_pose: FloatArray, extrinsic: tuple[float, float] = (0.0, 0.0)) -> Observation:
    """Return the valid people of a frame.

    Args:
        lifted: in the camera's frame.
        camera_pose: (4, 4) of the camera in the world.
        extrinsic: standard deviations of that pose: metres, and radians.
    """
    valid, rotation = lifted.valid, camera_pose[:3, :3]
    mean, root = lifted.mean[valid], lifted.root[valid]
    ray = root @ rotation.T
    position = (mean - root[:, None]) @ rotation.T
    covariance = _without_size(rotation @ lifted.covariance[valid] @ rotation.T, position)
    of_root = _without_size(rotation @ lifted.root_covariance[valid] @ rotation.T, ray)
    metres, radians = extrinsic
    squared = (ray**2).sum(1)[:, None, None]
    turned = radians**2 * (squared * np.eye(3) - np.einsum("pi,pj->pij", ray, ray))
    position[:, 0] = ray + camera_pose[:3, 3]
    covariance[:, 0] = of_root + metres**2 * np.eye(3) + turned
    return Observation(
        position, covariance, camera_pose[:3, 3], lifted.novelty[valid], lifted.status[valid] == Status.MEASURED
    )


def _without_size(covariance: FloatArray, offset: FloatArray) -> FloatArray:
    """The covariances (..., 3, 3) of offsets (..., 3) without the person's size, which is a state of its own."""
    direction = unit(offset)
    along = (direction[..., None, :] @ covariance @ direction[..., None])[..., 0, 0]
    size = np.minimum(SIZE_SPREAD**2 * (offset**2).sum(-1), (1 - _LEAST_REST) * along)
    return np.asarray(covariance - size[..., None, None] * direction[..., None] * direction[..., None, :])
