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

"""What follows the poses as an ONNX graph: ``engine.outcome`` as PyTorch itself exports it, in float64."""

import inspect
import io
import warnings

import onnx
import torch
from torch import Tensor, nn

from diffupose_ros.lifting.engine.images import root_relative
from diffupose_ros.lifting.engine.onnx.graph import OPSET, Graph
from diffupose_ros.lifting.engine.outcome.outcome import Tables, outcome
from diffupose_ros.lifting.rows import SEEN

_PEOPLE, _HYPOTHESES = 3, 4
"""Of the example; not one, which might be taken for a size that never changes."""


def add_outcome(graph: Graph, poses: str, seen: str, expected: str | None, joints: int, tables: Tables) -> str:
    """Add the nodes of ``outcome`` to a graph; return the name of the rows (P, width) of ``rows.found``, float64.

    Args:
        graph: to add to.
        poses: (P, N, J, 3) metres, in the virtual cameras' frames, float32.
        seen: (P, width) rows of ``rows.SEEN``, float64.
        expected: (P, 17, 3, 3) m^2, what the proposal network expects, float32; None for a model without.
        joints: J, 17, or 16 (all but the neck).
        tables: of the model.
    """
    examples = {
        poses: torch.ones(_PEOPLE, _HYPOTHESES, joints, 3),
        seen: torch.ones(_PEOPLE, SEEN.width, dtype=torch.float64),
    }
    if expected is not None:
        examples[expected] = torch.ones(_PEOPLE, 17, 3, 3)
    axes = {name: {0: "P"} for name in examples} | {poses: {0: "P", 1: "N"}}
    (found,) = graph.include(_exported(_Outcome(joints, tables), examples, axes), "outcome/", *examples)
    return found


class _Outcome(nn.Module):
    def __init__(self, joints: int, tables: Tables) -> None:
        super().__init__()
        self._joints, self._tables = joints, tables

    def forward(self, poses: Tensor, seen: Tensor, expected: Tensor | None = None) -> Tensor:
        return outcome(root_relative(poses.double(), self._joints), expected, seen, self._tables)


def _exported(module: nn.Module, examples: dict[str, Tensor], axes: dict[str, dict[int, str]]) -> onnx.ModelProto:
    """By the exporter that records what happens: it needs no further package, and writes old operators."""
    content = io.BytesIO()
    named = {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}  # not in 2.2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("error", torch.jit.TracerWarning)  # type: ignore[attr-defined]  # a number that would be kept
        torch.onnx.export(
            module,
            tuple(examples.values()),
            content,  # type: ignore[arg-type]
            input_names=list(examples),
            dynamic_axes=axes,
            opset_version=OPSET,
            **named,  # type: ignore[arg-type]
        )
    return onnx.load_from_string(content.getvalue())
