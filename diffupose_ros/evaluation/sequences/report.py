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

"""Measures how well people are followed, in every scenario that fits the recordings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile, ZipFile

import numpy as np
from rich.console import Console
from rich.progress import track as progressing

from diffupose_ros.data.clips import load_clips
from diffupose_ros.data.recordings import Recording, load_recording
from diffupose_ros.data.sequences import World, sequences
from diffupose_ros.evaluation import metrics
from diffupose_ros.evaluation.evaluate import versions
from diffupose_ros.evaluation.recordings.frames import SEED, Drawing, lift_cameras, profile_name
from diffupose_ros.evaluation.recordings.report import rounded
from diffupose_ros.evaluation.recordings.tracks import LEAST_FRAMES
from diffupose_ros.evaluation.sequences.figures import FIGURES, LEVELS, figures, levels
from diffupose_ros.evaluation.sequences.scenes import OF_CLIPS, OF_RECORDINGS, Scenario, sighted
from diffupose_ros.evaluation.sequences.tracks import Track, follow
from diffupose_ros.lifting import Lifter

SEEDS = 6
"""Times that the standard set is simulated: each time the clips are those of other people."""
SECONDS = 4.0
"""Of each clip."""
_CAMERAS = 2


class People(NamedTuple):
    """Who is followed.

    Attributes:
        recordings: by name.
        scenarios: by name.
        simulated: from clips.
    """

    recordings: Mapping[str, Recording]
    scenarios: Mapping[str, Scenario]
    simulated: bool


def load_people(path: Path, every: int = 1) -> People:
    """Return the person of a recording, or the simulated people of clips.

    Args:
        path: an .npz of either.
        every: take each K-th of the simulated people.

    Raises:
        FileNotFoundError: no such file.
        ValueError: neither, or nobody.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}: expected an .npz of clips or a recording (docs/recordings.md)")
    if _is_recording(path):
        if every > 1:
            raise ValueError(f"--every {every}: {path} is a recording of one person, expected 1")
        return People({path.stem: load_recording(path)}, OF_RECORDINGS, False)
    clips, world = load_clips(path), World(cameras=_CAMERAS)
    sets = {seed: sequences(clips, seed, world, SECONDS) for seed in range(1, SEEDS + 1)}
    simulated = {f"{name}, {seed}": of[name] for name in sets[1] for seed, of in sets.items()}
    return People({name: simulated[name] for name in list(simulated)[::every]}, OF_CLIPS, True)


def evaluate_sequences(
    lifter: Lifter, people: People, drawing: Drawing | None = None, progress: bool = False
) -> tuple[dict[str, Any], Track]:
    """Return a report on how people are followed, the same for the same arguments, and the liveliest track to show.

    The report holds ``scenarios``, by name: ``FIGURES``, means over the tracks that say them (None where there is no
    answer), ``standard_error`` of these, ``tracks``, and ``reliability`` (``nominal``, and the mean empirical
    coverages of each of ``LEVELS``); and ``settings``.

    Args:
        lifter: the model.
        people: who is followed, and how.
        drawing: of hypotheses; by default ``Drawing()``.
        progress: show a progress bar on stderr.

    Raises:
        ValueError: numbers that do not fit, or nobody whom any camera sees long enough.
    """
    drawing, console = drawing or Drawing(), Console(stderr=True)
    tracks: dict[str, list[Track]] = {name: [] for name in people.scenarios}
    for recording in progressing(
        list(people.recordings.values()), "following", console=console, transient=True,
        disable=not (progress and console.is_terminal),
    ):  # fmt: skip
        lifted = lift_cameras(lifter, recording, sighted(recording), drawing, profile_name(recording))
        for name, scenario in people.scenarios.items():
            followed = [follow(scene, lifted) for scene in scenario(recording)]
            tracks[name] += [track for track in followed if track.frames.sum() >= LEAST_FRAMES]
    tracks = {name: of for name, of in tracks.items() if of}
    if not tracks:
        raise ValueError(f"nobody to follow: no camera sees both hips and six joints in {LEAST_FRAMES} frames")
    first = next(iter(people.recordings.values()))
    settings = {
        "people": len(people.recordings),
        "simulated": {"seeds": SEEDS, "seconds": SECONDS} if people.simulated else None,
        "detector": first.detector,
        "profile": profile_name(first),
        "layout": first.layout,
        "rate": first.rate,
        "hypotheses": drawing.hypotheses,
        "steps": drawing.steps or lifter.usual_steps,
        "flip": drawing.flip,
        "seed": SEED,
        "versions": versions(),
    }
    report = {"scenarios": rounded({name: _summary(of) for name, of in tracks.items()}), "settings": settings}
    return report, max(next(iter(tracks.values())), key=_liveliness)


def _summary(tracks: list[Track]) -> dict[str, Any]:
    said = [figures(track) for track in tracks]
    columns = {name: np.array([of[name] for of in said]) for name in FIGURES}
    known = {name: column[np.isfinite(column)] for name, column in columns.items()}
    of_tracks = [levels(track) for track in tracks]
    curves = {
        name: np.mean([metrics.reliability(of[name]) for of in of_tracks if len(of[name])], 0).tolist()
        for name in LEVELS
        if any(len(of[name]) for of in of_tracks)
    }
    return {
        "tracks": len(tracks),
        **{name: values.mean() if len(values) else np.nan for name, values in known.items()},
        "standard_error": {
            name: values.std(ddof=1) / np.sqrt(len(values)) for name, values in known.items() if len(values) > 1
        },
        "reliability": {"nominal": metrics.QUANTILES.tolist(), **curves},
    }


def _liveliness(track: Track) -> float:
    """RMS of the true velocities relative to the pelvis."""
    velocity = track.true_velocity
    relative = (velocity - velocity[:, :1])[:, 1:][track.counted]
    known = relative[np.isfinite(relative).all(-1)]
    return float(np.sqrt((known**2).sum(-1).mean())) if len(known) else 0.0


def _is_recording(path: Path) -> bool:
    try:
        with ZipFile(path) as file:
            return "keypoints.npy" in file.namelist()
    except (OSError, BadZipFile):
        return False
