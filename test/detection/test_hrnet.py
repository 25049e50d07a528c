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


"""HRNet: the released network's names and numbers, and every form of weights file."""

import hashlib
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from support.hrnet import random_weights
from torch import Tensor

from diffupose_ros import detection
from diffupose_ros.detection import HRNet
from diffupose_ros.detection.hrnet_files import read_hrnet, save_hrnet

Weights = dict[str, Tensor]
SHAPES_W32 = "65ee016f523ec65c1eda98d68ac24f45b3b735bcfbf5d624738a5862150f9be1"
SHAPES_W48 = "c1b1abb1a745033bd2679860c4c84766422f53edf7efd4ebd076cb1c0f98a7f8"
RELEASED = [
    1.0244, -5.9934, 0.1887, 1.5216, -1.434, 1.163, 0.1907, 0.5571, 0.6845, -0.3107, -2.8609, 2.3945, 1.713,
    1.9335, 2.5562, -1.6709, -1.3431,
]  # fmt: skip
"""Heat maps of the authors' pose_hrnet for ``random_weights`` and ``noise(64, 96)``, at row 5, column 11."""


def noise(height: int, width: int) -> Tensor:
    return torch.from_numpy(np.random.RandomState(1).standard_normal((1, 3, height, width)).astype(np.float32))


def empty_network(width: str) -> HRNet:
    with torch.device("meta"):
        return HRNet(width)


def with_weights(weights: Weights) -> HRNet:
    network = empty_network("w32").requires_grad_(False)
    network.load_state_dict(weights, assign=True)
    return network


@cache
def thin_weights() -> Weights:
    """Weights whose kernels are the same for all inputs: their file is small."""
    return {
        name: (value[:, :1, :1, :1] / value[0].numel() ** 0.5).expand(value.shape) if value.ndim == 4 else value
        for name, value in random_weights().items()
    }


@pytest.fixture(scope="module")
def network() -> HRNet:
    return with_weights(random_weights())


@pytest.mark.parametrize(
    ("width", "parameters", "shapes"), [("w32", 28_536_113, SHAPES_W32), ("w48", 63_595_745, SHAPES_W48)]
)
def test_names_and_shapes_are_those_of_the_released_network(width: str, parameters: int, shapes: str) -> None:
    network = empty_network(width)
    state = sorted((name, tuple(value.shape)) for name, value in network.state_dict().items())
    assert len(state) == 1754
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters
    assert hashlib.sha256(repr(state).encode()).hexdigest() == shapes


def test_heat_maps_are_those_of_the_released_network(network: HRNet) -> None:
    heatmaps = network(noise(64, 96))
    assert heatmaps.shape == (1, 17, 16, 24)
    np.testing.assert_allclose(heatmaps[0, :, 5, 11], RELEASED, atol=1e-3)


def test_folded_network_gives_the_same_heat_maps_for_each_person_of_a_batch(network: HRNet) -> None:
    people = torch.cat((noise(64, 64), noise(64, 64).flip(-1)))
    expected = torch.cat([network(person[None]) for person in people])
    folded = with_weights(random_weights()).fold()
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
    with torch.inference_mode():
        torch.testing.assert_close(folded(people), expected, rtol=1e-4, atol=1e-4)
        halved = folded.half()(people[:1])  # as on a GPU
    assert halved.dtype == torch.float32
    assert (halved - expected[:1]).norm() < 0.01 * expected[:1].norm()
    with pytest.raises(ValueError, match="folded"):
        folded.load_state_dict(network.state_dict())


@pytest.mark.parametrize("shape", [(1, 3, 64, 80), (1, 3, 100, 64), (1, 1, 64, 64), (3, 64, 64)])
def test_input_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected \(B, 3, H, W\) with H and W multiples of 32"):
        empty_network("w32")(torch.zeros(shape, device="meta"))


def official(weights: Weights) -> dict:
    return weights


def training_run(weights: Weights) -> dict:
    return {"epoch": 210, "state_dict": {f"module.{name}": value for name, value in weights.items()}}


def lightning_run(weights: Weights) -> dict:
    return {"epoch": 210, "state_dict": {f"model._orig_mod.{name}": value for name, value in weights.items()}}


def averaged(weights: Weights) -> dict:
    worse = {name: value + 1 for name, value in weights.items()}
    return {"model": worse, "ema": {f"module.{name}": value for name, value in weights.items()}}


def mmpose(weights: Weights, head: str = "keypoint_head") -> dict:
    def renamed(name: str) -> str:
        return f"{head}.{name}" if name.startswith("final_layer.") else f"backbone.{name}"

    return {"meta": {"mmpose_version": "0.4.0"}, "state_dict": {renamed(n): v for n, v in weights.items()}}


def mmpose_1(weights: Weights) -> dict:
    contents = mmpose(weights, "head")
    contents["state_dict"]["data_preprocessor.mean"] = torch.zeros(3)
    return contents


@pytest.mark.parametrize("form", [official, training_run, lightning_run, averaged, mmpose, mmpose_1])
def test_every_form_of_file_loads(form: Callable[[Weights], dict], tmp_path: Path) -> None:
    path = tmp_path / "hrnet_w32_coco_384x288.pth"
    torch.save(form(thin_weights()), path)
    loaded = HRNet.load(path, device="cpu")
    expected = with_weights(thin_weights())
    assert (loaded.width, loaded.input_size) == ("w32", (384, 288))
    with torch.inference_mode():
        difference = loaded(noise(32, 32)) - expected(noise(32, 32))
        assert difference.norm() < 1e-4 * expected(noise(32, 32)).norm()


def test_our_file_loads_and_is_half_the_size(network: HRNet, tmp_path: Path) -> None:
    path = tmp_path / "ours.safetensors"
    try:
        save_hrnet(network.state_dict(), path, (384, 288))
        size = path.stat().st_size
        loaded = HRNet.load(str(path), device="cpu")
    finally:
        path.unlink()  # not to be kept with the other temporary files
    assert [p.name for p in tmp_path.iterdir()] == [] and 57e6 < size < 59e6
    assert (loaded.width, loaded.input_size) == ("w32", (384, 288))
    with torch.inference_mode():
        expected = network(noise(32, 32))
        assert (loaded(noise(32, 32)) - expected).norm() < 2e-3 * expected.norm()


@pytest.mark.parametrize(
    ("name", "size"),
    [("a.pth", (256, 192)), ("hrnet_8xb64_coco-384x288-d9f0d786.pth", (384, 288)), ("video_1920x1080.pth", (256, 192))],
)
def test_the_file_name_tells_the_input_size(name: str, size: tuple[int, int], tmp_path: Path) -> None:
    torch.save({"stage2.0": torch.zeros(1)}, tmp_path / name)
    assert read_hrnet(tmp_path / name)[1] == size


def test_files_without_counters_of_batches_load(tmp_path: Path) -> None:
    weights = {name: value for name, value in thin_weights().items() if not name.endswith("num_batches_tracked")}
    torch.save(weights, tmp_path / "old.pth")
    HRNet.load(tmp_path / "old.pth", device="cpu")


def without(*names: str) -> Callable[[Weights], dict]:
    return lambda weights: {name: value for name, value in weights.items() if not name.startswith(names)}


def with_(name: str, value: Tensor) -> Callable[[Weights], dict]:
    return lambda weights: weights | {name: value}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (without("final_layer"), r"incomplete: 2 of the 1754 .* W32 are missing: final_layer\.weight"),
        (without("stage4.2"), r"incomplete: \d+ of the 1754"),
        (with_("final_layer.weight", torch.zeros(17, 18, 1, 1)), r"weights of an HRNet W18; expected W32"),
        (with_("final_layer.weight", torch.zeros(133, 32, 1, 1)), r"expected shape \(17, 32, 1, 1\), got \(133"),
        (with_("stage5.0.weight", torch.zeros(1)), r"1 parameters that HRNet does not have: stage5\.0\.weight"),
    ],
)
def test_weights_that_do_not_fit_are_refused_with_the_reason(change: Callable[[Weights], dict], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        with_weights(change(random_weights()))


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        ({"stage2.0": torch.full((64,), float("nan"))}, r"NaN or infinite numbers: stage2\.0"),
        ({"backbone.stage2.0": torch.zeros(1)}, r"incomplete: 1754 of the 1754"),
        ({"conv1.weight": torch.zeros(64, 3, 7, 7)}, "not an HRNet"),
        (torch.zeros(3), "not an HRNet"),
        ({"meta": Path("x"), "state_dict": {}}, r"holds a pathlib\S*, which is no weight, and could run code"),
        ({"state_dict": [1, 2]}, "not an HRNet"),
    ],
)
def test_a_file_that_is_not_a_whole_hrnet_is_refused_with_the_reason(
    contents: object, reason: str, tmp_path: Path
) -> None:
    torch.save(contents, tmp_path / "a.pth")
    with pytest.raises(ValueError, match=r"a\.pth: .*" + reason):
        HRNet.load(tmp_path / "a.pth", device="cpu")


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_truncated_file_is_refused(suffix: str, tmp_path: Path) -> None:
    torch.save({"stage2.0": torch.zeros(1000)}, tmp_path / "whole.pth")
    data = (tmp_path / "whole.pth").read_bytes()
    (tmp_path / f"cut.{suffix}").write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match=rf"cut\.{suffix}: truncated, or not a"):
        HRNet.load(tmp_path / f"cut.{suffix}", device="cpu")


def test_weights_of_the_other_width_are_refused() -> None:
    w48 = empty_network("w48").state_dict()
    with pytest.raises(ValueError, match="weights of an HRNet W48; expected W32"):
        empty_network("w32").load_state_dict(w48)
    with pytest.raises(ValueError, match="weights of an HRNet W32; expected W48"):
        empty_network("w48").load_state_dict(random_weights())


def test_unknown_width_device_and_name_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(ValueError, match=r"'w33'.*expected one of w32, w48"):
        HRNet("w33")
    with pytest.raises(FileNotFoundError, match=r"'best': not a file, and the names are w32, w48"):
        HRNet.load("best")
    with pytest.raises(FileNotFoundError, match=r"diffupose weights fetch w32.*by hand: get https://"):
        HRNet.load("w32")
    torch.save(thin_weights(), tmp_path / "a.pth")
    with pytest.raises(ValueError, match="'gpu7' cannot be used"):
        HRNet.load(tmp_path / "a.pth", device="gpu7")


def test_importing_detection_does_not_import_torch() -> None:
    code = "import sys, diffupose_ros.detection.detector; sys.exit('torch' in sys.modules or 'cv2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    with pytest.raises(AttributeError, match="VitPose"):
        detection.VitPose  # noqa: B018
