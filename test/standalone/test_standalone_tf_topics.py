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
"""Transforms between two processes, over real DDS, and what a jump of /clock does to them."""

from __future__ import annotations

from support.standalone import peer, running, spin_until

# isort: split
from collections.abc import Iterator

import pytest
import rclpy
from geometry_msgs.msg import TransformStamped
from rclpy.clock import ClockChange, JumpThreshold, TimeJump
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.time import Time
from rosgraph_msgs.msg import Clock
from std_msgs.msg import Header
from tf2_ros import Buffer, StaticTransformBroadcaster, TransformBroadcaster, TransformListener


@pytest.fixture
def node() -> Iterator[Node]:
    with running():
        made = rclpy.create_node("tester")
        yield made
        made.destroy_node()


def frame(parent: str, child: str, seconds: int = 0, x: float = 0.0) -> TransformStamped:
    header = Header(frame_id=parent, stamp=Time(seconds=seconds).to_msg())
    placed = TransformStamped(header=header, child_frame_id=child)
    placed.transform.translation.x = x
    return placed


def test_a_robot_in_another_process_is_heard(node: Node, capfd: pytest.CaptureFixture[str]) -> None:
    with peer("frames"):
        buffer = Buffer(node=node)
        TransformListener(buffer, node)
        spin_until(node, lambda: buffer.can_transform("map", "camera", Time()))
        first = Time.from_msg(buffer.lookup_transform("map", "camera", Time()).header.stamp)
        between = first + Duration(seconds=0.0305)
        spin_until(node, lambda: buffer.can_transform("map", "camera", between))
    found = buffer.lookup_transform("map", "camera", between).transform.translation
    assert found.x == pytest.approx(between.nanoseconds % 10**12 / 1e9, abs=1e-6) and found.z == 1.5
    assert capfd.readouterr().err.count('TF_NAN_INPUT: the transform of "rubbish" in "map"') == 1


def test_a_listener_in_its_own_thread_lets_the_caller_wait(node: Node) -> None:
    buffer = Buffer()
    listener = TransformListener(buffer, node, spin_thread=True)
    with peer("frames"):
        found = buffer.lookup_transform("base", "camera", Time(), timeout=Duration(seconds=20))
    assert found.transform.translation.z == 1.5
    rclpy.shutdown()
    listener.dedicated_listener_thread.join(timeout=20)
    assert not listener.dedicated_listener_thread.is_alive()


def test_static_frames_add_up_and_the_last_word_counts(node: Node) -> None:
    sender = StaticTransformBroadcaster(node)
    sender.sendTransform(frame("map", "base", x=1.0))
    sender.sendTransform((frame("base", "camera"), frame("map", "base", x=2.0)))
    buffer = Buffer()
    listener = TransformListener(buffer, node)
    spin_until(node, lambda: buffer.can_transform("map", "camera", Time()))
    assert buffer.lookup_transform("map", "camera", Time()).transform.translation.x == 2.0
    listener.unregister()
    assert not {listener.tf_sub, listener.tf_static_sub} & set(node.subscriptions)


def test_a_clock_that_jumps_back_empties_the_buffer(node: Node, capfd: pytest.CaptureFixture[str]) -> None:
    node.set_parameters([Parameter("use_sim_time", value=True)])
    clock = node.create_publisher(Clock, "/clock", 10)
    sender = TransformBroadcaster(node)
    buffer = Buffer(node=node)
    TransformListener(buffer, node)
    spin_until(node, lambda: clock.get_subscription_count() == sender.pub_tf.get_subscription_count() == 1)

    def play(seconds: int) -> None:
        clock.publish(Clock(clock=Time(seconds=seconds).to_msg()))
        spin_until(node, lambda: node.get_clock().now().nanoseconds == seconds * 10**9)
        sender.sendTransform([frame("map", "base", seconds)])
        spin_until(node, lambda: buffer.can_transform("map", "base", Time(seconds=seconds)))

    play(100)
    play(101)
    assert "jump" not in capfd.readouterr().err
    play(5)
    assert capfd.readouterr().err.count("Detected jump back in time. Clearing tf buffer.") == 1
    assert not buffer.can_transform("map", "base", Time(seconds=100))


def test_jumps_are_told_from_the_threshold_on(node: Node) -> None:
    clock = node.get_clock()
    told: list[object] = []
    threshold = JumpThreshold(min_forward=Duration(seconds=5), min_backward=Duration(seconds=-1))
    times = iter(range(9))
    with clock.create_jump_callback(
        threshold, pre_callback=lambda: told.append(next(times)), post_callback=told.append
    ):
        clock.set_ros_time_override(Time(seconds=10))  # nobody reads it yet
        clock.ros_time_is_active = True
        for seconds in (14, 13.5, 12.5, 17.5):
            clock.set_ros_time_override(Time(seconds=seconds))
        clock.ros_time_is_active = False
    clock.ros_time_is_active = True
    changes = [jump for jump in told if isinstance(jump, TimeJump)]
    assert changes == [
        TimeJump(ClockChange.ROS_TIME_ACTIVATED, Duration()),
        TimeJump(ClockChange.ROS_TIME_NO_CHANGE, Duration(seconds=-1)),
        TimeJump(ClockChange.ROS_TIME_NO_CHANGE, Duration(seconds=5)),
        TimeJump(ClockChange.ROS_TIME_DEACTIVATED, Duration()),
    ]
    assert told[::2] == [0, 1, 2, 3]


def test_thresholds_have_the_right_signs() -> None:
    with pytest.raises(ValueError, match="min_forward must be a positive non-zero duration"):
        JumpThreshold(min_forward=Duration(), min_backward=None)
    with pytest.raises(ValueError, match="min_backward must be a negative non-zero duration"):
        JumpThreshold(min_forward=None, min_backward=Duration(seconds=1))
