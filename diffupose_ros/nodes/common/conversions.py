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

"""Between messages and arrays."""

from array import array
from collections.abc import Sequence
from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from geometry_msgs.msg import Point, Pose, PoseWithCovariance, Quaternion, Transform, TransformStamped, Vector3
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from diffupose_ros.camera import Camera
from diffupose_ros.msg import (
    Hypotheses3D,
    Hypotheses3DArray,
    Joint3D,
    Keypoint2D,
    Skeleton2D,
    Skeleton2DArray,
    Skeleton3D,
    Skeleton3DArray,
)
from diffupose_ros.skeleton import layout_joints

if TYPE_CHECKING:  # a node that lifts nothing need not load torch
    from diffupose_ros.lifting import Lifted

FloatArray = npt.NDArray[np.float64]

_NUMBERS = tuple(map(attrgetter, ("x", "y", "score", "variance")))


def camera_from_info(info: CameraInfo, rectified: bool = False) -> Camera:
    """Return the camera of a CameraInfo: of the raw image (K, D), or of the rectified one (P).

    Raises:
        ValueError: it is not calibrated, its lens model is not known, or the image is binned or cut out.
    """
    roi = info.roi
    cut_out = (roi.width, roi.height) not in ((0, 0), (info.width, info.height)) or roi.x_offset or roi.y_offset
    if max(info.binning_x, info.binning_y) > 1 or cut_out:
        raise ValueError(
            "binning and regions of interest are not supported: publish the CameraInfo of the image itself"
        )
    if rectified:
        return Camera(np.reshape(info.p, (3, 4))[:, :3], (), "plumb_bob", info.width, info.height)
    return Camera(info.k, info.d, info.distortion_model, info.width, info.height)


def camera_to_info(camera: Camera, header: Header) -> CameraInfo:
    """Return the CameraInfo of a camera whose image is not rectified further."""
    fx, skew, cx, _, fy, cy = camera.K.ravel()[:6].tolist()
    return CameraInfo(
        header=header,
        width=camera.width,
        height=camera.height,
        distortion_model=camera.model,
        d=camera.D.tolist() or [0.0] * 5,
        k=camera.K.flatten(),
        r=np.eye(3).ravel(),
        p=np.array([fx, skew, cx, 0, 0, fy, cy, 0, 0, 0, 1, 0], np.float64),
    )


def check_skeleton(skeleton: Skeleton2D) -> None:
    """Check that a skeleton has a known layout, and as many keypoints as that has.

    Raises:
        ValueError: otherwise.
    """
    expected = len(layout_joints(skeleton.layout))
    if len(skeleton.keypoints) != expected:
        raise ValueError(f"layout {skeleton.layout} has {expected} keypoints, got {len(skeleton.keypoints)}")


def keypoints_of(skeletons: Sequence[Skeleton2D]) -> FloatArray:
    """Return (P, J, 4) x, y, score and variance of people with J keypoints each; P is at least 1."""
    # An array for each attribute: no tuple is made for each keypoint, which takes twice the time.
    keypoints = list(chain.from_iterable([skeleton.keypoints for skeleton in skeletons]))
    columns = [np.fromiter(map(number, keypoints), np.float64, len(keypoints)) for number in _NUMBERS]
    return np.stack(columns, -1).reshape(len(skeletons), -1, len(_NUMBERS))


def hri_keypoints(skeleton: Any, width: int, height: int) -> tuple[FloatArray, FloatArray, int, int]:
    """Return the joints of an hri_msgs/Skeleton2D, whose order is our layout ``openpose18``.

    Not seen, score 0, is what a detector says by a confidence of 0 or NaN, or by the coordinates (0, 0).

    Args:
        skeleton: of 18 points with x and y, in [0, 1] across the image, and confidence c.
        width: of the image, in pixels.
        height: of the image, in pixels.

    Returns:
        Pixels (18, 2); scores (18,) in [0, 1]; how many joints are outside of the image, and how many have no
        number for a coordinate or a confidence above 1. The first two kinds count as not seen, the last as sure.
    """
    points = np.array([(p.x, p.y, p.c) for p in skeleton.skeleton], np.float64)
    xy, confidence = points[:, :2], points[:, 2]
    told = (confidence > 0) & xy.any(-1)
    finite = np.isfinite(xy).all(-1)
    inside = ((xy >= 0) & (xy <= 1)).all(-1)
    seen = told & inside
    pixels = np.where(seen[:, None], xy * (width, height), 0)
    scores = np.where(seen, np.minimum(confidence, 1), 0)
    bad = told & (~finite | (confidence > 1))
    return pixels, scores, int((told & finite & ~inside).sum()), int(bad.sum())


def skeletons_2d_message(
    header: Header,
    camera: Camera | CameraInfo,
    ids: list[str],
    layout: str,
    keypoints: FloatArray,
    scores: FloatArray,
    detector: str = "",
    variance: FloatArray | None = None,
) -> Skeleton2DArray:
    """Return the message of keypoints (P, J, 2) in pixels with scores (P, J), seen by a camera of known size.

    Args:
        header: of the image.
        camera: that took it, or its CameraInfo.
        ids: of the P people.
        layout: joint order.
        keypoints: (P, J, 2) px.
        scores: (P, J).
        detector: name of its profile; empty: not known.
        variance: (P, J) px^2 of the keypoints along an axis, 0 where not known; None: nowhere.
    """
    if variance is None:
        variance = np.zeros(np.shape(scores))
    people = [
        Skeleton2D(
            id=name,
            layout=layout,
            keypoints=[
                Keypoint2D(x=x, y=y, score=s, variance=v)
                for (x, y), s, v in zip(xy.tolist(), score.tolist(), spread.tolist(), strict=True)
            ],
        )
        for name, xy, score, spread in zip(ids, keypoints, scores, variance, strict=True)
    ]
    return Skeleton2DArray(
        header=header,
        image_width=camera.width,
        image_height=camera.height,
        skeletons=people,
        detector=detector,
    )


def skeletons_3d_message(header: Header, ids: list[str], lifted: "Lifted", people: range) -> Skeleton3DArray:
    """Return the message of those of ``people`` (indices into ``lifted``) who are valid."""
    names, rows = valid_people(ids, lifted, people)
    if not rows:
        return Skeleton3DArray(header=header)
    columns = (
        lifted.mean[rows].tolist(),
        lifted.covariance[rows].reshape(-1, 17, 9),
        lifted.scores[rows].tolist(),
        lifted.status[rows].tolist(),
        _roots(lifted, rows),
        lifted.reprojection_error[rows].tolist(),
        lifted.novelty[rows].tolist(),
    )
    return Skeleton3DArray(
        header=header,
        skeletons=[
            Skeleton3D(id=name, joints=_joints(*joints), root=root, reprojection_error=error, novelty=novelty)
            for name, *joints, root, error, novelty in zip(names, *columns, strict=True)
        ],
    )


def valid_people(ids: list[str], lifted: "Lifted", people: range) -> tuple[list[str], list[int]]:
    """Return the ids and the rows in ``lifted`` of those of ``people`` who are valid."""
    valid = lifted.valid.tolist()
    pairs = [(name, i) for name, i in zip(ids, people, strict=True) if valid[i]]
    return [name for name, _ in pairs], [i for _, i in pairs]


def novel_people(ids: list[str], lifted: "Lifted", people: range) -> list[str]:
    """Return the ids of those of ``people`` (indices into ``lifted``) whom the model does not know."""
    return [name for name, i in zip(ids, people, strict=True) if lifted.novelty[i] >= Skeleton3D.NOVEL]


def _joints(positions: Any, covariances: Any, scores: Any, status: Any) -> list[Joint3D]:
    return [
        Joint3D(position=Point(x=x, y=y, z=z), covariance=covariance, confidence=score, status=where)
        for (x, y, z), covariance, score, where in zip(positions, covariances, scores, status, strict=True)
    ]


def _roots(lifted: "Lifted", rows: list[int]) -> list[PoseWithCovariance]:
    covariance = np.zeros((len(rows), 6, 6))
    covariance[:, :3, :3], covariance[:, 3:, 3:] = lifted.root_covariance[rows], lifted.orientation_covariance[rows]
    poses = map(_pose, points(lifted.root[rows]), quaternions(lifted.orientation[rows]))
    return [PoseWithCovariance(pose=p, covariance=c) for p, c in zip(poses, covariance.reshape(-1, 36), strict=True)]


def _pose(place: Point, turn: Quaternion) -> Pose:
    return Pose(position=place, orientation=turn)


def hypotheses_message(header: Header, ids: list[str], lifted: "Lifted", people: range) -> Hypotheses3DArray:
    """Return the sampled poses of those of ``people`` who are valid."""
    names, rows = valid_people(ids, lifted, people)
    count = lifted.hypotheses.shape[1]
    poses = [array("f", pose.tobytes()) for pose in lifted.hypotheses[rows].astype(np.float32)]
    drawn = [Hypotheses3D(id=name, count=count, positions=pose) for name, pose in zip(names, poses, strict=True)]
    return Hypotheses3DArray(header=header, people=drawn)


def truth_message(header: Header, ids: list[str], poses: FloatArray) -> Skeleton3DArray:
    """Return known poses (P, 17, 3), in metres, as skeletons without uncertainty."""
    message = Skeleton3DArray(header=header)
    for name, pose in zip(ids, poses.tolist(), strict=True):
        joints = [Joint3D(position=Point(x=p[0], y=p[1], z=p[2]), confidence=1.0) for p in pose]
        skeleton = Skeleton3D(id=name, joints=joints, reprojection_error=float("nan"), novelty=float("nan"))
        skeleton.root.pose.position = joints[Skeleton3D.PELVIS].position
        message.skeletons.append(skeleton)
    return message


def points(positions: FloatArray) -> list[Point]:
    """Return positions (n, 3) as messages."""
    return [Point(x=x, y=y, z=z) for x, y, z in positions.tolist()]


def vectors(values: FloatArray) -> list[Vector3]:
    """Return (n, 3) as messages."""
    return [Vector3(x=x, y=y, z=z) for x, y, z in values.tolist()]


def quaternions(rotations: FloatArray) -> list[Quaternion]:
    """Return rotation matrices (n, 3, 3) as messages, w at least 0.

    By Bar-Itzhack, "New method for extracting the quaternion from a rotation matrix", 2000: good to rounding for all of
    them. (SciPy's takes 0.2 s to load, a fifth of a lift node's start.)
    """
    m = np.asarray(rotations)
    x, y, z = m[:, 0, 0], m[:, 1, 1], m[:, 2, 2]
    form = np.zeros((len(m), 4, 4))  # eigh reads the lower triangle
    form[:, range(4), range(4)] = np.stack([x - y - z, y - x - z, z - x - y, x + y + z], -1)
    for number, (i, j) in enumerate(((2, 1), (0, 2), (1, 0))):
        form[:, max(i, j), min(i, j)] = m[:, i, j] + m[:, j, i]
        form[:, 3, number] = m[:, i, j] - m[:, j, i]
    found = np.linalg.eigh(form)[1][..., -1]  # of the largest eigenvalue
    found *= np.where(found[:, 3:] < 0, -1, 1)
    return [Quaternion(x=x, y=y, z=z, w=w) for x, y, z, w in found.tolist()]


def frame(parent: Header, name: str, place: Vector3, turn: Quaternion) -> TransformStamped:
    """Return where the frame ``name`` stands in its parent's, in metres."""
    return TransformStamped(header=parent, child_frame_id=name, transform=Transform(translation=place, rotation=turn))


def stamp_ns(header: Any) -> int:
    """Return a header's stamp in nanoseconds."""
    return int(header.stamp.sec) * 1_000_000_000 + int(header.stamp.nanosec)
