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

"""What planners are told: every output against the capsules that it is of."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from std_msgs.msg import Header
from support.planning import DEVIATION, add_planning_messages, standing
from support.walkers import seen
from visualization_msgs.msg import Marker

from diffupose_ros.nodes.planner.intake import Bodies, read_people, read_skeletons
from diffupose_ros.nodes.planner.node import PARAMETERS
from diffupose_ros.nodes.planner.outputs import OUTPUTS, Output
from diffupose_ros.nodes.planner.outputs.solids import BALLS, CYLINDERS, solids
from diffupose_ros.planning import Capsules, holding

HEADER = Header(frame_id="odom")
HEADER.stamp.sec = 7
VALUES: Any = {row.name: row.default for row in PARAMETERS}
TWO = standing(HEADER, (1, 0), (3, 2), velocity=(0.5, 0, 0))


def made(name: str) -> Output:
    """Return an output; skip where its messages cannot be had."""
    if not add_planning_messages():
        pytest.skip("needs a ROS 2 with the messages of MoveIt, Nav2 and people")
    return OUTPUTS[name](VALUES)


def held(people: Bodies) -> Capsules:
    return holding(people.positions, people.covariance, people.stature, 0.95, people.freedom)


def built(output: Output, message: Any = TWO) -> Any:
    people = read_people(message)
    return output.build(HEADER, people, held(people))


def inside(parts: Any, points: np.ndarray) -> np.ndarray:
    """Return which points are inside of any of one person's solids."""
    found = np.zeros(len(points), bool)
    for pose, (length, radius) in zip(parts.cylinders, parts.sizes, strict=True):
        p, q = pose.position, pose.orientation
        local = Rotation.from_quat([q.x, q.y, q.z, q.w]).inv().apply(points - (p.x, p.y, p.z))
        found |= (np.abs(local[:, 2]) <= length / 2) & (np.linalg.norm(local[:, :2], axis=1) <= radius)
    for pose, radius in zip(parts.balls, parts.radii, strict=True):
        p = pose.position
        found |= np.linalg.norm(points - (p.x, p.y, p.z), axis=1) <= radius
    return found


def test_solids_are_the_capsules() -> None:
    capsules = held(read_people(TWO))
    points = np.random.default_rng(0).uniform((-0.5, -1, 0), (2, 1, 2), (3000, 3))
    exact = capsules.distance(np.stack([points, points]))[0].min(0) < 0
    np.testing.assert_array_equal(inside(solids(capsules)[0], points), exact)


def test_solids_of_upright_and_of_overturned_parts() -> None:
    people = read_people(standing(HEADER, (0, 0)))
    upside_down = people.placed(np.diag([1.0, -1, -1, 1]))
    points = np.random.default_rng(0).uniform(-2, 2, (3000, 3))
    capsules = held(upside_down)
    exact = capsules.distance(points[None])[0].min(0) < 0
    np.testing.assert_array_equal(inside(solids(capsules)[0], points), exact)


def cloud(message: Any) -> np.ndarray:
    assert [(f.name, f.offset, f.datatype) for f in message.fields] == [("x", 0, 7), ("y", 4, 7), ("z", 8, 7)]
    assert (message.height, message.point_step, message.row_step) == (1, 12, 12 * message.width)
    return np.frombuffer(bytes(message.data), "<f4").reshape(message.width, 3)


def test_points_of_the_cloud_lie_on_the_capsules() -> None:
    points = cloud(built(made("obstacles")))
    distance = held(read_people(TWO)).distance(np.stack([points, points]).astype(float)).min((0, 1))
    np.testing.assert_allclose(distance, 0, atol=1e-5)
    poses = built(made("body_points")).poses
    np.testing.assert_allclose([(p.position.x, p.position.y, p.position.z) for p in poses], points, atol=1e-6)


def test_where_nobody_is_the_clouds_are_empty() -> None:
    nobody = standing(HEADER)
    assert cloud(built(made("obstacles"), nobody)).shape == (0, 3)
    assert built(made("body_points"), nobody).poses == []
    assert made("obstacles").clear() is None


def test_markers_stay_with_people_and_are_deleted() -> None:
    output = made("capsules")
    first = built(output).markers
    ids = [(m.ns, m.id) for m in first]
    assert len(set(ids)) == len(ids) == 2 * (CYLINDERS + BALLS)
    assert all(m.action == Marker.ADD and m.header == HEADER and min(m.scale.x, m.scale.z) > 0 for m in first)
    stays = standing(HEADER, (1, 0))
    stays.people[0].id = "p1"
    markers = built(output, stays).markers
    gone = [(m.ns, m.id) for m in markers if m.action == Marker.DELETE]
    there = [(m.ns, m.id) for m in markers if m.action == Marker.ADD]
    assert set(gone) | set(there) == set(ids) and len(gone) == len(there)
    taken_back = output.clear()
    assert taken_back and {(m.ns, m.id) for m in taken_back.markers if m.action == Marker.DELETE} == set(there)
    assert output.clear() is None


def test_collision_objects_come_and_go_with_people() -> None:
    output = made("planning_scene")
    scene = built(output)
    assert scene.is_diff and scene.robot_state.is_diff
    kind = output._moveit.CollisionObject  # type: ignore[attr-defined]
    objects = scene.world.collision_objects
    assert [(o.id, o.operation) for o in objects] == [("person_p0", kind.ADD), ("person_p1", kind.ADD)]
    for each in objects:
        assert each.header == HEADER
        assert len(each.primitives) == len(each.primitive_poses) == CYLINDERS + BALLS
        assert all(min(primitive.dimensions) > 0 for primitive in each.primitives)
    objects = built(output, standing(HEADER, (1, 0))).world.collision_objects
    assert [(o.id, o.operation) for o in objects] == [("person_p1", kind.REMOVE), ("person_p0", kind.ADD)]
    taken_back = output.clear()
    assert [(o.id, o.operation) for o in taken_back.world.collision_objects] == [("person_p0", kind.REMOVE)]
    assert output.clear() is None
    assert built(output, standing(HEADER)).world.collision_objects == []


def test_dynamic_obstacles_hold_the_whole_of_people() -> None:
    output = made("obstacle_array")
    one, other = built(output).obstacles
    low, high = held(read_people(TWO)).box()
    assert (one.position.x, one.size.z) == pytest.approx(((low + high)[0, 0] / 2, (high - low)[0, 2]))
    assert one.velocity.x == 0.5
    np.testing.assert_allclose(one.position_covariance, DEVIATION**2 * np.eye(3).ravel())
    assert bytes(one.uuid.uuid) != bytes(other.uuid.uuid)
    assert bytes(built(output).obstacles[0].uuid.uuid) == bytes(one.uuid.uuid)
    people = read_skeletons(seen(HEADER, 0))
    (unknown,) = output.build(HEADER, people, held(people)).obstacles
    assert unknown.velocity.x == 0
    np.testing.assert_allclose(unknown.velocity_covariance, VALUES["human_speed"] ** 2 * np.eye(3).ravel())


def test_social_people_say_how_sure_they_are_by_tags() -> None:
    one, _ = built(made("social_people")).people
    assert (one.name, one.position.x, one.velocity.x, one.reliability) == ("p0", 1.0, 0.5, 1.0)
    tags = dict(zip(one.tagnames, one.tags, strict=True))
    assert float(tags["position_deviation"]) == float(tags["velocity_deviation"]) == DEVIATION
    assert (tags["stature"], tags["coasting"], tags["novel"]) == ("1.75", "false", "false")


def test_fifty_people_are_as_many_in_every_output() -> None:
    many = standing(HEADER, *((float(i), 0.0) for i in range(50)))
    assert len(built(made("planning_scene"), many).world.collision_objects) == 50
    assert len(built(made("obstacle_array"), many).obstacles) == len(built(made("social_people"), many).people) == 50
    assert built(made("obstacles"), many).width == 50 * built(made("obstacles"), standing(HEADER, (0, 0))).width


@pytest.mark.parametrize(
    ("name", "package", "how"),
    [
        ("planning_scene", "moveit_msgs", "sudo apt install ros-jazzy-moveit-msgs"),
        ("obstacle_array", "nav2_dynamic_msgs", "git clone https://github.com/ros-navigation/navigation2_dynamic"),
        ("social_people", "people_msgs", "git clone -b ros2 https://github.com/wg-perception/people"),
    ],
)
def test_without_its_package_an_output_says_what_to_install(
    name: str, package: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setenv("ROS_DISTRO", "jazzy")
    with pytest.raises(ModuleNotFoundError, match=f"the output {name} needs a ROS 2 with the package {package}: {how}"):
        OUTPUTS[name](VALUES)
