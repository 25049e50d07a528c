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

from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from diffupose_ros.lifting import Lifted
from diffupose_ros.skeleton import MIRROR, Status, unit

FloatArray = npt.NDArray[np.float64]
_UNIT = np.eye(3)

FRESH = 0.35
"""Part of a covariance that is new in each frame. The rest lasts for tenths of a second and longer: no filter can tell
it from how people move, and it stays for as long as they are seen from about the same side."""
_JUMPING = 1.0
"""Part of what lasts along the ray by which it counts as new too: depth jumps more than anybody moves."""
_NEAREST = 0.01  # m, of a pelvis
_LEAST_REST = 0.5  # part of what lasts that is not of the person's size, at least


@dataclass(frozen=True)
class Observation:
    """P people as one camera saw them, in the world. Metres.

    Attributes:
        position: (P, 17, 3) row 0 the pelvis in the world, the others relative to it.
        fresh: (P, 17, 3, 3) m^2 of their errors that are new in this frame.
        lasting: (P, 17, 3, 3) m^2 of those that are not, but for what is due to the person's size.
        size: (P,) variance of the part of people's sizes by which the model takes them for too small: all that lasts
            of the error along the ray.
        camera: (3,) where the camera was.
        novelty: (P,) see ``lifting.Lifted``.
        measured: (P, 17) bool, joints that the detector gave.
    """

    position: FloatArray
    fresh: FloatArray
    lasting: FloatArray
    size: FloatArray
    camera: FloatArray
    novelty: FloatArray
    measured: npt.NDArray[np.bool_]

    def __getitem__(self, rows: npt.NDArray[np.generic]) -> "Observation":
        """Return the people of some rows."""
        return Observation(**{
            field.name: value if field.name == "camera" else value[rows]
            for field in fields(self)
            for value in [getattr(self, field.name)]
        })  # fmt: skip

    def where(self, condition: npt.NDArray[np.bool_], other: "Observation") -> "Observation":
        """Return these joints where the condition (P,) holds, elsewhere those of the same people in ``other``."""
        names = ("position", "fresh", "lasting")
        chosen = {
            name: np.where(condition.reshape(-1, *[1] * (value.ndim - 1)), value, getattr(other, name))
            for name in names
            for value in [getattr(self, name)]
        }
        return replace(other, **chosen)

    @property
    def covariance(self) -> FloatArray:
        """(P, 17, 3, 3) m^2, both kinds of errors."""
        return self.fresh + self.lasting

    @property
    def ray(self) -> FloatArray:
        """(P, 3) from the camera to the pelvis."""
        return self.position[:, 0] - self.camera

    def reversed(self, wider: float = 1.0) -> "Observation":
        """Return the poses as they are if the detector exchanged all that is left and right.

        A body's image does not tell it from its mirror image in depth, with left and right exchanged (the reversal of
        Necker's cube); so what was lifted from exchanged joints is such a mirror image.

        Args:
            wider: factor on the covariances.
        """
        ray = unit(self.ray)
        mirror = _UNIT - 2 * np.einsum("pi,pj->pij", ray, ray)
        position = np.einsum("pij,pkj->pki", mirror, self.position)[:, MIRROR]
        fresh, lasting = (
            wider * (mirror[:, None] @ part @ mirror[:, None])[:, MIRROR] for part in (self.fresh, self.lasting)
        )
        for turned, own in ((position, self.position), (fresh, self.fresh), (lasting, self.lasting)):
            turned[:, 0] = own[:, 0]
        return replace(self, position=position, fresh=fresh, lasting=lasting)


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
    covariance = rotation @ lifted.covariance[valid] @ rotation.T
    of_root = rotation @ lifted.root_covariance[valid] @ rotation.T
    depth2 = np.maximum((ray**2).sum(1), _NEAREST**2)
    size = (1 - FRESH) * np.einsum("pi,pij,pj->p", ray, of_root, ray) / depth2**2
    lasting = (1 - FRESH) * covariance
    lasting[:, 1:] = _without_size(lasting[:, 1:], position[:, 1:], size[:, None])
    metres, radians = extrinsic
    along = np.einsum("pi,pj->pij", ray, ray)
    turned = radians**2 * (depth2[:, None, None] * _UNIT - along)
    across = _UNIT - np.einsum("pi,pj->pij", unit(ray), unit(ray))
    lasting[:, 0] = across @ of_root @ across + metres**2 * _UNIT + turned
    fresh = FRESH * covariance
    fresh[:, 0] = FRESH * of_root + _JUMPING * size[:, None, None] * along
    position[:, 0] = ray + camera_pose[:3, 3]
    measured = lifted.status[valid] == Status.MEASURED
    return Observation(position, fresh, lasting, size, camera_pose[:3, 3], lifted.novelty[valid], measured)


def _without_size(covariance: FloatArray, offset: FloatArray, size: FloatArray) -> FloatArray:
    """The covariances (..., 3, 3) of offsets (..., 3) without the person's size (...), which is a state of its own."""
    direction = unit(offset)
    # More than this, and the rest would not be positive definite.
    most = 1 / (direction * np.linalg.solve(covariance, direction[..., None])[..., 0]).sum(-1)
    of_size = np.minimum(size * (offset**2).sum(-1), (1 - _LEAST_REST) * most)
    return np.asarray(covariance - of_size[..., None, None] * direction[..., None] * direction[..., None, :])
