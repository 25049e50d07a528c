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

"""`ros2 launch diffupose_ros lift.launch.py demo:=true` on a real ROS 2: every transition, parameters, exit codes."""

from __future__ import annotations

import unittest
from typing import Any

import pytest

pytest.importorskip("launch_testing", reason="needs a ROS 2: launch is not part of the standalone runtime")

import launch_testing.actions
import launch_testing.asserts
import rclpy
from diffupose_ros.msg import People
from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from lifecycle_msgs.msg import Transition
from support.nodes import Operator
from tf2_msgs.msg import TFMessage

from diffupose_ros.resources import resource_path

ARGUMENTS = {"demo": "true", "device": "cpu", "steps": "2", "publish_tf": "true"}


@pytest.mark.launch_test
def generate_test_description() -> LaunchDescription:
    source = PythonLaunchDescriptionSource(str(resource_path("launch/lift.launch.py")))
    return LaunchDescription(
        [
            IncludeLaunchDescription(source, launch_arguments=ARGUMENTS.items()),
            launch_testing.actions.ReadyToTest(),
        ]
    )


class TestLaunch(unittest.TestCase):
    def setUp(self) -> None:
        rclpy.init(args=[])
        self.operator = Operator(("skeletons_3d", "markers"))

    def tearDown(self) -> None:
        self.operator.node.destroy_node()
        rclpy.try_shutdown()

    def receive(self) -> Any:
        """Wait for people from now on, and return them."""
        self.operator.skeletons.clear()
        self.operator.spin_until(lambda: any(m.skeletons for m in self.operator.skeletons))
        return self.operator.skeletons[-1]

    def test_arguments_become_parameters(self) -> None:
        self.assertEqual(self.operator.get("steps").integer_value, 2)
        self.assertEqual(self.operator.get("hypotheses").integer_value, 10)

    def test_people_are_lifted_drawn_and_broadcast_until_the_last_transition(self) -> None:
        operator, transforms, people = self.operator, [], []
        operator.node.create_subscription(TFMessage, "/tf", transforms.append, 10)
        self.assertEqual(self.receive().header.frame_id, "camera_optical_frame")
        operator.node.create_subscription(People, "people", people.append, 10)
        operator.spin_until(lambda: operator.received["markers"] and transforms and any(m.people for m in people))
        self.assertIn("body_person_0", {t.child_frame_id for t in transforms[-1].transforms})

        self.assertEqual(operator.state(), "active")
        self.assertTrue(operator.change(Transition.TRANSITION_DEACTIVATE))
        self.assertTrue(operator.change(Transition.TRANSITION_CLEANUP))
        self.assertEqual(operator.state(), "unconfigured")
        self.assertTrue(operator.change(Transition.TRANSITION_CONFIGURE))
        self.assertEqual(operator.state(), "inactive")
        self.assertFalse(operator.change(Transition.TRANSITION_CONFIGURE))
        self.assertTrue(operator.change(Transition.TRANSITION_ACTIVATE))
        self.receive()
        self.assertTrue(operator.change(Transition.TRANSITION_ACTIVE_SHUTDOWN))
        self.assertEqual(operator.state(), "finalized")


@launch_testing.post_shutdown_test()
class TestAfterShutdown(unittest.TestCase):
    def test_every_process_ends_well(self, proc_info: Any) -> None:
        launch_testing.asserts.assertExitCodes(proc_info)
