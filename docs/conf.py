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

"""For rosdoc2 (rosdoc2.yaml), which reads this before its own settings."""

from sphinx.ext.autodoc.mock import _MockObject

extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon"]
napoleon_use_ivar = True

# What the machine that builds the pages need not have, and rosdoc2 does not find out from package.xml.
autodoc_mock_imports = [
    *("PIL", "cv2", "cyclonedds", "hri_msgs", "rich", "rosbags", "ruamel", "safetensors", "torch", "typer"),
    "yolo_msgs",
    "diffupose_ros.msg",  # generated
]
_MockObject.__or__ = _MockObject.__ror__ = lambda self, other: self  # annotations such as Tensor | None
