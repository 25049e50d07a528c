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

"""The thread on which the lift node lifts: the executor never waits for the model."""

import time
from typing import TYPE_CHECKING, Any

from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import MarkerArray

from diffupose_ros.lifting import Lifted, Lifter
from diffupose_ros.msg import Hypotheses3DArray, Skeleton2DArray, Skeleton3DArray
from diffupose_ros.nodes.body_frames import body_frames
from diffupose_ros.nodes.conversions import concatenate, hypotheses_message, skeletons_3d_message, stamp_ns
from diffupose_ros.nodes.intake import People, read_people
from diffupose_ros.nodes.markers import MarkerBuilder
from diffupose_ros.nodes.worker import Worker

if TYPE_CHECKING:
    from diffupose_ros.nodes.lift_node import LiftNode


class LiftWorker(Worker):
    """Lifts the newest messages of all topics in one batch, and publishes, until it is closed.

    Args:
        node: whose parameters, camera and diagnostics it uses.
        lifter: the model.
        outputs: publisher of each message type.
    """

    def __init__(self, node: "LiftNode", lifter: Lifter, outputs: dict[type, Any]) -> None:
        self._lifter, self._outputs, self._parameters = lifter, outputs, node.parameters
        self._markers: dict[str, MarkerBuilder] = {}
        super().__init__(node)  # at the end: the thread starts

    def close(self) -> None:
        """Stop, within one evaluation of the network, and take the drawn people back."""
        super().close()
        if self._node.context.ok():
            for builder in self._markers.values():
                self._outputs[MarkerArray].publish(builder.clear())

    def _process(self, messages: dict[str, Skeleton2DArray]) -> None:
        view = self._node.view
        if view.camera is None:
            self._diagnostics.problem("no camera", f"{view.problem}: skeletons cannot be lifted", len(messages))
            return
        if not any(map(self._wanted, self._outputs)):
            self._diagnostics.count("not lifted (nobody subscribes)", len(messages))
            return
        min_score = self._parameters["min_score"]
        inputs = {topic: read_people(message, view, min_score) for topic, message in messages.items()}
        for people in inputs.values():
            for kind, detail in people.problems:
                self._diagnostics.problem(kind, detail)
        start, seed = time.monotonic(), self._parameters["seed"]
        lifted = self._lifter.lift_h36m(
            concatenate([people.skeletons for people in inputs.values()]),
            view.camera,
            self._parameters["hypotheses"],
            self._parameters["steps"],
            self._parameters["flip"],
            None if seed < 0 else seed,
            interrupted=lambda: self._mailbox.closed,
        )
        self._diagnostics.duration("model", time.monotonic() - start)
        first = 0
        for topic, people in inputs.items():
            self._publish(topic, people, lifted, range(first, first + len(people.ids)))
            first += len(people.ids)

    def _publish(self, topic: str, people: People, lifted: Lifted, rows: range) -> None:
        header, ids = people.message.header, people.ids
        unusable = [name for name, row in zip(ids, rows, strict=True) if not lifted.valid[row]]
        if unusable:
            detail = f"fewer than three measured joints: people {unusable} are left out"
            self._diagnostics.problem("too few joints", detail, len(unusable))
        if self._wanted(Skeleton3DArray):
            self._outputs[Skeleton3DArray].publish(skeletons_3d_message(header, ids, lifted, rows))
        if self._wanted(Hypotheses3DArray):
            self._outputs[Hypotheses3DArray].publish(hypotheses_message(header, ids, lifted, rows))
        if self._wanted(MarkerArray):
            builder = self._markers.setdefault(topic, MarkerBuilder(topic))
            options = ("ellipsoid_probability", "marker_hypotheses", "marker_lifetime")
            values = [self._parameters[option] for option in options]
            self._outputs[MarkerArray].publish(builder.build(header, ids, lifted, rows, *values))
        if self._wanted(TFMessage):
            self._broadcast(header, ids, lifted, rows)
        self._diagnostics.count("messages out")
        self._diagnostics.count("people out", len(ids) - len(unusable))
        if stamp := stamp_ns(header):
            now = self._node.get_clock().now().nanoseconds
            self._diagnostics.duration("latency", (now - stamp) / 1e9)

    def _broadcast(self, header: Header, ids: list[str], lifted: Lifted, rows: range) -> None:
        if not header.frame_id:
            self._diagnostics.problem("no frame", "header.frame_id is empty: body frames have no parent on /tf")
        elif stamp_ns(header) > 0:  # a zero stamp is a problem that the intake has told
            self._outputs[TFMessage].publish(body_frames(header, ids, lifted, rows))

    def _wanted(self, kind: type) -> bool:
        if kind is TFMessage and not self._parameters["publish_tf"]:
            return False
        return bool(self._outputs[kind].get_subscription_count())
