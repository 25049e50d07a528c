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

"""YOLO-pose networks, as Ultralytics exports them to ONNX (YOLOv8, YOLO11): all people of an image at once."""

import cv2
import numpy as np

from diffupose_ros.detection.detector import FloatArray, Image
from diffupose_ros.detection.heatmaps import Maps
from diffupose_ros.detection.one_stage import OneStage
from diffupose_ros.detection.onnx_network import OnnxNetwork

_JOINTS = 17  # of coco17
_STRIDES = (8, 16, 32)  # px of the input for each of the network's places where people may be
_GREY = (114, 114, 114)  # what the network was trained with around images of another shape
_MIN_SCORE = 0.25  # of a person
_MAX_OVERLAP = 0.7  # intersection over union of two people's boxes


class YoloPose(OneStage):
    """A YOLO-pose network: RGB in [0, 1], letterboxed, in; boxes, scores, and joints with visibility out.

    The score of a joint is its visibility, the network's probability that it can be seen; that of a joint at exactly
    (0, 0) of the network's image is 0: so exports write what was not found.

    Args:
        network: of people and COCO's 17 joints. One output, (N, 56, A) of all A places where people may be, or, of an
            export with ``nms=True``, (N, P, 57) of people; see ``fits``.
    """

    def __init__(self, network: OnnxNetwork) -> None:
        super().__init__()
        self._network = network

    @staticmethod
    def fits(shapes: list[tuple[int, ...]], size: tuple[int, int]) -> bool:
        """Tell whether outputs of these shapes, for one image of a size (H, W), are such a network's."""
        places = sum((size[0] // stride) * (size[1] // stride) for stride in _STRIDES)
        ends_with_people = len(shapes) == 1 and len(shapes[0]) == 3 and shapes[0][2] == 6 + 3 * _JOINTS
        return ends_with_people or shapes == [(1, 5 + 3 * _JOINTS, places)]

    def look(self, image: Image) -> tuple[FloatArray, FloatArray]:
        """Return everybody's keypoints and scores; see ``OneStage``."""
        picture, scale, corner = letterbox(image, self._network.size)
        (output,) = self._network(picture)
        joints = people(np.nan_to_num(output[0].astype(np.float64)))
        keypoints, scores = joints[..., :2], joints[..., 2].clip(0, 1)
        return (keypoints - corner) / scale, np.where((keypoints == 0).all(-1), 0, scores)


def letterbox(image: Image, size: tuple[int, int]) -> tuple[Maps, FloatArray, FloatArray]:
    """Return the image (1, 3, H, W) as large as it fits in the middle of grey, RGB in [0, 1].

    And the scale (2,) and the corner (2,): point p of the image is at scale * p + corner of that.
    """
    height, width = image.shape[:2]
    ratio = min(size[0] / height, size[1] / width)
    inner = max(1, round(width * ratio)), max(1, round(height * ratio))
    left, top = (size[1] - inner[0]) // 2, (size[0] - inner[1]) // 2
    resized = image if inner == (width, height) else cv2.resize(image, inner, interpolation=cv2.INTER_LINEAR)
    picture = cv2.copyMakeBorder(
        resized, top, size[0] - inner[1] - top, left, size[1] - inner[0] - left, cv2.BORDER_CONSTANT, value=_GREY
    )
    rgb = np.moveaxis(picture[..., ::-1].astype(np.float32) / np.float32(255), -1, 0)
    return rgb[None], np.array(inner) / (width, height), np.array([left, top], np.float64)


def people(output: FloatArray) -> FloatArray:
    """Return the joints (F, 17, 3) of F people, the surest first: x, y in pixels of the network's image, visibility.

    Args:
        output: (56, A) x and y of the middle, width, height, score and joints of all places; or (P, 57) two corners,
            score, class and joints of people, each of them once.
    """
    if output.shape[1] == 6 + 3 * _JOINTS:
        scores, joints = output[:, 4], output[:, 6:]
        kept = np.flatnonzero(scores >= _MIN_SCORE)
        kept = kept[np.argsort(-scores[kept], kind="stable")]
    else:
        rows = output.T[output[4] >= _MIN_SCORE]
        sides, scores, joints = rows[:, 2:4], rows[:, 4], rows[:, 5:]
        boxes = np.concatenate([rows[:, :2] - sides / 2, sides], 1)
        kept = np.array(cv2.dnn.NMSBoxes(boxes.tolist(), scores.tolist(), _MIN_SCORE, _MAX_OVERLAP), int).ravel()
    return joints[kept].reshape(-1, _JOINTS, 3)
