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

"""URDFs of people, made of ROS4HRI's human_description (REP-155, "Kinematic Model of the Human")."""

from pathlib import Path

from diffupose_ros.nodes.common.optional import missing


class HumanDescription:
    """The template of human_description, whose proportions scale with the stature.

    Args:
        whose: what needs it, named where a package is missing.

    Raises:
        ModuleNotFoundError: there is no human_description, or no xacro; says what to install.
    """

    def __init__(self, whose: str) -> None:
        try:
            import xacro
            from ament_index_python.packages import get_package_share_directory
        except ImportError:
            raise missing(whose, "xacro") from None
        try:
            share = get_package_share_directory("human_description")
        except LookupError:
            raise missing(whose, "human_description") from None
        self._xacro, self._template = xacro, Path(share) / "urdf" / "human-tpl.xacro"

    def urdf(self, name: str, stature: float) -> str:
        """Return the URDF of a person: an id, and metres; all its names end with ``_<id>``. Takes some 50 ms."""
        mappings = {"id": name, "height": f"{stature:.2f}"}
        return str(self._xacro.process_file(str(self._template), mappings=mappings).toxml())
