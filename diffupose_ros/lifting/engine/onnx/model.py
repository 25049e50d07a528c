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

"""Calls of an exported model on onnxruntime: they find what ``Calls`` finds, without PyTorch."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from diffupose_ros.files import cache_folder, one_line
from diffupose_ros.lifting.engine.onnx.exported import Exported, read_exported
from diffupose_ros.lifting.engine.onnx.providers import MOST, devices, providers_of
from diffupose_ros.lifting.engine.sampling import (
    CPU_BATCH,
    MAX_BATCH,
    FloatArray,
    Interrupted,
    Noise,
    OtherStepsError,
    Room,
    Sampling,
    of_network,
)
from diffupose_ros.lifting.rows import SEEN, found
from diffupose_ros.threads import chosen

if TYPE_CHECKING:
    from diffupose_ros.lifting.networks.denoiser import Variant

INPUTS = ("features", "seen", "noise", "images")
FOUND = "found"
_EXHAUSTED = ("out of memory", "failed to allocate", "bad allocation", "bad_alloc", "cudaerrormemoryallocation")


class OnnxModel:
    """An exported model on its device. Can be used from several threads.

    Args:
        path: the ONNX file.
        device: ``auto`` (CUDA if onnxruntime has it), ``cpu``, ``cuda``, ``cuda:1``, ``tensorrt``, ``openvino``, ...
        threads: that compute on a CPU; 0: ``diffupose_ros.threads.chosen()``.

    Attributes:
        engine: what people call it.
        about: what the file says of itself.
        device: where it runs.

    Raises:
        ImportError: onnxruntime is not installed.
        OSError: the file cannot be read.
        ValueError: a broken file, one of another version, or one that this onnxruntime cannot run; a device that is
            not there.
    """

    engine = "onnx"

    def __init__(self, path: Path, device: str = "auto", threads: int = 0) -> None:
        onnxruntime = _onnxruntime()
        self.about: Exported = read_exported(path)
        self._path = path
        shapes: dict[str, list[int | str]] = {
            "features": ["P", self.about.joints, self.about.condition_channels],
            "seen": ["P", SEEN.width],
            "noise": ["N", self.about.joints, 3],
            "images": ["N"],
        }
        available, half = onnxruntime.get_available_providers(), self.about.precision == "float16"
        asked = providers_of(device, available, half, shapes)
        if asked[0][0].startswith("Tensorrt"):
            _prepare_tensorrt()
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4  # what fails, is raised
        options.intra_op_num_threads, options.inter_op_num_threads = threads or chosen(), 1
        # Threads that wait sleep: a robot's other programs need the cores.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=asked)
        except Exception as error:  # noqa: BLE001 - onnxruntime's errors share no class of their own
            raise ValueError(
                f"{path}: onnxruntime {onnxruntime.__version__} cannot run it: {_reason(error)}. Write it again with "
                "`diffupose export`, or install a newer onnxruntime"
            ) from None
        _check_shapes(path, self._session, shapes)
        ran = self._session.get_providers()
        if device != "auto" and asked[0][0] not in ran:  # its libraries are missing, or no such GPU
            raise ValueError(f"device {device!r}: onnxruntime could not start it, only {devices(ran)}")
        self.device = device if device != "auto" else devices(ran[:1])
        most = MOST["P"] if self.device.startswith("tensorrt") else None
        self._room = Room(CPU_BATCH if self.device == "cpu" else MAX_BATCH, _is_exhausted, most)

    @property
    def channels(self) -> int:
        """The denoiser's d."""
        return self.about.channels

    @property
    def joints(self) -> int:
        """Joints of the network."""
        return self.about.joints

    @property
    def variant(self) -> "Variant":
        """Which view of the 2D skeleton the network takes."""
        return self.about.variant

    def close(self) -> None:
        """Free the model's memory; the sampler cannot be used any more."""
        del self._session

    @property
    def usual_steps(self) -> int:
        """DDIM steps that the file has."""
        return self.about.steps

    def check_steps(self, steps: int) -> None:
        """Refuse numbers of DDIM steps that the file does not have.

        Raises:
            OtherStepsError: another number than the file's.
        """
        if steps != self.about.steps:
            raise OtherStepsError(
                f"steps: {self._path} takes {self.about.steps}, not {steps}: write another with `diffupose export "
                f"WEIGHTS FILE.onnx --steps {steps}`, or take the engine torch, which has any number"
            )

    def run(
        self,
        features: npt.NDArray[np.float32],
        seen: FloatArray,
        sampling: Sampling,
        interrupted: Callable[[], bool] = bool,
    ) -> FloatArray:
        """Return what is found of P people, rows (P, width) of ``rows.found``; see ``Calls.run``.

        Args:
            features: (P, 17, C) of a ``Condition``.
            seen: (P, width) rows of ``rows.SEEN``.
            sampling: how poses are drawn, by DDIM, in the file's number of steps.
            interrupted: asked before each batch whether to give up.

        Raises:
            Interrupted: ``interrupted`` said yes.
            MemoryError: the device's memory is not enough for one person.
            OtherStepsError: another number of steps than the file's.
        """
        self.check_steps(sampling.steps or self.usual_steps)
        count, hypotheses = len(features), sampling.hypotheses
        if count == 0:
            return np.zeros((0, found(hypotheses).width))
        features = of_network(features, self.about.joints)
        noise, images = Noise(sampling, self.about.joints)(), np.arange(hypotheses) % 2 * sampling.flip

        def rows_of(part: slice) -> FloatArray:
            if interrupted():
                raise Interrupted
            inputs = dict(zip(INPUTS, (features[part], seen[part], noise, images), strict=True))
            return np.asarray(self._session.run([FOUND], inputs)[0])

        return self._room.draw(count, hypotheses, rows_of)


def _onnxruntime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        why = one_line(error) or "its build does not fit this numpy"
        raise ImportError(
            f"the engine onnx needs onnxruntime ({why}): {sys.executable} -m pip install onnxruntime"
        ) from None
    return onnxruntime


def _check_shapes(path: Path, session: Any, expected: dict[str, list[int | str]]) -> None:
    """Refuse a graph that is not what its metadata says."""
    found = {each.name: list(each.shape) for each in session.get_inputs()}
    if found != expected:
        raise ValueError(f"{path}: of another architecture than it says: expected inputs {expected}, got {found}")


def _prepare_tensorrt() -> None:
    folder = cache_folder() / "tensorrt"
    folder.mkdir(parents=True, exist_ok=True)
    if not any(folder.glob("*.engine")):
        print(f"TensorRT builds its engine for this GPU, once: minutes. It is kept in {folder}.", file=sys.stderr)


def _reason(error: Exception) -> str:
    """An error's text, on one line and without the place in onnxruntime's source."""
    return re.sub(r"\S*/onnxruntime_src/\S+ .*?\) ", "", " ".join(str(error).split()))[:300]


def _is_exhausted(error: Exception) -> bool:
    return any(words in str(error).lower() for words in _EXHAUSTED)
