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

"""3D human poses with uncertainty from one camera: DiffuPose for ROS 2."""

import os
import pkgutil

# Threads of PyTorch's that wait for others sleep: spinning, they take the cores from those that they wait for, and
# where other programs need them too a lift takes ten times as long. OpenMP reads it once, when PyTorch loads it.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# A source tree on sys.path must not hide the generated diffupose_ros.msg of a ROS 2 install.
__path__ = pkgutil.extend_path(__path__, __name__)
__version__ = "0.2.0"
