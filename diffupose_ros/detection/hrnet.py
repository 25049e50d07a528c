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


"""HRNet, the network that turns a crop around a person into one heat map for each of COCO's 17 joints.

Names and shapes of its parameters are those of the released network (``pose_hrnet``), so that public weights
load as they are. Source: Sun et al., Deep High-Resolution Representation Learning for Human Pose Estimation,
CVPR 2019.
"""

from collections.abc import Mapping, Sequence
from functools import reduce
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from diffupose_ros.detection.hrnet_files import read_hrnet
from diffupose_ros.detection.weights import find_weights
from diffupose_ros.pytorch import select_device

WIDTHS = {"w32": 32, "w48": 48}
"""Channels of the branch of the highest resolution."""
JOINTS = 17


class HRNet(nn.Module):
    """The pose network, in evaluation mode.

    Args:
        width: ``w32`` or ``w48``.
        input_size: (height, width) that the weights were trained with; others work, but less well.

    Raises:
        ValueError: another width.
    """

    def __init__(self, width: str = "w32", input_size: tuple[int, int] = (256, 192)) -> None:
        super().__init__()
        if width not in WIDTHS:
            raise ValueError(f"unknown width {width!r} of HRNet: expected one of {', '.join(WIDTHS)}")
        self.width, self.input_size = width, input_size
        channels = [WIDTHS[width] * 2**i for i in range(4)]
        self.conv1 = _conv3x3(3, 64, stride=2)
        self.bn1 = nn.BatchNorm2d(64)
        self.conv2 = _conv3x3(64, 64, stride=2)
        self.bn2 = nn.BatchNorm2d(64)
        self.layer1 = nn.Sequential(*(_Bottleneck(256 if i else 64) for i in range(4)))
        self.transition1 = nn.ModuleList((_conv_bn_relu(256, channels[0], 1), _new_branch(256, channels[1])))
        self.stage2 = nn.Sequential(_Exchange(channels[:2]))
        self.transition2 = nn.ModuleList((*_kept(2), _new_branch(channels[1], channels[2])))
        self.stage3 = nn.Sequential(*(_Exchange(channels[:3]) for _ in range(4)))
        self.transition3 = nn.ModuleList((*_kept(3), _new_branch(channels[2], channels[3])))
        self.stage4 = nn.Sequential(*(_Exchange(channels, 4 if i < 2 else 1) for i in range(3)))
        self.final_layer = nn.Conv2d(channels[0], JOINTS, 1)
        self.eval()

    @classmethod
    def load(cls, name_or_path: str | Path, device: str = "auto") -> "HRNet":
        """Return a network ready for inference: batch normalisation folded, half precision on a GPU.

        Args:
            name_or_path: weights that ``diffupose weights fetch`` got, by name, or a file: official or of
                MMPose (.pth), or ours (.safetensors). The file decides the width.
            device: ``auto`` (CUDA if there is any), ``cpu``, ``cuda``, ``cuda:1``, ...

        Raises:
            FileNotFoundError: no such weights here; says how to get them.
            ValueError: the file is broken, incomplete or of another network; or no such device.
        """
        path = find_weights(name_or_path)
        place = select_device(device)
        weights, input_size = read_hrnet(path)
        names = {width: name for name, width in WIDTHS.items()}
        try:
            with torch.device("meta"):  # no time spent on random weights
                network = cls(names.get(_width(weights), "w32"), input_size)
            network.load_state_dict(weights, assign=True)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
        network.requires_grad_(False).fold()
        return network.to(place, torch.float16 if place.type == "cuda" else torch.float32)

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Take weights under the official names.

        Raises:
            ValueError: they are of another width or network, incomplete, or the network is folded.
        """
        own = self.state_dict()
        if not any(name.endswith("running_var") for name in own):
            raise ValueError("this HRNet is folded for inference; load weights into a new one")
        width = _width(state_dict)
        if width not in (0, WIDTHS[self.width]):
            raise ValueError(f"weights of an HRNet W{width}; expected {self.width.upper()}")
        missing = [name for name in own if name not in state_dict]
        if strict and missing:
            raise ValueError(
                f"incomplete: {len(missing)} of the {len(own)} parameters of HRNet {self.width.upper()} are missing: "
                + ", ".join(missing[:3])
            )
        unknown = [name for name in state_dict if name not in own]
        if strict and unknown:
            raise ValueError(f"{len(unknown)} parameters that HRNet does not have: {', '.join(unknown[:3])}")
        for name in own.keys() & state_dict.keys():
            if own[name].shape != state_dict[name].shape:
                expected, got = tuple(own[name].shape), tuple(state_dict[name].shape)
                raise ValueError(f"parameter {name}: expected shape {expected}, got {got}")
        return super().load_state_dict(state_dict, strict, assign)

    @torch.no_grad()
    def fold(self) -> "HRNet":
        """Merge each batch normalisation into the convolution before it, and lay out memory channels last.

        The same numbers but for rounding; for inference only. Returns the network itself.
        """
        for module in list(self.modules()):
            for (name, conv), (bn_name, bn) in pairwise(list(module.named_children())):
                if isinstance(conv, nn.Conv2d) and isinstance(bn, nn.BatchNorm2d):
                    setattr(module, name, fuse_conv_bn_eval(conv, bn))
                    setattr(module, bn_name, nn.Identity())
        return self.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]

    def forward(self, x: Tensor) -> Tensor:
        """Return heat maps (B, 17, H/4, W/4) of the dtype of ``x``.

        Args:
            x: (B, 3, H, W) RGB, normalised (``heatmaps.normalise``); H and W multiples of 32.

        Raises:
            ValueError: another shape.
        """
        if x.ndim != 4 or x.shape[1] != 3 or x.shape[2] % 32 or x.shape[3] % 32:
            raise ValueError(f"input: expected (B, 3, H, W) with H and W multiples of 32, got {tuple(x.shape)}")
        h = x.to(self.final_layer.weight)
        h = F.relu(self.bn1(self.conv1(h)), inplace=True)
        h = F.relu(self.bn2(self.conv2(h)), inplace=True)
        branches = [self.layer1(h)]
        for transition, stage in (
            (self.transition1, self.stage2),
            (self.transition2, self.stage3),
            (self.transition3, self.stage4),
        ):
            # The new branch comes from the one of the lowest resolution.
            branches = stage([t(b) for t, b in zip(transition, [*branches, branches[-1]], strict=True)])
        y: Tensor = self.final_layer(branches[0])
        return y.to(x.dtype)


class _Bottleneck(nn.Module):
    """Residual block of 1x1, 3x3 and 1x1 convolutions to 256 channels."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, 64, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.conv2 = _conv3x3(64, 64)
        self.bn2 = nn.BatchNorm2d(64)
        self.conv3 = nn.Conv2d(64, 256, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(256)
        self.downsample = None if inputs == 256 else _conv_bn(inputs, 256)

    def forward(self, x: Tensor) -> Tensor:
        h = F.relu(self.bn1(self.conv1(x)), inplace=True)
        h = F.relu(self.bn2(self.conv2(h)), inplace=True)
        h = self.bn3(self.conv3(h))
        return F.relu(h + (x if self.downsample is None else self.downsample(x)), inplace=True)


class _BasicBlock(nn.Module):
    """Residual block of two 3x3 convolutions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = _conv3x3(channels, channels)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = _conv3x3(channels, channels)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        h = F.relu(self.bn1(self.conv1(x)), inplace=True)
        return F.relu(self.bn2(self.conv2(h)) + x, inplace=True)


class _Exchange(nn.Module):
    """Four residual blocks in each branch, then each of the first ``outputs`` branches gets the sum of all.

    Branch i has 1/2^i of the first one's resolution and ``channels[i]`` channels.
    """

    def __init__(self, channels: Sequence[int], outputs: int | None = None) -> None:
        super().__init__()
        n = len(channels)
        self.branches = nn.ModuleList(nn.Sequential(*(_BasicBlock(c) for _ in range(4))) for c in channels)
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(_resample(channels, source, target) for source in range(n)) for target in range(outputs or n)
        )

    def forward(self, inputs: list[Tensor]) -> list[Tensor]:
        xs = [branch(x) for branch, x in zip(self.branches, inputs, strict=True)]
        sums = []
        for row in self.fuse_layers:
            assert isinstance(row, nn.ModuleList)
            sums.append(reduce(torch.add, [layer(x) for layer, x in zip(row, xs, strict=True)]))
        return [F.relu(y, inplace=True) for y in sums]


def _conv3x3(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)


def _conv_bn(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))


def _conv_bn_relu(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(_conv3x3(inputs, outputs, stride), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def _new_branch(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(_conv_bn_relu(inputs, outputs, 2))


def _kept(branches: int) -> list[nn.Module]:
    return [nn.Identity() for _ in range(branches)]


def _resample(channels: Sequence[int], source: int, target: int) -> nn.Module:
    """From one branch's resolution and channels to another's."""
    if source == target:
        return nn.Identity()
    if source > target:
        up = nn.Upsample(scale_factor=2 ** (source - target), mode="nearest")
        return nn.Sequential(*_conv_bn(channels[source], channels[target]), up)
    keep = [_conv_bn_relu(channels[source], channels[source], 2) for _ in range(target - source - 1)]
    last = nn.Sequential(_conv3x3(channels[source], channels[target], 2), nn.BatchNorm2d(channels[target]))
    return nn.Sequential(*keep, last)


def _width(state: Mapping[str, Any]) -> int:
    """Width of the network that the weights are of; 0 where they do not tell."""
    final = state.get("final_layer.weight", state.get("stage4.0.branches.0.0.conv1.weight"))
    return 0 if final is None or final.ndim != 4 else int(final.shape[1])
