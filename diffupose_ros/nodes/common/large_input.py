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

"""Input of large messages, such as images."""

from collections.abc import Callable
from typing import Any

from diffupose_ros.nodes.common.qos import NEWEST, NEWEST_RELIABLE, subscription_events

_SILENCE = 2.0  # s
_MOST = 20  # times that: each restart in vain makes the camera's log a line longer


class LargeInput:
    """A subscription to messages of many packets, the newest of them.

    Of those a packet is lost now and then, which only a reliable subscription asks for again; a best-effort one of
    a reliable publisher may fall silent for ever (Cyclone DDS). It becomes best effort where a publisher is, and starts
    afresh, reliable, when it then hears nothing for some seconds, and then ever less often, at last every 42 seconds.

    Args:
        node: that subscribes.
        kind: type of the messages.
        topic: their topic.
        callback: takes each message.
    """

    def __init__(self, node: Any, kind: type, topic: str, callback: Callable[[Any], None]) -> None:
        self._node, self._kind, self._topic, self._callback = node, kind, topic, callback
        self._heard = self._told = False
        self._silent, self._patience = 0, 1  # times _SILENCE
        self._subscription: Any = None
        self._subscribe_reliably()
        self._timer = node.create_timer(_SILENCE, self._look)

    def destroy(self) -> None:
        """Unsubscribe."""
        self._node.destroy_timer(self._timer)
        self._replace(None)

    def _subscribe_reliably(self) -> None:
        events = subscription_events(lambda: self._fall_back(subscription))
        subscription = self._create(NEWEST_RELIABLE, event_callbacks=events)
        self._reliable = True
        self._replace(subscription)

    def _fall_back(self, subscription: Any) -> None:
        if subscription is not self._subscription:  # an event of one that is gone
            return
        self._reliable = False
        self._replace(self._create(NEWEST))
        if not self._told:
            self._told = True
            self._node.get_logger().info(f"{self._topic} is best effort: images of which a part is lost are lost")

    def _look(self) -> None:
        heard, self._heard = self._heard, False
        if heard and self._silent == 0:  # twice in a row: not a camera that is merely slow
            self._patience = 1
        self._silent = 0 if heard or self._reliable else self._silent + 1
        if self._silent > self._patience:
            self._silent, self._patience = 0, min(2 * self._patience, _MOST)
            self._subscribe_reliably()

    def _receive(self, message: Any) -> None:
        self._heard = True
        self._callback(message)

    def _create(self, qos: Any, **events: Any) -> Any:
        return self._node.create_subscription(self._kind, self._topic, self._receive, qos, **events)

    def _replace(self, subscription: Any) -> None:
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
        self._subscription = subscription
