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

"""Operations on fixed memory, written down once and run many times; on a GPU, as one CUDA graph.

For a small network most of the time of PyTorch is Python: views are made, outputs allocated, arguments read.
A tape holds what is left once all that is known: which kernel, from where, to where.
"""

import warnings
from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor

from diffupose_ros.files import one_line
from diffupose_ros.lifting.engine.sampling import Interrupted


class Recorder(Protocol):
    """What a network records itself with."""

    def buffer(self, name: str, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """Return memory for an intermediate result; of one name, the same memory."""
        ...

    def __call__(self, operation: Callable[..., Any], *arguments: Any, **options: Any) -> None:
        """Note an operation, which writes its result into a buffer."""
        ...


class Eager:
    """Runs each operation at once, on memory of its own."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def buffer(self, _: str, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """Return new memory."""
        return torch.empty(shape, dtype=dtype, device=self._device)

    def __call__(self, operation: Callable[..., Any], *arguments: Any, **options: Any) -> None:
        """Run the operation."""
        operation(*arguments, **options)


class Memory:
    """Buffers that the tapes of one model share, since one of them runs at a time.

    Args:
        device: where they are.
        pinned: on a CPU: where a GPU reads and writes by itself.
    """

    def __init__(self, device: torch.device, pinned: bool = False) -> None:
        self.device, self._pinned = device, pinned
        self._blocks: dict[tuple[str, torch.dtype, int], Tensor] = {}

    def clear(self) -> None:
        """Forget all blocks; what was recorded on them must not be run any more."""
        self._blocks.clear()

    def view(self, name: str, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """Return a tensor of ``shape`` in the block called ``name``; blocks come in powers of two."""
        size = torch.Size(shape).numel()
        capacity = 1 << max(size - 1, 1).bit_length()
        key = (name, dtype, capacity)
        if key not in self._blocks:
            self._blocks[key] = torch.zeros(capacity, dtype=dtype, device=self.device, pin_memory=self._pinned)
        return self._blocks[key][:size].view(shape)


class Tape:
    """A sequence of operations in parts, between which it can be interrupted.

    Args:
        memory: where its buffers are.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._parts: list[list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]]] = [[]]
        self._graph: torch.cuda.CUDAGraph | None = None
        self._refused = False

    def buffer(self, name: str, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        """Return the memory called ``name``."""
        return self._memory.view(name, shape, dtype)

    def __call__(self, operation: Callable[..., Any], *arguments: Any, **options: Any) -> None:
        """Note an operation; nothing is run yet."""
        self._parts[-1].append((operation, arguments, options))

    def next_part(self) -> None:
        """Begin a part."""
        self._parts.append([])

    def include(self, tape: "Tape") -> None:
        """Go on with all that another tape of the same memory holds."""
        first, *others = tape._parts
        self._parts[-1] += first
        self._parts += [list(part) for part in others]

    @torch.inference_mode()
    def run(self, interrupted: Callable[[], bool] = bool) -> None:
        """Run all operations.

        Args:
            interrupted: asked before each part (of a CUDA graph, once) whether to give up.

        Raises:
            Interrupted: it said yes.
        """
        if self._memory.device.type == "cuda" and not self._refused:
            if interrupted():
                raise Interrupted
            try:
                self._graph = self._graph or self._capture()
            except torch.cuda.OutOfMemoryError:
                raise
            except RuntimeError as error:  # whatever a driver cannot, the operations one by one still can
                self._refused = True
                warnings.warn(f"no CUDA graph, lifting is slower: {one_line(error)}", stacklevel=2)
            else:
                self._graph.replay()
                return
        for part in self._parts:
            if interrupted():
                raise Interrupted
            _run(part)

    def _capture(self) -> torch.cuda.CUDAGraph:
        stream = torch.cuda.Stream(self._memory.device)  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream(self._memory.device))
        with torch.cuda.stream(stream):  # libraries set themselves up at the first run, which a graph cannot hold
            for part in self._parts:
                _run(part)
        torch.cuda.current_stream(self._memory.device).wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            for part in self._parts:
                _run(part)
        return graph


def _run(part: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]]) -> None:
    for operation, arguments, options in part:
        operation(*arguments, **options)
