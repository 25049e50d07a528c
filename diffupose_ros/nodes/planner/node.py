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

"""The planner node: people in, obstacles for planners and a speed scale for the robot out."""

import time
import traceback
from collections import Counter
from collections.abc import Callable
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.clock import Clock, ClockType
from std_msgs.msg import Float32, Header
from tf2_ros import Buffer, TransformException

from diffupose_ros.msg import People, Skeleton3DArray
from diffupose_ros.nodes.common.checks import check_header
from diffupose_ros.nodes.common.diagnostics import Diagnostics, Health, problems
from diffupose_ros.nodes.common.lifecycle import ManagedNode
from diffupose_ros.nodes.common.main import run
from diffupose_ros.nodes.common.parameters import Parameter, Parameters
from diffupose_ros.nodes.common.qos import NEWEST, NEWEST_RELIABLE, OUTPUT
from diffupose_ros.nodes.common.transforms import Transforms
from diffupose_ros.nodes.common.waiting import Waiting
from diffupose_ros.nodes.planner.humans import HUMANS, Humans
from diffupose_ros.nodes.planner.intake import Bodies, read_people, read_skeletons
from diffupose_ros.nodes.planner.outputs import OUTPUTS, Output
from diffupose_ros.nodes.planner.speed import Decision, SpeedScale
from diffupose_ros.nodes.planner.worker import OutputWorker
from diffupose_ros.planning.surface import BOUNDS

_SPEED = "speed_scale"
_INPUTS = {"people": (People, read_people), "skeletons_3d": (Skeleton3DArray, read_skeletons)}

PARAMETERS = (
    Parameter("input", "people", "Topic of people: people over time, or skeletons_3d, whose speeds are not known",
              choices=tuple(_INPUTS), effect="activate"),
    Parameter("target_frame", "", "Frame of all outputs, where velocities stay those in the people's frame, along "
              "other axes; empty: the people's", effect="live"),
    Parameter("tf_timeout", 0.2, "Seconds for which people wait for their transform to target_frame",
              0.0, 5.0, effect="live"),
    Parameter("outputs", ["obstacles", "capsules"], "Topics to publish", choices=(*OUTPUTS, HUMANS, _SPEED)),
    Parameter("probability", 0.95, "That a joint, and what is about it, is inside of its capsule; and that a speed is "
              "within its bound", 0.01, 0.999, effect="live"),
    Parameter("resolution", 0.1, "Metres between points on a surface, of which no place is farther from a point",
              *BOUNDS, effect="live"),
    Parameter("marker_lifetime", 0.5, "Seconds until RViz forgets a person of whom nothing comes; 0: never",
              0.0, 60.0, effect="live"),
    Parameter("robot_links", ["base_link"], "Frames of balls that together hold all of the robot", effect="activate"),
    Parameter("robot_radii", [0.5], "Metres, of those balls, one each", 0.0, 10.0, effect="activate"),
    Parameter("max_age", 0.5, "Seconds; older people, or older tf of a link, stop the robot", 0.01, 10.0,
              effect="live"),
    Parameter("robot_speed", 1.0, "v_r, m/s towards people, of any part of the robot, where speed_scale is 1",
              0.0, 20.0, effect="live"),
    Parameter("reaction_time", 0.1, "T_r, seconds from a decision until the brakes work; the age of people is added",
              0.0, 10.0, effect="live"),
    Parameter("stopping_time", 0.3, "T_s, seconds from robot_speed to rest", 0.0, 60.0, effect="live"),
    Parameter("intrusion_distance", 0.0, "C, metres that somebody reaches before being seen", 0.0, 10.0, effect="live"),
    Parameter("robot_uncertainty", 0.02, "Z_r, metres, of the links in the people's frame", 0.0, 10.0,
              effect="live"),
    Parameter("human_speed", 1.6, "v_h, m/s of people whose speed is not known; 1.6 is walking (ISO 13855)",
              0.0, 20.0, effect="live"),
    Parameter("least_human_speed", 0.5, "m/s that people count as moving at least: v_h is never below",
              0.0, 20.0, effect="live"),
    Parameter("autostart", True, "Configure and activate at the start", effect="start"),
)  # fmt: skip

_PERIOD = 0.05  # s between two decisions


class PlannerNode(ManagedNode):
    """Says what planners and robots need to know of people, by capsules that hold their uncertainty.

    Decides on the executor's thread how fast the robot may be, at each message and twenty times a second by the steady
    clock: a simulated one may stand still, and people do not. All else is built on a thread of its own.
    Topics, messages and parameters: see docs/planner.md.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("planner_node", **kwargs)
        self.parameters = Parameters(self, PARAMETERS)
        self._buffer = Buffer(node=self)
        self._builders: dict[str, Output] = {}
        self._humans: Humans | None = None  # where they are asked for
        self._transforms: Transforms | None = None  # while active
        self._waiting: Waiting[tuple[Header, Bodies]] | None = None
        self._speed: SpeedScale | None = None  # where it is asked for
        self._decision = Decision(0.0, "")
        self._deciding: Any = None  # timer
        self._people: tuple[Header, Bodies] | None = None  # the latest
        self.diagnostics = Diagnostics(self, ("messages in", "messages out"), self._health)

    # Transitions

    def _load(self) -> None:
        names = list(self.parameters["outputs"])
        self._builders = {name: OUTPUTS[name](self.parameters) for name in names if name in OUTPUTS}
        for name, builder in self._builders.items():
            self._outputs[name] = self._create_output(builder.message, name, OUTPUT)
        if HUMANS in names:
            self._humans = Humans(self)
        if _SPEED in names:
            self._outputs[_SPEED] = self._create_output(Float32, _SPEED, NEWEST_RELIABLE)

    def _start(self) -> None:
        self._people, self._decision = None, Decision(0.0, "")
        self._transforms = Transforms(self, self._buffer)
        self._waiting = Waiting(self, self._taken)
        if _SPEED in self._outputs:
            self._speed = SpeedScale(self.parameters, self._transforms, self.diagnostics.problem)
            self._deciding = self.create_timer(_PERIOD, self._decide, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._worker = OutputWorker(self, self._builders, self._outputs, self._humans)
        topic = self.parameters["input"]
        kind, read = _INPUTS[topic]
        self._inputs.append(self.create_subscription(kind, topic, self._receiver(read), NEWEST))

    def _stop(self) -> None:
        super()._stop()
        if self._transforms is None:
            return
        if self._waiting is not None:
            self._waiting.close()
        if self._deciding is not None:
            self.destroy_timer(self._deciding)
        self._transforms.close()
        self._transforms = self._waiting = self._deciding = self._people = None
        if self.context.ok():
            self._take_back()
        self._speed = None

    def _take_back(self) -> None:
        """Stop the robot, and take people from where they stand until told otherwise."""
        if self._speed is not None:
            self._outputs[_SPEED].publish(Float32(data=0.0))
        for name, builder in self._builders.items():
            if (message := builder.clear()) is not None:
                self._outputs[name].publish(message)
        if self._humans is not None:
            self._humans.clear()

    def _release(self) -> None:
        super()._release()
        if self._humans is not None:
            self._humans.close()
        self._humans = None

    # Input

    def _receiver(self, read: Callable[[Any], Bodies]) -> Callable[[Any], None]:
        def receive(message: Any) -> None:
            self.diagnostics.count("messages in")
            if problem := check_header(message.header):
                self.diagnostics.problem(*problem)
                return
            people = read(message)
            for detail in people.problems:
                self.diagnostics.problem("bad person", detail)
            if self._waiting is not None:  # else stopped, and the executor had this at hand already
                self._waiting.add((message.header, people), self.parameters["tf_timeout"])

        return receive

    def _taken(self, received: tuple[Header, Bodies], over: bool) -> bool:
        """Return whether people have been taken in, or left out for good."""
        assert self._transforms is not None and self._worker is not None
        header, people = received
        target = self.parameters["target_frame"] or header.frame_id
        try:
            pose = self._transforms.pose(target, header.frame_id, header.stamp)
        except TransformException as error:
            if over:
                detail = f"it is not known where {header.frame_id!r} was in {target!r}"
                self.diagnostics.problem("no transform", f"people are left out, as {detail}: {error}")
            return over
        self._people = Header(stamp=header.stamp, frame_id=target), people.placed(pose)
        self._worker.put("people", self._people)
        if self._speed is not None:
            self._speed.take(*self._people)
            self._decide()
        return True

    # Output

    def _decide(self) -> None:
        if self._speed is None:  # stopped, and the executor had this at hand already
            return
        start = time.monotonic()
        try:
            self._decision = self._speed.decide(self.get_clock().now().nanoseconds)
        except Exception:  # noqa: BLE001 - whatever it is, the robot must stop, and the next message is answered
            self._decision = Decision(0.0, "internal error")
            self.diagnostics.problem("internal error", f"the robot must stop: {traceback.format_exc()}")
        self._outputs[_SPEED].publish(Float32(data=self._decision.scale))
        self.diagnostics.duration("decide", time.monotonic() - start)

    # Diagnostics

    def _health(self, recent: Counter[str]) -> Health:
        header, people = self._people or (Header(), ())
        values = {"frame": header.frame_id or "not known yet", "people": str(len(people))}
        if self._speed is not None:
            values |= {_SPEED: f"{self._decision.scale:.2f}", "because": self._decision.reason}
        return Health(*self._verdict(recent), values)

    def _verdict(self, recent: Counter[str]) -> tuple[bytes, str]:
        if self._failure:
            return DiagnosticStatus.ERROR, self._failure
        if self._transforms is None:
            return DiagnosticStatus.OK, "not active"
        if found := problems(recent):
            return DiagnosticStatus.WARN, found
        if recent["messages in"]:
            return DiagnosticStatus.OK, "publishing" if self._people and len(self._people[1]) else "nobody in sight"
        return DiagnosticStatus.OK, "no input" + self._silent([self.parameters["input"]])


def main(args: list[str] | None = None) -> int:
    """Run the node until it is told to stop."""
    return run(PlannerNode, args)


if __name__ == "__main__":
    raise SystemExit(main())
