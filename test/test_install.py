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

"""What installs the package and what tests it agree: pip, colcon, Docker, pixi, GitHub's workflows."""

import re

from support import ROOT

PROJECT = (ROOT / "pyproject.toml").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
TESTS = (ROOT / ".github" / "workflows" / "test.yml").read_text()
INSTALL = (ROOT / "docs" / "install.md").read_text()


def requirements(text: str) -> dict[str, str]:
    """Return the version that each requirement of a file asks for, by the package's name."""
    return dict(re.findall(r"^\W*([\w-]+)\s*(?:=\s*\"|(?=[<>]))([<>]=?[\d.]+)", text, re.M))


def matrix(name: str) -> list[str]:
    """Return the values of the workflow's matrix of that name."""
    found = re.search(rf"^ +{name}: \[(.+)\]$", TESTS, re.M)
    return found[1].replace('"', "").split(", ") if found else []


def test_every_python_that_the_package_is_said_to_run_on_is_tested_and_gets_a_wheel() -> None:
    said = re.findall(r'"Programming Language :: Python :: (3\.\d+)"', PROJECT)
    assert said == matrix("python")
    assert f'requires-python = ">={said[0]}"' in PROJECT
    assert f"Python {said[0]} to {said[-1]}" in INSTALL
    wheels = re.search(r'^build = "cp3(\S+)-manylinux_\*"$', PROJECT, re.M)
    assert wheels and [version for version in said if re.fullmatch(wheels[1], version.removeprefix("3."))] == said


def test_every_release_of_ros_that_the_documents_name_is_tested() -> None:
    distros = matrix("distro")
    assert distros[0] == "humble" and distros[-1] == "rolling"
    assert INSTALL.count(", ".join(distros)) == 1
    assert f"{', '.join(distros[:-1])} or {distros[-1]}" in INSTALL
    default = re.search(r"^ARG ROS_DISTRO=(\w+)$", DOCKERFILE, re.M)
    assert default and default[1] in distros and f"| `ROS_DISTRO` | `{default[1]}` |" in INSTALL


def test_pip_brings_the_same_versions_beside_a_ros_and_without_and_so_does_pixi() -> None:
    project = requirements(PROJECT.replace('    "', ""))
    beside = requirements((ROOT / "requirements-ros.txt").read_text())
    beside.pop("numpy")  # that of Ubuntu
    assert {"torch", "safetensors", "typer", "rich", "rosbags", "ai-edge-litert"} == set(beside)
    optional = re.search(r'^detect = \["ai-edge-litert(.+?)"\]', PROJECT, re.M)
    assert beside == {name: project.get(name) for name in beside} | {"ai-edge-litert": optional and optional[1]}
    pixi = requirements((ROOT / "pixi.toml").read_text())
    assert beside == {name: pixi.get({"torch": "pytorch"}.get(name, name)) for name in beside}


def test_pixi_has_the_python_packages_of_package_xml() -> None:
    keys = set(re.findall(r"_depend>python3-([\w-]+)<", (ROOT / "package.xml").read_text()))
    names = {"matplotlib": "matplotlib-base", "pil": "pillow"}
    pixi = re.findall(r"^([\w-]+) = ", (ROOT / "pixi.toml").read_text(), re.M)
    assert {names.get(key, key) for key in keys} <= set(pixi)


def test_what_builds_and_runs_the_images_names_their_stages() -> None:
    stages = set(re.findall(r"^FROM \S+ AS (\w+)$", DOCKERFILE, re.M))
    users = "compose.yaml", ".devcontainer/devcontainer.json", ".github/workflows/test.yml", "docs/install.md"
    text = "".join((ROOT / name).read_text() for name in users)
    assert set(re.findall(r'(?:--target |\btarget"?: "?)([a-z]+)', text)) == {"ros", "standalone", "test"} <= stages
    assert set(re.findall(r"--build-arg (\w+)=", text)) <= set(re.findall(r"^ARG (\w+)", DOCKERFILE, re.M))
