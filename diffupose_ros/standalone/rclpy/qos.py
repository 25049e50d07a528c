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

"""Quality of service: history, depth, reliability, durability."""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import Any

from diffupose_ros.standalone.dds import Quality


class InvalidQoSProfileException(Exception):
    """The policies do not fit together."""


class HistoryPolicy(IntEnum):
    SYSTEM_DEFAULT = 0
    KEEP_LAST = 1
    KEEP_ALL = 2


class ReliabilityPolicy(IntEnum):
    SYSTEM_DEFAULT = 0
    RELIABLE = 1
    BEST_EFFORT = 2


class DurabilityPolicy(IntEnum):
    SYSTEM_DEFAULT = 0
    TRANSIENT_LOCAL = 1
    VOLATILE = 2


class QoSPolicyKind(IntEnum):
    INVALID = 1
    DURABILITY = 2
    RELIABILITY = 16


def qos_policy_name_from_kind(policy_kind: int) -> str:
    return QoSPolicyKind(policy_kind).name


QoSHistoryPolicy = HistoryPolicy
QoSReliabilityPolicy = ReliabilityPolicy
QoSDurabilityPolicy = DurabilityPolicy


class QoSProfile:
    """As rclpy's, without deadline, lifespan and liveliness."""

    __slots__ = ("depth", "durability", "history", "reliability")

    def __init__(
        self,
        *,
        history: HistoryPolicy | None = None,
        depth: int | None = None,
        reliability: ReliabilityPolicy = ReliabilityPolicy.RELIABLE,
        durability: DurabilityPolicy = DurabilityPolicy.VOLATILE,
    ) -> None:
        if history is None:
            if depth is None:
                raise InvalidQoSProfileException("History and/or depth settings are required.")
            history = HistoryPolicy.KEEP_LAST
        if history == HistoryPolicy.KEEP_LAST and depth is None:
            raise InvalidQoSProfileException("History set to KEEP_LAST without a depth setting.")
        self.history = HistoryPolicy(history)
        self.depth = int(depth or 0)
        self.reliability = ReliabilityPolicy(reliability)
        self.durability = DurabilityPolicy(durability)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, QoSProfile) and all(getattr(self, n) == getattr(other, n) for n in self.__slots__)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"QoSProfile({', '.join(f'{n}={getattr(self, n)!r}' for n in self.__slots__)})"

    def to_quality(self) -> Quality:
        """Return what DDS is asked for; SYSTEM_DEFAULT is reliable, volatile, keep last 1."""
        depth = 0 if self.history == HistoryPolicy.KEEP_ALL else max(1, self.depth)
        return Quality(
            depth=depth,
            reliable=self.reliability != ReliabilityPolicy.BEST_EFFORT,
            transient_local=self.durability == DurabilityPolicy.TRANSIENT_LOCAL,
        )


def to_profile(qos: QoSProfile | int) -> QoSProfile:
    """Return the profile that a depth alone means.

    Raises:
        TypeError: neither a profile nor a depth.
        ValueError: a negative depth.
    """
    if isinstance(qos, QoSProfile):
        return qos
    if not isinstance(qos, int):
        raise TypeError(f"Expected QoSProfile or int, but received {type(qos)!r}")
    if qos < 0:
        raise ValueError("history depth must be greater than or equal to zero")
    return QoSProfile(depth=qos)


qos_profile_default = QoSProfile(depth=10)
qos_profile_system_default = QoSProfile(
    history=HistoryPolicy.SYSTEM_DEFAULT,
    depth=0,
    reliability=ReliabilityPolicy.SYSTEM_DEFAULT,
    durability=DurabilityPolicy.SYSTEM_DEFAULT,
)
qos_profile_sensor_data = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
qos_profile_services_default = QoSProfile(depth=10)
qos_profile_parameters = QoSProfile(depth=1000)
qos_profile_parameter_events = QoSProfile(depth=1000)


class QoSPresetProfiles(Enum):
    DEFAULT = qos_profile_default
    SYSTEM_DEFAULT = qos_profile_system_default
    SENSOR_DATA = qos_profile_sensor_data
    SERVICES_DEFAULT = qos_profile_services_default
    PARAMETERS = qos_profile_parameters
    PARAMETER_EVENTS = qos_profile_parameter_events


def __getattr__(name: str) -> Any:
    raise AttributeError(f"rclpy.qos.{name} is not part of diffupose_ros' standalone runtime")
