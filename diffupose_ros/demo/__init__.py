"""The demonstration: the real nodes as processes, a subscriber that measures, a bag and pictures."""
