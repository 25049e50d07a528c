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

"""One state per person over time, from one or several cameras and whatever else is known of distances.

>>> from diffupose_ros.estimation import Estimator, Floor
>>> people = Estimator().update(time, ids, lifted, camera_pose, evidence=[Floor()])

``Estimator`` keeps who is who (``association``, ``sides``); ``state`` holds the mathematics: motion (``motion``),
frames (``observation``), errors that last (``bias``) and other evidence (``evidence``).
"""

from diffupose_ros.estimation.estimator import Estimator
from diffupose_ros.estimation.evidence import Depth, Evidence, Floor, Stature
from diffupose_ros.estimation.people import People

__all__ = ["Depth", "Estimator", "Evidence", "Floor", "People", "Stature"]
