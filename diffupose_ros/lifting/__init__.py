"""2D-to-3D lifting: the diffusion model, its uncertainty, and their use. No ROS in here."""

from diffupose_ros.camera import Camera
from diffupose_ros.lifting.lifter import Interrupted, Lifted, Lifter

__all__ = ["Camera", "Interrupted", "Lifted", "Lifter"]
