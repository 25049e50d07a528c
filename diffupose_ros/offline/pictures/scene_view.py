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

"""The 3D view beside the image: people from behind and above the camera, and a map."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from diffupose_ros.camera import Camera
from diffupose_ros.drawing import view
from diffupose_ros.drawing.style import FAINT, PAPER, RULE, TEXT, UNSEEN
from diffupose_ros.offline.pictures.people import LiftedPeople
from diffupose_ros.offline.pictures.strokes import Colour, Image, bgr, blend, dot, line, surface, width_of, words
from diffupose_ros.skeleton import BONES, Status

FloatArray = npt.NDArray[np.floating]

AZIMUTH, ELEVATION = np.radians(14), np.radians(18)
FURTHEST = 15.0  # m; who is placed further away is not drawn
_MAP_PART = 0.36  # of the height
_MARGIN = 34  # px
_ANKLES, _SOLE = (3, 6), 0.09  # an ankle joint's height above the floor, m
_REMEMBERED = 300  # ankle heights, for the floor
_PAPER, _RULE, _TEXT, _FAINT, _UNSEEN = map(bgr, (PAPER, RULE, TEXT, FAINT, UNSEEN))
_SHADOW = bgr("#d9dee7")


@dataclass(frozen=True)
class Plane:
    """From metres on a plane, x right and y up, to pixels.

    Attributes:
        scale: pixels a metre.
        origin: (2,) the pixel of (0, 0).
    """

    scale: float
    origin: FloatArray

    @classmethod
    def fit(cls, points: FloatArray, left: int, top: int, width: int, height: int) -> "Plane":
        """Return the plane that shows all ``points`` (n, 2) in a rectangle of pixels, as large as it can."""
        low, high = points.min(0), points.max(0)
        scale = float(min(width / (high[0] - low[0]), height / (high[1] - low[1])))
        middle = (low + high) / 2 * (1, -1) * scale
        return cls(scale, np.array([left + width / 2, top + height / 2]) - middle)

    def __call__(self, points: FloatArray) -> FloatArray:
        """Return the pixels of points (..., 2)."""
        return np.asarray(points * (self.scale, -self.scale) + self.origin)


class SceneView:
    """Draws one frame after the other; what it shows only grows, so that the picture stays still.

    Args:
        width, height: of the picture in pixels.
        camera: for its field of view on the map.
    """

    def __init__(self, width: int, height: int, camera: Camera) -> None:
        self._size = width, height
        edges = camera.rays([[0, camera.K[1, 2]], [camera.width, camera.K[1, 2]]])
        self._edges = view.to_scene(edges[np.isfinite(edges).all(1)]) @ view.FROM_ABOVE.T
        self._low, self._high = np.array([-1.0, 2.0, -1.0]), np.array([1.0, 4.0, 0.8])
        self._ankles: list[float] = []

    def draw(self, people: LiftedPeople, colours: Mapping[str, Colour]) -> Image:
        """Return the picture of a frame."""
        width, height = self._size
        image = np.full((height, width, 3), _PAPER, np.uint8)
        drawn = [i for i in people.valid() if people.lifted.root[i, 2] < FURTHEST]
        joints = {i: view.to_scene(people.lifted.mean[i]) for i in drawn}
        self._grow(joints)
        upper = int(height * (1 - _MAP_PART))
        self._draw_oblique(image[:upper], people, joints, colours)
        self._draw_map(image[upper:], people, joints, colours)
        line(image, np.array([[0.0, upper], [width, upper]]), _RULE)
        return image

    def _grow(self, people: Mapping[int, FloatArray]) -> None:
        for joints in people.values():
            around = 0.3
            low, high = np.percentile(joints, 2, axis=0), np.percentile(joints, 98, axis=0)
            self._low[:2] = np.minimum(self._low[:2], np.floor(2 * (low[:2] - around)) / 2)
            self._high[:2] = np.maximum(self._high[:2], np.ceil(2 * (high[:2] + around)) / 2)
            self._high[2] = max(self._high[2], high[2] + 0.2)
            self._ankles = [*self._ankles[1 - _REMEMBERED :], float(joints[_ANKLES, 2].min())]
        if self._ankles:
            self._low[2] = np.percentile(self._ankles, 20) - _SOLE

    # From behind and above the camera

    def _draw_oblique(
        self, image: Image, people: LiftedPeople, joints: Mapping[int, FloatArray], colours: Mapping[str, Colour]
    ) -> None:
        projection = view.oblique(AZIMUTH, ELEVATION)
        low, high = self._low, self._high
        corners = np.array([(x, y, z) for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])])
        height, width = image.shape[:2]
        plane = Plane.fit(corners @ projection.T, 2 * _MARGIN, 2 * _MARGIN, width - 3 * _MARGIN, height - 3 * _MARGIN)

        def flat(points: FloatArray) -> FloatArray:
            return plane(points @ projection.T)

        for ends in _grid(low, high):
            line(image, flat(ends), _RULE)
        for pose in joints.values():
            shadow = flat(np.concatenate([pose[:, :2], np.full((17, 1), low[2])], 1))
            for bone in BONES:
                line(image, shadow[list(bone)], _SHADOW, 4)
        for point, text in _labels(low, high):
            x, y = flat(point)
            words(image, text, (int(x - width_of(text, 0.4) / 2), int(y + 14)), _FAINT, 0.4)
        for i, pose in joints.items():
            self._draw_body(image, people, i, pose, plane, projection, colours[people.ids[i]])
        words(image, "3D, with each joint's 90 % ellipsoid", (_MARGIN, 24), _TEXT)

    def _draw_body(
        self,
        image: Image,
        people: LiftedPeople,
        index: int,
        pose: FloatArray,
        plane: Plane,
        projection: FloatArray,
        colour: Colour,
    ) -> None:
        hidden = people.lifted.status[index] == Status.MISSING
        inks = [_UNSEEN if h else colour for h in hidden]
        covariance = view.covariance_to_scene(people.lifted.covariance[index])
        outlines = plane(view.outlines(pose, covariance, projection))
        layer = image.copy()
        for outline, ink in zip(outlines[1:], inks[1:], strict=True):  # all is relative to the root
            surface(layer, outline, ink)
        blend(image, layer, 0.15)
        for outline, ink in zip(outlines[1:], inks[1:], strict=True):
            line(image, outline, tuple((c + 255) // 2 for c in ink))  # type: ignore[arg-type]
        flat = plane(pose @ projection.T)
        for parent, child in BONES:
            line(image, flat[[parent, child]], inks[child], 3)
        for joint, ink in zip(flat, inks, strict=True):
            dot(image, joint, 3, ink, _PAPER)
        top = flat[flat[:, 1].argmin()]
        text = people.ids[index]
        words(image, text, (int(top[0] - width_of(text) / 2), int(top[1] - 12)), colour)

    # From above

    def _draw_map(
        self, image: Image, people: LiftedPeople, joints: Mapping[int, FloatArray], colours: Mapping[str, Colour]
    ) -> None:
        height, width = image.shape[:2]
        side = max(-self._low[0], self._high[0], 1.0)
        far = self._high[1]
        shown = np.array([(-0.2, -side), (far + 0.4, side)])
        plane = Plane.fit(shown, _MARGIN, _MARGIN, width - 2 * _MARGIN, height - 2 * _MARGIN)
        for metre in range(int(far) + 1):
            line(image, plane(np.array([[metre, -side], [metre, side]])), _RULE)
            x, y = plane(np.array([metre, -side]))
            text = f"{metre}" if metre < int(far) else f"{metre} m"
            words(image, text, (int(x - width_of(text, 0.4) / 2), int(y + 16)), _FAINT, 0.4)
        for metre in range(-int(side), int(side) + 1):
            line(image, plane(np.array([[0.0, metre], [far, metre]])), _RULE)
        for edge in self._edges:
            end = edge * min(far / max(edge[0], 1e-3), side / max(abs(edge[1]), 1e-3))
            line(image, plane(np.stack([np.zeros(2), end])), _FAINT)
        surface(image, plane(np.array([[-0.1, 0.12], [-0.1, -0.12], [0.15, 0]])), _TEXT)
        for i, pose in joints.items():
            colour = colours[people.ids[i]]
            covariance = view.covariance_to_scene(people.lifted.root_covariance[i][None])
            outline = plane(view.outlines(pose[:1], covariance, view.FROM_ABOVE)[0])
            layer = image.copy()
            surface(layer, outline, colour)
            blend(image, layer, 0.15)
            line(image, outline, colour)
            flat = plane(pose @ view.FROM_ABOVE.T)
            for bone in BONES:
                line(image, flat[list(bone)], colour, 2)
        words(image, "from above, with each root's 90 % ellipse", (_MARGIN, 24), _TEXT)


def _steps(low: float, high: float) -> FloatArray:
    return np.arange(low, high + 1e-6, 0.5)


def _grid(low: FloatArray, high: FloatArray) -> list[FloatArray]:
    """Lines every half a metre on the floor."""
    along = [np.array([(x, low[1], low[2]), (x, high[1], low[2])]) for x in _steps(low[0], high[0])]
    return along + [np.array([(low[0], y, low[2]), (high[0], y, low[2])]) for y in _steps(low[1], high[1])]


def _labels(low: FloatArray, high: FloatArray) -> list[tuple[FloatArray, str]]:
    """Metres to the right of the camera along the near edge, and forward along the left one."""
    across = [x for x in _steps(low[0], high[0]) if abs(x - round(x)) < 1e-6]
    deep = [y for y in _steps(low[1], high[1]) if abs(y - round(y)) < 1e-6 and y > low[1] + 0.4]
    labels = [(np.array([x, low[1], low[2]]), f"{x:g}" if x < across[-1] else f"{x:g} m right") for x in across]
    edge = low[0] - 0.25
    return labels + [(np.array([edge, y, low[2]]), f"{y:g}" if y < deep[-1] else f"{y:g} m forward") for y in deep]
