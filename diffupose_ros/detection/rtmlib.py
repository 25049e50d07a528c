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

"""2D skeletons by rtmlib: OpenMMLab's people detectors with RTMPose, or RTMO, on onnxruntime.

https://github.com/Tau-J/rtmlib (Apache-2.0). The library fetches its networks when they are first used.
"""

import io
import os
import zipfile
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt

from diffupose_ros.detection.boxes import checked_boxes, checked_image
from diffupose_ros.detection.detector import Detections, Detector, FloatArray, Image
from diffupose_ros.detection.one_stage import OneStage
from diffupose_ros.detection.onnx_network import providers
from diffupose_ros.detection.weights import MIRROR, mirrored, reason_of
from diffupose_ros.files import check_downloaded, user_path

MODES = ("balanced", "lightweight", "performance")
WEIGHTS = (*MODES, "rtmo", *(f"rtmo-{mode}" for mode in MODES if mode != "balanced"))
"""Networks by name: rtmlib's modes of YOLOX with RTMPose, and the same of RTMO."""
_JOINTS = 17  # of coco17


def load_rtmlib(weights: str = "", device: str = "auto") -> Detector:
    """Return a detector of rtmlib's.

    Args:
        weights: one of ``WEIGHTS`` (empty: ``balanced``), which the library fetches if need be; or files of one's own:
            ``RTMO.onnx``, or ``PEOPLE.onnx,RTMPOSE.onnx``, in which PEOPLE is a YOLOX, or an RTMDet if its name says
            so.
        device: ``auto`` (CUDA if onnxruntime has it), ``cpu`` or ``cuda``.

    Raises:
        ImportError: rtmlib is not installed.
        FileNotFoundError: no such name or file.
        ConnectionError: the library cannot fetch a network.
        ValueError: a broken file, another kind of network, a device that is not there. All say what to do.
    """
    try:
        import onnxruntime  # noqa: F401 - rtmlib imports it late
        import rtmlib
    except ImportError as error:
        raise ImportError(
            f"the detector rtmlib needs rtmlib ({error}): pip install rtmlib==0.0.16 onnxruntime"
        ) from None
    place = "cuda" if providers("rtmlib", device)[0].startswith("CUDA") else "cpu"
    kind, _, mode = (weights or "balanced").partition("-")
    if weights in ("", *WEIGHTS):
        if kind == "rtmo":
            return Rtmo(_tool(rtmlib.RTMO, rtmlib.Body.RTMO_MODE[mode or "balanced"], "pose", place))
        entry = rtmlib.Body.MODE[kind]
        return RtmPose(_tool(rtmlib.YOLOX, entry, "det", place), _tool(rtmlib.RTMPose, entry, "pose", place))
    files = [_file(name) for name in weights.split(",")]
    if len(files) == 1:
        return Rtmo(_loaded(rtmlib.RTMO, files[0], place))
    if len(files) > 2:
        raise FileNotFoundError(f"weights {weights!r} of the detector rtmlib: expected {_EXPECTED}")
    people = rtmlib.RTMDet if "rtmdet" in Path(files[0]).name.lower() else rtmlib.YOLOX
    return RtmPose(_loaded(people, files[0], place), _loaded(rtmlib.RTMPose, files[1], place))


class RtmPose:
    """RTMPose in boxes, and a detector of people: a ``Detector`` and a ``PersonFinder``.

    Args:
        people: rtmlib's YOLOX or RTMDet.
        pose: rtmlib's RTMPose, of COCO's 17 joints.

    Raises:
        ValueError: networks with other outputs.
    """

    layout = "coco17"

    def __init__(self, people: Any, pose: Any) -> None:
        self._people, self._pose = people, pose
        (width, height), shapes = pose.model_input_size, _shapes(pose, pose.model_input_size[::-1])
        if shapes != [(1, _JOINTS, 2 * width), (1, _JOINTS, 2 * height)]:
            raise _unfit(pose, f"RTMPose's vectors (1, 17, {2 * width}) and (1, 17, {2 * height})", shapes)
        shapes = _shapes(people, people.model_input_size)
        if not (shapes and len(shapes[0]) == 3 and shapes[0][2] in (5, 6)):
            raise _unfit(people, "people's boxes (1, N, 5), or (1, N, 6) where they overlap", shapes)

    def find(self, image: Image) -> FloatArray:
        """Return boxes (P, 4) around whole bodies, the surest first; see ``PersonFinder``."""
        corners = np.asarray(self._people(checked_image(image)), np.float64).reshape(-1, 4)
        boxes: FloatArray = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], 1)
        return boxes[np.isfinite(boxes).all(-1) & (boxes[:, 2:] >= 1).all(-1)]

    def detect(self, image: Image, boxes: npt.ArrayLike) -> Detections:
        """Return one skeleton for each box; see ``Detector``."""
        checked_image(image)
        boxes = checked_boxes(boxes)
        keypoints, scores = np.zeros((0, _JOINTS, 2)), np.zeros((0, _JOINTS))
        if len(boxes):  # of no box rtmlib would make the whole image
            corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1)
            # RTMPose was trained on RGB; rtmlib 0.0.16 gives it what it is given (its issue 48).
            keypoints, scores = self._pose(np.ascontiguousarray(image[..., ::-1]), bboxes=corners)
        return Detections(*_checked(keypoints, scores), self.layout, profile="rtmpose")


class Rtmo(OneStage):
    """RTMO: everybody in one look. The score of a joint is the network's probability that it can be seen.

    Args:
        network: rtmlib's RTMO, of COCO's 17 joints.

    Raises:
        ValueError: a network with other outputs.
    """

    def __init__(self, network: Any) -> None:
        super().__init__()
        self._network = network
        shapes = _shapes(network, network.model_input_size)
        boxes, joints = shapes if len(shapes) == 2 else ((), ())
        if not (len(boxes) == 3 and boxes[2] == 5 and len(joints) == 4 and joints[2:] == (_JOINTS, 3)):
            raise _unfit(network, "RTMO's boxes (1, N, 5) and joints (1, N, 17, 3)", shapes)

    def look(self, image: Image) -> tuple[FloatArray, FloatArray]:
        """Return everybody's keypoints and scores; see ``OneStage``."""
        try:
            return _checked(*self._network(image))
        except IndexError:  # rtmlib's answer where the network gives no candidate at all
            return np.zeros((0, _JOINTS, 2)), np.zeros((0, _JOINTS))


_EXPECTED = f"one of {', '.join(WEIGHTS)}, or the path of RTMO.onnx, or PEOPLE.onnx,RTMPOSE.onnx"


def _checked(keypoints: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    keypoints, scores = np.asarray(keypoints, np.float64), np.asarray(scores, np.float64)
    seen = np.isfinite(keypoints).all(-1) & np.isfinite(scores)
    return np.where(seen[..., None], keypoints, 0), np.where(seen, scores, 0).clip(0, 1)


def _file(name: str) -> str:
    path = user_path(name)
    if not path.is_file():
        raise FileNotFoundError(f"no weights {name!r} for the detector rtmlib: expected {_EXPECTED}")
    check_downloaded(path)
    return str(path)


def _tool(kind: Any, entry: dict[str, Any], part: str, place: str) -> Any:
    """The network of a mode; ``part`` is ``det`` or ``pose``."""
    from rtmlib.tools.file import _get_rtmhub_dir

    published = entry[part]
    file = urlsplit(published).path.rpartition("/")[2]
    folder = os.path.join(_get_rtmhub_dir(), "checkpoints")
    by_hand = (
        f"By hand: get {published} on any machine and put that file into {folder}; or set {MIRROR} to an address or a "
        "folder that has it"
    )
    try:
        return _loaded(kind, mirrored(file) or published, place, entry[f"{part}_input_size"])
    except OSError as error:
        reason = reason_of(error)
        raise ConnectionError(f"rtmlib's network {file} cannot be fetched: {reason}. {by_hand}") from None
    except zipfile.BadZipFile as error:
        raise ValueError(f"{os.path.join(folder, file)}: {error}; delete it and try again. {by_hand}") from None


def _loaded(kind: Any, place_of_file: str, place: str, size: tuple[int, int] | None = None) -> Any:
    """A network of rtmlib's, of the image size that its file says, else of ``size``, which is in rtmlib's order."""
    options = {"model_input_size": size} if size else {}
    try:
        with redirect_stdout(io.StringIO()):  # it says what it has loaded
            tool = kind(place_of_file, backend="onnxruntime", device=place, **options)
    except (OSError, zipfile.BadZipFile):
        raise
    except Exception as error:  # noqa: BLE001 - onnxruntime's errors share no class of their own
        reason = " ".join(str(error).split())[:300]
        raise ValueError(f"{place_of_file}: not an ONNX network that onnxruntime can load: {reason}") from None
    shape = tool.session.get_inputs()[0].shape
    if len(shape) != 4 or shape[1] != 3:
        raise ValueError(f"{place_of_file}: expected an input (1, 3, H, W), got {shape}")
    if all(isinstance(side, int) for side in shape[2:]):
        height, width = shape[2:]
        tool.model_input_size = (width, height) if kind.__name__ == "RTMPose" else (height, width)
    return tool


def _shapes(tool: Any, size: tuple[int, int]) -> list[tuple[int, ...]]:
    return [np.shape(output) for output in tool.inference(np.zeros((*size, 3), np.float32))]


def _unfit(tool: Any, expected: str, shapes: list[tuple[int, ...]]) -> ValueError:
    got = " and ".join(map(str, shapes))
    return ValueError(f"{tool.onnx_model}: expected {expected}, of COCO's 17 joints, got {got}")
