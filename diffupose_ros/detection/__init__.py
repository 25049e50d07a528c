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


"""From images to 2D skeletons of people: detectors, person boxes, and ids that last."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from diffupose_ros.detection.hrnet import HRNet

__all__ = ["HRNet"]


def __getattr__(name: str) -> Any:
    """Import the network when it is asked for: other detectors need no PyTorch."""
    if name == "HRNet":
        from diffupose_ros.detection.hrnet import HRNet

        return HRNet
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
