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

"""What the people node says when its estimator fails."""

from __future__ import annotations

import rclpy
from rclpy.time import Time
from std_msgs.msg import Header
from support.walkers import seen

from diffupose_ros.nodes.people.node import PeopleNode


def test_when_the_estimator_fails_again_and_again_that_nobody_is_there_is_said_once() -> None:
    rclpy.init(args=[])
    node, said = PeopleNode(), []
    node.autostart()
    publish = node._publish
    node._publish = lambda people: (said.append(len(people)), publish(people))  # type: ignore[method-assign]
    header = Header(frame_id="camera", stamp=Time(seconds=7).to_msg())
    node._taken(("skeletons_3d", seen(header, 0)), True)
    for _ in range(3):
        node._guard(lambda: [][0])
    assert said == [1, 0]
    node.destroy_node()
    rclpy.try_shutdown()
