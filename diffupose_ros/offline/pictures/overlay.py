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

"""People over the image they are in: what the detector found, and the 3D poses seen by the same camera."""

from collections.abc import Mapping

import numpy as np

from diffupose_ros.camera import Camera
from diffupose_ros.drawing.style import PAPER, TEXT, UNSEEN, bones_2d
from diffupose_ros.offline.pictures.people import LiftedPeople
from diffupose_ros.offline.pictures.strokes import Colour, Image, bgr, blend, dot, line, tag, width_of, words
from diffupose_ros.skeleton import BONES, Status

LEGEND = (
    ("broad: 2D, detected", PAPER),
    ("thin: 3D, reprojected", PAPER),
    ("joint measured (filled), derived (white)", PAPER),
    ("not seen: placed by the model", "#ff8a50"),  # UNSEEN, brighter for the dark band
)
_WHITE, _DARK, _UNSEEN = bgr(PAPER), bgr(TEXT), bgr(UNSEEN)
_BROAD = 9  # px
_LABEL_GAP = 14  # px above the highest joint


def draw_people(
    image: Image, scale: float, people: LiftedPeople, camera: Camera, colours: Mapping[str, Colour]
) -> None:
    """Draw onto an image that has been resized.

    Args:
        image: (H, W, 3) BGR, changed.
        scale: pixels of ``image`` for one of the camera's.
        people: who is in it.
        camera: who took it.
        colours: of each id.
    """
    _draw_detections(image, scale, people, colours)
    projected = camera.project(people.lifted.mean) * scale  # (P, 17, 2)
    for index in people.valid():
        colour, joints, status = colours[people.ids[index]], projected[index], people.lifted.status[index]
        hidden = status == Status.MISSING
        radius = float(np.clip(np.ptp(joints[:, 1]) / 100, 2, 4))
        for width, dark in ((4, True), (2, False)):
            for parent, child in BONES:
                ink = _UNSEEN if hidden[child] else _WHITE
                line(image, joints[[parent, child]], _DARK if dark else ink, width)
        for joint, kind in zip(joints, status, strict=True):
            fill = {Status.MEASURED: colour, Status.DERIVED: _WHITE, Status.MISSING: _UNSEEN}[Status(kind)]
            dot(image, joint, radius, fill, _DARK if kind == Status.DERIVED else _WHITE)
    _draw_names(image, scale, people, projected, colours)


def draw_legend(image: Image) -> None:
    """Explain the lines at the lower edge; in as many rows as the width needs."""
    size, row, left = 0.42, 0, 10
    places = []
    for text, colour in LEGEND:
        width = width_of(text, size) + 18
        if left + width > image.shape[1] and left > 10:
            row, left = row + 1, 10
        places.append((text, colour, left, row))
        left += width
    band = image[-(20 * (row + 1) + 6) :]
    blend(band, np.zeros_like(band), 0.55)
    for text, colour, x, line_number in places:
        y = image.shape[0] - 10 - 20 * (row - line_number)
        words(image, text, (x, y), bgr(colour), size)


def _draw_detections(image: Image, scale: float, people: LiftedPeople, colours: Mapping[str, Colour]) -> None:
    found = people.detections
    seen = (found.scores > 0) & np.isfinite(found.keypoints).all(-1)
    layer = image.copy()
    for name, keypoints, known in zip(people.ids, found.keypoints * scale, seen, strict=True):
        for a, b in bones_2d(found.layout):
            if known[a] and known[b]:
                line(layer, keypoints[[a, b]], colours[name], _BROAD)
        for joint in keypoints[known]:
            dot(layer, joint, 0.6 * _BROAD, colours[name])
    blend(image, layer, 0.65)


def _draw_names(
    image: Image, scale: float, people: LiftedPeople, projected: np.ndarray, colours: Mapping[str, Colour]
) -> None:
    found = people.detections
    for index, name in enumerate(people.ids):
        joints = found.keypoints[index][found.scores[index] > 0] * scale
        text, distance = name, np.linalg.norm(people.lifted.root[index])
        if people.lifted.valid[index]:
            joints = np.concatenate([joints, projected[index]])
            text += f"   {distance:.1f} m"
        joints = joints[np.isfinite(joints).all(-1)]
        if len(joints):
            top = joints[joints[:, 1].argmin()]
            tag(image, text, np.array([top[0], top[1] - _LABEL_GAP]), colours[name], _WHITE)
