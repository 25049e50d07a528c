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

"""The denoiser's view of a 2D skeleton.

``robust`` sees person-centred rays: a virtual camera with the same centre is turned to look at the
person, and about that direction until the person's trunk is upright; the image in it is scaled by the
person's apparent size. What the network then sees does not depend on where in the image the person
stands, on how the camera is rolled, on the focal length, or on the resolution. ``paper`` sees the image,
as its authors' code does.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from diffupose_ros.camera import Camera
from diffupose_ros.skeleton import (
    LEFT_HIP,
    LEFT_SHOULDER,
    PELVIS,
    RIGHT_HIP,
    RIGHT_SHOULDER,
    THORAX,
    Skeletons2D,
    Status,
    unit,
)

FloatArray = npt.NDArray[np.float64]

MIN_JOINTS = 3
"""A person with fewer joints that the detector gave has no usable apparent size."""
MAX_RAY_TANGENT = 4.0
"""Rays further from the person's centre than this (76 degrees) cannot be of the same person: missing."""
_LEAST_SIZE = 1e-3  # rad: of somebody half a kilometre away, or of joints all at one spot
_TYPICAL_LOG_SIZE = np.log(0.15)
_LEAST_DEVIATION = 0.03
"""Of a joint that people are placed by, in units of the apparent size: the lifted pose itself errs that much."""

_SMALLEST = 2.0  # px: coordinates over the image's size are in [0, 1] or [-1, 1], or a little beyond
_SHORTEST = 10.0  # px: the focal length of a camera whose pixels are none


@dataclass(frozen=True)
class Condition:
    """Network input of P people.

    Attributes:
        features: float32, (P, 17, 5): ray x and y in the virtual camera over the apparent size, ``quality``,
            whether derived, log of the apparent size; all but the last 0 where missing. ``paper``:
            (P, 17, 2).
        status: (P, 17) int8, ``Status`` of what the network sees: more may be missing than was given.
        rotation: (P, 3, 3) camera frame to virtual camera frame.
        valid: (P,) bool, False where fewer than ``MIN_JOINTS`` joints were seen, or all at one spot.
    """

    features: npt.NDArray[np.float32]
    status: npt.NDArray[np.int8]
    rotation: FloatArray
    valid: npt.NDArray[np.bool_]


def normalised(skeletons: Skeletons2D, camera: Camera) -> npt.NDArray[np.bool_]:
    """Return which people (P,) have coordinates in units of the image's size, where pixels are expected.

    Theirs are all joints, ``MIN_JOINTS`` or more, within two pixels of the image's corner. Nobody's with a camera
    whose own unit is not the pixel.
    """
    seen = skeletons.status != Status.MISSING
    near = (np.abs(skeletons.keypoints) <= _SMALLEST).all(-1)
    small = (near | ~seen).all(-1) & (seen.sum(-1) >= MIN_JOINTS)
    return np.asarray(small & (camera.K[0, 0] > _SHORTEST))


def look_at(direction: FloatArray) -> FloatArray:
    """Return the smallest rotations (..., 3, 3) that turn ``direction`` (..., 3) onto the z axis."""
    d = unit(direction)
    x, y, z = d[..., 0], d[..., 1], d[..., 2]
    k = 1 / np.maximum(1 + z, 1e-6)
    rows = [1 - k * x * x, -k * x * y, -x, -k * x * y, 1 - k * y * y, -y, x, y, z]
    return np.stack(rows, -1).reshape(*d.shape[:-1], 3, 3)


def upright(xy: FloatArray, seen: npt.NDArray[np.bool_]) -> FloatArray:
    """Return the rotations (P, 3, 3) about the viewing direction after which trunks point up (-y) in the image.

    A trunk goes from the middle of the hips to that of the shoulders, or, where one of them is hidden, from the pelvis
    to the thorax. The identity for people of whom neither is seen, or one lies behind the other.

    Args:
        xy: (P, 17, 2) joints in the plane z = 1.
        seen: (P, 17) bool.
    """
    below, below_seen = _middle(xy, seen, (LEFT_HIP, RIGHT_HIP), PELVIS)
    above, above_seen = _middle(xy, seen, (LEFT_SHOULDER, RIGHT_SHOULDER), THORAX)
    trunk = above - below
    length = np.linalg.norm(trunk, axis=-1)
    known = below_seen & above_seen & (length > 0)
    sin, cos = np.where(known, (trunk * (1, -1)).T / np.where(known, length, 1), [[0], [1]])
    rotation = np.zeros((len(xy), 3, 3))
    rotation[:, 0, 0] = rotation[:, 1, 1] = cos
    rotation[:, 0, 1], rotation[:, 1, 0] = sin, -sin
    rotation[:, 2, 2] = 1
    return rotation


def _middle(
    xy: FloatArray, seen: npt.NDArray[np.bool_], pair: tuple[int, int], between: int
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """The middle (P, 2) of a pair of joints, or the joint between them, and of whom one of them is seen."""
    both = np.asarray(seen[:, pair].all(1))
    return np.where(both[:, None], xy[:, pair].mean(1), xy[:, between]), both | seen[:, between]


def quality(deviations: FloatArray) -> FloatArray:
    """Return how good 2D joints are, from 1 for exact ones down to 0 for missing ones.

    Args:
        deviations: (...) in units of the apparent size; NaN where missing.
    """
    return np.asarray(np.exp(-5 * np.where(np.isfinite(deviations), deviations, np.inf)))


def person_centred(rays: FloatArray, deviations: FloatArray, status: npt.NDArray[np.integer]) -> Condition:
    """Return the network input for 2D joints given as rays.

    Args:
        rays: (P, 17, 3) viewing directions in the camera frame, any length; ignored where missing.
        deviations: (P, 17) of the 2D joints in units of the apparent size; NaN where missing.
        status: (P, 17) values of ``Status``.
    """
    seen = (status != Status.MISSING) & np.isfinite(rays).all(-1)
    rays = unit(np.where(seen[..., None], rays, 0))
    centre = rays.sum(1)
    centre[:, 2] += ~seen.any(1)  # nobody seen: any direction will do
    rotation = look_at(centre)
    virtual = np.einsum("pij,pkj->pki", rotation, rays)
    xy = virtual[..., :2] / np.maximum(virtual[..., 2:], 1e-6)
    seen &= (virtual[..., 2] > 0) & (np.linalg.norm(xy, axis=-1) < MAX_RAY_TANGENT)
    roll = upright(xy, seen)
    rotation = roll @ rotation
    xy = np.where(seen[..., None], np.einsum("pij,pkj->pki", roll[:, :2, :2], xy), 0)
    count = np.maximum(seen.sum(1), 1)
    size = np.sqrt((xy**2).sum((1, 2)) / count)
    sized = size >= _LEAST_SIZE
    size = np.maximum(size, _LEAST_SIZE)[:, None]
    features = np.stack(
        [
            xy[..., 0] / size,
            xy[..., 1] / size,
            np.where(seen, quality(deviations), 0),
            seen & (status == Status.DERIVED),
            np.broadcast_to(np.log(size) - _TYPICAL_LOG_SIZE, seen.shape),
        ],
        -1,
    )
    return _condition(features, np.where(seen, status, Status.MISSING), rotation, sized)


def placing_rays(condition: Condition, rays: FloatArray, deviations: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return what ``engine.outcome.placement`` places people by, in their virtual cameras' frames.

    Args:
        condition: of P people.
        rays: (P, 17, 3) viewing directions in the camera frame; ignored where missing.
        deviations: (P, 17) of the 2D joints in units of the apparent size; NaN where missing.

    Returns:
        Rays (P, 17, 3), and their weights (P, 17), 0 where a joint is missing or far aside, or derived from others of
        which there are enough: a nose is no neck, and a middle of two joints tells nothing more.
    """
    seen = condition.status != Status.MISSING
    turned = np.einsum("pij,pkj->pki", condition.rotation, np.where(seen[..., None], rays, 0))
    usable = seen & (turned[..., 2] > 0.1)
    measured = usable & (condition.status == Status.MEASURED)
    usable = np.where((measured.sum(1) > MIN_JOINTS)[:, None], measured, usable)
    return turned, np.where(usable, _LEAST_DEVIATION**2 / (_LEAST_DEVIATION**2 + np.nan_to_num(deviations) ** 2), 0)


def image_centred(image: FloatArray, status: npt.NDArray[np.integer]) -> Condition:
    """Return the network input of the ``paper`` variant, which sees the image as its authors' code does.

    It knows nothing of missing joints: they are put at the centre of the others.

    Args:
        image: (P, 17, 2) joints in units of half the image's width, from its centre (``image_coordinates``).
        status: (P, 17) values of ``Status``.
    """
    seen = status != Status.MISSING
    count = np.maximum(seen.sum(1), 1)
    centre = np.where(seen[..., None], image, 0).sum(1) / count[:, None]
    features = np.where(seen[..., None], image, centre[:, None])
    rotation, sized = np.broadcast_to(np.eye(3), (len(features), 3, 3)), np.ones(len(features), bool)
    return _condition(features, status, rotation, sized)


def image_coordinates(pixels: FloatArray, width: float, height: float) -> FloatArray:
    """Return pixels (..., 2) as X / w * 2 - (1, h / w), the released code's coordinates.

    Raises:
        ValueError: the image's size is not known.
    """
    if width <= 0 or height <= 0:
        raise ValueError("a model of the paper's variant needs the image's size: give Camera width and height")
    return np.asarray(pixels / width * 2 - (1, height / width))


def _condition(
    features: FloatArray, status: npt.NDArray[np.integer], rotation: FloatArray, sized: npt.NDArray[np.bool_]
) -> Condition:
    valid = sized & ((status == Status.MEASURED).sum(1) >= MIN_JOINTS)
    return Condition(features.astype(np.float32), status.astype(np.int8), rotation, valid)
