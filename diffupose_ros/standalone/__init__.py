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

"""ROS 2 nodes without a ROS 2 install: the subset of rclpy and tf2_ros that our nodes use, over Cyclone DDS."""

import importlib.util
import sys

from diffupose_ros.standalone.finder import StandaloneFinder


def activate() -> bool:
    """Make ``rclpy``, ``tf2_ros`` and the message packages importable where no ROS 2 is sourced.

    Returns True where this runtime serves them, False where a real rclpy is importable and nothing
    was done. Calling it again changes nothing.
    """
    if any(isinstance(finder, StandaloneFinder) for finder in sys.meta_path):
        return True
    if importlib.util.find_spec("rclpy") is not None:
        return False
    sys.meta_path.append(StandaloneFinder())
    return True
