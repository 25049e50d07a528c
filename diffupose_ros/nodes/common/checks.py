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

"""What every message of people must have."""

import numpy as np
from std_msgs.msg import Header

from diffupose_ros.nodes.common.conversions import FloatArray, stamp_ns
from diffupose_ros.skeleton import PELVIS

_ASYMMETRY = 1e-6  # part of the largest entry, that a covariance of rounded numbers may have
_VARIANCE = (1e-12, 1e8)  # from a micrometre to ten kilometres: what is beyond is lost to rounding
_BODY, _FARTHEST = 5.0, 1e5  # m from the pelvis to a joint, and from the frame to the pelvis


def check_header(header: Header) -> tuple[str, str] | None:
    """Return (kind, detail) of why nothing can be done with a message; None where something can."""
    if stamp_ns(header) <= 0:
        return "zero stamp", "header.stamp is zero: when people were there is not known, and they are left out"
    if not header.frame_id:
        return "no frame", "header.frame_id is empty: where people were is not known, and they are left out"
    return None


def check_covariance(whose: str, covariance: FloatArray) -> None:
    """Check covariances (..., n, n).

    Raises:
        ValueError: one is not symmetric and positive definite, or of lengths that nothing here has.
    """
    if not np.isfinite(covariance).all():
        raise ValueError(f"covariances of the {whose} that are no numbers")
    asymmetry = np.abs(covariance - np.swapaxes(covariance, -1, -2)).max()
    variances = np.linalg.eigvalsh(covariance)
    if asymmetry > _ASYMMETRY * np.abs(covariance).max() or not (variances > 0).all():
        raise ValueError(f"covariances of the {whose} that are not positive definite: it must say how sure it is")
    least, most = _VARIANCE
    if variances.min() < least or variances.max() > most:
        raise ValueError(f"covariances of the {whose}: expected variances from {least:g} to {most:g} in SI units")


def check_positions(positions: FloatArray) -> None:
    """Check the joints (17, 3) of one person, in metres.

    Raises:
        ValueError: they are no numbers, or of nobody.
    """
    if not np.isfinite(positions).all():
        raise ValueError("positions that are no numbers")
    if np.linalg.norm(positions - positions[PELVIS], axis=-1).max() > _BODY:
        raise ValueError(f"joints further than {_BODY:g} m from the pelvis: of no body")
    if np.linalg.norm(positions[PELVIS]) > _FARTHEST:
        raise ValueError(f"a pelvis further than {_FARTHEST:g} m away")
