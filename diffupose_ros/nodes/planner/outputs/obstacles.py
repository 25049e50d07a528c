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

"""People as a point cloud: the obstacle layers, and the collision monitor, of Nav2."""

from array import array

import numpy as np
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

from diffupose_ros.nodes.planner.intake import Bodies
from diffupose_ros.nodes.planner.outputs.output import Output
from diffupose_ros.planning import Capsules, surface_points

_STEP = 12  # bytes of a point


class Obstacles(Output):
    """Points on the surfaces of bodies, ``resolution`` apart; none where nobody is, for who reads the latest."""

    TOPIC = "obstacles"
    message = PointCloud2

    def build(self, header: Header, people: Bodies, capsules: Capsules) -> PointCloud2:
        """Return the cloud, of float32 x, y and z."""
        points = surface_points(capsules, self._parameters["resolution"])
        return PointCloud2(
            header=header,
            height=1,
            width=len(points),
            fields=[
                PointField(name=axis, offset=4 * i, datatype=PointField.FLOAT32, count=1)
                for i, axis in enumerate("xyz")
            ],
            is_bigendian=False,
            point_step=_STEP,
            row_step=_STEP * len(points),
            data=array("B", points.astype(np.dtype("<f4")).tobytes()),
            is_dense=True,
        )
