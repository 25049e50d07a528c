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

"""Acclaim motion capture: a skeleton (.asf), its motion (.amc), and where the bones' ends are.

A bone has a direction and a length in the rest pose, in world axes, and an axis: the rotation C of the frame in which
its angles R turn it. So the rotation of a bone in the world is that of its parent times C R C^-1, and its end is its
parent's end plus the rotated direction times the length. Euler angles turn about fixed axes, in the order in which the
files list them: XYZ is Rz Ry Rx. A root is a bone of length 0 that also moves.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

FloatArray = npt.NDArray[np.float64]
_INCH = 0.0254  # m; an .asf's unit of length is 1 / ":units length" inches


@dataclass(frozen=True)
class Bone:
    """One bone.

    Attributes:
        parent: name of the bone at whose end it starts; "" of the root.
        offset: (3,) metres, from its start to its end in the rest pose.
        axis: C.
        channels: what the motion gives of it, in order, of tx ty tz rx ry rz; none of a bone that never turns.
    """

    parent: str
    offset: FloatArray
    axis: Rotation
    channels: tuple[str, ...]


@dataclass(frozen=True)
class Skeleton:
    """A skeleton.

    Attributes:
        bones: by name, parents before children, the root first.
        origin: (3,) metres, where the root stands before it moves.
        scale: metres of the files' unit of length.
        degrees: whether angles are in degrees.
    """

    bones: dict[str, Bone]
    origin: FloatArray
    scale: float
    degrees: bool


def read_asf(path: Path) -> Skeleton:
    """Read a skeleton.

    Raises:
        OSError: the file cannot be read.
        ValueError: not an .asf file, or incomplete.
    """
    try:
        return _skeleton(_sections(path.read_text(encoding="utf-8", errors="replace")))
    except (KeyError, IndexError, ValueError, ZeroDivisionError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{path}: not an .asf skeleton, or truncated: {reason}") from None


def read_amc(path: Path, skeleton: Skeleton, every: int = 1) -> dict[str, FloatArray]:
    """Read every ``every``-th frame of a motion, of each moving bone (T, channels), in the files' units.

    Raises:
        OSError: the file cannot be read.
        ValueError: not an .amc file, of another skeleton, or truncated.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    lines = [line for line in text.splitlines() if line.strip() and line[0] not in "#:"]
    moving = {name: len(bone.channels) for name, bone in skeleton.bones.items() if bone.channels}
    step = len(moving) + 1
    frames, rest = divmod(len(lines), step)
    if not frames or rest:
        raise ValueError(
            f"{path}: truncated, or of another skeleton: expected frames of a number and {len(moving)} bones, "
            f"got {frames} of them and {rest} lines more"
        )
    motion = {name: np.zeros((len(range(0, frames, every)), count)) for name, count in moving.items()}
    for frame in range(frames):
        number, *values = lines[frame * step : (frame + 1) * step]
        if not number.strip().isdigit():
            raise ValueError(f"{path}: frame {frame + 1}: expected its number, got {number.strip()[:40]!r}")
        if frame % every == 0 or frame == frames - 1:
            _frame(path, frame, values, motion, frame // every if frame % every == 0 else None)
    return motion


def bone_ends(skeleton: Skeleton, motion: dict[str, FloatArray]) -> dict[str, FloatArray]:
    """Return where each bone ends, (T, 3) metres in the files' world, which has y up."""
    frames = len(next(iter(motion.values())))
    ends: dict[str, FloatArray] = {"": np.tile(skeleton.origin, (frames, 1))}
    turned = {"": Rotation.identity(frames)}
    for name, bone in skeleton.bones.items():
        turned[name] = turned[bone.parent]
        ends[name] = ends[bone.parent]
        if bone.channels:
            angles = [i for i, channel in enumerate(bone.channels) if channel[0] == "r"]
            order = "".join(bone.channels[i][1] for i in angles)
            turn = Rotation.from_euler(order, motion[name][:, angles], degrees=skeleton.degrees)
            turned[name] = turned[bone.parent] * bone.axis * turn * bone.axis.inv()
            moves = np.zeros((frames, 3))
            for i, channel in enumerate(bone.channels):
                if channel[0] == "t":
                    moves[:, "xyz".index(channel[1])] = skeleton.scale * motion[name][:, i]
            ends[name] = ends[name] + moves
        ends[name] = ends[name] + turned[name].apply(bone.offset)
    del ends[""]
    return ends


def _frame(path: Path, frame: int, lines: list[str], motion: dict[str, FloatArray], row: int | None) -> None:
    """Put one frame into a row of the motion, or only check it."""
    left = set(motion)
    for line in lines:
        name, *values = line.split()
        if name not in left:
            raise ValueError(f"{path}: frame {frame + 1}: {name!r} is twice there, or no moving bone of the skeleton")
        left.remove(name)
        try:
            numbers = np.array([float(value) for value in values])
        except ValueError:
            raise ValueError(f"{path}: frame {frame + 1}: {name}: expected numbers, got {line.strip()!r}") from None
        expected = motion[name].shape[1]
        if len(numbers) != expected or not np.isfinite(numbers).all():
            raise ValueError(f"{path}: frame {frame + 1}: {name}: expected {expected} numbers, got {line.strip()!r}")
        if row is not None:
            motion[name][row] = numbers


def _sections(text: str) -> dict[str, list[list[str]]]:
    """The words of each line, by section: ``:name`` up to the next colon."""
    sections: dict[str, list[list[str]]] = {}
    lines: list[list[str]] = []
    for words in (line.split("#")[0].split() for line in text.splitlines()):
        if words and words[0].startswith(":"):
            lines = sections.setdefault(words[0][1:].lower(), [])
        elif words:
            lines.append(words)
    return sections


def _skeleton(sections: dict[str, list[list[str]]]) -> Skeleton:
    units = {words[0]: words[-1] for words in sections["units"]}
    scale, degrees = _INCH / float(units["length"]), units.get("angle", "deg") == "deg"
    root = {words[0]: words[1:] for words in sections["root"]}
    turned = _rotation(root["orientation"], root["axis"][0], degrees)
    channels = tuple(channel.lower() for channel in root["order"])
    found = {"root": Bone("", np.zeros(3), turned, channels)}
    for fields in _blocks(sections["bonedata"]):
        *angles, order = fields["axis"]
        direction = _vector(fields["direction"])
        offset = scale * float(fields["length"][0]) * direction / max(float(np.linalg.norm(direction)), 1e-9)
        found[fields["name"][0]] = Bone(
            "", offset, _rotation(angles, order, degrees), tuple(c.lower() for c in fields.get("dof", []))
        )
    parents = {c: words[0] for words in sections["hierarchy"] if len(words) > 1 for c in words[1:]}
    bones: dict[str, Bone] = {"root": found["root"]}
    while len(bones) < len(found):
        ready = [name for name in found if name not in bones and parents[name] in bones]
        if not ready:
            raise ValueError(f"bones that do not hang on the root: {', '.join(sorted(set(found) - set(bones)))}")
        bones |= {
            name: Bone(parents[name], found[name].offset, found[name].axis, found[name].channels) for name in ready
        }
    _check_channels(bones)
    return Skeleton(bones, scale * _vector(root["position"]), scale, degrees)


def _blocks(lines: list[list[str]]) -> list[dict[str, list[str]]]:
    """What stands between ``begin`` and ``end``, by first word."""
    blocks: list[dict[str, list[str]]] = []
    for words in lines:
        if words[0] == "begin":
            blocks.append({})
        elif words[0] != "end":
            blocks[-1].setdefault(words[0], words[1:])
    return blocks


def _check_channels(bones: dict[str, Bone]) -> None:
    for name, bone in bones.items():
        known = {"rx", "ry", "rz", "tx", "ty", "tz"} if name == "root" else {"rx", "ry", "rz"}
        if not known.issuperset(bone.channels) or len(set(bone.channels)) != len(bone.channels):
            raise ValueError(f"{name}: expected degrees of freedom {', '.join(sorted(known))}, got {bone.channels}")
    if not any(channel[0] == "r" for channel in bones["root"].channels):
        raise ValueError("root: expected an order with rotations")


def _rotation(angles: list[str], order: str, degrees: bool) -> Rotation:
    return Rotation.from_euler(order.lower(), _vector(angles), degrees=degrees)


def _vector(words: list[str]) -> FloatArray:
    vector = np.array([float(word) for word in words])
    if vector.shape != (3,) or not np.isfinite(vector).all():
        raise ValueError(f"expected three numbers, got {' '.join(words)!r}")
    return vector
