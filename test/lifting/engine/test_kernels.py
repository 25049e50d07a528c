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

"""The compiled layers give the numbers of PyTorch's operations, with each set of instructions of the CPU, and Arm's."""

import ctypes
import itertools
import platform
from functools import partial
from pathlib import Path

import pytest
import torch
from support import arm
from torch import Tensor

from diffupose_ros.lifting.engine import kernels
from diffupose_ros.lifting.engine.kernels import CompiledLayers, usable
from diffupose_ros.lifting.engine.layers import Convolution, Finish, Layers, Product, PyTorchLayers
from diffupose_ros.lifting.engine.tape import Memory, Tape
from diffupose_ros.processor import cpu_flags

CPU = torch.device("cpu")
BUILT = [
    name
    for name, needs in kernels._NEEDS.items()
    if needs <= cpu_flags() and list(Path(kernels.__file__).parent.glob(f"_kernels_{name}*.so"))
]
TILES = BUILT[:1] == ["avx512"] and kernels._may_use_tiles()
EMULATED = [] if platform.machine() == "aarch64" else ["emulated asimd", "emulated asimd bf16"]
CHANNELS = 64
ROUNDING = {torch.float32: 1e-4, torch.bfloat16: 0.03}

pytestmark = pytest.mark.skipif(not BUILT, reason="the kernels are not built: no C compiler, or another kind of CPU")


@pytest.fixture(scope="module")
def emulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if arm.MISSING:
        pytest.skip(f"to emulate Arm: {' and '.join(arm.MISSING)} not found")
    return arm.build(tmp_path_factory.mktemp("arm"))


@pytest.fixture(params=[*(["avx512 with AMX"] if TILES else []), *(BUILT or ["none"]), *EMULATED])
def compiled(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> CompiledLayers:
    name, *tiles = request.param.split(" ", 1)
    if name == "emulated":
        monkeypatch.setattr(kernels, "_kernel", partial(arm.kernel, request.getfixturevalue("emulated")))
        monkeypatch.setattr(kernels, "_lanes", lambda: arm.LANES)
        monkeypatch.setattr(kernels, "_may_use_tiles", lambda: False)
        monkeypatch.setattr(kernels, "cpu_flags", lambda: frozenset(tiles[0].split()))
        return CompiledLayers()
    (path,) = Path(kernels.__file__).parent.glob(f"_kernels_{name}*.so")
    monkeypatch.setattr(kernels, "_LIBRARY", ctypes.CDLL(str(path)))
    monkeypatch.setattr(kernels, "_may_use_tiles", lambda: bool(tiles))
    return CompiledLayers()


def numbers(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def convolution(joints: int, inputs: int, channels: int, dtype: torch.dtype) -> Convolution:
    weights = (numbers(inputs, 2 * channels) / inputs**0.5).to(dtype)
    own, modulation = numbers(joints, channels, seed=1), numbers(joints, channels, seed=2)
    others = numbers(joints, joints, seed=3) / 4
    return Convolution(Product(weights), others, own, modulation, numbers(channels, seed=4))


def run_graph_conv(
    layers: Layers,
    x: Tensor,
    channels: int = CHANNELS,
    relu: bool = True,
    residual: bool = True,
    affine: bool = True,
) -> tuple[Tensor, ...]:
    joints, rows, inputs = x.shape
    stream = numbers(joints, rows, channels, seed=5)
    factor = torch.zeros(joints, rows, channels, dtype=torch.bfloat16)
    conv, factors = (
        convolution(joints, inputs, channels, x.dtype),
        (numbers(channels, seed=7), numbers(channels, seed=8)),
    )
    outs = (stream, factor)
    kept, timed = stream if residual else None, factors if affine else None
    layers.graph_conv(Tape(Memory(CPU)), conv, x, outs, Finish(relu, kept, timed))()
    return outs


@pytest.mark.parametrize("dtype", ROUNDING)
@pytest.mark.parametrize(
    ("joints", "rows", "inputs", "channels"),
    [(17, 1, 128, 64), (17, 11, 128, 64), (16, 3, 64, 64), (17, 6, 64, 16), (5, 2, 48, 96), (25, 5, 96, 160)],
)
def test_graph_convolution(
    compiled: CompiledLayers, joints: int, rows: int, inputs: int, channels: int, dtype: torch.dtype
) -> None:
    x = numbers(joints, rows, inputs, dtype=dtype, seed=6)
    for relu, residual, affine in itertools.product([True, False], repeat=3):
        plain, ours = (
            run_graph_conv(layers, x, channels, relu, residual, affine) for layers in (PyTorchLayers(), compiled)
        )
        assert plain[0].std() > 0.3
        torch.testing.assert_close(ours[0], plain[0], rtol=ROUNDING[dtype], atol=ROUNDING[dtype])
        torch.testing.assert_close(ours[1].float(), plain[0], rtol=0.03, atol=0.03)


def test_graph_convolution_of_few_inputs_of_any_number(compiled: CompiledLayers) -> None:
    x = numbers(17, 6, 7, seed=6)
    torch.testing.assert_close(
        run_graph_conv(compiled, x)[0], run_graph_conv(PyTorchLayers(), x)[0], rtol=1e-4, atol=1e-4
    )


def test_what_is_not_a_number_stays_that(compiled: CompiledLayers) -> None:
    x = numbers(17, 3, 64, seed=6)
    x[4, 1, 2] = torch.nan
    for out in run_graph_conv(compiled, x):
        assert out[:, 1].isnan().all() and out[:, [0, 2]].isfinite().all()


def test_input_of_another_width_is_refused(compiled: CompiledLayers) -> None:
    conv, out = convolution(17, 14, CHANNELS, torch.float32), torch.zeros(17, 3, CHANNELS)
    with pytest.raises(ValueError, match="a layer for 14 channels is given 11"):
        compiled.graph_conv(Tape(Memory(CPU)), conv, numbers(17, 3, 11), (out,), Finish())


def test_a_library_of_other_source_or_of_another_machine_is_named_and_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert kernels._load()[0] == BUILT[0]
    assert kernels._load(tmp_path) == ("none", None)  # without a word: there was no compiler
    built = Path(kernels.__file__).parent.glob(f"_kernels_{BUILT[-1]}*.so")
    (tmp_path / f"_kernels_{BUILT[-1]}.cpython-39.so").symlink_to(next(built))
    assert kernels._load(tmp_path)[0] == BUILT[-1]  # any Python's
    monkeypatch.setattr(kernels, "_VERSION", 99)
    with pytest.warns(UserWarning, match=r"more slowly: .*cpython-39\.so is of version \d+, not 99"):
        assert kernels._load(tmp_path) == ("none", None)
    (tmp_path / f"_kernels_{BUILT[0]}_broken.so").write_bytes(b"\x7fELF of another machine")
    with pytest.warns(UserWarning, match=r"broken\.so: .*Build or install"):
        kernels._load(tmp_path)


@pytest.mark.parametrize("dtype", ROUNDING)
@pytest.mark.parametrize(("joints", "rows"), [(17, 1), (17, 11), (16, 3)])
def test_attention(compiled: CompiledLayers, joints: int, rows: int, dtype: torch.dtype) -> None:
    x, weights = numbers(joints, rows, CHANNELS, dtype=dtype), numbers(CHANNELS, 3 * CHANNELS, seed=1) / CHANNELS**0.75
    outs = [torch.zeros(joints, rows, CHANNELS, dtype=dtype) for _ in range(2)]
    product = Product(weights.to(dtype), numbers(3 * CHANNELS, dtype=dtype, seed=2) / 4)
    for layers, out in zip((PyTorchLayers(), compiled), outs, strict=True):
        layers.attention(Tape(Memory(CPU)), product, x, out)()
    assert outs[0].std() > 0.1
    torch.testing.assert_close(outs[1], outs[0], rtol=ROUNDING[dtype], atol=ROUNDING[dtype])


@pytest.mark.parametrize("dtype", ROUNDING)
def test_residual(compiled: CompiledLayers, dtype: torch.dtype) -> None:
    x, weights = numbers(17, 5, 32, dtype=dtype), (numbers(32, CHANNELS, seed=1) / 6).to(dtype)
    outs = [numbers(17, 5, CHANNELS, seed=2) for _ in range(2)]
    affine = (20 * numbers(CHANNELS, seed=3), numbers(CHANNELS, seed=4))  # far out, where an exponential overflows
    for layers, out in zip((PyTorchLayers(), compiled), outs, strict=True):
        layers.residual(Tape(Memory(CPU)), Product(weights), x, out, numbers(CHANNELS, seed=5), affine)()
    assert outs[0].max() > 50 and outs[0].min() < 0
    torch.testing.assert_close(outs[1], outs[0], rtol=1e-4, atol=1e-4)


@pytest.mark.skipif(not torch.backends.openmp.is_available(), reason="a PyTorch without OpenMP")
def test_the_kernels_run_on_the_threads_of_pytorch() -> None:
    assert kernels._PARALLEL is not None


@pytest.mark.parametrize("dtype", ROUNDING)
@pytest.mark.parametrize("rows", [3, 5, 37])  # fewer than the work's pieces, and more
def test_many_threads_give_what_one_gives(compiled: CompiledLayers, rows: int, dtype: torch.dtype) -> None:
    threads, found = torch.get_num_threads(), []
    try:
        for count in (1, 4):
            torch.set_num_threads(count)
            found.append(run_graph_conv(compiled, numbers(17, rows, 128, dtype=dtype, seed=6), channels=160)[0])
    finally:
        torch.set_num_threads(threads)
    torch.testing.assert_close(found[1], found[0], rtol=1e-6, atol=1e-6)


def test_networks_that_the_kernels_cannot_run_are_left_to_pytorch() -> None:
    assert usable(CPU, 17, 128)
    assert not usable(CPU, 33, 128) and not usable(CPU, 17, 48) and not usable(CPU, 17, 2048)
    assert not usable(torch.device("cuda"), 17, 128)
