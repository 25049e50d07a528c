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

"""A recording with 3D truth, made of what several cameras saw of one person."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from diffupose_ros.camera import Camera
from diffupose_ros.data.markerless.low_pass import low_pass
from diffupose_ros.data.markerless.multiview import Multiview, PlacedCamera
from diffupose_ros.data.markerless.refinement import ROUNDS, Refined, check_agreement, disagreement_px, refine
from diffupose_ros.data.markerless.sides import exchange, find_exchanged
from diffupose_ros.data.markerless.triangulation import triangulate
from diffupose_ros.data.recordings import Recording
from diffupose_ros.skeleton import layout_joints

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Made:
    """A recording, what became of its cameras, and where they took left for right.

    Attributes:
        recording: with the 2D as it was seen.
        refined: its cameras.
        exchanged: (C, T) bool, see ``sides``.
    """

    recording: Recording
    refined: Refined
    exchanged: npt.NDArray[np.bool_]


def steps(cameras: int) -> int:
    """Return how often ``make_recording`` calls ``advance``, at most."""
    return 1 + ROUNDS + 1 + cameras


def make_recording(
    seen: Multiview,
    detector: str,
    min_score: float = 0.3,
    refine_poses: bool = True,
    advance: Callable[[], object] = lambda: None,
) -> Made:
    """Return a recording whose truth is of all joints of the detector.

    Truth is triangulated (see ``triangulation``) and low passed at 6 Hz; ``loo_camera`` of each camera from all others.
    Where a camera's detector exchanged left and right (see ``sides``), its 2D counts for the truth as it should be, and
    is recorded as it is.

    Args:
        seen: what the cameras saw.
        detector: what made the 2D; its first word should name it.
        min_score: 2D joints with a lower score do not count for the truth.
        refine_poses: correct the cameras' poses on the person.
        advance: called after each of ``steps``.

    Raises:
        ValueError: cameras that disagree, or no joint whose place is known.
    """
    seen = as_plumb_bob(seen)
    counts = np.where(seen.scores >= min_score, seen.scores, 0)
    cameras, refined = seen.cameras, _unrefined(seen.cameras, seen.keypoints, counts)
    exchanged = find_exchanged(cameras, seen.keypoints, counts, seen.layout)
    keypoints, counts = (exchange(of, exchanged, seen.layout) for of in (seen.keypoints, counts))
    advance()
    if refine_poses:
        refined = refine(cameras, keypoints, counts, advance)
        cameras = refined.cameras
    joints = triangulate(cameras, keypoints, counts)
    if not joints.views.any():
        raise ValueError("no joint is known in 3D: no two cameras agree within centimetres on where any of them is")
    world = low_pass(joints.points, seen.rate)
    advance()
    others = []
    for index, camera in enumerate(cameras):
        without = counts * (np.arange(len(cameras)) != index)[:, None, None]
        others.append(camera.see(low_pass(triangulate(cameras, keypoints, without).points, seen.rate)))
        advance()
    recording = Recording(
        keypoints=seen.keypoints,
        scores=seen.scores,
        layout=seen.layout,
        detector=detector,
        rate=seen.rate,
        K=np.stack([camera.lens.K for camera in cameras]),
        D=_coefficients([camera.lens for camera in cameras]),
        R=np.stack([camera.rotation for camera in cameras]),
        t=np.stack([camera.translation for camera in cameras]),
        size=np.array([(camera.lens.width, camera.lens.height) for camera in cameras]),
        gt_names=layout_joints(seen.layout),
        gt_world=world,
        gt_camera=np.stack([camera.see(world) for camera in cameras]),
        gt_raw=joints.points,
        loo_camera=np.stack(others),
        gt_views=joints.views,
        gt_rms_px=joints.rms_px,
    )
    return Made(recording, refined, exchanged)


def as_plumb_bob(seen: Multiview) -> Multiview:
    """Return the same with lenses as recordings hold them: what a fisheye saw, in the image of an ideal lens."""
    cameras, keypoints = list(seen.cameras), seen.keypoints.copy()
    for index, camera in enumerate(cameras):
        if camera.lens.model == "equidistant":
            lens = Camera(camera.lens.K, width=camera.lens.width, height=camera.lens.height)
            cameras[index] = replace(camera, lens=lens)
            keypoints[index] = lens.project(camera.lens.rays(keypoints[index]))
    scores = np.where(np.isfinite(keypoints).all(-1), seen.scores, 0)
    return replace(seen, cameras=tuple(cameras), keypoints=keypoints, scores=scores)


def _unrefined(cameras: tuple[PlacedCamera, ...], keypoints: FloatArray, scores: FloatArray) -> Refined:
    check_agreement(cameras, keypoints, scores)
    error, still = disagreement_px(cameras, keypoints, scores), np.zeros(len(cameras))
    return Refined(cameras, error, error, still, still)


def _coefficients(lenses: Sequence[Camera]) -> FloatArray:
    """Distortion (C, 5), or more where a lens has more; further ones are zero."""
    most = max(5, *(len(lens.D) for lens in lenses))
    return np.stack([np.pad(lens.D, (0, most - len(lens.D))) for lens in lenses])
