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

"""The people of one image, in 2D and 3D."""

from dataclasses import dataclass

from diffupose_ros.detection.detector import Detections
from diffupose_ros.lifting import Lifted


@dataclass(frozen=True)
class LiftedPeople:
    """P people of one image.

    Attributes:
        ids: of each, stable over time.
        detections: what the detector found.
        lifted: what was made of it; not valid for those with too few joints.
    """

    ids: tuple[str, ...]
    detections: Detections
    lifted: Lifted

    def valid(self) -> list[int]:
        """Return the indices of those who have a 3D pose, far ones first: nearer ones are drawn over them."""
        depth = self.lifted.root[:, 2]
        return sorted((i for i in range(len(self.ids)) if self.lifted.valid[i]), key=lambda i: -depth[i])
