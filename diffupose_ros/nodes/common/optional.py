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

"""Message packages that only some need."""

import os


def missing(whose: str, package: str, source: str = "") -> ModuleNotFoundError:
    """Return the error that tells how to come by a message package.

    Args:
        whose: a node that needs it, or an output or a parameter of one.
        package: that is missing.
        source: its repository, where no distribution has it as a Debian package.
    """
    name = f"ros-{os.environ.get('ROS_DISTRO', '$ROS_DISTRO')}-{package.replace('_', '-')}"
    build = f"git clone {source} into the workspace's src, and colcon build"
    return ModuleNotFoundError(
        f"{whose} needs a ROS 2 with the package {package}: {build if source else f'sudo apt install {name}'}"
    )
