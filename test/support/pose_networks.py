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

"""Small networks in ONNX's format with the inputs and outputs of real ones, which see coloured dots."""

import numpy as np

try:
    import onnx
    import onnxruntime  # noqa: F401
    from onnx import TensorProto, helper, numpy_helper

    MISSING = ""
except ImportError as missing:  # also an onnx that does not fit the protobuf beside it
    MISSING = f"needs onnxruntime, and onnx to build networks: {missing}"


def dots_network(kind: str, joints: int, batch: int | str, size: tuple[int, int]) -> bytes:
    """An ONNX network of which each joint is where the image is the reddest, the last where it is the bluest."""
    colours = np.zeros((joints, 3, 1, 1), np.float32)
    colours[:-1, 0] = colours[-1, 2] = 0.4
    stride = 4 if kind == "heatmaps" else 1
    constants = [numpy_helper.from_array(colours, "colours")]
    nodes = [helper.make_node("Conv", ["image", "colours"], ["maps"], strides=[stride, stride])]
    outputs = {"maps": None}
    if kind == "simcc":  # two entries for each pixel, the first of them the higher one
        shape = numpy_helper.from_array(np.array([0, joints, -1]), "shape")
        constants += [shape, numpy_helper.from_array(np.float32(0.5), "half")]
        for name, axis in (("x", 2), ("y", 3)):
            nodes += [
                helper.make_node("ReduceMax", ["maps"], [f"{name}1"], axes=[axis], keepdims=0),
                helper.make_node("Unsqueeze", [f"{name}1", "last"], [f"{name}2"]),
                helper.make_node("Mul", [f"{name}2", "half"], [f"{name}3"]),
                helper.make_node("Concat", [f"{name}2", f"{name}3"], [f"{name}4"], axis=3),
                helper.make_node("Reshape", [f"{name}4", "shape"], [name]),
            ]
        constants.append(numpy_helper.from_array(np.array([3]), "last"))
        outputs = {"x": None, "y": None}
    graph = helper.make_graph(
        nodes,
        kind,
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch, 3, *size])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        constants,
    )
    return _saved(graph)


def brightness_network(size: tuple[int, int], outputs: list[np.ndarray], columns: list[slice | None]) -> bytes:
    """An ONNX network of these outputs, whose ``columns`` (of the last axis) are multiplied by the brightest value.

    Of an image of values up to 1 or 255, whichever its library feeds; None: the output is as it is.
    """
    nodes, constants = (
        [],
        [numpy_helper.from_array(np.float32(1), "one"), numpy_helper.from_array(np.float32(0), "zero")],
    )
    nodes += [
        helper.make_node("ReduceMax", ["image"], ["brightest"], axes=[0, 1, 2, 3], keepdims=0),
        helper.make_node("Clip", ["brightest", "zero", "one"], ["light"]),
    ]
    for number, (output, bright) in enumerate(zip(outputs, columns, strict=True)):
        steady, varying = output.astype(np.float32), np.zeros_like(output, np.float32)
        if bright is not None:
            varying[..., bright] = steady[..., bright]
            steady = steady - varying
        constants += [numpy_helper.from_array(steady, f"s{number}"), numpy_helper.from_array(varying, f"v{number}")]
        nodes += [
            helper.make_node("Mul", [f"v{number}", "light"], [f"m{number}"]),
            helper.make_node("Add", [f"m{number}", f"s{number}"], [f"out{number}"]),
        ]
    return _saved(_graph(nodes, constants, size, [f"out{number}" for number in range(len(outputs))]))


def yolo_network(size: tuple[int, int], joints: np.ndarray) -> bytes:
    """An ONNX network like a YOLO-pose export: in each cell of 8 px a person of 160x200 px, as sure as it is red.

    Args:
        size: (H, W).
        joints: (17, 3) x and y from the middle of the cell, in px, and visibility; a joint without any is at (0, 0).
    """
    rows, columns = size[0] // 8, size[1] // 8
    y, x = (np.mgrid[:rows, :columns].reshape(2, -1) + 0.5) * 8
    middles = np.stack([x, y, np.zeros_like(x)])
    around = np.where(joints[:, 2:] > 0, joints, 0)[..., None] + np.where(joints[:, 2:] > 0, 1, 0)[..., None] * middles
    boxes = np.stack([x, y, np.full_like(x, 160), np.full_like(x, 200)])
    red = np.zeros((1, 3, 8, 8), np.float32)
    red[:, 0], red[:, 1] = 1 / 64, -1 / 64  # grey is not red
    others = rows // 2 * (columns // 2) + rows // 4 * (columns // 4)
    constants = [
        numpy_helper.from_array(red, "red"),
        numpy_helper.from_array(np.array([1, 1, -1]), "shape"),
        numpy_helper.from_array(boxes[None].astype(np.float32), "boxes"),
        numpy_helper.from_array(around.reshape(1, 51, -1).astype(np.float32), "joints"),
        numpy_helper.from_array(np.zeros((1, 56, others), np.float32), "others"),
    ]
    nodes = [
        helper.make_node("Conv", ["image", "red"], ["cells"], strides=[8, 8]),
        helper.make_node("Reshape", ["cells", "shape"], ["scores"]),
        helper.make_node("Concat", ["boxes", "scores", "joints"], ["finest"], axis=1),
        helper.make_node("Concat", ["finest", "others"], ["output0"], axis=2),
    ]
    return _saved(_graph(nodes, constants, size, ["output0"]))


def _graph(nodes: list, constants: list, size: tuple[int, int], outputs: list[str]) -> "onnx.GraphProto":
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, *size])
    given = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    return helper.make_graph(nodes, "network", [image], given, constants)


def _saved(graph: "onnx.GraphProto") -> bytes:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return bytes(model.SerializeToString())
