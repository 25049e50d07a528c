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
from collections.abc import Callable
from typing import Any

import numpy as np
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import MarkerArray

from diffupose_ros.lifting import Camera, Lifted, Lifter
from diffupose_ros.lifting.engine.sampling import OtherStepsError
from diffupose_ros.msg import Hypotheses3DArray, Skeleton2DArray, Skeleton3DArray
from diffupose_ros.nodes.common.conversions import (
    hypotheses_message,
    novel_people,
    skeletons_3d_message,
    stamp_ns,
    valid_people,
)
from diffupose_ros.nodes.common.parameters import Parameters
from diffupose_ros.nodes.common.worker import Host, Worker
from diffupose_ros.nodes.lift.intake import NO_VIEW, People, View, read_people
from diffupose_ros.nodes.lift.markers import MarkerBuilder
from diffupose_ros.profiles import Profile
from diffupose_ros.skeleton import Skeletons2D, to_h36m

_CAMERA_PATIENCE = 1.0  # s by which the first camera_info may come after the first skeletons
_NOVEL_CAUSES = (
    "detector_profile may be another detector's, left and right may be exchanged, or the model does not know such a "
    "body or pose (children, lying people): do not rely on where they are"
)


def steps_of(parameters: Parameters, lifter: Lifter) -> int:
    """Return the number of DDIM steps that the lift node takes: what ``steps`` says, or as many as suit the model."""
    return int(parameters["steps"] or lifter.usual_steps)


def warm_up(lifter: Lifter, parameters: Parameters) -> None:
    """Run once what every message will run, so that the first is not the slowest.

    Args:
        lifter: the model.
        parameters: of the lift node.
    """
    camera = Camera.from_fov(1.0, 640, 480)
    pixels = 200 + 10 * np.random.default_rng(0).normal(size=(1, 17, 2))
    person = to_h36m(pixels, np.ones((1, 17)), "h36m17")
    lifter.lift_h36m(person, camera, parameters["hypotheses"], steps_of(parameters, lifter), parameters["flip"], seed=0)


class LiftWorker(Worker):
    """Lifts the newest messages of all topics in one batch, and publishes, until it is closed.

    Its messages come with the moment of their receipt, by ``time.monotonic``.

    Args:
        host: the node that it works for.
        lifter: the model.
        view: asked for the camera, before each call of the model.
        outputs: publisher of each message type.
        profile: of detectors that do not say who they are.
    """

    def __init__(
        self,
        host: Host,
        lifter: Lifter,
        view: Callable[[], View],
        outputs: dict[type, Any],
        profile: Profile,
    ) -> None:
        self._lifter, self._view, self._outputs = lifter, view, outputs
        self._profile = profile
        self._markers: dict[str, MarkerBuilder] = {}
        super().__init__(host)  # at the end: the thread starts

    def close(self) -> None:
        """Stop, within one evaluation of the network, and take the drawn people back."""
        super().close()
        if self._context.ok():
            for builder in self._markers.values():
                self._outputs[MarkerArray].publish(builder.clear())

    def _process(self, messages: dict[str, tuple[Skeleton2DArray, float]]) -> None:
        view = self._view()
        if view.camera is None:
            detail, patience = f"{view.problem}: skeletons cannot be lifted", _CAMERA_PATIENCE * (view is NO_VIEW)
            self._diagnostics.problem("no camera", detail, len(messages), patience)
            return
        if not any(map(self._wanted, self._outputs)):
            self._diagnostics.count("not lifted (nobody subscribes)", len(messages))
            return
        now = time.monotonic()
        for _, received in messages.values():
            self._diagnostics.duration("waiting", now - received)
        reading = view, self._parameters["min_score"], self._profile
        inputs = {topic: read_people(message, *reading) for topic, (message, _) in messages.items()}
        for people in inputs.values():
            for kind, detail in people.problems:
                self._diagnostics.problem(kind, detail)
        try:
            skeletons = Skeletons2D.join([people.skeletons for people in inputs.values()])
            lifted, seconds = self._lift(skeletons, view.camera)
        except (MemoryError, OtherStepsError) as error:
            kind = "too little memory" if isinstance(error, MemoryError) else "no such steps"
            self._diagnostics.problem(kind, f"not lifted: {error}", len(messages))
            return
        first = 0
        for topic, people in inputs.items():
            self._publish(topic, people, lifted, range(first, first + len(people.ids)))
            first += len(people.ids)
            self._diagnostics.duration("besides the model", time.monotonic() - messages[topic][1] - seconds)

    def _lift(self, skeletons: Skeletons2D, camera: Camera) -> tuple[Lifted, float]:
        """Return the people in 3D, and how many seconds the model took."""
        hypotheses, flip, seed = (self._parameters[name] for name in ("hypotheses", "flip", "seed"))
        start = time.monotonic()
        lifted = self._lifter.lift_h36m(
            skeletons,
            camera,
            hypotheses,
            steps_of(self._parameters, self._lifter),
            flip,
            None if seed < 0 else seed,
            interrupted=lambda: self._mailbox.closed,
        )
        seconds = time.monotonic() - start
        self._diagnostics.duration("model", seconds)
        return lifted, seconds

    def _publish(self, topic: str, people: People, lifted: Lifted, rows: range) -> None:
        header, ids = people.message.header, people.ids
        unusable = [name for name, row in zip(ids, rows, strict=True) if not lifted.valid[row]]
        if unusable:
            detail = f"fewer than three measured joints, or all at one spot: people {unusable} are left out"
            self._diagnostics.problem("too few joints", detail, len(unusable))
        if novel := novel_people(ids, lifted, rows):
            detail = f"people {novel} are further from their 2D joints than the detector's precision explains"
            self._diagnostics.problem("novel people", f"{detail}: {_NOVEL_CAUSES}", len(novel))
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
            now = self._clock.now().nanoseconds
            self._diagnostics.duration("latency", (now - stamp) / 1e9)

    def _broadcast(self, header: Header, ids: list[str], lifted: Lifted, rows: range) -> None:
        if not header.frame_id:
            self._diagnostics.problem("no frame", "header.frame_id is empty: body frames have no parent on /tf")
        elif stamp_ns(header) > 0:  # a zero stamp is a problem that the intake has told
            from diffupose_ros.nodes.common.body_frames import body_frames  # whose rotations take 0.2 s to load

            names, valid = valid_people(ids, lifted, rows)
            frames = body_frames(header, names, lifted.mean[valid], lifted.orientation[valid])
            self._outputs[TFMessage].publish(frames)

    def _wanted(self, kind: type) -> bool:
        if kind is TFMessage and not self._parameters["publish_tf"]:
            return False
        return bool(self._outputs[kind].get_subscription_count())
