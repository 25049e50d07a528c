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

"""Quality of service of the topics, and what is said where the other end asks for another."""

from collections.abc import Callable
from typing import Any

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy, qos_policy_name_from_kind

try:
    from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import PublisherEventCallbacks, SubscriptionEventCallbacks

NEWEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
"""Of inputs: suits every publisher, reliable or not, latched or not."""
EVERY = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
"""The same of inputs of which each counts."""
NEWEST_RELIABLE = QoSProfile(depth=1)
OUTPUT = QoSProfile(depth=5)
TF = QoSProfile(depth=100)  # as tf2_ros' broadcasters
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
TF_STATIC = LATCHED


def publisher_events(topic: str, problem: Callable[[str, str], None]) -> PublisherEventCallbacks:
    """Return callbacks that report each subscription which a volatile publisher of ``topic`` cannot serve."""

    def report(event: Any) -> None:
        policy = qos_policy_name_from_kind(event.last_policy_kind).lower()
        detail = f"a subscription to {topic} gets nothing, for the {policy} it asks for"
        problem("incompatible QoS", f"{detail}: give it durability volatile, no deadline, liveliness automatic")

    return PublisherEventCallbacks(incompatible_qos=report)


def subscription_events(incompatible: Callable[[], None]) -> SubscriptionEventCallbacks:
    """Return callbacks that tell of each publisher which cannot serve a subscription."""
    return SubscriptionEventCallbacks(incompatible_qos=lambda _: incompatible())
