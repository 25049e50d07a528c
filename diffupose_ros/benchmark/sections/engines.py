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

"""Each engine against the best rate of this machine in products of the same type, on the paper's widest network.

Speed does not depend on the weights, which are random. So many poses that the arithmetic is what takes the time.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch

from diffupose_ros.benchmark.section import Cell, GiveUp, Options, Section
from diffupose_ros.benchmark.sections.ceiling import GPU_SHAPES, SHAPES, best_rate, workloads
from diffupose_ros.benchmark.sections.core import FULL, MANY, MFLOP
from diffupose_ros.benchmark.timing import figures, interleaved
from diffupose_ros.lifting import Lifter
from diffupose_ros.lifting.checkpoint import Checkpoint, DiffusionConfig
from diffupose_ros.lifting.engine.folded import FoldedDenoiser
from diffupose_ros.lifting.engine.kernels import usable
from diffupose_ros.lifting.engine.sampler import Sampler
from diffupose_ros.lifting.engine.sampling import Sampling
from diffupose_ros.lifting.networks.denoiser import Denoiser, DenoiserConfig
from diffupose_ros.pytorch import product_type, select_device

CHANNELS, HYPOTHESES, STEPS = 384, 20, 5
TORCH, COMPILED = "torch", "compiled"
"""Engines: PyTorch's operations, and the same but for what ``kernels.c`` does."""


def engine_of(lifter: Lifter) -> str:
    """Return the one of these that a lifter of the engine torch runs on."""
    drawing = lifter.sampler
    return COMPILED if usable(torch.device(drawing.device), drawing.joints, drawing.channels) else TORCH


def engines(device: torch.device, config: DenoiserConfig) -> list[str]:
    """Return those that can run a network on a device."""
    return [TORCH, *([COMPILED] if usable(device, config.joints, config.channels) else [])]


def sampler(engine: str, checkpoint: Checkpoint, device: torch.device, products: torch.dtype) -> Sampler:
    """Return the sampler of a model without a proposal on one of the engines.

    Args:
        engine: ``torch`` or ``compiled``.
        checkpoint: the model.
        device: where it runs.
        products: type of most products over the channels.
    """
    steps, compiled = checkpoint.diffusion.steps, engine == COMPILED
    network = FoldedDenoiser(checkpoint.build(), steps, device, products, compiled)
    config = checkpoint.denoiser
    return Sampler(network, checkpoint.diffusion, config.joints, str(device), variant=config.variant)


@contextmanager
def _prepare(options: Options) -> Iterator[list[Cell]]:
    device = select_device(options.device)
    gpu = device.type == "cuda"
    people = MANY if gpu else FULL // HYPOTHESES
    torch.manual_seed(0)
    config = DenoiserConfig.paper(CHANNELS)
    checkpoint = Checkpoint(config, DiffusionConfig.paper(), Denoiser(config).state_dict())
    features = np.random.default_rng(0).normal(0, 0.3, (people, config.joints, 2)).astype(np.float32)
    limits = workloads(device, GPU_SHAPES if gpu else SHAPES)

    def cell(engine: str, products: torch.dtype) -> Cell:
        name = str(products).removeprefix("torch.")
        same = [work for work in limits if work.kind.startswith(name)]

        def measure(interrupted: GiveUp) -> dict[str, float]:
            drawing = sampler(engine, checkpoint, device, products)
            prepared, sampling = drawing.prepare(features), Sampling(HYPOTHESES, STEPS, flip=False, seed=0)
            works: dict[str, Callable[[], object]] = {"engine": lambda: drawing.draw(prepared, sampling, interrupted)}
            pure = {str(i): work.run for i, work in enumerate(same)}
            taken = interleaved(works | pure, 2 * options.seconds, interrupted)
            found = figures({"engine": taken["engine"]}, "engine")
            rate = MFLOP[CHANNELS] * people * HYPOTHESES * STEPS / found["p50_ms"]
            best = best_rate(same, [taken[each] for each in pure])
            return found | {"gflops": rate, "ceiling_gflops": best, "share": rate / best}

        return Cell({"engine": engine, "products": name, "rows": people * HYPOTHESES}, measure)

    types = dict.fromkeys((torch.float32, product_type(device)))
    yield [cell(engine, products) for products in types for engine in engines(device, config)]


ENGINES = Section(
    "engines",
    "each engine's share of the machine's ceiling",
    _prepare,
    {"channels": CHANNELS, "steps": STEPS},
)
