"""The ROS 2 nodes. They hold no mathematics; where no ROS 2 is sourced they run on the standalone runtime."""

from diffupose_ros import standalone

standalone.activate()
