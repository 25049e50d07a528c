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

"""Colours, and the lines of a 2D skeleton."""

from collections.abc import Sequence

from diffupose_ros.skeleton import LAYOUTS

PEOPLE = ("#2563eb", "#0f9d76", "#9333ea", "#0891b2", "#a16207", "#475569", "#4d7c0f", "#7e22ce")
UNSEEN = "#f0540c"
TRUTH = "#16181d"
PAPER, RULE, TEXT, FAINT = "#ffffff", "#dfe3ea", "#20242c", "#687080"

_BONES_2D = (
    ("right_hip", "right_knee"), ("right_knee", "right_ankle"), ("left_hip", "left_knee"),
    ("left_knee", "left_ankle"), ("left_shoulder", "left_elbow"), ("left_elbow", "left_wrist"),
    ("right_shoulder", "right_elbow"), ("right_elbow", "right_wrist"),
    ("left_hip", "right_hip"), ("left_shoulder", "right_shoulder"),
    ("left_shoulder", "left_hip"), ("right_shoulder", "right_hip"),
    ("left_ankle", "left_big_toe"), ("right_ankle", "right_big_toe"),
    ("nose", "left_eye"), ("nose", "right_eye"), ("left_eye", "left_ear"), ("right_eye", "right_ear"),
    ("thorax", "neck"), ("neck", "head"), ("thorax", "nose"),
)  # fmt: skip


def person_colours(people: list[str]) -> dict[str, str]:
    """Return a colour for each id."""
    return {person: PEOPLE[index % len(PEOPLE)] for index, person in enumerate(people)}


def bones_2d(layout: str) -> list[tuple[int, int]]:
    """Return pairs of joint indices to draw lines between."""
    return bones_between(LAYOUTS[layout])


def bones_between(joints: Sequence[str]) -> list[tuple[int, int]]:
    """Return pairs of indices of named joints to draw lines between."""
    return [(joints.index(a), joints.index(b)) for a, b in _BONES_2D if a in joints and b in joints]
