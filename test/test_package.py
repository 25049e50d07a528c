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

"""What ships beside the code: launch file, package.xml, the model."""

import ast
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from support import ROOT

from diffupose_ros.data.detectors import SimulatedDetector
from diffupose_ros.data.postures import POSTURES
from diffupose_ros.data.scenes import Scene
from diffupose_ros.data.views import random_views
from diffupose_ros.lifting import Camera, Lifter
from diffupose_ros.lifting.uncertainty import containing_probability, mahalanobis2
from diffupose_ros.nodes.planner.outputs import OUTPUTS
from diffupose_ros.resources import resource_path

XMLLINT_WITHOUT_SCHEMA = 5


def test_the_page_of_the_planner_node_names_every_output() -> None:
    text = (ROOT / "docs" / "planner.md").read_text()
    assert [name for name in OUTPUTS if f"`{name}`" not in text] == []


def test_packages_that_the_launch_file_starts_nodes_of_are_dependencies() -> None:
    tree = ast.parse((ROOT / "launch" / "lift.launch.py").read_text())
    package = ElementTree.parse(ROOT / "package.xml").getroot()
    depends = {e.text for e in package if e.tag in ("depend", "exec_depend")} | {package.findtext("name")}
    nodes = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "Node"]
    used = {ast.literal_eval(k.value) for n in nodes for k in n.keywords if k.arg == "package"}
    assert used <= depends


def test_ros_packages_that_the_code_imports_are_dependencies() -> None:
    package = ElementTree.parse(ROOT / "package.xml").getroot()
    depends = {e.text for e in package if e.tag in ("depend", "exec_depend")}
    code = [*(ROOT / "diffupose_ros" / "nodes").rglob("*.py"), *(ROOT / "launch").glob("*.py")]
    imports = [n for path in code for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.ImportFrom)]
    ros = re.compile(r"\w+_(msgs|interfaces|ros)|rclpy|launch")
    modules = {n.module.split(".")[0] for n in imports if n.module} - {"diffupose_ros"}
    used = {{"tf2_ros": "tf2_ros_py"}.get(name, name) for name in modules}  # tf2_ros is the package of the C++ library
    optional = {"hri_msgs", "moveit_msgs", "nav2_dynamic_msgs", "people_msgs", "vision_msgs", "yolo_msgs"}
    assert {name for name in used if ros.fullmatch(name)} - depends == optional


@pytest.mark.skipif(shutil.which("xmllint") is None, reason="xmllint (libxml2-utils) is not installed")
def test_package_xml_keeps_to_the_schema_that_it_names() -> None:
    schema = re.search(r'xml-model href="(.+?)"', (text := (ROOT / "package.xml").read_text()))
    assert schema
    command = ["xmllint", "--noout", "--schema", schema[1], "-"]
    try:
        result = subprocess.run(command, input=text, capture_output=True, text=True, timeout=30)
    except subprocess.TimeoutExpired:
        pytest.skip(f"{schema[1]} does not answer")
    if result.returncode == XMLLINT_WITHOUT_SCHEMA:
        pytest.skip(f"xmllint cannot fetch {schema[1]}")
    assert result.returncode == 0, result.stderr


def test_pip_and_ros_install_the_same_programs() -> None:
    cmake = (ROOT / "CMakeLists.txt").read_text()
    nodes = re.search(r"foreach\(node ([\w ]+)\)", cmake)
    script = r'^(\w+)_node = "diffupose_ros\.start:\1_node"$'
    scripts = [f"{name}_node" for name in re.findall(script, (ROOT / "pyproject.toml").read_text(), re.M)]
    assert nodes and sorted(nodes[1].split()) == sorted(scripts) != []
    assert "install_program(diffupose command " in cmake


def test_ros_runs_the_tests_of_every_room() -> None:
    left_out = re.search(r"EXCLUDE REGEX \"\^\(([\w|]+)\)\$", (ROOT / "CMakeLists.txt").read_text())
    assert left_out
    tested = {path.parent.relative_to(ROOT / "test").parts for path in (ROOT / "test").rglob("test_*.py")}
    assert {rooms[0] for rooms in tested if rooms} & {*left_out[1].split("|")} == {"nodes", "standalone"}
    assert ("nodes",) not in tested  # its rooms are tests of their own


def test_python_files_name_copyright_and_licence() -> None:
    header = "".join(Path(__file__).read_text().partition("# limitations under the License.\n")[:2])
    folders = ("benchmarks", "diffupose_ros", "docs", "examples", "launch", "test")
    code = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    assert [path for path in [*code, ROOT / "setup.py"] if not path.read_text().startswith(header)] == []
    c_code = (ROOT / "diffupose_ros/lifting/engine/kernels.c").read_text()
    assert c_code.startswith(header.replace("#", "//"))


def test_the_shipped_model_says_what_it_measured_and_keeps_to_the_bar(lifter: Lifter) -> None:
    path = resource_path("resource/weights/default.safetensors")
    assert path.stat().st_size < 25e6
    metrics = lifter.checkpoint.card["metrics"]
    assert metrics["clean"]["mpjpe_mm"] < 55
    for condition in ("bodies", "real"):  # what it promises: measured crosswise over subjects
        assert 0.88 < metrics[condition]["coverage_90"] < 0.92 and 0.46 < metrics[condition]["coverage_50"] < 0.54
        assert metrics[condition]["ece"] <= 0.05
    assert all(metrics[posture]["coverage_90"] > 0.85 for posture in POSTURES)


def test_the_shipped_model_lifts_real_motion_seen_by_random_cameras(lifter: Lifter) -> None:
    scene = Scene(resource_path("resource/clips/people.npz"), 5)
    frames = [scene.poses(frame) @ scene.TO_OPTICAL for frame in range(0, 600, 25)]
    poses, _ = random_views(np.concatenate(frames), np.random.default_rng(5))
    poses = poses[(poses[..., 2] > 0.3).all(1)]
    camera = Camera(np.diag([1000, 1000, 1]))
    lifted = lifter.lift(camera.project(poses), np.ones(poses.shape[:2]), camera, "h36m17", seed=0, detector="exact")
    relative, truth = lifted.mean - lifted.mean[:, :1], poses - poses[:, :1]
    assert len(poses) > 80
    assert 1000 * np.linalg.norm(relative - truth, axis=-1).mean() < 55


def test_ellipsoids_of_the_demo_hold_about_what_they_promise(lifter: Lifter) -> None:
    scene = Scene(resource_path("resource/clips/people.npz"), 5)
    detector = SimulatedDetector("coco17", noise=1.0, occlusion=0.4)
    inside = []
    for frame in range(0, 600, 15):
        poses = scene.poses(frame)
        pixels, scores = detector.observe(poses, scene.camera, frame / Scene.RATE)
        lifted = lifter.lift(pixels, scores, scene.camera, seed=0, detector="simulated")
        error = (lifted.mean - lifted.mean[:, :1]) - (poses - poses[:, :1])
        level = containing_probability(mahalanobis2(error, lifted.covariance), lifted.freedom)[:, 1:]
        inside.append([level < probability for probability in (0.5, 0.9)])
    half, ninety = np.mean(inside, axis=(0, 2, 3))
    assert 0.4 < half < 0.7
    assert 0.8 < ninety < 0.97
