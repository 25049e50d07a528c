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

"""People over time: lifted frames of one or several cameras in, one state per person out."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from diffupose_ros.estimation.association import associate, distances2
from diffupose_ros.estimation.evidence import Depth, Evidence, View
from diffupose_ros.estimation.motion import load_motion
from diffupose_ros.estimation.observation import Observation, observe
from diffupose_ros.estimation.people import LEFT_OUT, Flags, People, covariance_of
from diffupose_ros.estimation.sides import exchanged
from diffupose_ros.estimation.state import (
    POSITION,
    SIZE,
    State,
    anchored,
    first_state,
    joints_of,
    measured,
    predicted,
    updated,
)
from diffupose_ros.lifting import Lifted
from diffupose_ros.names import unused_name

FloatArray = npt.NDArray[np.float64]

NOVEL = 2.0
"""Novelty from which on a person is nobody whom the model knows."""
LATE = 0.5
"""s, up to which a frame may be older than the latest one and still counts."""
RESTART = 2.0
"""s, from which on a camera's time has gone back and everything starts anew."""
_MISFITS = 3  # frames in a row in which somebody is where he cannot be, until he is believed to be there
_SIDES_MEMORY = 0.7  # s
_SIDES_KNOWN = 0.3  # s of age from which on a track may say which side is which
_RIGHTED = 3.0  # factor on the covariances of a pose whose sides were exchanged after lifting
_SIDES_UNCERTAIN = 0.05  # share of exchanged frames lately
_RECENT = 0.5  # s
_SIMULTANEOUS = 0.05  # s, by which a frame with evidence may be late


@dataclass
class _Track:
    """What is remembered of one person beside the state."""

    id: str
    first: float
    seen: float
    novel: bool = False
    exchanged: float = 0.0
    misfits: int = 0
    names: dict[str, str] = field(default_factory=dict)
    evidence: dict[tuple[type[Evidence], str], float] = field(default_factory=dict)

    def begin_anew(self, time: float) -> None:
        """Forget what belonged to a state that is none any more."""
        self.first, self.misfits = time, 0
        self.evidence.clear()

    def measured_depth(self) -> float:
        """When a depth image last measured the person, s."""
        return max((time for (kind, _), time in self.evidence.items() if kind is Depth), default=-np.inf)


class Estimator:
    """Estimates one state per person from lifted frames, in the order in which they come.

    >>> estimator = Estimator()
    >>> people = estimator.update(time, ids, lifter.lift(keypoints, scores, camera))
    >>> people.predict(0.3).positions

    Args:
        forget_after: s, for which somebody who is not seen is predicted.
        extrinsic_deviation: of camera poses: metres and radians, standard deviations.

    Attributes:
        forget_after, extrinsic_deviation: the same; they may be changed at any time.

    Raises:
        ValueError: numbers that are not 0 or more.
    """

    def __init__(self, forget_after: float = 2.0, extrinsic_deviation: tuple[float, float] = (0.0, 0.0)) -> None:
        if not (np.isfinite(forget_after) and forget_after >= 0):
            raise ValueError(f"forget_after: expected seconds, 0 or more, got {forget_after}")
        deviations = np.asarray(extrinsic_deviation)
        if deviations.shape != (2,) or not (np.isfinite(deviations) & (deviations >= 0)).all():
            raise ValueError(
                f"extrinsic_deviation: expected metres and radians, each 0 or more, got {extrinsic_deviation}"
            )
        self.forget_after, self.extrinsic_deviation = forget_after, extrinsic_deviation
        self._motion = load_motion()
        self.reset()

    def reset(self) -> None:
        """Forget everybody."""
        self._state, self._tracks = State.empty(), list[_Track]()
        self._latest = -np.inf
        self._stamps: set[tuple[Hashable, float]] = set()
        self._newest: dict[str, float] = {}

    def update(
        self,
        time: float,
        ids: Sequence[str],
        lifted: Lifted,
        camera_pose: npt.ArrayLike | None = None,
        evidence: Sequence[Evidence] = (),
        source: str = "",
    ) -> People:
        """Take in one camera's frame, and return everybody at the latest time there was.

        Frames may come late, up to ``LATE``; later ones are left out, and much later ones (a bag that starts again)
        mean that time has gone back: everybody is forgotten. ``People.problems`` says so.

        Args:
            time: s, of the image.
            ids: P names, unique; the same name from the same source is the same person, unless that cannot be.
            lifted: the P people in the camera's frame; those who are not valid are left out.
            camera_pose: (4, 4) of the camera in the frame in which people are estimated; None: the camera's own.
            evidence: what else is known at that time, see ``estimation.evidence``.
            source: whose names these are. Cameras that name people alike give different sources.

        Raises:
            ValueError: shapes or numbers that do not fit; says what was expected.
        """
        pose = _checked(time, ids, lifted, camera_pose)
        problems = self._admit(time, source, pose)
        if not any(kind in LEFT_OUT for kind, _ in problems):
            self._latest = max(self._latest, time)
            self._forget()
            seen = observe(lifted, pose, self.extrinsic_deviation)
            names = [name for name, valid in zip(ids, lifted.valid, strict=True) if valid]
            now = anchored(predicted(self._state, time, self._motion), seen.camera)
            rows = self._recognise(time, names, now, seen, source, problems)
            self._see(time, now, rows, seen)
            for one in evidence:
                self._measure(time, rows, seen, pose, one, source)
        return self._people(time, problems)

    def people(self, time: float) -> People:
        """Return everybody at a time, not before the latest frame.

        Raises:
            ValueError: a time that is not finite.
        """
        if not np.isfinite(time):
            raise ValueError(f"time: expected seconds, got {time}")
        return self._people(time, [])

    def _admit(self, time: float, name: str, pose: FloatArray) -> list[tuple[str, str]]:
        """What is wrong with a frame's time; forgets everybody where time has gone back."""
        source = name, pose.tobytes()
        back, own = self._latest - time, self._newest.get(name, -np.inf) - time
        self._newest[name] = time
        if own > RESTART:
            self.reset()
            self._newest[name] = time
            self._stamps.add((source, time))
            return [("time went back", f"by {own:.1f} s: everybody is forgotten, and estimation starts anew")]
        if back > LATE:
            return [("late", f"a frame {back:.2f} s older than the latest is left out: expected at most {LATE} s")]
        if (source, time) in self._stamps:
            return [("repeated", f"a second frame with the stamp {time:.3f} s of the same camera is left out")]
        self._stamps = {stamp for stamp in self._stamps if stamp[1] >= self._latest - LATE} | {(source, time)}
        return []

    def _forget(self) -> None:
        kept = self._remembered(self._latest, max(self.forget_after, LATE))
        if len(kept) < len(self._tracks):
            self._state, self._tracks = self._state[kept], [self._tracks[row] for row in kept]

    def _remembered(self, time: float, seconds: float) -> list[int]:
        return [row for row, track in enumerate(self._tracks) if time - track.seen <= seconds]

    def _recognise(
        self,
        time: float,
        names: list[str],
        now: State,
        seen: Observation,
        source: str,
        problems: list[tuple[str, str]],
    ) -> list[int | None]:
        """The row of each of N people who are seen; None for who is not believed. Adds those who are new."""
        covariance = now.root.covariance[:, POSITION, POSITION] + now.bias.total()[:, 0]
        distance2 = distances2(now.root.mean[:, POSITION], covariance, seen.position[:, 0], seen.covariance[:, 0])
        by_name = {track.names.get(source): row for row, track in enumerate(self._tracks)}
        named = [by_name.get(name) for name in names]
        rows = associate(distance2, named)
        taken = {row for row in rows if row is not None}
        new: list[int] = []
        for index, (name, row, old) in enumerate(zip(names, rows, named, strict=True)):
            if row is not None:
                track = self._tracks[row]
                if old is not None and old != row:
                    problems.append(("swapped ids", f"{name!r} is who was called {track.id!r}"))
                    if self._tracks[old].names.get(source) == name:
                        del self._tracks[old].names[source]
                track.misfits, track.names[source] = 0, name
            elif old is not None and old not in taken:
                track = self._tracks[old]
                track.misfits += 1
                if track.misfits >= _MISFITS:
                    self._restart(old, time, seen[np.array([index])])
                    problems.append(("jump", f"{name!r} went where nobody can go: estimated anew"))
                else:
                    problems.append(("misfit", f"{name!r} is where nobody can have gone: left out of this frame"))
            else:
                new.append(index)
        for index in new:
            rows[index] = len(self._tracks)
            novel = bool(seen.novelty[index] >= NOVEL)
            name = unused_name(names[index], {track.id for track in self._tracks})
            self._tracks.append(_Track(name, time, time, novel, names={source: names[index]}))
            self._state = self._state.joined(first_state(time, seen[np.array([index])]))
        return rows

    def _restart(self, row: int, time: float, seen: Observation) -> None:
        self._state = self._state.replaced(np.array([row]), first_state(time, seen))
        self._tracks[row].begin_anew(time)
        self._tracks[row].seen = max(self._tracks[row].seen, time)

    def _see(self, time: float, now: State, rows: list[int | None], seen: Observation) -> None:
        """Take people's observations into their states, with the sides that fit them."""
        known = [(index, row) for index, row in enumerate(rows) if row is not None and row < len(now)]
        if not known:
            return
        index, row = (np.array(part) for part in zip(*known, strict=True))
        state, seen = now[row], seen[index]
        wrong = exchanged(state, seen)
        anew: list[int] = []
        for i, track in enumerate(self._tracks[r] for r in row):
            since = max(time - track.seen, 0.0)
            wrong[i] &= track.seen - track.first >= _SIDES_KNOWN
            track.exchanged += (wrong[i] - track.exchanged) * -np.expm1(-since / _SIDES_MEMORY)
            if track.exchanged > 0.5:  # it is the track that has them wrong
                track.exchanged, wrong[i] = 0.5 * wrong[i], False
                track.begin_anew(time)
                anew.append(i)
            track.novel = bool(seen.novelty[i] >= NOVEL)
            track.seen = max(track.seen, time)
        righted = seen.reversed(_RIGHTED).where(wrong, seen) if wrong.any() else seen
        state = updated(state, time, righted)
        if anew:
            state = state.replaced(np.array(anew), first_state(time, seen[np.array(anew)]))
        self._state = self._state.replaced(row, state)

    def _measure(
        self,
        time: float,
        rows: list[int | None],
        seen: Observation,
        pose: FloatArray,
        evidence: Evidence,
        source: str,
    ) -> None:
        """Take in what evidence says of the people who are seen."""
        late = self._state.time - time > _SIMULTANEOUS  # it would be taken for what is there now
        index = np.array([i for i, row in enumerate(rows) if row is not None and not late[row]], np.intp)
        row = np.array([rows[i] for i in index], np.intp)
        tracks, kind = [self._tracks[r] for r in row], (type(evidence), source)
        since = np.array([time - track.evidence.get(kind, -np.inf) for track in tracks])
        independent = np.tanh(np.maximum(since, 1e-3) / (2 * evidence.memory))
        ids, given = tuple(track.id for track in tracks), seen.measured[index]
        for round_ in range(evidence.rounds):
            state = predicted(self._state[row], time, self._motion)
            placed = joints_of(state)
            covariance = covariance_of(state, placed)
            view = View(ids, placed.positions, covariance, given, pose, state.root.mean[:, SIZE])
            said = evidence.measure(view, round_)
            self._state = self._state.replaced(row, measured(state, said, independent))
            for person in np.unique(said.person):
                tracks[person].evidence[kind] = max(time, tracks[person].evidence.get(kind, -np.inf))

    def _people(self, time: float, problems: list[tuple[str, str]]) -> People:
        now = max(self._latest, time)
        rows = self._remembered(now, self.forget_after)
        tracks, state = [self._tracks[row] for row in rows], self._state[rows]
        flags = Flags(
            coasting=np.array([track.seen < now for track in tracks], bool),
            sides_uncertain=np.array([track.exchanged > _SIDES_UNCERTAIN for track in tracks], bool),
            novel=np.array([track.novel for track in tracks], bool),
            depth_used=np.array([now - track.measured_depth() <= _RECENT for track in tracks], bool),
        )
        age = np.array([now - track.first for track in tracks])
        ids = tuple(track.id for track in tracks)
        return People.of(now, ids, state, self._motion, age, flags, tuple(problems))


def _checked(time: float, ids: Sequence[str], lifted: Lifted, camera_pose: npt.ArrayLike | None) -> FloatArray:
    if not np.isfinite(time):
        raise ValueError(f"time: expected seconds, got {time}")
    if len(ids) != len(lifted.mean):
        raise ValueError(f"ids: expected one for each of {len(lifted.mean)} people, got {len(ids)}")
    if len(set(ids)) < len(ids):
        raise ValueError(f"ids: expected each once, got {', '.join(map(repr, ids))}")
    if camera_pose is None:
        return np.eye(4)
    pose = np.asarray(camera_pose, np.float64)
    if pose.shape != (4, 4):
        raise ValueError(f"camera_pose: expected a 4x4 matrix, got shape {pose.shape}")
    rotation = pose[:3, :3]
    orthogonal = np.isfinite(pose).all() and np.abs(rotation @ rotation.T - np.eye(3)).max() <= 1e-3
    if not (orthogonal and np.linalg.det(rotation) > 0):
        raise ValueError("camera_pose: expected a rotation and a translation, got numbers that are none")
    return pose
