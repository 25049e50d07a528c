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

"""2D skeletons whose 3D truth is known, whatever data set they come from."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from diffupose_ros.lifting.condition import Condition, image_centred, person_centred
from diffupose_ros.lifting.networks.denoiser import Variant
from diffupose_ros.skeleton import Status

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Observations:
    """P people as a 2D detector saw them, and where they were. Joints as in H36M-17.

    Attributes:
        rays: (P, 17, 3) viewing directions in the camera's optical frame, z = 1; ignored where missing.
        image: (P, 17, 2) in units of half the image's width, from its centre (``image_coordinates``).
        deviations: (P, 17) of the 2D joints in units of the apparent size, as a profile tells; NaN where missing.
        status: (P, 17) int8, values of ``Status``.
        joints: (P, 17, 3) metres, the truth in the camera's optical frame.
        activity: (P,) str, what errors are grouped by.
    """

    rays: FloatArray
    image: FloatArray
    deviations: FloatArray
    status: npt.NDArray[np.int8]
    joints: FloatArray
    activity: npt.NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.joints)

    def __getitem__(self, index: object) -> "Observations":
        """Return those that a slice, mask or index array picks."""
        return Observations(*(getattr(self, f.name)[index] for f in fields(self)))

    @staticmethod
    def join(parts: Sequence["Observations"]) -> "Observations":
        """Return all of them as one."""
        return Observations(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Observations)))

    def condition(self, variant: Variant) -> Condition:
        """Return the network's input."""
        if variant == "robust":
            return person_centred(self.rays, self.deviations, self.status)
        return image_centred(self.image, self.status)

    def truth(self, condition: Condition) -> FloatArray:
        """Return the true root-relative poses (P, 17, 3) in the frames of the condition's virtual cameras, metres."""
        relative = self.joints - self.joints[:, :1]
        return np.asarray(np.einsum("pij,pkj->pki", condition.rotation, relative))


@dataclass(frozen=True)
class Pairs:
    """A batch of training pairs.

    Attributes:
        features: (B, 17, C) network input, see ``lifting.condition``.
        poses: (B, 17, 3) metres, root-relative, in the virtual camera frame.
    """

    features: npt.NDArray[np.float32]
    poses: npt.NDArray[np.float32]

    @property
    def status(self) -> npt.NDArray[np.int8]:
        """Where each joint's 2D comes from, (B, 17) values of ``Status``; of the ``robust`` variant's features."""
        seen, derived = self.features[..., 2] > 0, self.features[..., 3] > 0
        return np.where(seen, np.where(derived, Status.DERIVED, Status.MEASURED), Status.MISSING).astype(np.int8)


def pairs(observations: Observations, variant: Variant = "robust") -> Pairs:
    """Return network inputs and what they stand for; people with too few joints are left out."""
    condition = observations.condition(variant)
    valid = condition.valid
    return Pairs(condition.features[valid], observations.truth(condition)[valid].astype(np.float32))
