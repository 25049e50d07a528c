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

"""Where numbers come onto the device, and go: of a GPU, by pinned memory, which it reads and writes by itself."""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from diffupose_ros.lifting.engine.tape import Memory


class Port:
    """A buffer of P rows on the device, and its copy for numpy; on a CPU, the same memory.

    Args:
        name: of the memory.
        shape: (P, ...).
        dtype: of its numbers.
        memory: of the device.
        pinned: of the host; None where the device is a CPU.
    """

    def __init__(
        self, name: str, shape: tuple[int, ...], dtype: torch.dtype, memory: Memory, pinned: Memory | None
    ) -> None:
        self.device = memory.view(name, shape, dtype)
        self._pinned = None if pinned is None else pinned.view(name, shape, dtype)
        self._numbers: npt.NDArray[Any] = (self.device if self._pinned is None else self._pinned).numpy()

    def send(self, rows: npt.NDArray[Any]) -> None:
        """Bring rows (R, ...) to the device, of which R is 1 to P; the last one fills up what is left."""
        self._numbers[: len(rows)] = rows
        self._numbers[len(rows) :] = rows[-1]
        if self._pinned is not None:
            self.device.copy_(self._pinned, non_blocking=True)

    def receive(self, rows: int) -> npt.NDArray[Any]:
        """Return the first so many rows as soon as the device is done with them."""
        if self._pinned is not None:
            self._pinned.copy_(self.device, non_blocking=True)
            torch.cuda.current_stream(self.device.device).synchronize()
        return np.array(self._numbers[:rows])
