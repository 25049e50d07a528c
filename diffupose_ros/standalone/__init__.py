"""ROS 2 nodes without a ROS 2 install: the subset of rclpy that our nodes use, over Cyclone DDS."""

import importlib.util
import sys

from diffupose_ros.standalone.finder import StandaloneFinder


def activate() -> bool:
    """Make ``rclpy`` and the message packages importable where no ROS 2 is sourced.

    Returns True where this runtime serves them, False where a real rclpy is importable and nothing
    was done. Calling it again changes nothing.
    """
    if any(isinstance(finder, StandaloneFinder) for finder in sys.meta_path):
        return True
    if importlib.util.find_spec("rclpy") is not None:
        return False
    sys.meta_path.append(StandaloneFinder())
    return True
