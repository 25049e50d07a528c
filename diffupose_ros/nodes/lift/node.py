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

"""The lift node: 2D skeletons in, 3D skeletons with uncertainty out."""

import time
from collections import Counter
from typing import Any, get_args

from diagnostic_msgs.msg import DiagnosticStatus
from sensor_msgs.msg import CameraInfo
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import MarkerArray

from diffupose_ros.defaults import HYPOTHESES, Engine
from diffupose_ros.lifting import Lifter
from diffupose_ros.lifting.engine.sampling import Precision
from diffupose_ros.msg import Hypotheses3DArray, Skeleton2DArray, Skeleton3DArray
from diffupose_ros.nodes.common.diagnostics import Diagnostics, Health, problems
from diffupose_ros.nodes.common.lifecycle import ManagedNode
from diffupose_ros.nodes.common.main import run
from diffupose_ros.nodes.common.parameters import DEVICES, Parameter, Parameters
from diffupose_ros.nodes.common.qos import NEWEST, OUTPUT, TF
from diffupose_ros.nodes.lift.intake import NO_VIEW, View, read_camera
from diffupose_ros.nodes.lift.worker import LiftWorker, steps_of, warm_up
from diffupose_ros.profiles import load_profile
from diffupose_ros.threads import chosen

PARAMETERS = (
    Parameter("weights", "default", "Name of a shipped checkpoint, or path of a .safetensors file, of an official "
              ".pt, .pth or .ckpt, or of an exported .onnx"),
    Parameter("engine", "auto", "What runs the model: torch; onnx (onnxruntime, no PyTorch, one number of steps); or "
              "auto, torch where it is installed", choices=get_args(Engine)),
    Parameter("device", "auto", "Where the model runs: auto (CUDA if there is any), cpu, cuda, cuda:1, ...; by the "
              "engine onnx also tensorrt and openvino", choices=(*DEVICES, "tensorrt", "tensorrt:N", "openvino")),
    Parameter("precision", "auto", "Of the network's products: float32, bfloat16, or auto (the device's fastest); by "
              "the engine onnx of the file's weights: float32, float16, or auto (any)", choices=get_args(Precision)),
    Parameter("threads", 0, "That the model computes with on a CPU; 0: what OMP_NUM_THREADS says, else one for each "
              "core but one, at most 4", 0, 256),
    Parameter("input_topics", ["skeletons_2d"], "Topics of Skeleton2DArray, all of one camera, lifted in one batch",
              effect="activate"),
    Parameter("rectified", False, "Skeletons were found in the rectified image: use P of camera_info, no distortion",
              effect="live"),
    Parameter("min_score", 0.1, "Joints with a lower score count as not seen", 0.0, 1.0, effect="live"),
    Parameter("detector_profile", "generic", "What scores mean whose message does not say what made them: name of a "
              "shipped profile, or path of a .json file"),
    Parameter("hypotheses", HYPOTHESES, "Poses sampled for each person", 1, 200, effect="live"),
    Parameter("steps", 0, "DDIM steps; 0: as many as suit the model, 1 of the shipped one", 0, 100, effect="live"),
    Parameter("flip", True, "Draw every second hypothesis for the mirror image", effect="live"),
    Parameter("seed", 0, "Seed of the sampling, the same for each frame: poses do not flicker; -1: fresh noise",
              -1, 2**31 - 1, effect="live"),
    Parameter("ellipsoid_probability", 0.9, "Probability that a drawn ellipsoid holds its joint", 0.01, 0.999,
              effect="live"),
    Parameter("marker_hypotheses", 5, "Sampled poses drawn as markers for each person", 0, 200, effect="live"),
    Parameter("marker_lifetime", 0.5, "Seconds until RViz forgets a person who is not seen; 0: never", 0.0, 60.0,
              effect="live"),
    Parameter("publish_tf", False, "Broadcast the frames of REP-155 on /tf: body_<id>, and the joints in it",
              effect="live"),
    Parameter("autostart", True, "Configure and activate at the start", effect="start"),
)  # fmt: skip

_OUTPUTS = {
    Skeleton3DArray: ("skeletons_3d", OUTPUT),
    Hypotheses3DArray: ("hypotheses", OUTPUT),
    MarkerArray: ("markers", OUTPUT),
    TFMessage: ("/tf", TF),
}


class LiftNode(ManagedNode):
    """Lifts all people of all input topics in one batch, always of the newest messages.

    Configure loads the model, activate subscribes and starts the worker that runs it, deactivate stops it,
    cleanup frees the model. Topics, messages and parameters: see docs/lift_node.md.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("lift_node", **kwargs)
        self.parameters = Parameters(self, PARAMETERS)
        self._view: View = NO_VIEW  # the camera, or why there is none
        self._lifter: Lifter | None = None
        self.diagnostics = Diagnostics(self, ("messages in", "messages out", "people out"), self._health)

    # Transitions

    def _load(self) -> None:
        load_profile(self.parameters["detector_profile"])  # raises now rather than at the activation
        wanted = [self.parameters[name] for name in ("weights", "device", "precision", "engine")]
        # A core for the executor and the other processes: threads that wait for theirs cost more than they bring.
        threads = chosen(self.parameters["threads"], spared=1)
        self._lifter = Lifter.load(*wanted, self.parameters["steps"] or None, threads)
        warm_up(self._lifter, self.parameters)
        self._create_outputs(_OUTPUTS)
        self.get_logger().info(f"model {self.parameters['weights']}: {self._lifter}")

    def _start(self) -> None:
        assert self._lifter is not None
        profile = load_profile(self.parameters["detector_profile"])
        self._worker = LiftWorker(self, self._lifter, lambda: self._view, self._outputs, profile)
        self._inputs.append(self.create_subscription(CameraInfo, "camera_info", self._receive_camera, NEWEST))
        for topic in self.parameters["input_topics"]:
            self._inputs.append(self.create_subscription(Skeleton2DArray, topic, self._receiver(topic), NEWEST))

    def _release(self) -> None:
        super()._release()
        if self._lifter is not None:
            self._lifter.close()
        self._lifter = None

    # Input

    def _receiver(self, topic: str) -> Any:
        def receive(message: Skeleton2DArray) -> None:
            received = time.monotonic()
            self.diagnostics.count("messages in")
            if self._worker is not None:
                self._worker.put(topic, (message, received))

        return receive

    def _receive_camera(self, info: CameraInfo) -> None:
        view = read_camera(info, self.parameters["rectified"], self._view)
        if view is not self._view and view.problem:
            self.get_logger().error(view.problem)  # once per change
        self._view = view

    # Diagnostics

    def _health(self, recent: Counter[str]) -> Health:
        level, message = self._verdict(recent)
        values = {
            "camera": self._view.problem or "calibrated",
            "weights": self.parameters["weights"],
            "detector profile": self.parameters["detector_profile"],
        }
        if self._lifter is None:
            return Health(level, message, values)
        values["steps"] = str(steps_of(self.parameters, self._lifter))
        return Health(level, message, values, hardware=self._lifter.device)

    def _verdict(self, recent: Counter[str]) -> tuple[bytes, str]:
        if self._failure:
            return DiagnosticStatus.ERROR, self._failure
        if self._worker is None:
            return DiagnosticStatus.OK, "not active"
        if self._view.problem:
            return DiagnosticStatus.WARN if self._view is NO_VIEW else DiagnosticStatus.ERROR, self._view.problem
        if found := problems(recent):
            return DiagnosticStatus.WARN, found
        if recent["dropped (newest wins)"]:
            return DiagnosticStatus.OK, "lifting; some messages dropped for newer ones"
        if recent["messages in"]:
            return DiagnosticStatus.OK, "lifting"
        return DiagnosticStatus.OK, "no input" + self._silent(self.parameters["input_topics"])


def main(args: list[str] | None = None) -> int:
    """Run the node until it is told to stop."""
    return run(LiftNode, args)


if __name__ == "__main__":
    raise SystemExit(main())
