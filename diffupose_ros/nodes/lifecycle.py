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

"""What all lifecycle nodes of this package share."""

from typing import Any

from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn


class ManagedNode(LifecycleNode):
    """A lifecycle node that starts by itself, and that no request for a transition can end.

    Subclasses have ``parameters`` with ``autostart``.
    """

    def autostart(self) -> None:
        """Configure and activate if the parameter says so; stays unconfigured where that fails."""
        if self.parameters["autostart"] and self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    def _LifecycleNodeMixin__change_state(self, transition_id: int) -> Any:  # noqa: N802
        # rclpy raises where the state has no such transition, and the node ends (ros2/rclpy#1209, mended in 2024).
        try:
            return super()._LifecycleNodeMixin__change_state(transition_id)
        except RuntimeError as error:
            self.get_logger().error(f"transition {transition_id} is not possible now: {error}")
            return TransitionCallbackReturn.ERROR
