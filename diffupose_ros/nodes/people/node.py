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

"""The people node: 3D skeletons of single images of one camera or several in, people over time out."""

import time
import traceback
from collections import Counter
from collections.abc import Callable
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header
from tf2_ros import Buffer, TransformException
from visualization_msgs.msg import MarkerArray

from diffupose_ros.estimation import Estimator, Evidence, Floor, People
from diffupose_ros.msg import People as PeopleMessage
from diffupose_ros.msg import Skeleton3DArray
from diffupose_ros.nodes.common.checks import check_header
from diffupose_ros.nodes.common.conversions import stamp_ns
from diffupose_ros.nodes.common.diagnostics import Diagnostics, Health, problems
from diffupose_ros.nodes.common.large_input import LargeInput
from diffupose_ros.nodes.common.lifecycle import ManagedNode
from diffupose_ros.nodes.common.main import run
from diffupose_ros.nodes.common.parameters import Parameter, Parameters
from diffupose_ros.nodes.common.people_messages import people_message
from diffupose_ros.nodes.common.qos import EVERY, NEWEST, OUTPUT
from diffupose_ros.nodes.common.waiting import Waiting
from diffupose_ros.nodes.people.depth import DepthImages
from diffupose_ros.nodes.people.frames import Frames
from diffupose_ros.nodes.people.intake import read_people
from diffupose_ros.nodes.people.markers import MarkerBuilder

PARAMETERS = (
    Parameter("input_topics", ["skeletons_3d"], "Topics of Skeleton3DArray, each of one camera", effect="activate"),
    Parameter("target_frame", "", "Frame that people are estimated in, best one that stands still, such as odom; "
              "empty: the frame of the first message, and people of a camera that moves seem to move",
              effect="activate"),
    Parameter("tf_timeout", 0.2, "Seconds for which a message waits for the pose of its camera in target_frame",
              0.0, 5.0, effect="live"),
    Parameter("floor_frame", "", "Frame whose plane z = 0 is the floor, z up; empty: the floor is not known",
              effect="live"),
    Parameter("floor_height", 0.0, "Metres of the floor above that plane", -100.0, 100.0, effect="live"),
    Parameter("depth_topic", "", "Depth image (16UC1, mono16 or 32FC1) registered to the image of the first of "
              "input_topics; empty: none", effect="activate"),
    Parameter("depth_info_topic", "", "CameraInfo of the depth image; empty: camera_info beside depth_topic",
              effect="activate"),
    Parameter("depth_rectified", False, "The depth image is rectified: use P of its camera_info, no distortion",
              effect="live"),
    Parameter("camera_position_deviation", 0.0, "Metres, standard deviation of where tf says cameras are",
              0.0, 10.0, effect="live"),
    Parameter("camera_rotation_deviation", 0.0, "Radians, standard deviation of how tf says they are turned",
              0.0, 1.0, effect="live"),
    Parameter("forget_after", 2.0, "Seconds for which somebody who is not seen is predicted", 0.0, 60.0,
              effect="live"),
    Parameter("prediction_horizon", 0.5, "Seconds that people_predicted is ahead of people; 0: not published",
              0.0, 5.0, effect="live"),
    Parameter("ellipsoid_probability", 0.9, "Probability that a drawn ellipsoid holds its joint", 0.01, 0.999,
              effect="live"),
    Parameter("marker_lifetime", 0.5, "Seconds until RViz forgets a person of whom nothing comes; 0: never",
              0.0, 60.0, effect="live"),
    Parameter("autostart", True, "Configure and activate at the start", effect="start"),
)  # fmt: skip

_PEOPLE, _PREDICTED, _MARKERS = "people", "people_predicted", "people_markers"
_COAST = 0.1  # s between two messages while no input comes
_SILENCE = 0.3  # s without input, from which on people are predicted


class PeopleNode(ManagedNode):
    """Estimates one state per person from the messages of all input topics, each as it comes.

    Messages of which tf does not know yet where the camera was are held for a moment. While no input comes, people
    are predicted until they are forgotten. All is done on the executor's thread: an update takes milliseconds.
    Topics, messages and parameters: see docs/people.md.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("people_node", **kwargs)
        self.parameters = Parameters(self, PARAMETERS)
        self._estimator = Estimator()
        self._buffer = Buffer(node=self)
        self._frames: Frames | None = None  # while active
        self._depth: DepthImages | None = None  # where there is a depth topic
        self._depth_input: LargeInput | None = None
        self._markers = MarkerBuilder()
        self._waiting: Waiting[tuple[str, Skeleton3DArray]] | None = None  # while active; topics and messages
        self._coasting: Any = None  # timer
        self._people: People | None = None  # as last published
        self._updated = 0, 0.0  # ns of the node's clock, and the people's time
        self._newest: Header | None = None  # of the input whose time the people have
        self.diagnostics = Diagnostics(self, ("messages in", "messages out"), self._health)

    # Transitions

    def _load(self) -> None:
        kinds = {_PEOPLE: PeopleMessage, _PREDICTED: PeopleMessage, _MARKERS: MarkerArray}
        self._outputs = {topic: self._create_output(kind, topic, OUTPUT) for topic, kind in kinds.items()}

    def _start(self) -> None:
        self._estimator, self._people, self._newest = Estimator(), None, None
        self._frames = Frames(self, self._buffer, self.parameters["target_frame"])
        if depth := self.parameters["depth_topic"]:
            self._depth = DepthImages()
            info = self.parameters["depth_info_topic"] or f"{depth[: depth.rfind('/') + 1]}camera_info"
            self._inputs.append(self.create_subscription(CameraInfo, info, self._depth.set_info, NEWEST))
            self._depth_input = LargeInput(self, Image, depth, self._depth.add)
        for topic in self.parameters["input_topics"]:
            self._inputs.append(self.create_subscription(Skeleton3DArray, topic, self._receiver(topic), EVERY))
        self._waiting = Waiting(self, self._taken)
        self._coasting = self.create_timer(_COAST, self._coast)

    def _stop(self) -> None:
        super()._stop()
        if self._waiting is not None:
            self._waiting.close()
        if self._coasting is not None:
            self.destroy_timer(self._coasting)
        if self._depth_input is not None:
            self._depth_input.destroy()
        if self._frames is not None:
            self._frames.close()
        self._depth = self._depth_input = self._frames = None
        self._waiting = self._coasting = self._people = None
        if _MARKERS in self._outputs and self.context.ok():
            self._outputs[_MARKERS].publish(self._markers.clear())

    # Input

    def _receiver(self, topic: str) -> Callable[[Skeleton3DArray], None]:
        def receive(message: Skeleton3DArray) -> None:
            self.diagnostics.count("messages in")
            if problem := check_header(message.header):
                self.diagnostics.problem(*problem)
                return
            if self._waiting is not None:  # else stopped, and the executor had this at hand already
                self._waiting.add((topic, message), self.parameters["tf_timeout"])

        return receive

    def _taken(self, received: tuple[str, Skeleton3DArray], over: bool) -> bool:
        """Return whether a message has been taken in, or left out for good."""
        assert self._frames is not None
        topic, message = received
        header, floor = message.header, None
        try:
            pose = self._frames.camera(header.frame_id, header.stamp)
        except TransformException as error:
            if over:
                detail = f"people of {topic} are left out, as it is not known where {header.frame_id!r} was in "
                self.diagnostics.problem("no transform", f"{detail}{self._frames.target!r}: {error}")
            return over
        try:
            floor = self._floor(header)
        except TransformException as error:
            if not over:
                return False
            self.diagnostics.problem("no floor", f"people are estimated without it: {error}")
        self._guard(lambda: self._estimate(topic, message, pose, floor))
        return True

    def _guard(self, action: Callable[[], None]) -> None:
        """Do what the estimator may fail at: people are then forgotten, and the next message is answered."""
        try:
            action()
        except Exception:  # noqa: BLE001 - whatever it is
            if not self.context.ok():  # a signal has ended the context: whatever was being done with it fails
                return
            self.diagnostics.problem("internal error", f"everybody is forgotten: {traceback.format_exc()}")
            self._estimator.reset()
            if self._people:  # once: a second message that nobody is there would say that they have left
                self._publish(self._estimator.people(self._updated[1]))

    def _floor(self, header: Header) -> Floor | None:
        assert self._frames is not None
        frame = self.parameters["floor_frame"]
        return self._frames.floor(frame, self.parameters["floor_height"], header.stamp) if frame else None

    def _depths(self, topic: str, header: Header) -> Evidence | None:
        if self._depth is None or topic != self.parameters["input_topics"][0]:
            return None
        try:
            depth = self._depth.at(header, self.parameters["depth_rectified"])
        except ValueError as error:
            self.diagnostics.problem("depth", f"people are estimated without it: {error}")
            return None
        self.diagnostics.count("with depth" if depth else "without depth (no image of that time)")
        return depth

    # Estimation

    def _estimate(self, topic: str, message: Skeleton3DArray, pose: Any, floor: Floor | None) -> None:
        start = time.monotonic()
        estimator, header = self._estimator, message.header
        estimator.forget_after = self.parameters["forget_after"]
        deviations = ("camera_position_deviation", "camera_rotation_deviation")
        estimator.extrinsic_deviation = tuple(self.parameters[name] for name in deviations)
        seen = read_people(message)
        evidence = [each for each in (floor, self._depths(topic, header)) if each is not None]
        moment, source = stamp_ns(header) * 1e-9, topic if len(self.parameters["input_topics"]) > 1 else ""
        people = estimator.update(moment, seen.ids, seen.lifted, pose, evidence, source)
        for kind, detail in (*seen.problems, *people.problems):
            self.diagnostics.problem(kind, f"{topic}: {detail}")
        self.diagnostics.duration("update", time.monotonic() - start)
        if people.left_out:
            return
        if people.time == moment:
            self._newest = header
        self._updated = self.get_clock().now().nanoseconds, people.time
        self._publish(people)
        self.diagnostics.duration("latency", (self.get_clock().now().nanoseconds - stamp_ns(header)) * 1e-9)

    def _coast(self) -> None:
        """Publish people as they are predicted while no input comes, and once that nobody is left."""
        if self._frames is None or not self._people:
            return
        then, moment = self._updated
        silence = (self.get_clock().now().nanoseconds - then) * 1e-9
        if silence >= _SILENCE:
            # No later than the last is forgotten: a clock that begins to be simulated jumps.
            ahead = min(silence, self.parameters["forget_after"] + _SILENCE)
            self._guard(lambda: self._publish(self._estimator.people(moment + ahead)))

    # Output

    def _publish(self, people: People) -> None:
        self._people = people
        horizon = self.parameters["prediction_horizon"]
        wanted = {topic for topic, output in self._outputs.items() if output.get_subscription_count()}
        later = people.predict(horizon) if horizon and wanted - {_PEOPLE} else None
        header = self._header(people)
        if _PEOPLE in wanted:
            self._outputs[_PEOPLE].publish(people_message(header, people))
        if later is not None and _PREDICTED in wanted:
            self._outputs[_PREDICTED].publish(people_message(self._header(later), later))
        if _MARKERS in wanted:
            options = [self.parameters[name] for name in ("ellipsoid_probability", "marker_lifetime")]
            self._outputs[_MARKERS].publish(self._markers.build(header, people, later, *options))
        self.diagnostics.count("messages out")

    def _header(self, people: People) -> Header:
        assert self._frames is not None
        # Seconds are exact to a part of a microsecond; who matches people with images wants the same stamp.
        newest = self._newest
        if newest is not None and people.time == stamp_ns(newest) * 1e-9:
            return Header(frame_id=self._frames.target, stamp=newest.stamp)
        return Header(frame_id=self._frames.target, stamp=Time(nanoseconds=round(people.time * 1e9)).to_msg())

    # Diagnostics

    def _health(self, recent: Counter[str]) -> Health:
        people = self._people
        values = {
            "target frame": (self._frames and self._frames.target) or "of the first message",
            "people": str(len(people) if people else 0),
            "coasting": str(int(people.flags.coasting.sum()) if people else 0),
            "floor": self.parameters["floor_frame"] or "not known",
            "depth": self.parameters["depth_topic"] or "off",
        }
        return Health(*self._verdict(recent), values)

    def _verdict(self, recent: Counter[str]) -> tuple[bytes, str]:
        if self._failure:
            return DiagnosticStatus.ERROR, self._failure
        if self._frames is None:
            return DiagnosticStatus.OK, "not active"
        if found := problems(recent):
            return DiagnosticStatus.WARN, found
        if recent["messages in"]:
            return DiagnosticStatus.OK, "estimating"
        return DiagnosticStatus.OK, "no input" + self._silent(self.parameters["input_topics"])


def main(args: list[str] | None = None) -> int:
    """Run the node until it is told to stop."""
    return run(PeopleNode, args)


if __name__ == "__main__":
    raise SystemExit(main())
