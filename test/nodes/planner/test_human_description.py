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

"""URDFs of people: by the real packages where they are installed; else what is said of them."""

import sys
from types import SimpleNamespace

import pytest
from support.humans import add_ros4hri

from diffupose_ros.nodes.planner.human_description import HumanDescription


def test_a_urdf_is_of_the_person_it_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    if not add_ros4hri(monkeypatch):
        pytest.skip("needs a ROS 2 with hri_msgs and human_description")
    urdf = HumanDescription("this test").urdf("person_3", 1.834)
    assert "body_person_3" in urdf and urdf != HumanDescription("this test").urdf("person_3", 1.6)


@pytest.mark.parametrize("package", ["xacro", "human_description"])
def test_a_package_that_is_missing_is_named(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def not_found(name: str) -> str:
        raise LookupError(name)

    add_ros4hri(monkeypatch)
    if package == "xacro":
        monkeypatch.setitem(sys.modules, "xacro", None)
    else:
        packages = SimpleNamespace(get_package_share_directory=not_found)
        monkeypatch.setitem(sys.modules, "ament_index_python.packages", packages)
    name = package.replace("_", "-")
    with pytest.raises(ModuleNotFoundError, match=f"the output humans needs .* package {package}: .*-{name}$"):
        HumanDescription("the output humans")
