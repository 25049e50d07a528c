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

"""Human3.6M (Ionescu et al. 2014) in VideoPose3D's files: seven actors, fifteen actions, four cameras, 50 Hz.

``data_3d_h36m.npz``: ``positions_3d``, subject -> action -> (T, 32, 3) metres in the world. ``data_2d_h36m_*.npz``:
``positions_2d``, subject -> action -> four cameras' (T, 17, 2) or (T, 16, 2) pixels, and ``metadata``. They are
pickles, which numpy reads with ``allow_pickle`` only; ``object_npz`` reads them without letting them run code.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from diffupose_ros.camera import Camera
from diffupose_ros.data.datasets.human36m_cameras import LENSES, POSES, Lens
from diffupose_ros.data.datasets.videopose3d import (
    PlacedCamera,
    Split,
    observe,
    read_sequences,
    rotation_matrix,
    warn_if_far_off,
)
from diffupose_ros.data.observations import Observations
from diffupose_ros.skeleton import NECK, Status

FloatArray = npt.NDArray[np.float64]

CREDIT = (
    "Human3.6M: C. Ionescu, D. Papava, V. Olaru, C. Sminchisescu, TPAMI 36(7), 2014, and C. Ionescu, F. Li, "
    "C. Sminchisescu, ICCV 2011; vision.imar.ro/human3.6m. Licensed free of charge for academic use only."
)
SUBJECTS = {"train": ("S1", "S5", "S6", "S7", "S8"), "test": ("S9", "S11")}
ACTIONS = (
    "Directions", "Discussion", "Eating", "Greeting", "Phoning", "Photo", "Posing", "Purchases",
    "Sitting", "SittingDown", "Smoking", "Waiting", "WalkDog", "WalkTogether", "Walking",
)  # fmt: skip
JOINTS_17_OF_32 = (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)
"""Of the 32 joints of the motion capture, in the order of H36M-17; the others repeat these, or are hands and feet."""
FILES = {"gt": "gt", "hr": "hr", "cpn": "cpn_ft_h36m_dbb", "sh": "sh_ft_h36m"}
"""Which 2D joints, to the ending of their file's name: projected truth, HRNet, CPN and stacked hourglass."""


def load_human36m(folder: str | Path, keypoints: str, split: Split, joints: int = 17, every: int = 1) -> Observations:
    """Load one part of the data set: each frame of each camera is a person of the result.

    Args:
        folder: that has both files.
        keypoints: a key of ``FILES``.
        split: ``train`` (S1, 5, 6, 7, 8) or ``test`` (S9, 11).
        joints: 16 counts the neck/nose as not seen, as in files of 16 joints.
        every: take every so many frames; at 1, all of ``train`` need 4 GB.

    Raises:
        FileNotFoundError: one of the files is missing.
        ValueError: an unknown argument, or a file that is truncated or not what it should be.
    """
    if split not in SUBJECTS or keypoints not in FILES or joints not in (16, 17):
        raise ValueError(
            f"Human3.6M: expected split train or test, keypoints of {', '.join(FILES)}, and 16 or 17 joints; "
            f"got {split!r}, {keypoints!r}, {joints}"
        )
    folder = Path(folder)
    truth, detections = folder / "data_3d_h36m.npz", folder / f"data_2d_h36m_{FILES[keypoints]}.npz"
    known = (*POSES, "S2", "S3", "S4")
    subjects = {subject: subject in SUBJECTS[split] for subject in known}
    sequences = read_sequences(truth, detections, subjects, activity_of, joints=32, cameras=len(LENSES))
    cameras = [lens_camera(lens, videopose3d=keypoints == "gt") for lens in LENSES]
    observations = observe(
        sequences,
        lambda subject: [PlacedCamera(c, *_placed(pose)) for c, pose in zip(cameras, POSES[subject], strict=True)],
        lambda all_32: all_32[:, JOINTS_17_OF_32],
        {},
        every,
    )
    if joints == 16:
        observations.status[:, NECK], observations.deviations[:, NECK] = Status.MISSING, np.nan
    warn_if_far_off(observations, LENSES[0].focal[0], detections)
    return observations


def activity_of(action: str) -> str:
    """Return the action without the number of its take: "Walking" of "Walking 1".

    Raises:
        ValueError: none of the fifteen.
    """
    activity = action.split(" ")[0]
    if activity not in ACTIONS:
        raise ValueError(f"unknown action: expected one of {', '.join(ACTIONS)}, with the number of a take or without")
    return activity


def lens_camera(lens: Lens, videopose3d: bool) -> Camera:
    """Return the camera of a lens, exactly as the data set's authors or as VideoPose3D define its distortion.

    With r^2 = x^2 + y^2, both are (x, y) (1 + k1 r^2 + k2 r^4 + k3 r^6 + a y + b x) + (b, a) r^2, where the authors
    (ProjectPointRadial.m) have (a, b) = (p1, p2) and VideoPose3D, whose projections the files ``gt`` are, (p2, p1).
    OpenCV's tangential terms are twice that but for r^2; its thin prism terms make up for the rest.

    Args:
        lens: of the table.
        videopose3d: VideoPose3D's way; else the authors', which holds for what was detected in images.
    """
    (a, b), (k1, k2, k3) = (lens.tangential[::-1] if videopose3d else lens.tangential), lens.radial
    K: list[list[float]] = [[lens.focal[0], 0, lens.centre[0]], [0, lens.focal[1], lens.centre[1]], [0, 0, 1]]
    D: list[float] = [k1, k2, a / 2, b / 2, k3, 0, 0, 0, b / 2, 0, a / 2, 0]
    return Camera(K, D, "rational_polynomial", *lens.size)


def _placed(
    pose: tuple[tuple[float, float, float, float], tuple[float, float, float]],
) -> tuple[FloatArray, FloatArray]:
    """A camera's rotation, world to camera, and its position in metres."""
    quaternion, millimetres = pose
    return rotation_matrix(*quaternion).T, np.array(millimetres) / 1000
