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

"""An ONNX graph in the making: constants are given where they are used, each is kept once."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET, _IR = 17, 8
"""Of 2022: what runs the file need not be newer."""
_FEW = 4096
"""Elements up to which a constant stays in float32 beside weights in float16: shifts, signs, small matrices."""


class Graph:
    """Nodes and constants.

    Args:
        weights: type that large constants are kept in; the arithmetic is in float32.
    """

    def __init__(self, weights: npt.DTypeLike = np.float32) -> None:
        self._weights = np.dtype(weights)
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[tuple[Any, ...], str] = {}
        self._tensors: list[onnx.TensorProto] = []

    def __call__(self, operator: str, *inputs: Any, **attributes: Any) -> str:
        """Add a node; return the name of its result.

        Args:
            operator: of ONNX.
            inputs: names of results and of the graph's inputs, or constants: arrays, numbers, lists of whole numbers.
            attributes: of the operator.
        """
        return self.several(operator, 1, *inputs, **attributes)[0]

    def several(self, operator: str, outputs: int, *inputs: Any, **attributes: Any) -> list[str]:
        """Add a node of several results; return their names."""
        names = [each if isinstance(each, str) else self._constant(each) for each in inputs]
        results = [f"{operator.lower()}_{len(self._nodes)}_{i}" for i in range(outputs)]
        # Named: onnxruntime 1.20 calls some of what it makes of nodes without a name alike, and refuses that.
        self._nodes.append(helper.make_node(operator, names, results, results[0], **attributes))
        return results

    def include(self, model: onnx.ModelProto, prefix: str, *inputs: str) -> list[str]:
        """Add the nodes of another graph, without subgraphs; return the names of its outputs here.

        Args:
            model: whose graph it is, of an operator set not after ours.
            prefix: of its names.
            inputs: what its inputs are called here, in their order.
        """
        graph = model.graph
        names = {"": ""} | dict(zip((each.name for each in graph.input), inputs, strict=True))
        names |= {tensor.name: self._shared(numpy_helper.to_array(tensor)) for tensor in graph.initializer}
        for node in graph.node:
            if node.op_type == "Constant":
                names[node.output[0]] = self._shared(numpy_helper.to_array(node.attribute[0].t))
                continue
            names |= {each: f"{prefix}{each}" for each in node.output if each}
            copy = onnx.NodeProto()
            copy.CopyFrom(node)
            copy.name = f"{prefix}{node.name}"
            copy.input[:], copy.output[:] = ([names[each] for each in part] for part in (node.input, node.output))
            self._nodes.append(copy)
        return [names[each.name] for each in graph.output]

    def name(self, result: str, name: str) -> None:
        """Call a result by a name of the user's."""
        self._nodes.append(helper.make_node("Identity", [result], [name], f"as_{name}"))

    def model(self, inputs: Iterable[Any], outputs: Iterable[Any], metadata: dict[str, str]) -> bytes:
        """Return the whole as a file's content.

        Args:
            inputs: (name, type of its elements, shape) of each, a text in a shape for what may differ.
            outputs: the same.
            metadata: texts that go with it.
        """
        takes, gives = (
            [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(np.dtype(t)), s) for n, t, s in each]
            for each in (inputs, outputs)
        )
        graph = helper.make_graph(self._nodes, "diffupose", takes, gives, initializer=self._tensors)
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, producer_name="diffupose_ros", ir_version=_IR)
        helper.set_model_props(model, metadata)
        onnx.checker.check_model(model)
        return bytes(model.SerializeToString())

    def _constant(self, value: Any) -> str:
        array = np.asarray(value)
        return self._shared(array.astype(np.float32 if array.dtype.kind == "f" else np.int64))

    def _shared(self, array: npt.NDArray[Any]) -> str:
        key = array.dtype, array.shape, array.tobytes()
        if key not in self._constants:
            self._constants[key] = self._kept(array, f"constant_{len(self._constants)}")
        return self._constants[key]

    def _kept(self, array: npt.NDArray[Any], name: str) -> str:
        if array.dtype != np.float32 or array.size <= _FEW or self._weights == np.float32:
            self._tensors.append(numpy_helper.from_array(array, name))
            return name
        with np.errstate(over="ignore"):
            half = array.astype(self._weights)
        if (np.isinf(half) & np.isfinite(array)).any():
            largest = np.abs(array[np.isfinite(array)]).max()
            raise ValueError(
                f"weights up to {largest:.3g} do not fit {self._weights}, whose largest number is "
                f"{np.finfo(self._weights).max:g}: export in float32"
            )
        self._tensors.append(numpy_helper.from_array(half, name))
        self._nodes.append(helper.make_node("Cast", [name], [f"{name}_whole"], f"{name}_whole", to=TensorProto.FLOAT))
        return f"{name}_whole"
