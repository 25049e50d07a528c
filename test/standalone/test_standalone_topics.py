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

"""Topics between two processes, over real DDS."""

from __future__ import annotations

from support.standalone import peer, running, spin_until

# isort: split
import threading
import time
from collections.abc import Iterator

import pytest
import rclpy
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
from rclpy.exceptions import InvalidHandle
from rclpy.executors import MultiThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSPolicyKind, QoSProfile, qos_profile_sensor_data
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image
from std_msgs.msg import String


@pytest.fixture
def node() -> Iterator[Node]:
    with running():
        made = rclpy.create_node("tester")
        yield made
        made.destroy_node()


def connect(node: Node, topic: str, qos: object) -> tuple[object, list[str]]:
    """Return a connected publisher to the peer's input, and the list that its answers go to."""
    answers: list[str] = []
    node.create_subscription(String, "out", lambda msg: answers.append(msg.data), 10)
    publisher = node.create_publisher(String, topic, qos)
    spin_until(node, lambda: publisher.get_subscription_count() == 1 and node.count_publishers("out") == 1)
    spin_until(node, lambda: node.subscriptions[-1].get_publisher_count() == 1)
    return publisher, answers


def test_reliable_messages_all_arrive_in_order(node: Node) -> None:
    with peer("echo"):
        publisher, answers = connect(node, "in", 10)
        for number in range(5):
            publisher.publish(String(data=str(number)))
        spin_until(node, lambda: len(answers) == 5)
    assert answers == [f"1.0 {number}" for number in range(5)]


def test_best_effort_messages_arrive(node: Node) -> None:
    with peer("echo"):
        publisher, answers = connect(node, "in_best_effort", qos_profile_sensor_data)

        def answered() -> bool:
            publisher.publish(String(data="x"))
            return bool(answers)

        spin_until(node, answered)
    assert answers[0] == "1.0 x"


def test_depth_one_gives_a_slow_node_the_newest(node: Node) -> None:
    with peer("slow"):
        publisher, answers = connect(node, "in", 10)
        publisher.publish(String(data="first"))
        spin_until(node, lambda: answers == ["first"])  # it sleeps now
        for number in range(20):
            publisher.publish(String(data=str(number)))
        spin_until(node, lambda: len(answers) == 2)
    assert answers[1] == "19"


def test_a_late_subscriber_gets_the_latched_message(node: Node) -> None:
    with peer("latched"):
        got: list[str] = []
        qos = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        node.create_subscription(String, "out", lambda msg: got.append(msg.data), qos)
        spin_until(node, lambda: got == ["kept"])


def test_both_ends_are_told_that_their_qualities_do_not_fit(node: Node) -> None:
    for strict, kind in (
        (QoSProfile(depth=1), QoSPolicyKind.RELIABILITY),
        (QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL), QoSPolicyKind.DURABILITY),
    ):
        loose = qos_profile_sensor_data if kind is QoSPolicyKind.RELIABILITY else QoSProfile(depth=1)
        heard: list[tuple[str, object]] = []
        offer = PublisherEventCallbacks(incompatible_qos=lambda e, to=heard: to.append(("offered", e.last_policy_kind)))
        ask = SubscriptionEventCallbacks(incompatible_qos=lambda e, to=heard: to.append(("asked", e.last_policy_kind)))
        publisher = node.create_publisher(String, "mismatch", loose, event_callbacks=offer)
        subscription = node.create_subscription(String, "mismatch", print, strict, event_callbacks=ask)
        spin_until(node, lambda to=heard: len(to) == 2)
        assert sorted(heard) == [("asked", kind), ("offered", kind)]
        node.destroy_publisher(publisher)
        node.destroy_subscription(subscription)


def test_remapped_topics_and_namespace(node: Node) -> None:
    names = ["-r", "__ns:=/robot", "-r", "__node:=other", "-r", "in:=/there", "-r", "other:out:=/out"]
    with peer("echo", "--ros-args", *names):
        publisher, answers = connect(node, "/there", 10)
        publisher.publish(String(data="hello"))
        spin_until(node, lambda: answers == ["1.0 hello"])
        topics = dict(node.get_topic_names_and_types())
    assert topics["/there"] == ["std_msgs/msg/String"]
    assert "/robot/in_best_effort" in topics and "/in" not in topics


def test_counts_follow_the_subscribers(node: Node) -> None:
    publisher = node.create_publisher(String, "counted", 10)
    assert (publisher.get_subscription_count(), node.count_publishers("counted")) == (0, 1)
    subscription = node.create_subscription(String, "counted", print, 10)
    spin_until(node, lambda: publisher.get_subscription_count() == 1 == node.count_subscribers("counted"))
    node.destroy_subscription(subscription)
    spin_until(node, lambda: publisher.get_subscription_count() == 0 == node.count_subscribers("counted"))


def test_publishing_from_threads_while_spinning(node: Node) -> None:
    got: list[str] = []
    node.create_subscription(String, "many", lambda msg: got.append(msg.data), 200)
    publisher = node.create_publisher(String, "many", 200)

    def publish(name: int) -> None:
        for number in range(20):
            publisher.publish(String(data=f"{name} {number}"))

    threads = [threading.Thread(target=publish, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    spin_until(node, lambda: len(got) == 80)
    for thread in threads:
        thread.join()
    assert len(set(got)) == 80


def test_a_guard_condition_runs_its_callback_in_the_executor(node: Node) -> None:
    ran: list[str] = []
    guard = node.create_guard_condition(lambda: ran.append(threading.current_thread().name))
    threading.Thread(target=guard.trigger).start()
    spin_until(node, lambda: ran)
    assert ran == [threading.current_thread().name]


def test_bytes_are_published_as_they_are_and_raw_ones_received(node: Node) -> None:
    got: list[bytes] = []
    node.create_subscription(Image, "raw", got.append, 1, raw=True)
    data = serialize_message(Image(width=3, data=b"abc"))
    node.create_publisher(Image, "raw", 1).publish(data)
    spin_until(node, lambda: got)
    assert got == [data]


def test_broken_bytes_and_wrong_types_are_refused(node: Node) -> None:
    publisher = node.create_publisher(Image, "typed", 5)
    with pytest.raises(ValueError, match="40 bytes are not a sensor_msgs::msg::dds_::Image_"):
        publisher.publish(b"\0\1\0\0" + b"\xff" * 36)
    with pytest.raises(TypeError, match="Expected"):
        publisher.publish(String())
    node.destroy_publisher(publisher)
    with pytest.raises(InvalidHandle):
        publisher.publish(Image())


def test_threads_run_callbacks_of_different_groups_together(node: Node) -> None:
    both = threading.Barrier(2, timeout=20.0)
    met: list[int] = []
    inside: list[int] = []

    def meet() -> None:
        met.append(both.wait())

    def alone() -> None:
        inside.append(1)
        assert len(inside) == 1
        time.sleep(0.01)
        inside.pop()
        met.append(9)

    for callback, group in (
        (meet, MutuallyExclusiveCallbackGroup()),
        (meet, MutuallyExclusiveCallbackGroup()),
    ):
        node.create_timer(0.01, callback, callback_group=group)
    for _ in range(2):
        node.create_timer(0.01, alone)
    executor = MultiThreadedExecutor(num_threads=4)
    executor.add_node(node)
    end = time.monotonic() + 20.0
    while {0, 1, 9} - set(met) or met.count(9) < 6:
        assert time.monotonic() < end
        executor.spin_once(timeout_sec=0.1)
    both.abort()
    executor.shutdown(timeout_sec=1.0)
