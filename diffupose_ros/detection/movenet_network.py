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

"""MoveNet's network, run by PyTorch from TensorFlow.js's files: a graph in JSON, and its weights beside it."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F

_HEADS = ("center_0/conv2d_4", "kpt_regress_0/conv2d_6", "kpt_heatmap_0/conv2d_5", "kpt_offset_0/conv2d_7")
_CALL = "StatefulPartitionedCall"
_IMAGE = f"{_CALL}/sub_1"  # scaled to [-1, 1]
_ACTIVATIONS = {"Relu": F.relu, "Relu6": F.relu6}
SIZE = 192
"""px, of the network's input."""
STRIDE = 4
"""px of the input for one of the network's maps."""
JOINTS = 17


class MoveNetwork:
    """The network, singlepose lightning 4: of each crop the person nearest to its middle.

    Args:
        graph: movenet-lightning.json.
        weights: movenet-lightning.bin.
        device: that it runs on.

    Raises:
        ValueError: another graph.
    """

    def __init__(self, graph: Path, weights: Path, device: torch.device) -> None:
        described = json.loads(graph.read_text())
        self._nodes = {node["name"]: node for node in described["modelTopology"]["node"]}
        self._constants = {
            name: torch.from_numpy(values).to(device)
            for name, values in _constants(described["weightsManifest"][0]["weights"], weights.read_bytes()).items()
        }
        self._device = device
        self._heads = [f"{_CALL}/{head}/BiasAdd" for head in _HEADS]
        if missing := [head for head in self._heads if head not in self._nodes]:
            raise ValueError(f"{graph}: expected MoveNet singlepose lightning 4, which has {', '.join(missing)}")

    @torch.inference_mode()
    def __call__(self, rgb: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return positions (P, 17, 2) in pixels of crops (P, 192, 192, 3), x right, y down, and scores (P, 17)."""
        image = torch.from_numpy(np.ascontiguousarray(np.moveaxis(rgb, -1, 1))).to(self._device).float() / 127.5 - 1
        values = {_IMAGE: image}
        positions, scores = self._decoded(*(self._value(head, values) for head in self._heads))
        return STRIDE * positions.double().cpu().numpy(), scores.double().cpu().numpy()

    def _value(self, name: str, values: dict[str, Tensor]) -> Tensor:
        if name not in values:
            node = self._nodes[name]
            inputs = [self._value(given, values) for given in node["input"] if given not in self._constants]
            constants = [self._constants[given] for given in node["input"] if given in self._constants]
            values[name] = _applied(node, inputs, constants)
        return values[name]

    def _decoded(self, centre: Tensor, regressed: Tensor, heat: Tensor, offset: Tensor) -> tuple[Tensor, Tensor]:
        """Positions (P, 17, 2) in cells of the maps, and scores: near where the person's middle puts the joints."""
        people, _, height, width = heat.shape
        person = torch.arange(people, device=self._device)
        near = self._constants[f"ConstantFolding/{_CALL}/truediv_2_recip"].reshape(1, -1)
        row, column = _cells((centre.sigmoid().flatten(1) * near).argmax(-1), width)
        about = regressed[person, :, row, column].reshape(people, JOINTS, 2)  # y, x from the person's middle
        about = about + torch.stack([row, column], -1)[:, None]
        y, x = (torch.arange(size, device=self._device, dtype=torch.float32) for size in (height, width))
        distance = torch.hypot(y[:, None] - about[..., :1, None], x - about[..., 1:, None])
        scores = heat.sigmoid()
        best = (scores / (distance + self._constants[f"{_CALL}/add_5/y"])).flatten(2).argmax(-1)  # (P, 17)
        row, column = _cells(best, width)
        joint = torch.arange(JOINTS, device=self._device)
        fine = offset.reshape(people, JOINTS, 2, height, width)[person[:, None], joint, :, row, column]
        return torch.stack([column, row], -1) + fine.flip(-1), scores.flatten(2).gather(2, best[..., None])[..., 0]


def _cells(index: Tensor, width: int) -> tuple[Tensor, Tensor]:
    return index // width, index % width


def _constants(entries: list[dict[str, Any]], content: bytes) -> dict[str, npt.NDArray[Any]]:
    """Constants by name; convolutions' weights in PyTorch's order of axes."""
    found, start = {}, 0
    for entry in entries:
        stored = np.dtype(entry.get("quantization", entry)["dtype"])
        number = int(np.prod(entry["shape"], dtype=int))
        values = np.frombuffer(content, stored, number, start).astype(entry["dtype"]).reshape(entry["shape"])
        start += number * stored.itemsize
        found[entry["name"]] = np.ascontiguousarray(values.transpose(3, 2, 0, 1)) if values.ndim == 4 else values
    return found


def _applied(node: dict[str, Any], inputs: list[Tensor], constants: list[Tensor]) -> Tensor:
    kind, attributes = node["op"], node["attr"]
    if kind == "AddV2":
        return inputs[0] + inputs[1]
    if kind == "ResizeBilinear":
        height, width = constants[0].tolist()
        return F.interpolate(inputs[0], (height, width), mode="bilinear", align_corners=False)
    if kind not in ("_FusedConv2D", "DepthwiseConv2dNative", "FusedDepthwiseConv2dNative"):
        raise ValueError(f"MoveNet's graph has an operation {kind!r} that it should not have")
    weights, groups, stride = constants[0], 1, int(attributes["strides"]["list"]["i"][1])
    if "Depthwise" in kind:
        weights, groups = weights.transpose(0, 1), len(inputs[0][0])
    x = _padded(inputs[0], weights.shape[-1], stride) if _text(attributes["padding"]["s"]) == "SAME" else inputs[0]
    x = F.conv2d(x, weights, constants[1] if len(constants) > 1 else None, stride, groups=groups)
    for fused in attributes.get("fused_ops", {"list": {"s": []}})["list"]["s"]:
        x = _ACTIVATIONS.get(_text(fused), lambda same: same)(x)
    return x


def _padded(x: Tensor, kernel: int, stride: int) -> Tensor:
    """As TensorFlow pads: what is odd comes after."""
    missing = [max((-(-side // stride) - 1) * stride + kernel - side, 0) for side in x.shape[:1:-1]]
    return F.pad(x, [part for total in missing for part in (total // 2, total - total // 2)])


def _text(encoded: str) -> str:
    return base64.b64decode(encoded).decode()
