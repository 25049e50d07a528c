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

"""The thread on which messages for planners are built: many people's surfaces take a while, and speed must not wait."""

import time
from typing import Any

from std_msgs.msg import Header

from diffupose_ros.nodes.common.worker import Host, Worker
from diffupose_ros.nodes.planner.humans import Humans
from diffupose_ros.nodes.planner.intake import Bodies
from diffupose_ros.nodes.planner.outputs import Output
from diffupose_ros.planning import holding


class OutputWorker(Worker):
    """Publishes the newest people, each a (header, ``Bodies``), to all outputs that somebody subscribes to.

    Args:
        host: the node that it works for.
        outputs: by name.
        publishers: of each.
        humans: published always, where asked for: who subscribes is only known of people who have topics.
    """

    def __init__(
        self, host: Host, outputs: dict[str, Output], publishers: dict[str, Any], humans: Humans | None
    ) -> None:
        self._outputs, self._publishers, self._humans = outputs, publishers, humans
        super().__init__(host)

    def _process(self, messages: dict[str, Any]) -> None:
        start = time.monotonic()
        wanted = [name for name in self._outputs if self._publishers[name].get_subscription_count()]
        if not wanted and self._humans is None:
            return
        for header, people in messages.values():
            if wanted:
                self._build(wanted, header, people)
            if self._humans is not None:
                self._humans.publish(header, people)
                self._diagnostics.count("messages out")
        self._diagnostics.duration("build", time.monotonic() - start)

    def _build(self, names: list[str], header: Header, people: Bodies) -> None:
        probability = self._parameters["probability"]
        capsules = holding(people.positions, people.covariance, people.stature, probability, people.freedom)
        for name in names:
            self._publishers[name].publish(self._outputs[name].build(header, people, capsules))
            self._diagnostics.count("messages out")
