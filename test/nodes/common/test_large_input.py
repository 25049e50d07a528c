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

"""Input of images: reliable where it can be, best effort where the camera is."""

import pytest
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import Image
from support.nodes import Observer, connected

from diffupose_ros.nodes.common import large_input
from diffupose_ros.nodes.common.large_input import LargeInput
from diffupose_ros.nodes.common.qos import publisher_events


def test_a_best_effort_camera_is_heard_and_silence_starts_it_afresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_input, "_SILENCE", 0.3)
    refused: list[str] = []  # reliable subscriptions, by the best-effort publisher
    heard: list[Image] = []
    with connected(lambda: Observer("camera", "nobody")) as observer:
        node, spin = observer.node, observer.spin_until
        events = publisher_events("image", lambda _, detail: refused.append(detail))
        camera = node.create_publisher(Image, "image", qos_profile_sensor_data, event_callbacks=events)
        images = LargeInput(node, Image, "image", heard.append)
        spin(lambda: heard or camera.publish(Image()))
        spin(lambda: len(refused) >= 3)  # silent: asked anew twice, and fallen back
        heard.clear()
        spin(lambda: heard or camera.publish(Image()))

        node.destroy_publisher(camera)
        reliable = node.create_publisher(Image, "image", QoSProfile(depth=1))
        heard.clear()
        spin(lambda: heard or reliable.publish(Image()))

        images.destroy()
        spin(lambda: node.count_subscribers("image") == 0)
