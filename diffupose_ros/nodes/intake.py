"""What a node takes in: the newest message of each topic, checked, and what was wrong counted."""

import threading
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from diffupose_ros.camera import Camera
from diffupose_ros.msg import Skeleton2DArray
from diffupose_ros.nodes.conversions import concatenate, skeleton_to_h36m, stamp_ns
from diffupose_ros.skeleton import Skeletons2D


class Mailbox:
    """Holds the newest message of each topic until a worker takes them all."""

    def __init__(self) -> None:
        self._pending: dict[str, Any] = {}
        self._changed = threading.Condition()
        self._closed = False

    def put(self, topic: str, message: Any) -> bool:
        """Leave a message; return whether an older one of the topic, not yet taken, was dropped for it."""
        with self._changed:
            dropped = topic in self._pending
            self._pending[topic] = message
            self._changed.notify()
            return dropped

    def take(self) -> dict[str, Any]:
        """Wait for messages and return the newest of each topic; nothing once closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._pending or self._closed)
            taken, self._pending = self._pending, {}
            return {} if self._closed else taken

    def close(self) -> None:
        """Let the worker go."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


@dataclass(frozen=True)
class People:
    """The usable people of one message.

    Attributes:
        message: that they come from.
        ids: unique.
        skeletons: their joints.
        problems: (kind, detail) of all that was wrong with the message.
    """

    message: Skeleton2DArray
    ids: list[str]
    skeletons: Skeletons2D
    problems: list[tuple[str, str]]


def read_people(message: Skeleton2DArray, camera: Camera) -> People:
    """Return the usable people of a message; one bad person costs no other."""
    problems: list[tuple[str, str]] = []
    if stamp_ns(message.header) == 0:
        problems.append(("zero stamp", "header.stamp is zero; latency is not known, and tf will refuse the result"))
    size, expected = (message.image_width, message.image_height), (camera.width, camera.height)
    if 0 not in size and 0 not in expected and size != expected:
        detail = f"keypoints of a {size[0]}x{size[1]} image, but camera_info is of {expected[0]}x{expected[1]}"
        problems.append(("image size", detail + ": give the camera_info of the image the detector saw"))
        return People(message, [], concatenate([]), problems)
    ids: list[str] = []
    people: list[Skeletons2D] = []
    seen: Counter[str] = Counter()
    for skeleton in message.skeletons:
        try:
            person = skeleton_to_h36m(skeleton)
        except ValueError as error:
            problems.append(("bad skeleton", f"person {skeleton.id!r}: {error}"))
            continue
        scores = np.array([k.score for k in skeleton.keypoints])
        if not ((scores >= 0) & (scores <= 1)).all():  # NaN too
            problems.append(
                ("bad score", f"person {skeleton.id!r}: scores outside [0, 1]: below counts as 0, above as 1")
            )
        seen[skeleton.id] += 1
        name = skeleton.id
        if seen[name] > 1:
            name = f"{name}#{seen[name]}"
            problems.append(("duplicate id", f"two people called {skeleton.id!r}: one is published as {name!r}"))
        ids.append(name)
        people.append(person)
    return People(message, ids, concatenate(people), problems)
