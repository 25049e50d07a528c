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

"""Learns how people move from motion capture clips: ``estimation.motion``."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt

from diffupose_ros.data.clips import RATE
from diffupose_ros.estimation.motion import SLOWEST, STARTING, Motion
from diffupose_ros.files import write_text

FloatArray = npt.NDArray[np.float64]

HORIZONS = (0.0, 1 / 30, 1 / 15, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0)
"""Seconds; whole frames of clips at 30 Hz."""
_STEADY = 0.1
"""s, for which accelerations last: noise over less grows as from there, or that of many steps would be too little."""
_INSIDE = 0.9
_RESTLESS = 0.75  # part of the clips in which people move less than the noise says
_RADIUS2 = 6.2514  # squared, of the ball that holds 90 % of a normal distribution in 3D


def learn_motion(clips: dict[str, FloatArray]) -> Motion:
    """Return the motion of the people in clips (T, 17, 3) at 30 Hz, those of three seconds and more.

    Velocities go on as least squares say; noise is such that its 90 % ellipsoids hold 90 % in three of four clips.

    Raises:
        ValueError: no clip is long enough.
    """
    longest = round(HORIZONS[-1] * RATE)
    paths = [_path(clip) for clip in clips.values() if len(clip) >= 1.5 * longest]
    if not paths:
        raise ValueError(f"no clip of {1.5 * longest:.0f} frames or more: people's motion cannot be learned from these")
    now = np.ones((1, 5, 17))
    tables = np.concatenate([now, [_horizon(paths, round(h * RATE), longest) for h in HORIZONS[1:]]])
    steady = HORIZONS.index(_STEADY)
    tables[:steady, 2:] = tables[steady, 2:]
    return Motion(np.array(HORIZONS), *np.moveaxis(tables, 1, 0))


def save_motion(motion: Motion, path: Path) -> None:
    """Write a motion as ``estimation.motion.load_motion`` reads it.

    Raises:
        OSError: it cannot be written.
    """
    write_text(json.dumps({name: np.round(rows, 4).tolist() for name, rows in asdict(motion).items()}) + "\n", path)


def _restless(squares: list[FloatArray]) -> FloatArray:
    """The noise (17,) of people who move more than most: in each clip (T, 17) 90 % are inside."""
    return np.asarray(np.quantile([np.quantile(s, _INSIDE, axis=0) for s in squares], _RESTLESS, axis=0) / _RADIUS2)


def _path(clip: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Positions and velocities (T - 2, 17, 3): the pelvis in the world, the others relative to it."""
    position = np.concatenate([clip[:, :1], clip[:, 1:] - clip[:, :1]], 1)
    return position[1:-1], (position[2:] - position[:-2]) * (RATE / 2)


def _horizon(paths: list[tuple[FloatArray, FloatArray]], frames: int, longest: int) -> FloatArray:
    """The rows (5, 17) of ``Motion`` at one horizon."""
    seconds, kept_frames = frames / RATE, slice(None, -longest)
    velocity = np.concatenate([v[kept_frames] for _, v in paths])
    moved = np.concatenate([(x[frames:] - x[: len(x) - frames])[: len(x) - longest] for x, _ in paths])
    later = np.concatenate([v[frames:][: len(v) - longest] for _, v in paths])
    squared = (velocity**2).sum((0, 2))
    carried, kept = (moved * velocity).sum((0, 2)) / squared, (later * velocity).sum((0, 2)) / squared
    off, off_velocity = moved - carried[:, None] * velocity, later - kept[:, None] * velocity
    speed = np.maximum(np.linalg.norm(velocity, axis=-1), SLOWEST)
    growth = speed * (speed + STARTING)
    clips = np.cumsum([len(v) - longest for _, v in paths])[:-1]
    position_noise, velocity_noise = (
        _restless(np.split((error**2).sum(-1) / growth, clips)) for error in (off, off_velocity)
    )
    together, alone, alone_velocity = (
        (product.sum(-1) / growth).mean(0) for product in (off * off_velocity, off**2, off_velocity**2)
    )
    correlation = together / np.sqrt(alone * alone_velocity)
    cross_noise = correlation * np.sqrt(position_noise * velocity_noise)
    per = (seconds, 1, seconds**3, seconds**2, seconds)
    rows = (carried, kept, position_noise, cross_noise, velocity_noise)
    return np.array([row / unit for row, unit in zip(rows, per, strict=True)])
