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

"""The messages of yolo_ros that yolo_node reads, where no yolo_msgs is installed: names and fields, for the tests."""

from __future__ import annotations

from support.messages import add_messages

FIELDS = {
    "Point2D": "float64 x\nfloat64 y",
    "Vector2": "float64 x\nfloat64 y",
    "Pose2D": "yolo_msgs/Point2D position\nfloat64 theta",
    "BoundingBox2D": "yolo_msgs/Pose2D center\nyolo_msgs/Vector2 size",
    "BoundingBox3D": "geometry_msgs/Pose center\ngeometry_msgs/Vector3 size\nstring frame_id",
    "Mask": "int32 height\nint32 width\nyolo_msgs/Point2D[] data",
    "KeyPoint2D": "int32 id\nyolo_msgs/Point2D point\nfloat64 score",
    "KeyPoint2DArray": "yolo_msgs/KeyPoint2D[] data",
    "KeyPoint3D": "int32 id\ngeometry_msgs/Point point\nfloat64 score",
    "KeyPoint3DArray": "yolo_msgs/KeyPoint3D[] data\nstring frame_id",
    "Detection": "\n".join(
        ["int32 class_id", "string class_name", "float64 score", "string id"]
        + ["yolo_msgs/BoundingBox2D bbox", "yolo_msgs/BoundingBox3D bbox3d", "yolo_msgs/Mask mask"]
        + ["yolo_msgs/KeyPoint2DArray keypoints", "yolo_msgs/KeyPoint3DArray keypoints3d"]
    ),
    "DetectionArray": "std_msgs/Header header\nyolo_msgs/Detection[] detections",
}
"""Of yolo_ros 4.6.1."""


def add_yolo_msgs() -> bool:
    """Make ``import yolo_msgs.msg`` work on the standalone runtime; return whether it does, on whichever runtime."""
    return add_messages("yolo_msgs", FIELDS)
