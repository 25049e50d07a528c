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

"""The sampler alone, on random weights of the paper's widest network, against the released code's way to do it.

Speed does not depend on the weights. ``plain_batched`` is the plain network in the same loop, all rows in one batch;
``released`` is the released procedure: one chain of 100 steps after another for each hypothesis and mirror image.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import numpy as np
import torch

from diffupose_ros.benchmark.section import Bar, Cell, GiveUp, Label, Options, Row, Section, find
from diffupose_ros.benchmark.sections.ceiling import GPU_SHAPES, SHAPES, Workload, best_rate, workloads
from diffupose_ros.benchmark.sections.plain import plain_sampler
from diffupose_ros.benchmark.timing import LEAST, figures, interleaved, percentiles
from diffupose_ros.lifting.checkpoint import Checkpoint, DiffusionConfig
from diffupose_ros.lifting.engine.sampler import Prepared, Sampler
from diffupose_ros.lifting.engine.sampling import Method, Sampling
from diffupose_ros.lifting.networks.denoiser import Denoiser, DenoiserConfig
from diffupose_ros.pytorch import product_type, select_device

MFLOP = {128: 11.6, 256: 43.4, 384: 95.4}
"""Of a pose and evaluation of the network, by its channels."""
FULL = 160
"""Rows at which the arithmetic shall be what takes a CPU's time."""
MANY = 205
"""People, each with 20 rows, that fill a GPU."""
_ROUNDS, _HYPOTHESES = 3, 10  # of the released procedure


@dataclass(frozen=True)
class Grid:
    """What is measured.

    Attributes:
        channels: of the network.
        people: numbers of people.
        hypotheses: of each; 20 are the released code's 10, of which each is the mean of two.
        steps: of DDIM.
        compared: (people, hypotheses) that the plain network does too, with ``compared_steps``.
        compared_steps: of DDIM; here, both types of product are measured where the device computes in bfloat16.
        long: whether to measure the 100 steps of DDPM, ours and as released.
    """

    channels: int = 384
    people: tuple[int, ...] = (1, 2, 4, 8, 32)
    hypotheses: tuple[int, ...] = (1, 10, 20)
    steps: tuple[int, ...] = (2, 5, 10, 20)
    compared: tuple[tuple[int, int], ...] = ((1, 1), *((n, 20) for n in (1, 2, 4, 8, 32)))
    compared_steps: int = 5
    long: bool = True


class Core:
    """The samplers, and what is measured of them.

    Args:
        options: of the benchmark.
        grid: what to measure.

    Raises:
        ValueError: a device that is not there.
    """

    def __init__(self, options: Options, grid: Grid) -> None:
        self._options, self._grid, self._device = options, grid, select_device(options.device)
        torch.manual_seed(0)
        config = DenoiserConfig.paper(grid.channels)
        checkpoint = Checkpoint(config, DiffusionConfig.paper(), Denoiser(config).state_dict())
        self._plain = plain_sampler(checkpoint, options.device)
        self._ours = Sampler.of(checkpoint, options.device)
        self._float32 = None
        if product_type(self._device) != torch.float32:
            self._float32 = Sampler.of(checkpoint, options.device, "float32")
        features = np.random.default_rng(0).normal(0, 0.3, (max(*grid.people, MANY), config.joints, 2))
        self._features = features.astype(np.float32)
        self._gpu = self._device.type == "cuda"
        self._full = 20 * MANY if self._gpu else FULL
        limits = workloads(self._device, GPU_SHAPES if self._gpu else SHAPES)
        self._limits = [work for work in limits if self._gpu or work.kind.startswith("float32")]

    def cells(self) -> list[Cell]:
        """Return all cells, the long ones last."""
        grid = self._grid
        cells = [
            self._cell(people, hypotheses, steps, "ddim")
            for people in grid.people
            for hypotheses in grid.hypotheses
            for steps in grid.steps
        ]
        if self._gpu:
            cells.append(self._cell(MANY, 20, grid.compared_steps, "ddim"))
        if not grid.long:
            return cells
        cells += [
            self._cell(people, hypotheses, self._ours.diffusion.steps, "ddpm")
            for people in grid.people
            for hypotheses in grid.hypotheses
        ]
        return [*cells, self._released()]

    def _cell(self, people: int, hypotheses: int, steps: int, method: Method) -> Cell:
        compared = method == "ddim" and steps == self._grid.compared_steps
        samplers = {"ours": self._ours}
        if compared and self._float32 is not None:
            samplers["float32"] = self._float32
        if compared and ((people, hypotheses) in self._grid.compared or people == MANY):
            samplers["plain_batched"] = self._plain
        rows = people * hypotheses
        limits = self._limits if rows == self._full and "plain_batched" in samplers else []
        least = 1 if method == "ddpm" else LEAST  # as long as many of the others together

        def measure(interrupted: GiveUp) -> dict[str, float]:
            works = {
                name: self._draw(sampler, people, hypotheses, steps, method, interrupted)
                for name, sampler in samplers.items()
            }
            pure = {str(i): work.run for i, work in enumerate(limits)}
            taken = interleaved(works | pure, self._options.seconds * len(samplers), interrupted, least)
            found = figures({name: taken[name] for name in works}, "ours")
            if self._grid.channels in MFLOP:
                gflop = 1e-3 * MFLOP[self._grid.channels] * rows * steps
                found |= {_join(name, "gflops"): 1000 * gflop / found[_join(name, "p50_ms")] for name in works}
            return found | _shares(found, works, limits, [taken[name] for name in pure])

        return Cell(_labels(people, hypotheses, steps, method), measure)

    def _released(self) -> Cell:
        """One person by the released procedure; by as many chains of ours; and by as many hypotheses of ours."""
        chains, steps = 2 * _HYPOTHESES, self._grid.compared_steps

        def measure(interrupted: GiveUp) -> dict[str, float]:
            ours = {
                "ours": self._draw(self._ours, 1, chains, steps, "ddim", interrupted),
                "as_shipped": self._draw(self._ours, 1, _HYPOTHESES, steps, "ddim", interrupted),
            }
            chain = self._draw(self._plain, 1, 1, self._plain.diffusion.steps, "ddpm", interrupted)
            taken: dict[str, list[float]] = {"ours": [], "as_shipped": [], "released": []}
            for _ in range(_ROUNDS):
                for name, seconds in interleaved(ours, 0, interrupted, least=20).items():
                    taken[name] += seconds
                alone = interleaved({"chain": chain}, 0, interrupted, least=chains, warm_up=0)["chain"]
                taken["released"].append(sum(alone))
            found = {"rounds": _ROUNDS, **percentiles(taken["released"])}
            for name in ours:
                found |= percentiles(taken[name], f"{name}_")
                found[_join(name, "speed_up")] = found["p50_ms"] / found[f"{name}_p50_ms"]
            return found

        return Cell(_labels(1, chains, self._plain.diffusion.steps, "released"), measure)

    def _draw(
        self,
        sampler: Sampler,
        people: int,
        hypotheses: int,
        steps: int,
        method: Method,
        interrupted: GiveUp,
    ) -> Callable[[], object]:
        prepared: Prepared = sampler.prepare(self._features[:people])
        sampling = Sampling(hypotheses, steps, flip=False, seed=0, method=method)
        return lambda: sampler.draw(prepared, sampling, interrupted)


def _labels(people: int, hypotheses: int, steps: int, method: str) -> dict[str, Label]:
    return {"people": people, "hypotheses": hypotheses, "steps": steps, "method": method}


def _join(work: str, figure: str) -> str:
    return figure if work == "ours" else f"{work}_{figure}"


def _shares(
    found: dict[str, float], works: Iterable[str], limits: list[Workload], taken: list[list[float]]
) -> dict[str, float]:
    """What part of the best rate, on a CPU that of float32, measured in the same rounds, the works reach."""
    if not limits or "gflops" not in found:
        return {}
    best = best_rate(limits, taken)
    return {"ceiling_gflops": best} | {_join(name, "share"): found[_join(name, "gflops")] / best for name in works}


def bars(rows: Sequence[Row], device: str) -> list[Bar]:
    """Return what is demanded of this section's figures."""
    many = _labels(MANY, 20, 5, "ddim")
    on_gpu = (("4,100 rows, times as fast as plain batched", "plain_batched_ratio", 10.0, many),)
    on_cpu = (
        ("20 rows, times as fast as plain batched", "plain_batched_ratio", 3.0, _labels(1, 20, 5, "ddim")),
        ("1 row, times as fast as plain batched", "plain_batched_ratio", 6.0, _labels(1, 1, 5, "ddim")),
        ("1 person, times as fast as released", "speed_up", 200.0, _labels(1, 20, 100, "released")),
        ("160 rows, share of the float32 ceiling", "share", 0.75, _labels(8, 20, 5, "ddim")),
        ("160 rows in float32, share of its ceiling", "float32_share", 0.75, _labels(8, 20, 5, "ddim")),
    )
    wanted = on_gpu if device == "cuda" else on_cpu
    found = ((name, find(rows, **labels) or {}, figure, limit) for name, figure, limit, labels in wanted)
    return [Bar(name, row[figure], limit, True) for name, row, figure, limit in found if figure in row]


@contextmanager
def _prepare(options: Options) -> Iterator[list[Cell]]:
    yield Core(options, Grid()).cells()


CORE = Section("core", "the sampler of the paper's widest network", _prepare, asdict(Grid()), bars=bars)
