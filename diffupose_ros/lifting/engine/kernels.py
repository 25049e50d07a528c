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

"""The denoiser's layers compiled: ``kernels.c`` through ctypes.

The libraries, one for each set of instructions that gains by them, of x86 and of Arm, are built where the package is
installed from its source and there is a C compiler. Any Python can load them.
"""

import ctypes
import warnings
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path

import torch
from torch import Tensor

from diffupose_ros.lifting.engine.layers import Affine, Convolution, Epilogue, Finish, Layers, Operation, Product, after
from diffupose_ros.lifting.engine.tape import Recorder
from diffupose_ros.processor import cpu_flags

_NEEDS = {
    "avx512": {"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx2", "fma"},
    "avx2": {"avx2", "fma"},
    "neon": {"asimd"},
}
"""Instructions that a library needs, by Linux's names; the best first."""
_MOST_JOINTS, _MOST_INPUTS = 32, 1024  # what kernels.c has room for
_FEW_INPUTS = 32  # a product of these takes less time than the call of oneDNN
_TILE_INPUTS = 32  # AMX multiplies so many at once
_BFLOAT16 = {16: ("avx512_bf16", 2), 4: ("bf16", 4)}
"""By the lanes of libraries with 32 registers (AVX-512, NEON): the flag of CPUs that multiply in bfloat16, and how
many inputs they take at once."""
_VERSION = 3  # that of kernels.c
_POINTER = ctypes.c_void_p


def _load(folder: Path = Path(__file__).parent) -> tuple[str, ctypes.CDLL | None]:
    faults = []
    for name, needs in _NEEDS.items():
        if needs <= cpu_flags():
            for path in folder.glob(f"_kernels_{name}*.so"):
                try:
                    library = ctypes.CDLL(str(path))
                    if (version := library.diffupose_version()) == _VERSION:
                        return name, library
                    faults.append(f"{path} is of version {version}, not {_VERSION}")
                except (OSError, AttributeError) as error:  # for another kind of machine, or another library
                    faults.append(str(error))
    if faults:
        warnings.warn(
            f"PyTorch does the compiled kernels' work, more slowly: {'; '.join(faults)}. Build or install "
            "diffupose_ros again",
            stacklevel=2,
        )
    return "none", None


INSTRUCTIONS, _LIBRARY = _load()
"""Those that the compiled layers use: ``avx512``, ``avx2``, ``neon``, or ``none`` where there are no such layers."""
# PyTorch's own OpenMP, among what its library brings: threads of another would fight with those for the cores.
_PARALLEL = getattr(ctypes.CDLL(torch._C.__file__), "GOMP_parallel", None) if _LIBRARY else None


def usable(device: torch.device, joints: int, channels: int) -> bool:
    """Return whether a library is there, and can run a network of so many joints and channels on ``device``."""
    fits = joints <= _MOST_JOINTS and channels % 32 == 0 and channels <= _MOST_INPUTS
    return _LIBRARY is not None and device.type == "cpu" and fits


class CompiledLayers(Layers):
    """Made of compiled kernels, where ``usable``."""

    def __init__(self) -> None:
        self._packed: dict[int, tuple[Tensor, Tensor]] = {}  # by the id of the first

    def graph_conv(
        self, tape: Recorder, conv: Convolution, x: Tensor, outs: Sequence[Tensor], finish: Finish
    ) -> Operation:
        """Return a graph convolution and what follows it."""
        by_type = {out.dtype: out for out in outs}
        members = (
            *(*outs[0].shape, x.dtype == torch.bfloat16, finish.relu),
            *(conv.others, conv.own, conv.modulation, conv.bias, finish.residual),
            *(finish.affine or (None, None)),
            *(by_type.get(torch.float32), by_type.get(torch.bfloat16)),
        )
        weights, inputs = conv.product.weights, x.shape[-1]
        if inputs != len(weights):
            raise ValueError(f"a layer for {len(weights)} channels is given {inputs}")
        if not _multiplies(x):
            return after(conv.product, x, _kernel("graph_conv", *members))
        own, others = weights.chunk(2, 1)
        name = "graph_tiles" if _tiles(x) else "graph_layer"
        return partial(_kernel(name, *members, inputs, self._by_lanes(weights, others, own)), x)

    def attention(self, tape: Recorder, product: Product, x: Tensor, out: Tensor) -> Operation:
        """Return what a non-local block's input becomes."""
        return self._after(tape, product, x, _kernel("attention", *out.shape, out.dtype == torch.bfloat16, out))

    def residual(
        self, tape: Recorder, product: Product, x: Tensor, out: Tensor, bias: Tensor, affine: Affine
    ) -> Operation:
        """Return a non-local block's output."""
        epilogue = _kernel("residual", *out.shape, x.dtype == torch.bfloat16, bias, *affine, out)
        return self._after(tape, product, x, epilogue)

    def _after(self, tape: Recorder, product: Product, x: Tensor, epilogue: Epilogue) -> Operation:
        """Return a product and what follows it."""
        if not _multiplies(x):
            return after(product, x, epilogue)
        inputs, channels = product.weights.shape
        out = tape.buffer("product", (*x.shape[:2], channels), x.dtype)
        weights = self._by_lanes(product.weights, product.weights)
        bias = None if product.bias is None else product.bias.float()
        name = "linear_tiles" if _tiles(x) else "linear"
        run = _kernel(name, *out.shape, x.dtype == torch.bfloat16, inputs, weights, bias, out)

        def both() -> None:
            run(x)
            epilogue(out)

        return both

    def _by_lanes(self, weights: Tensor, *parts: Tensor) -> Tensor:
        """Parts (K, C) of ``weights`` in the order in which ``multiply`` of kernels.c reads them; kept."""
        if id(weights) not in self._packed:
            at_once = _BFLOAT16[_lanes()][1] if weights.dtype == torch.bfloat16 else 1
            split = torch.stack(parts).view(len(parts), len(weights) // at_once, at_once, -1, _lanes())
            self._packed[id(weights)] = weights, split.permute(3, 0, 1, 4, 2).contiguous()
        return self._packed[id(weights)][1]


def _lanes() -> int:
    assert _LIBRARY is not None
    return int(_LIBRARY.diffupose_lanes())


def _multiplies(x: Tensor) -> bool:
    """Whether to leave a product with ``x`` to a kernel: with 32 registers faster than oneDNN, as AVX-512 has shown."""
    inputs = x.shape[-1]
    enough = _lanes() in _BFLOAT16 and inputs <= _MOST_INPUTS
    if x.dtype == torch.float32:
        return enough or inputs <= _FEW_INPUTS
    return enough and (_tiles(x) if _may_use_tiles() else _BFLOAT16[_lanes()][0] in cpu_flags())


def _tiles(x: Tensor) -> bool:
    """Whether to multiply ``x`` by AMX, the tiles of recent Xeons."""
    return x.dtype == torch.bfloat16 and x.shape[-1] % _TILE_INPUTS == 0 and _may_use_tiles()


@cache
def _may_use_tiles() -> bool:
    assert _LIBRARY is not None
    return "amx_bf16" in cpu_flags() and bool(_LIBRARY.diffupose_may_use_tiles())


def _kernel(name: str, *members: int | Tensor | None) -> Epilogue:
    """One of the library's functions with all its arguments but the input: the members of its struct."""
    run = getattr(_LIBRARY, f"diffupose_{name}")
    run.argtypes, run.restype = (_POINTER, _POINTER, _POINTER, ctypes.c_int), None
    assert all(member.is_contiguous() for member in members if isinstance(member, Tensor))
    words = [member.data_ptr() if isinstance(member, Tensor) else member or 0 for member in members]
    arguments = (ctypes.c_int64 * len(words))(*words)

    def kernel(x: Tensor, alive: tuple[int | Tensor | None, ...] = members) -> None:
        run(arguments, x.data_ptr(), _PARALLEL, torch.get_num_threads())

    return kernel
