"""The lift node: 2D skeletons in, 3D skeletons with uncertainty out."""

import threading
import time
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.lifecycle import LifecycleNode, State, TransitionCallbackReturn
from rclpy.qos import QoSProfile, qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo
from visualization_msgs.msg import MarkerArray

from diffupose_ros.camera import Camera
from diffupose_ros.lifting import Lifted, Lifter
from diffupose_ros.msg import Hypotheses3DArray, Skeleton2DArray, Skeleton3DArray
from diffupose_ros.nodes.conversions import (
    camera_from_info,
    concatenate,
    hypotheses_message,
    skeletons_3d_message,
    stamp_ns,
)
from diffupose_ros.nodes.diagnostics import Statistics, diagnostic_array
from diffupose_ros.nodes.intake import Mailbox, People, read_people
from diffupose_ros.nodes.main import run
from diffupose_ros.nodes.markers import MarkerBuilder
from diffupose_ros.nodes.parameters import Parameter, Parameters

PARAMETERS = (
    Parameter("weights", "default", "Name of a shipped checkpoint, or path of a .safetensors, .pt or .pth file"),
    Parameter("device", "auto", "Where the model runs: auto (CUDA if there is any), cpu, cuda, cuda:1, ..."),
    Parameter("input_topics", ["skeletons_2d"], "Topics of Skeleton2DArray, all of one camera, lifted in one batch"),
    Parameter("hypotheses", 10, "Poses sampled for each person", 1, 200, live=True),
    Parameter("steps", 5, "DDIM steps; more are slower and a little more accurate", 1, 100, live=True),
    Parameter("flip", True, "Average each denoiser evaluation with that of the mirror image", live=True),
    Parameter("seed", 0, "Seed of the sampling, the same for each frame: poses do not flicker; -1: fresh noise",
              -1, 2**31 - 1, live=True),
    Parameter("ellipsoid_probability", 0.9, "Probability that a drawn ellipsoid holds its joint", 0.01, 0.999,
              live=True),
    Parameter("marker_hypotheses", 5, "Sampled poses drawn as markers for each person", 0, 200, live=True),
    Parameter("marker_lifetime", 0.5, "Seconds until RViz forgets a person who is not seen", 0.0, 60.0, live=True),
    Parameter("autostart", True, "Configure and activate at the start", read_only=True),
)  # fmt: skip

_LOG_PERIOD = 5.0  # s between two logs of the same kind of problem
_DIAGNOSTICS_PERIOD = 1.0


class LiftNode(LifecycleNode):
    """Lifts all people of all input topics in one batch, always of the newest messages.

    Configure loads the model, activate subscribes and starts the worker thread that runs it, deactivate
    stops it, cleanup frees the model. Topics, messages and parameters: see README.md.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("lift_node", **kwargs)
        self.parameters = Parameters(self, PARAMETERS)
        self.statistics = Statistics()
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", QoSProfile(depth=5))
        self._diagnostics_timer = self.create_timer(_DIAGNOSTICS_PERIOD, self._publish_diagnostics)
        self._lifter: Lifter | None = None
        self._mailbox: Mailbox | None = None
        self._worker: threading.Thread | None = None
        self._inputs: list[Any] = []
        self._outputs: dict[type, Any] = {}
        self._camera: Camera | None = None
        self._camera_info: tuple[Any, ...] | None = None
        self._camera_problem = "no camera_info received yet"
        self._failure = ""
        self._logged: dict[str, float] = {}  # rclpy throttles by line of code, not by kind of problem
        self._markers: dict[str, MarkerBuilder] = {}

    def autostart(self) -> None:
        """Configure and activate if the parameter says so; stays unconfigured where that fails."""
        if self.parameters["autostart"] and self.trigger_configure() == TransitionCallbackReturn.SUCCESS:
            self.trigger_activate()

    # Transitions

    def on_configure(self, state: State) -> TransitionCallbackReturn:
        """Load the model, run it once, and create the publishers."""
        try:
            lifter = Lifter.load(self.parameters["weights"], self.parameters["device"])
        except (OSError, ValueError) as error:
            self._failure = f"cannot configure: {error}"
            self.get_logger().error(self._failure)
            return TransitionCallbackReturn.FAILURE
        self._lifter, self._failure = lifter, ""
        self._warm_up(lifter)
        for kind, topic in (
            (Skeleton3DArray, "skeletons_3d"),
            (Hypotheses3DArray, "hypotheses"),
            (MarkerArray, "markers"),
        ):
            self._outputs[kind] = self.create_lifecycle_publisher(kind, topic, QoSProfile(depth=5))
        config = lifter.checkpoint.denoiser
        self.get_logger().info(
            f"model {self.parameters['weights']}: {config.variant}, d = {config.channels}, on {lifter.device}"
        )
        return TransitionCallbackReturn.SUCCESS

    def on_activate(self, state: State) -> TransitionCallbackReturn:
        """Subscribe, and start the worker."""
        result = super().on_activate(state)
        self._mailbox = Mailbox()
        self._worker = threading.Thread(target=self._work, args=(self._mailbox,), daemon=True)
        self._worker.start()
        newest = QoSProfile(depth=1, reliability=qos_profile_sensor_data.reliability)
        self._inputs = [self.create_subscription(CameraInfo, "camera_info", self._receive_camera, newest)]
        for topic in self.parameters["input_topics"]:
            self._inputs.append(self.create_subscription(Skeleton2DArray, topic, self._receiver(topic), newest))
        return result

    def on_deactivate(self, state: State) -> TransitionCallbackReturn:
        """Stop the worker, and unsubscribe."""
        self._stop()
        return super().on_deactivate(state)

    def on_cleanup(self, state: State) -> TransitionCallbackReturn:
        """Free the model and the publishers."""
        self._release()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: State) -> TransitionCallbackReturn:
        """Stop and free everything."""
        self._stop()
        self._release()
        return TransitionCallbackReturn.SUCCESS

    def destroy_node(self) -> None:
        """Stop the worker, then destroy the node."""
        self._stop()
        super().destroy_node()

    def _stop(self) -> None:
        if self._mailbox is not None and self._worker is not None:
            self._mailbox.close()
            self._worker.join(timeout=1.5)
        self._mailbox = self._worker = None
        for subscription in self._inputs:
            self.destroy_subscription(subscription)
        self._inputs = []

    def _release(self) -> None:
        for publisher in self._outputs.values():
            self.destroy_publisher(publisher)
        self._outputs, self._markers = {}, {}
        self._lifter = None

    def _warm_up(self, lifter: Lifter) -> None:
        """Run once what every message will run, so that the first is not the slowest."""
        camera = Camera.from_fov(1.0, 640, 480)
        pixels = 200 + 10 * np.random.default_rng(0).normal(size=(1, 17, 2))
        lifter.lift(pixels, np.ones((1, 17)), camera, "h36m17", self.parameters["hypotheses"], self.parameters["steps"])

    # Input

    def _receiver(self, topic: str) -> Any:
        def receive(message: Skeleton2DArray) -> None:
            self.statistics.count("messages in")
            mailbox = self._mailbox
            if mailbox is not None and mailbox.put(topic, message):
                self.statistics.count("dropped (newest wins)")

        return receive

    def _receive_camera(self, info: CameraInfo) -> None:
        content = (tuple(info.k), tuple(info.d), info.distortion_model, info.width, info.height)
        if str(content) == str(self._camera_info):  # as text, in which NaN equals NaN
            return
        self._camera_info = content
        try:
            self._camera, self._camera_problem = camera_from_info(info), ""
        except ValueError as error:
            self._camera, self._camera_problem = None, f"camera_info refused: {error}"
            self.get_logger().error(self._camera_problem)

    # Work, on a thread of its own: the executor never waits for the model.

    def _work(self, mailbox: Mailbox) -> None:
        while messages := mailbox.take():
            try:
                self._process(messages)
            except Exception as error:  # noqa: BLE001 - whatever one message does, the next is answered
                self._problem("internal error", f"{type(error).__name__}: {error}")

    def _process(self, messages: dict[str, Skeleton2DArray]) -> None:
        camera, lifter = self._camera, self._lifter
        if camera is None or lifter is None:
            self._problem("no camera", f"{self._camera_problem}: skeletons cannot be lifted", len(messages))
            return
        if not any(publisher.get_subscription_count() for publisher in self._outputs.values()):
            self.statistics.count("not lifted (nobody subscribes)", len(messages))
            return
        inputs = {topic: read_people(message, camera) for topic, message in messages.items()}
        for people in inputs.values():
            for kind, detail in people.problems:
                self._problem(kind, detail)
        start = time.monotonic()
        seed = self.parameters["seed"]
        lifted = lifter.lift_h36m(
            concatenate([people.skeletons for people in inputs.values()]),
            camera,
            self.parameters["hypotheses"],
            self.parameters["steps"],
            self.parameters["flip"],
            None if seed < 0 else seed,
        )
        self.statistics.duration("model", time.monotonic() - start)
        first = 0
        for topic, people in inputs.items():
            self._publish(topic, people, lifted, range(first, first + len(people.ids)))
            first += len(people.ids)

    def _publish(self, topic: str, people: People, lifted: Lifted, rows: range) -> None:
        header, ids = people.message.header, people.ids
        unusable = [name for name, row in zip(ids, rows, strict=True) if not lifted.valid[row]]
        if unusable:
            self._problem("too few joints", f"fewer than three usable joints: people {unusable}", len(unusable))
        if self._wanted(Skeleton3DArray):
            self._outputs[Skeleton3DArray].publish(skeletons_3d_message(header, ids, lifted, rows))
        if self._wanted(Hypotheses3DArray):
            self._outputs[Hypotheses3DArray].publish(hypotheses_message(header, ids, lifted, rows))
        if self._wanted(MarkerArray):
            builder = self._markers.setdefault(topic, MarkerBuilder(topic))
            options = ("ellipsoid_probability", "marker_hypotheses", "marker_lifetime")
            values = [self.parameters[option] for option in options]
            self._outputs[MarkerArray].publish(builder.build(header, ids, lifted, rows, *values))
        self.statistics.count("messages out")
        self.statistics.count("people out", len(ids) - len(unusable))
        if stamp := stamp_ns(header):
            self.statistics.duration("latency", (self.get_clock().now().nanoseconds - stamp) / 1e9)

    def _wanted(self, kind: type) -> bool:
        return bool(self._outputs[kind].get_subscription_count())

    # Diagnostics

    def _problem(self, kind: str, detail: str, number: int = 1) -> None:
        """Count a problem, and log it now and then."""
        self.statistics.count(f"problem: {kind}", number)
        now = time.monotonic()
        if now - self._logged.get(kind, -_LOG_PERIOD) >= _LOG_PERIOD:
            self._logged[kind] = now
            self.get_logger().warning(f"{kind}: {detail} ({self.statistics.total(f'problem: {kind}')} so far)")

    def _publish_diagnostics(self) -> None:
        recent = self.statistics.period()
        level, message = self._health(recent)
        values = {
            "people/s": str(recent["people out"]),
            "messages in/s": str(recent["messages in"]),
            "messages out/s": str(recent["messages out"]),
            "camera": self._camera_problem or "calibrated",
            "weights": self.parameters["weights"],
        } | self.statistics.values()
        device = str(self._lifter.device) if self._lifter else ""
        stamp, name = self.get_clock().now().to_msg(), self.get_fully_qualified_name()
        self._diagnostics.publish(diagnostic_array(stamp, name, device, level, message, values))

    def _health(self, recent: Any) -> tuple[bytes, str]:
        problems = sorted(event for event in recent if event.startswith("problem: "))
        if self._failure:
            return DiagnosticStatus.ERROR, self._failure
        if self._mailbox is None:
            return DiagnosticStatus.OK, "not active"
        if self._camera_problem:
            return DiagnosticStatus.ERROR if self._camera_info else DiagnosticStatus.WARN, self._camera_problem
        if problems:
            return DiagnosticStatus.WARN, ", ".join(f"{recent[p]} {p.removeprefix('problem: ')}" for p in problems)
        if recent["dropped (newest wins)"]:
            return DiagnosticStatus.OK, "lifting; some messages dropped for newer ones"
        return DiagnosticStatus.OK, "lifting" if recent["messages in"] else "no input"


def main(args: list[str] | None = None) -> int:
    """Run the node until it is told to stop."""
    return run(LiftNode, args)


if __name__ == "__main__":
    raise SystemExit(main())
