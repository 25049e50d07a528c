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

"""Where the files are that ship beside the code: messages, weights, clips, configuration."""

from pathlib import Path

PACKAGE = "diffupose_ros"


def resource_path(relative: str) -> Path:
    """Return the path of a shipped file or folder, e.g. ``resource/weights/default.safetensors``.

    In a source tree that is the repository itself; installed, by pip or by colcon, it is
    ``<prefix>/share/diffupose_ros``, as everywhere in ROS 2.

    Raises:
        FileNotFoundError: the package's shared files are not installed beside its code.
    """
    for parent in Path(__file__).parents:
        for root in (parent, parent / "share" / PACKAGE):
            if (root / "package.xml").is_file():
                return root / relative
    raise FileNotFoundError(
        f"the shared files of {PACKAGE} are not beside {Path(__file__).parent}: reinstall the package"
    )
