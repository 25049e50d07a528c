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

"""One Gaussian state per person: the pelvis with the person's size, and the joints relative to it.

One camera cannot tell a small near person from a large far one. So where people appear to be, were they of the size
that the model takes them for, is one thing, and k, their true size over that, another. From a camera at c the pelvis
appears at a, and is at c + k (a - c); so from a camera at c' it appears at a + n (c' - c), where n = 1 - 1 / k is the
part of their size by which the model takes people for too small. That is linear: frames of one camera say nothing of
n, those of another do, and so does whatever else measures a distance.
"""

from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from diffupose_ros.estimation import kalman
from diffupose_ros.estimation.bias import Bias
from diffupose_ros.estimation.evidence.measurement import Measurements
from diffupose_ros.estimation.kalman import Gaussian
from diffupose_ros.estimation.motion import Motion
from diffupose_ros.estimation.observation import Observation
from diffupose_ros.skeleton import PELVIS, unit

FloatArray = npt.NDArray[np.float64]

POSITION, VELOCITY, SIZE = slice(0, 3), slice(3, 6), 6
"""Parts of a state: metres, m/s, and the size n (the pelvis' only)."""
_UNIT = np.eye(3)
_ANYWHERE = 30.0  # m
_SPEED = 0.7  # m/s, typical, before any was seen
_SHAKE = 0.1  # part of a velocity's own variance that counts as speed
_SIZES = (-2.0, 0.6)
"""n of people of a third of the size that the model takes them for, and of two and a half times it."""
_SIZE_MEMORY = 60.0
"""s, in which what was learned of a person's size is forgotten: it differs a little from pose to pose."""
GATE = 12.0
"""Squared Mahalanobis distance of a joint from which on it is an outlier."""
MEASUREMENT_GATE = 4.0
"""The same of a scalar measurement."""


@dataclass(frozen=True)
class State:
    """P people.

    Attributes:
        time: (P,) s, of each state.
        anchor: (P, 3) the camera centre for which they are.
        root: P states of dimension 7, where the pelvis appears to be in the world, and the size.
        joints: (P, 16) states of dimension 6, the joints but the pelvis, relative to it, at the model's size.
        size: (P,) variance of n before anything is learned of it.
        bias: errors that last; joint 0 the pelvis'.
    """

    time: FloatArray
    anchor: FloatArray
    root: Gaussian
    joints: Gaussian
    size: FloatArray
    bias: Bias

    @classmethod
    def empty(cls) -> "State":
        """Return nobody."""
        root, joints = (
            Gaussian(np.zeros((*n, d)), np.zeros((*n, d, d))) for n, d in (((0,), SIZE + 1), ((0, 16), SIZE))
        )
        return cls(np.zeros(0), np.zeros((0, 3)), root, joints, np.zeros(0), Bias.none(0))

    def __len__(self) -> int:
        return len(self.time)

    def __getitem__(self, rows: npt.NDArray[np.generic] | list[int]) -> "State":
        """Return the people of some rows."""
        root, joints = (Gaussian(s.mean[rows], s.covariance[rows]) for s in (self.root, self.joints))
        return State(self.time[rows], self.anchor[rows], root, joints, self.size[rows], self.bias[rows])

    def replaced(self, rows: npt.NDArray[np.intp], by: "State") -> "State":
        """Return all, those of ``rows`` replaced."""
        taken = np.arange(len(self))
        taken[rows] = len(self) + np.arange(len(by))
        return self.joined(by)[taken]

    def joined(self, other: "State") -> "State":
        """Return the people of both."""
        joined: list[Any] = []
        for field in fields(State):
            own, others = getattr(self, field.name), getattr(other, field.name)
            if isinstance(own, Bias):
                joined.append(own.joined(others))
            elif isinstance(own, Gaussian):
                joined.append(Gaussian(*map(np.concatenate, zip(own, others, strict=True))))
            else:
                joined.append(np.concatenate([own, others]))
        return State(*joined)

    @property
    def scale(self) -> FloatArray:
        """(P,) k."""
        return scale_of(self.root.mean[:, SIZE])


def first_state(time: float, seen: Observation) -> State:
    """Return the states of people seen for the first time."""
    people = len(seen.position)
    prior = np.array([_ANYWHERE**2] * 3 + [_SPEED**2] * 3 + [1.0])
    root = Gaussian(np.zeros((people, SIZE + 1)), np.tile(np.diag(prior), (people, 1, 1)))
    root.covariance[:, SIZE, SIZE] = seen.size
    joints = Gaussian(np.zeros((people, 16, SIZE)), np.tile(np.diag(prior[:SIZE]), (people, 16, 1, 1)))
    root.mean[:, POSITION], joints.mean[..., POSITION] = seen.position[:, 0], seen.position[:, 1:]
    anchor = np.tile(seen.camera, (people, 1))
    return updated(State(np.full(people, time), anchor, root, joints, seen.size, Bias.none(people)), time, seen)


def anchored(state: State, camera: FloatArray) -> State:
    """Return the states for a camera at (3,)."""
    transition = np.tile(np.eye(SIZE + 1), (len(state), 1, 1))
    transition[:, POSITION, SIZE] = camera - state.anchor
    root = kalman.predict(state.root, transition, np.zeros(()))
    return replace(state, anchor=np.tile(camera, (len(state), 1)), root=root)


def predicted(state: State, time: float, motion: Motion) -> State:
    """Return the states at a time, each not before its own."""
    seconds = np.maximum(time - state.time, 0)
    if not seconds.any():
        return state
    speed2 = np.concatenate([_speed2(state.root)[:, None], _speed2(state.joints)], 1)
    carried, kept, noise = motion.over(seconds, speed2)
    size = np.exp(-seconds / _SIZE_MEMORY)
    of_root = _transition(carried[:, 0], kept[:, 0], SIZE + 1)
    of_root[:, SIZE, SIZE] = size
    root_noise = _noise(noise[:, 0], SIZE + 1)
    root_noise[:, SIZE, SIZE] = (1 - size**2) * state.size
    root = kalman.predict(state.root, of_root, root_noise)
    joints = kalman.predict(state.joints, _transition(carried[:, 1:], kept[:, 1:], SIZE), _noise(noise[:, 1:], SIZE))
    return replace(state, time=np.maximum(state.time, time), root=root, joints=joints)


def updated(state: State, time: float, seen: Observation) -> State:
    """Return the states, anchored at the camera that saw them at ``time``, which may be a little before their own."""
    late = state.time - time
    observation = np.zeros((len(state), 17, 3, SIZE + 1))
    observation[..., POSITION] = _UNIT
    observation[..., VELOCITY] = -late[:, None, None, None] * _UNIT
    noise = seen.fresh
    root, of_root = _corrected(state.root, observation[:, 0], seen.position[:, 0], noise[:, 0])
    joints, of_joints = _corrected(state.joints, observation[:, 1:, :, :SIZE], seen.position[:, 1:], noise[:, 1:])
    gain = np.concatenate([of_root[:, None, POSITION], of_joints[:, :, POSITION]], 1)
    bias = state.bias.updated(gain, unit(seen.ray), seen.lasting)
    return replace(state, root=root, joints=joints, size=seen.size, bias=bias)


def measured(state: State, what: Measurements, independent: FloatArray) -> State:
    """Return the states after measurements, joint by joint.

    Args:
        state: at the time of the measurements.
        what: M measurements.
        independent: (P,) part of a person's measurements that is not in earlier ones of their kind.
    """
    root, joints = (Gaussian(g.mean.copy(), g.covariance.copy()) for g in (state.root, state.joints))
    lasting = lasting_of(state)
    for joint in np.unique(what.joint):
        one = what[what.joint == joint]
        person, direction, anchor = one.person, one.direction, state.anchor[one.person]
        scale, own = scale_of(root.mean[person, SIZE])[:, None], (person, joint - 1)
        apparent = root.mean[person, POSITION] + (joints.mean[own][:, POSITION] if joint > PELVIS else 0)
        away = scale * (apparent - anchor)
        of_size = ~direction.any(1)
        by_root = np.zeros((len(one), SIZE + 1))
        by_root[:, POSITION] = scale * direction
        by_root[:, SIZE] = (direction * scale * away).sum(1) + of_size
        expected = (direction * (anchor + away)).sum(1) + of_size * root.mean[person, SIZE]
        stays = np.einsum("mi,mij,mj->m", direction, lasting[person, joint], direction)
        touched: list[tuple[Gaussian, Any, FloatArray]] = [(root, person, by_root)]
        if joint > PELVIS:
            touched.append((joints, own, by_root[:, :SIZE]))
        crosses = [(g.covariance[at] @ by[..., None])[..., 0] for g, at, by in touched]
        variance = (one.variance + stays) / independent[person]
        variance = variance + sum((by * cross).sum(1) for (_, _, by), cross in zip(touched, crosses, strict=True))
        innovation = one.value - expected
        weight = np.minimum(1, MEASUREMENT_GATE * variance / np.maximum(innovation**2, 1e-12)) / variance
        for (g, at, _), cross in zip(touched, crosses, strict=True):
            g.mean[at] += cross * (weight * innovation)[:, None]
            g.covariance[at] -= weight[:, None, None] * cross[:, :, None] * cross[:, None, :]
    return replace(state, root=root, joints=joints)


def _corrected(
    state: Gaussian, observation: FloatArray, position: FloatArray, noise: FloatArray
) -> tuple[Gaussian, FloatArray]:
    expected = (observation @ state.mean[..., None])[..., 0]
    return kalman.update(state, observation, position - expected, noise, GATE)


def scale_of(size: FloatArray) -> FloatArray:
    """Return k = 1 / (1 - n), within what people are."""
    least, most = _SIZES
    return np.asarray(1 / (1 - np.minimum(np.maximum(size, least), most)))


class Placed(NamedTuple):
    """Where people's joints are in the world.

    Attributes:
        positions: (P, 17, 3) metres.
        by_root: (P, 17, 3, 7) how they move with the root's state.
        lasting: (P, 17, 3, 3) m^2 of errors that last.
    """

    positions: FloatArray
    by_root: FloatArray
    lasting: FloatArray


def joints_of(state: State) -> Placed:
    """Return the joints in the world, of people of their true size."""
    scale, anchor = state.scale[:, None, None], state.anchor[:, None]
    root = state.root.mean[:, None, POSITION]
    apparent = np.concatenate([root, root + state.joints.mean[..., POSITION]], 1)
    positions = anchor + scale * (apparent - anchor)
    by_root = np.zeros((*positions.shape, SIZE + 1))
    by_root[..., POSITION] = scale[..., None] * _UNIT
    by_root[..., SIZE] = scale * (positions - anchor)  # people who are larger are further away
    return Placed(positions, by_root, lasting_of(state))


def lasting_of(state: State) -> FloatArray:
    """Return the covariances (P, 17, 3, 3) in m^2 of errors of joints in the world that last."""
    lasting = state.bias.total()
    lasting[:, 1:] += lasting[:, :1]
    return lasting


def _speed2(state: Gaussian) -> FloatArray:
    """Squared speeds (...): of the mean, and a part of what it may be off."""
    own = np.trace(state.covariance[..., VELOCITY, VELOCITY], axis1=-2, axis2=-1)
    return np.asarray((state.mean[..., VELOCITY] ** 2).sum(-1) + _SHAKE * own)


def _transition(carried: FloatArray, kept: FloatArray, size: int) -> FloatArray:
    matrix = np.zeros((*carried.shape, size, size))
    matrix[..., POSITION, POSITION] = _UNIT
    matrix[..., POSITION, VELOCITY] = carried[..., None, None] * _UNIT
    matrix[..., VELOCITY, VELOCITY] = kept[..., None, None] * _UNIT
    return matrix


def _noise(motion: FloatArray, size: int) -> FloatArray:
    matrix = np.zeros((*motion.shape[:-2], size, size))
    for i, a in enumerate((POSITION, VELOCITY)):
        for j, b in enumerate((POSITION, VELOCITY)):
            matrix[..., a, b] = motion[..., i, j, None, None] * _UNIT
    return matrix
