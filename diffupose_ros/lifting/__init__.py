"""2D-to-3D lifting: the diffusion model, its uncertainty, and their use. No ROS in here."""
