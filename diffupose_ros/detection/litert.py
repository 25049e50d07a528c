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


"""Networks in TensorFlow Lite's format, run on a CPU."""

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from diffupose_ros.detection.quiet import quiet

Tensor = npt.NDArray[np.float32]
_MAX_THREADS = 4  # more gain nothing on networks this small
_CHATTER = ("INFO: Created TensorFlow Lite",)


def runtime() -> Any:
    """Return the class that runs networks.

    Raises:
        ImportError: ai-edge-litert is not installed; says what to do.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise ImportError(
            f"BlazePose needs ai-edge-litert ({error}): {sys.executable} -m pip install ai-edge-litert"
        ) from None
    return Interpreter


class Network:
    """One input, some outputs, float32 all of them.

    Args:
        path: the .tflite file.
        threads: of the CPU; None: one for each core, four at most.

    Raises:
        ImportError: ai-edge-litert is not installed.
        ValueError: not such a file.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        interpreter = runtime()
        with quiet(_CHATTER):
            self._interpreter = interpreter(str(path), num_threads=threads or min(os.cpu_count() or 1, _MAX_THREADS))
            self._interpreter.allocate_tensors()
        (self._input,) = self._interpreter.get_input_details()
        self._outputs = [output["index"] for output in self._interpreter.get_output_details()]

    def __call__(self, values: Tensor) -> list[Tensor]:
        """Return the outputs, in the file's order."""
        self._interpreter.set_tensor(self._input["index"], values)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._outputs]
