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


"""Camera files as tools write them."""

WRITTEN = """image_width: 640
image_height: 480
camera_name: narrow_stereo
camera_matrix:
  rows: 3
  cols: 3
  data: [500.5, 0., 320., 0., 501., 240., 0., 0., 1.]
distortion_model: plumb_bob
distortion_coefficients:
  rows: 1
  cols: 5
  data: [-0.1, 0.02, 0.001, -0.001, 0.]
rectification_matrix:
  rows: 3
  cols: 3
  data: [1., 0., 0., 0., 0.8, 0.6, 0., -0.6, 0.8]
projection_matrix:
  rows: 3
  cols: 4
  data: [480., 0., 321., 0., 0., 481., 241., 0., 0., 0., 1., 0.]
"""
"""As camera_calibration writes it."""

ECHOED_P = """p:
- 420.0
- 0.0
- 424.0
- -21.0
- 0.0
- 421.0
- 240.0
- 0.0
- 0.0
- 0.0
- 1.0
- 0.0"""
ECHOED = f"""header:
  stamp:
    sec: 1700000000
    nanosec: 5
  frame_id: camera_color_optical_frame
height: 480
width: 848
distortion_model: plumb_bob
d:
- 0.5
- -2.7
- 0.0006
- -0.0002
- 1.5
- 0.39
- -2.5
- 1.48
k: [425.0, 0.0, 424.0, 0.0, 425.0, 240.0, 0.0, 0.0, 1.0]
r: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
{ECHOED_P}
binning_x: 0
binning_y: 0
roi:
  x_offset: 0
  y_offset: 0
  height: 0
  width: 0
  do_rectify: false
---
"""
"""A CameraInfo as `ros2 topic echo --once` shows it."""

CAMCHAIN = """cam0:
  cam_overlaps: [1]
  camera_model: pinhole
  distortion_coeffs: [-0.27, 0.06, 0.0006, 0.00003]
  distortion_model: radtan
  intrinsics: [461.6, 460.3, 362.7, 248.1]
  resolution: [752, 480]
  rostopic: /cam0/image_raw
cam1:
  T_cn_cnm1:
  - [1.0, 0.0, 0.0, -0.11]
  - [0.0, 1.0, 0.0, 0.0]
  - [0.0, 0.0, 1.0, 0.0]
  - [0.0, 0.0, 0.0, 1.0]
  camera_model: pinhole
  distortion_coeffs: [-0.008, 0.044, -0.042, 0.008]
  distortion_model: equidistant
  intrinsics: [286.1, 286.2, 419.0, 400.0]
  resolution: [848, 800]
  rostopic: /cam1/image_raw
"""
"""A camchain of Kalibr."""
