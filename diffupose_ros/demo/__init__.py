"""The demonstration: the real nodes as processes, a subscriber that measures, a bag and pictures."""

from diffupose_ros import standalone

standalone.activate()
