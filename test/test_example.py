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

"""The planner in examples/: its mathematics, and the whole of it on real topics."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diffupose_ros.msg import Joint3D, Skeleton3D, Skeleton3DArray
from geometry_msgs.msg import Point
from std_msgs.msg import Float32
from support import ROOT
from support.nodes import PATIENCE, SCENE, Planner, connected, node_process

from diffupose_ros.data.detectors import SimulatedDetector
from diffupose_ros.lifting import Lifter

EXAMPLE = ROOT / "examples" / "slow_down.py"
K = 2.7955  # square root of the 95 % quantile of chi-square with 3 degrees of freedom, from a table


def load_example() -> Any:
    spec = importlib.util.spec_from_file_location("slow_down", EXAMPLE)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["slow_down"] = module
    spec.loader.exec_module(module)
    return module


example = load_example()
SETTINGS = example.Settings(robot_radius=0.0)


def message(position: tuple[float, float, float], joint: np.ndarray, root: np.ndarray | None = None) -> Skeleton3DArray:
    """Return one person whose right wrist is at ``position``, and whose other joints are 50 m behind."""
    far = Joint3D(position=Point(x=position[0], y=position[1], z=position[2] + 50))
    wrist = Joint3D(position=Point(**dict(zip("xyz", position, strict=True))), covariance=joint.ravel())
    person = Skeleton3D(id="ada", joints=[far] * 16 + [wrist])
    covariance = np.zeros((6, 6))
    covariance[:3, :3] = 0 if root is None else root
    person.root.covariance = covariance.ravel()
    return Skeleton3DArray(skeletons=[person])


def scale(*person: Any, age: float = 0.1, **settings: Any) -> float:
    return float(example.decide(example.joints(message(*person)), age, example.Settings(**settings))[0])


def along_z(deviation: float) -> np.ndarray:
    return np.diag([0, 0, deviation**2])


def test_a_joint_straight_ahead_gives_the_distance_computed_by_hand() -> None:
    extent = example.extents(np.array([[0, 0, 3.0]]), along_z(0.1)[None], 0.95)
    assert extent == pytest.approx([0.1 * K], abs=1e-5)
    # 1.6 m/s * (0.1 + 0.1 + 0.3) s + 1 m/s * 0.2 s + 1 m/s * 0.3 s / 2 + 0.2 m + 0.28 m + 0.02 m
    assert example.protective_distance(1.0, extent[0], 0.1, SETTINGS) == pytest.approx(1.37 + 0.1 * K, abs=1e-5)
    # At rest: 1.6 m/s * 0.2 s + 0.2 m + 0.28 m + 0.02 m
    assert example.protective_distance(0.0, extent[0], 0.1, SETTINGS) == pytest.approx(0.54 + 0.1 * K, abs=1e-5)


def test_the_robot_goes_slows_and_stops_where_the_distances_say_so() -> None:
    def at(distance: float) -> float:
        return scale((0.0, 0.0, distance), along_z(0.1), robot_radius=0.0)

    assert at(1.38 + 0.1 * K) == 1
    assert 0 < at(1.0 + 0.1 * K) < at(1.36 + 0.1 * K) < 1
    assert at(0.53 + 0.1 * K) == at(0.0) == 0
    assert scale((0.0, 0.0, 1.68 + 0.1 * K), along_z(0.1)) == 1  # the robot's radius counts too
    assert scale((0.0, 0.0, 1.66 + 0.1 * K), along_z(0.1)) < 1


def test_the_speed_it_allows_keeps_the_distance_and_the_next_higher_does_not() -> None:
    for distance in np.linspace(0.85, 1.6, 20):
        allowed = example.speed_scale(distance, 0.28, 0.1, SETTINGS)
        assert example.protective_distance(allowed, 0.28, 0.1, SETTINGS) <= distance
        assert allowed == 1 or example.protective_distance(allowed + 0.01, 0.28, 0.1, SETTINGS) > distance


def test_the_less_sure_the_earlier_it_slows_down() -> None:
    scales = [scale((0.0, 0.0, 1.9), along_z(deviation)) for deviation in (0.01, 0.05, 0.1, 0.2, 0.4)]
    assert scales == sorted(scales, reverse=True)
    assert scales[0] == 1 and scales[-1] == 0 and len(set(scales)) >= 4


def test_uncertainty_across_the_line_to_the_robot_counts_less_than_along_it() -> None:
    position, sideways = (0.0, 0.0, 1.9), np.diag([0.2**2, 0.2**2, 0])
    assert scale(position, sideways) == 1 > scale(position, along_z(0.2))
    # A robot beside the person sees it the other way round.
    assert scale(position, sideways, robot_position=(1.9, 0.0, 1.9)) < 1
    assert scale(position, along_z(0.2), robot_position=(1.9, 0.0, 1.9)) == 1


def test_no_point_of_the_ellipsoid_is_nearer_than_it_says() -> None:
    rng = np.random.default_rng(0)
    factor = rng.normal(size=(20, 3, 3)) * 0.2
    offsets, covariances = rng.normal(size=(20, 3)) * 3, factor @ np.swapaxes(factor, 1, 2)
    sphere = rng.normal(size=(5000, 3))
    sphere *= K / np.linalg.norm(sphere, axis=1, keepdims=True)
    surface = offsets[:, None] + np.einsum("nij,mj->nmi", factor, sphere)
    bound = np.linalg.norm(offsets, axis=1) - example.extents(offsets, covariances, 0.95)
    assert (np.linalg.norm(surface, axis=-1).min(1) >= bound - 1e-3).all()


def test_the_uncertainty_of_the_persons_place_is_added_to_the_joints() -> None:
    position = (0.0, 0.0, 1.9)
    _, covariances, names = example.joints(message(position, along_z(0.03), along_z(0.04)))
    assert names[16] == "right_wrist of ada"
    np.testing.assert_allclose(covariances[16], along_z(0.05))
    np.testing.assert_allclose(covariances[0], along_z(0.04))
    assert scale(position, along_z(0.1), along_z(0.2)) == scale(position, along_z(np.hypot(0.1, 0.2)))


def test_the_joint_that_may_be_nearest_decides_not_the_one_whose_mean_is() -> None:
    near, doubtful = message((0.0, 0.0, 2.0), along_z(0.01)), message((0.3, 0.0, 2.2), along_z(0.3))
    doubtful.skeletons[0].id = "bob"
    both = Skeleton3DArray(skeletons=[*near.skeletons, *doubtful.skeletons])
    allowed, why = example.decide(example.joints(both), 0.1, example.Settings())
    assert allowed < 1
    assert why.startswith("right_wrist of bob at 1.92 m")


def test_older_data_mean_a_larger_distance_and_too_old_ones_a_stop() -> None:
    person = (0.0, 0.0, 1.45), along_z(0.05)
    assert scale(*person, age=0.0) > scale(*person, age=0.2) > scale(*person, age=0.4) == 0
    far = (0.0, 0.0, 20.0), along_z(0.05)
    assert scale(*far, age=0.5) == 1
    assert scale(*far, age=0.51) == scale(*far, age=float("inf")) == scale(*far, age=float("nan")) == 0


def test_nobody_is_go_only_while_the_message_is_fresh() -> None:
    nobody = example.joints(Skeleton3DArray())
    assert example.decide(nobody, 0.1, SETTINGS) == (1.0, "nobody in sight")
    assert example.decide(nobody, 0.6, SETTINGS)[0] == 0


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_what_is_not_a_number_stops_the_robot() -> None:
    nan = float("nan")
    assert scale((nan, 0.0, 9.0), along_z(0.1)) == 0
    assert scale((0.0, 0.0, 9.0), along_z(nan)) == 0
    assert scale((0.0, 0.0, 9.0), along_z(0.1), human_speed=nan) == 0
    assert scale((0.0, 0.0, 9.0), along_z(0.1), probability=1.5) == 0


def test_recorded_people_are_hardly_ever_nearer_than_it_says(lifter: Lifter) -> None:
    detector, nearer = SimulatedDetector("coco17", noise=1.0, occlusion=0.4, seed=0), []
    for frame in range(0, SCENE.frames, 30):
        truth = SCENE.poses(frame)
        seen = detector.observe(truth, SCENE.camera, frame / 30)
        lifted = lifter.lift(*seen, SCENE.camera, "coco17", seed=0, detector="simulated")
        covariances = lifted.covariance + lifted.root_covariance[:, None]
        for robot in ((0.0, 0.0, 0.0), (2.5, 0.0, 3.0)):
            offsets = (lifted.mean - robot).reshape(-1, 3)
            extents = example.extents(offsets, covariances.reshape(-1, 3, 3), 0.95)
            nearer.append(np.linalg.norm(truth - robot, axis=-1).ravel() < np.linalg.norm(offsets, axis=1) - extents)
    assert np.mean(nearer) < 0.01


@contextlib.contextmanager
def example_process(log: Path, *parameters: str) -> Iterator[None]:
    """Run the example; it must end with exit code 0 on SIGINT."""
    command = [sys.executable, str(EXAMPLE), "--ros-args", *(a for p in parameters for a in ("-p", p))]
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    with log.open("w") as file:
        process = subprocess.Popen(command, stderr=file, env={**os.environ, "PYTHONPATH": paths})
    try:
        yield
        assert process.poll() is None, log.read_text()
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def planner() -> Iterator[Planner]:
    with connected(lambda: Planner(outputs=())) as planner:
        yield planner


def test_on_real_topics_it_slows_down_for_people_and_stops_when_they_fall_silent(
    planner: Planner, tmp_path: Path
) -> None:
    scales: list[float] = []
    planner.node.create_subscription(Float32, "speed_scale", lambda message: scales.append(message.data), 50)
    # A robot a metre before the camera, with the people around; a busy machine may take its time.
    near = ("robot_position:=[0.0, 0.0, 1.0]", "stopping_time:=0.4", "max_age:=3.0")
    log = tmp_path / "log"
    with node_process("replay_node", "-p", "rate:=10.0"), example_process(log, *near):
        planner.spin_until(lambda: len(scales) >= 3)
        assert set(scales) == {0.0}  # nobody has said yet that nobody is there
        with node_process("lift_node", "-p", "steps:=2", "-p", "hypotheses:=5"):
            planner.spin_until(lambda: len({s for s in scales if 0 < s < 1}) >= 5)
        planner.spin_until(lambda: "no skeletons younger" in log.read_text().rpartition("SLOW")[2])
        published = len(scales)
        planner.spin_until(lambda: len(scales) >= published + 10)
        assert set(scales[published:]) == {0.0}
    assert all(0 <= s <= 1 for s in scales)
    lines = [line.partition("[slow_down]: ")[2] for line in log.read_text().splitlines() if "[slow_down]: " in line]
    slow = [line for line in lines if line.startswith("SLOW 0.")]
    assert slow and all(" of person_" in line and "uncertain by" in line for line in slow)
    assert lines[0] == "STOP 0.00: no skeletons younger than 3.0 s; the newest: inf s"
