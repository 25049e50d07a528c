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

"""The best rates of this machine in matrix products and convolutions: the ceiling that the model's is a part of."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from diffupose_ros.benchmark.section import Cell, GiveUp, Options, Section
from diffupose_ros.benchmark.timing import figures, interleaved
from diffupose_ros.lifting.engine.products import linear
from diffupose_ros.pytorch import select_device

SHAPES = ((2720, 384, 768), (2720, 384, 384), (2720, 384, 576), (1024, 1024, 1024), (2048, 2048, 2048))
"""(rows, in, out) of products: those of 8 people's 160 poses at d = 384, and large ones."""
GPU_SHAPES = ((69632, 384, 768), (8192, 8192, 8192))


@dataclass(frozen=True)
class Workload:
    """A piece of pure arithmetic.

    Attributes:
        kind: ``float32 mm``, ``float32 packed product``, ``float32 convolution`` or ``bfloat16 mm``.
        shape: (rows, in, out).
        run: does it once.
    """

    kind: str
    shape: tuple[int, int, int]
    run: Callable[[], object]

    @property
    def gflop(self) -> float:
        """Its multiplications and additions, in 1e9."""
        return 2e-9 * float(np.prod(self.shape))

    @property
    def labels(self) -> dict[str, str]:
        """What tells it from others."""
        return {"kind": self.kind, "shape": "x".join(map(str, self.shape))}


def workloads(device: torch.device, shapes: Sequence[tuple[int, int, int]]) -> list[Workload]:
    """Return the products of these shapes in both types, and as convolutions."""
    made = []
    for rows, inputs, outputs in shapes:
        x, weight = torch.randn(rows, inputs, device=device), torch.randn(inputs, outputs, device=device)
        kernel = weight.T.contiguous()[:, :, None, None].to(memory_format=torch.channels_last)
        pixels = x.T[None, :, :, None].contiguous(memory_format=torch.channels_last)
        works: list[tuple[str, Callable[[], object]]] = [
            ("float32 mm", _product(x, weight)),
            ("float32 packed product", _packed(x, weight)),
            ("float32 convolution", _convolution(pixels, kernel)),
            ("bfloat16 mm", _product(x.bfloat16(), weight.bfloat16())),
        ]
        made += [Workload(kind, (rows, inputs, outputs), _finished(work, device)) for kind, work in works]
    return made


def best_rate(limits: Sequence[Workload], taken: Sequence[Sequence[float]]) -> float:
    """Return the best rate in GFLOP/s of workloads whose rounds took so many seconds."""
    return max(work.gflop / float(np.median(seconds)) for work, seconds in zip(limits, taken, strict=True))


def _product(x: torch.Tensor, weight: torch.Tensor) -> Callable[[], object]:
    out = x @ weight
    return lambda: torch.mm(x, weight, out=out)


def _packed(x: torch.Tensor, weight: torch.Tensor) -> Callable[[], object]:
    product = linear(weight)
    return lambda: product(x)


def _convolution(x: torch.Tensor, kernel: torch.Tensor) -> Callable[[], object]:
    return lambda: F.conv2d(x, kernel)


def _finished(work: Callable[[], object], device: torch.device) -> Callable[[], object]:
    """Return work that has been done when it returns; torch only orders it on a GPU."""

    def run() -> None:
        with torch.inference_mode():
            work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return run


@contextmanager
def _prepare(options: Options) -> Iterator[list[Cell]]:
    device = select_device(options.device)
    shapes = SHAPES + (GPU_SHAPES if device.type == "cuda" else ())

    def cell(work: Workload) -> Cell:
        def measure(interrupted: GiveUp) -> dict[str, float]:
            found = figures(interleaved({"work": work.run}, options.seconds, interrupted), "work")
            return found | {"gflops": 1000 * work.gflop / found["p50_ms"]}

        return Cell(work.labels, measure)

    yield [cell(work) for work in workloads(device, shapes)]


CEILING = Section("ceiling", "best rates in products and convolutions", _prepare)
