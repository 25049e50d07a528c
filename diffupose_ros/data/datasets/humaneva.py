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

"""HumanEva-I (Sigal et al. 2010) in VideoPose3D's files: three people, three colour cameras, 60 Hz.

``data_3d_humaneva15.npz``: ``positions_3d``, "Train/S1" -> "Walking 1 chunk0" -> (T, 15, 3) metres in the world.
``data_2d_humaneva15_*.npz``: ``positions_2d``, the same -> three cameras' (T, J, 2) pixels, and ``metadata``. They are
pickles, which numpy reads with ``allow_pickle`` only; ``object_npz`` reads them without letting them run code.

VideoPose3D has where the cameras stood, but not their lenses. Those are fitted to the data: the file ``gt`` tells
where thousands of known points are in the images.
"""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares

from diffupose_ros.camera import Camera
from diffupose_ros.data.datasets.videopose3d import (
    HOW_TO,
    HUMANEVA15,
    PlacedCamera,
    Sequence,
    Split,
    observe,
    read_sequences,
    rotation_matrix,
    warn_if_far_off,
)
from diffupose_ros.data.observations import Observations
from diffupose_ros.skeleton import H36M17

FloatArray = npt.NDArray[np.float64]

CREDIT = (
    "HumanEva-I: L. Sigal, A. O. Balan, M. J. Black, IJCV 87(1-2), 2010; humaneva.is.tue.mpg.de. "
    "Available for research purposes only."
)
PARTS = {"train": "Train", "test": "Validate"}
ACTIONS = ("Walking", "Jog", "Box")
OTHER_ACTIONS = ("ThrowCatch", "Gestures")
"""Also in the files; nobody reports them."""
HUMANEVA_JOINTS = tuple(H36M17.index(name) for name in HUMANEVA15)
"""Which of the 17 joints HumanEva measures; spine and neck are midpoints. Metrics are taken over these."""
DERIVED = {"spine": ("pelvis", "thorax"), "neck": ("thorax", "head")}
FILES = {"gt": "gt", "detectron": "detectron_pt_coco"}
"""Which 2D joints, to the ending of their file's name: projected truth, Mask R-CNN."""
# Where the cameras C1, C2, C3 stood: quaternion (w, x, y, z), camera to world axes, and position in millimetres.
# Source: github.com/facebookresearch/VideoPose3D, common/humaneva_dataset.py.
_S1 = (
    ((0.424207, -0.4983646, -0.5802981, 0.4847012), (4062.227, 663.2477, 1528.397)),
    ((0.6503354, -0.7481602, -0.0919284, 0.0941766), (844.8131, -3805.2092, 1504.9929)),
    ((0.0664734, -0.0690535, 0.7416416, -0.6639132), (-797.67377, 3916.3174, 1433.6602)),
)
_S2 = (
    ((0.4214752, -0.4961493, -0.5838273, 0.4851187), (4112.9121, 626.4929, 1545.2988)),
    ((0.6501393, -0.7476588, -0.0954617, 0.0959808), (923.5740, -3877.9243, 1504.5518)),
    ((0.0699353, -0.0712403, 0.7421637, -0.662742), (-781.4915, 3838.8853, 1444.9929)),
)
POSES = {"S1": _S1, "S2": _S2, "S3": _S1}
SIZE = (640, 480)
_POINTS = 800  # that a lens is fitted to
_MAX_RESIDUAL = 3.0  # px


def load_humaneva(folder: str | Path, keypoints: str, split: Split, every: int = 1) -> Observations:
    """Load one part of the data set: each frame of each camera is a person of the result.

    Args:
        folder: that has the files; ``data_2d_humaneva15_gt.npz`` too, whatever the keypoints.
        keypoints: a key of ``FILES``.
        split: ``train`` (the parts Train/S1, S2, S3) or ``test`` (Validate/S1, S2, S3).
        every: take every so many frames.

    Raises:
        FileNotFoundError: one of the files is missing.
        ValueError: an unknown argument, or a file that is truncated or not what it should be.
    """
    if split not in PARTS or keypoints not in FILES:
        raise ValueError(
            f"HumanEva-I: expected split train or test, and keypoints of {', '.join(FILES)}; "
            f"got {split!r}, {keypoints!r}"
        )
    detections = Path(folder) / f"data_2d_humaneva15_{FILES[keypoints]}.npz"
    projected = _read(folder, "gt", split)
    views = {subject: fit_views(projected, subject) for subject in sorted({s.subject for s in projected})}
    sequences = projected if keypoints == "gt" else _read(folder, keypoints, split)
    observations = observe(sequences, views.__getitem__, to_17, DERIVED, every)
    warn_if_far_off(observations, next(iter(views.values()))[0].camera.K[0, 0], detections)
    return observations


def activity_of(action: str) -> str:
    """Return the action without its trial and chunk: "Walking" of "Walking 1 chunk0"; "" for those not used.

    Raises:
        ValueError: no action of the data set.
    """
    activity = action.split(" ")[0]
    if activity not in ACTIONS + OTHER_ACTIONS:
        raise ValueError(f"unknown action: expected one of {', '.join(ACTIONS + OTHER_ACTIONS)}, trial and chunk")
    return activity if activity in ACTIONS else ""


def to_17(joints: FloatArray) -> FloatArray:
    """Return HumanEva's 15 joints (T, 15, 3) as H36M-17 (T, 17, 3), spine and neck as midpoints."""
    all_17 = np.zeros((len(joints), 17, 3))
    all_17[:, HUMANEVA_JOINTS] = joints
    for joint, (first, second) in DERIVED.items():
        to, a, b = (H36M17.index(name) for name in (joint, first, second))
        all_17[:, to] = (all_17[:, a] + all_17[:, b]) / 2
    return all_17


def fit_views(projected: list[Sequence], subject: str) -> list[PlacedCamera]:
    """Return a subject's three cameras, their lenses fitted to the projected joints.

    Args:
        projected: sequences whose pixels are the file ``gt``'s.
        subject: as the file names it, "Train/S1".

    Raises:
        ValueError: no lens fits.
    """
    views = []
    for index, (quaternion, millimetres) in enumerate(POSES[subject.split("/")[-1]]):
        rotation, position = rotation_matrix(*quaternion).T, np.array(millimetres) / 1000
        points, pixels = [], []
        for sequence in (s for s in projected if s.subject == subject):
            frames = min(len(sequence.joints), len(sequence.pixels[index]))
            points.append(sequence.joints[:frames].reshape(-1, 3))
            pixels.append(sequence.pixels[index][:frames, :, :2].reshape(-1, 2))
        world, seen = np.concatenate(points).astype(np.float64), np.concatenate(pixels).astype(np.float64)
        try:
            camera = fit_lens((world - position) @ rotation.T, seen)
        except ValueError as error:
            raise ValueError(f"HumanEva-I, {subject}, camera C{index + 1}: {error}; {HOW_TO}") from None
        views.append(PlacedCamera(camera, rotation, position))
    return views


def fit_lens(points: FloatArray, pixels: FloatArray) -> Camera:
    """Return the lens that projects points (N, 3) in the camera frame to pixels (N, 2).

    Focal lengths, centre, k1, k2, p1, p2, by least squares.

    Raises:
        ValueError: too few points in front of the camera, or no lens fits.
    """
    usable = (points[:, 2] > 0.1) & np.isfinite(points).all(1) & np.isfinite(pixels).all(1)
    points, pixels = points[usable], pixels[usable]
    if len(points) < 50:
        raise ValueError(f"{len(points)} projected joints are too few to fit its lens: expected 50 or more")
    every = max(1, len(points) // _POINTS)
    points, pixels = points[::every], pixels[::every]

    prior = 1e-3 * np.eye(8)[4:]  # keeps distortion that the points do not tell at 0

    def residual(parameters: FloatArray) -> FloatArray:
        return np.concatenate([(_project(points, parameters)[0] - pixels).ravel(), prior @ parameters])

    def jacobian(parameters: FloatArray) -> FloatArray:
        return np.concatenate([_project(points, parameters)[1], prior])

    start = np.concatenate([[750, 750, SIZE[0] / 2, SIZE[1] / 2], np.zeros(4)])
    lower, upper = [50, 50, -SIZE[0], -SIZE[1], *[-1] * 4], [10_000, 10_000, 2 * SIZE[0], 2 * SIZE[1], *[1] * 4]
    scale = [100, 100, 100, 100, 0.1, 0.1, 0.01, 0.01]
    fit = least_squares(residual, start, jacobian, bounds=(lower, upper), x_scale=scale, loss="soft_l1")
    away = np.linalg.norm(_project(points, fit.x)[0] - pixels, axis=-1)
    if not np.median(away) < _MAX_RESIDUAL:
        raise ValueError(
            f"no lens projects the 3D joints onto the 2D joints (half are {np.median(away):.0f} px or more away): "
            "cameras or joints in another order, or files that do not belong together"
        )
    return Camera(_matrix(fit.x), fit.x[4:], "plumb_bob", *SIZE)


def _matrix(parameters: FloatArray) -> FloatArray:
    fx, fy, cx, cy = parameters[:4]
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])


def _project(points: FloatArray, parameters: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Pixels (N, 2), and their derivatives by the parameters, (2 N, 8)."""
    pixels, jacobian = cv2.projectPoints(points[:, None], np.zeros(3), np.zeros(3), _matrix(parameters), parameters[4:])
    return np.asarray(pixels[:, 0], np.float64), np.asarray(jacobian[:, 6:14], np.float64)


def _read(folder: str | Path, keypoints: str, split: Split) -> list[Sequence]:
    parts = [f"{part}/{subject}" for part in PARTS.values() for subject in POSES]
    subjects = {name: name.startswith(PARTS[split]) for name in parts}
    files = ("data_3d_humaneva15.npz", f"data_2d_humaneva15_{FILES[keypoints]}.npz")
    truth, detections = (Path(folder) / name for name in files)
    return read_sequences(truth, detections, subjects, activity_of, joints=15, cameras=3)
