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

"""Messages of rclpy into bags."""

from typing import Any

from rclpy.serialization import serialize_message

from diffupose_ros.bags import BagRecorder


def type_name(kind: type) -> str:
    """Return a message class's name, such as ``sensor_msgs/msg/CameraInfo``."""
    return f"{kind.__module__.partition('.')[0]}/msg/{kind.__name__}"


def record(bag: BagRecorder, topic: str, message: Any, received: int) -> None:
    """Append a message, received at ``received`` nanoseconds."""
    bag.write(topic, type_name(type(message)), serialize_message(message), received)
