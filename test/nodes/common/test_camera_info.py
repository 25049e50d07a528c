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

"""The CameraInfo that drivers publish, by what their sources put into it: which lens it is, or why it is refused."""

from __future__ import annotations

import pytest
from sensor_msgs.msg import CameraInfo, RegionOfInterest
from std_msgs.msg import Header

from diffupose_ros.nodes.common.conversions import camera_from_info

K = [910.0, 0, 645, 0, 908, 362, 0, 0, 1]
BROWN = [-0.05, 0.06, 0.001, -0.0005, -0.02]
RATIONAL = [4.6, 1.3, 0.0002, -0.0001, 0.05, 4.9, 3.1, 0.4]
FISHEYE = [0.1, -0.03, 0.01, -0.002]


def info(model: str, D: list[float], **others: object) -> CameraInfo:
    return CameraInfo(
        header=Header(frame_id="camera_optical"), width=1280, height=720, distortion_model=model, d=D, k=K, **others
    )


@pytest.mark.parametrize(
    ("message", "lens", "coefficients"),
    [
        pytest.param(info("plumb_bob", BROWN), "plumb_bob", 5, id="RealSense, usb_cam, Gazebo"),
        pytest.param(info("plumb_bob", [0.0] * 5), "plumb_bob", 5, id="RealSense depth, Gazebo without distortion"),
        pytest.param(info("equidistant", FISHEYE), "equidistant", 4, id="RealSense fisheye, raw ZED Mini"),
        pytest.param(info("rational_polynomial", [0.0] * 8), "rational_polynomial", 8, id="rectified ZED"),
        pytest.param(info("", []), "plumb_bob", 0, id="rectified ZED X HDR, whose driver says no model"),
        pytest.param(info("rational_polynomial", RATIONAL), "rational_polynomial", 8, id="OAK"),
        pytest.param(info("rational_polynomial", [*RATIONAL, *[0.0] * 6]), "rational_polynomial", 14, id="OAK, all 14"),
        pytest.param(
            info("plumb_bob", RATIONAL, roi=RegionOfInterest(do_rectify=True)), "rational_polynomial", 8, id="Orbbec"
        ),
    ],
)
def test_what_drivers_publish_is_known(message: CameraInfo, lens: str, coefficients: int) -> None:
    camera = camera_from_info(message)
    assert (camera.model, camera.D.size) == (lens, coefficients)
    assert (camera.width, camera.height) == (1280, 720)


def test_a_driver_without_a_calibration_is_told_to_calibrate() -> None:
    with pytest.raises(ValueError, match="camera is not calibrated"):  # usb_cam and v4l2_camera
        camera_from_info(CameraInfo(width=640, height=480))


def test_coefficients_whose_order_is_not_known_are_refused() -> None:
    with pytest.raises(ValueError, match="D of equidistant: expected 0 or 4"):  # Orbbec, for a Kannala-Brandt lens
        camera_from_info(info("equidistant", [0.1, -0.03, 0.0, 0.0, 0.01, -0.002, 0.0, 0.0]))
