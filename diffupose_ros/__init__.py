"""3D human poses with uncertainty from one camera: DiffuPose for ROS 2."""

import pkgutil

# A source tree on sys.path must not hide the generated diffupose_ros.msg of a ROS 2 install.
__path__ = pkgutil.extend_path(__path__, __name__)
__version__ = "0.1.0"
