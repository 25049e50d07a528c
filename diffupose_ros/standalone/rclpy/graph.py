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

"""Which nodes have which endpoints: tells other ROS 2 processes, and looks up what they tell."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from cyclonedds.builtin import (
    BuiltinDataReader,
    BuiltinTopicDcpsPublication,
    BuiltinTopicDcpsSubscription,
)

from diffupose_ros.standalone import cdr, dds, messages

from .entity import user_data

INFO = "rmw_dds_common/msg/ParticipantEntitiesInfo"


class Graph:
    """This process's part in topic ros_discovery_info, and DDS's lists of all endpoints."""

    def __init__(self, participant: dds.Participant) -> None:
        self._participant = participant
        quality = dds.Quality(depth=1, transient_local=True)
        self._writer = dds.Writer(participant, "ros_discovery_info", INFO, quality, user_data(INFO))
        self._nodes: list[Any] = []
        self._builtin: dict[str, BuiltinDataReader] = {}

    def add(self, node: Any) -> None:
        self._nodes.append(node)
        self.publish()

    def remove(self, node: Any) -> None:
        self._nodes = [known for known in self._nodes if known is not node]
        self.publish()

    def publish(self) -> None:
        """Tell which nodes are here and which readers and writers are whose."""
        info = messages.message_class(INFO)(gid=_gid(self._participant.guid))
        for node in self._nodes:
            entry = messages.message_class("rmw_dds_common/msg/NodeEntitiesInfo")(
                node_namespace=node.get_namespace(), node_name=node.get_name()
            )
            for entity in list(node._entities):
                readers, writers = entity.endpoints()
                entry.reader_gid_seq += [_gid(guid) for guid in readers]
                entry.writer_gid_seq += [_gid(guid) for guid in writers]
            info.node_entities_info_seq.append(entry)
        self._writer.write(cdr.serialize(info))

    def endpoints(self, kind: str) -> list[Any]:
        """Return DDS's description of every "publication" or "subscription" in the domain."""
        if kind not in self._builtin:
            topic = BuiltinTopicDcpsPublication if kind == "publication" else BuiltinTopicDcpsSubscription
            self._builtin[kind] = BuiltinDataReader(self._participant._dds, topic)
        alive = dds.InstanceState.Alive
        return [each for each in self._builtin[kind].read(10_000) if each.sample_info.instance_state == alive]

    def count(self, kind: str, topic: str) -> int:
        return sum(each.topic_name == f"rt{topic}" for each in self.endpoints(kind))

    def topics(self) -> list[tuple[str, list[str]]]:
        """Return ROS topic names and types."""
        found: dict[str, set[str]] = defaultdict(set)
        for each in self.endpoints("publication") + self.endpoints("subscription"):
            if each.topic_name.startswith("rt/"):
                found[each.topic_name[2:]].add(each.type_name.replace("::dds_::", "::").replace("::", "/")[:-1])
        return sorted((name, sorted(types)) for name, types in found.items())


def _gid(guid: bytes) -> Any:
    return messages.message_class("rmw_dds_common/msg/Gid")(data=list(guid))
