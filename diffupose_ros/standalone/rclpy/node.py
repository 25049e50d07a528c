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

"""Nodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from rcl_interfaces.msg import ParameterEvent

from .arguments import parse
from .callback_groups import CallbackGroup, MutuallyExclusiveCallbackGroup
from .clock import Clock, ROSClock
from .context import Context
from .entity import Entity
from .event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
from .exceptions import NotInitializedException
from .guard_condition import GuardCondition
from .logging import RcutilsLogger, get_logger
from .names import NameRules, qualified
from .parameter import Parameter
from .parameter_service import ParameterService
from .parameters import ParameterServer
from .publisher import Publisher
from .qos import QoSProfile, qos_profile_parameter_events, qos_profile_services_default, to_profile
from .service import Client, Service
from .subscription import Subscription
from .time_source import TimeSource
from .timer import Timer
from .utilities import get_default_context

EntityT = TypeVar("EntityT", bound=Entity)


class Node(ParameterServer):
    """As rclpy.node.Node, as far as our nodes use it."""

    def __init__(
        self,
        node_name: str,
        *,
        context: Context | None = None,
        cli_args: Sequence[str] | None = None,
        namespace: str | None = None,
        use_global_arguments: bool = True,
        start_parameter_services: bool = True,
        parameter_overrides: Sequence[Parameter] | None = None,
        allow_undeclared_parameters: bool = False,
        automatically_declare_parameters_from_overrides: bool = False,
    ) -> None:
        self.context = context or get_default_context()
        if not self.context.ok():
            raise NotInitializedException("cannot create node")
        sources = [self.context.arguments] if use_global_arguments else []
        if cli_args:
            sources.append(parse(["--ros-args", *cli_args] if "--ros-args" not in cli_args else cli_args))
        remaps = [rule for source in reversed(sources) for rule in source.remaps]
        self._names = NameRules(remaps, node_name, namespace or "/")
        self.executor: Any = None
        self._entities: dict[Entity, None] = {}
        self._announced = self._destroyed = False
        self.default_callback_group: CallbackGroup = MutuallyExclusiveCallbackGroup()
        self._logger = get_logger(self.get_fully_qualified_name().strip("/").replace("/", "."))
        self._clock = ROSClock()
        overrides: dict[str, Any] = {}
        for source in sources:
            overrides.update(source.overrides(self.get_fully_qualified_name()))
        overrides.update({p.name: p.value for p in parameter_overrides or ()})
        self._start_parameters(overrides, allow_undeclared_parameters)
        self.context._enter(self)
        if automatically_declare_parameters_from_overrides:
            self.declare_parameters("", [(name, value) for name, value in overrides.items()])
        self._time_source = TimeSource(self)
        self._parameter_events = self.create_publisher(
            ParameterEvent, "/parameter_events", qos_profile_parameter_events
        )
        if start_parameter_services:
            ParameterService(self)
        self.context.graph.add(self)
        self._announced = True

    def get_name(self) -> str:
        return self._names.node

    def get_namespace(self) -> str:
        return self._names.namespace

    def get_fully_qualified_name(self) -> str:
        return qualified(self._names.namespace, self._names.node)

    def get_clock(self) -> ROSClock:
        return self._clock

    def get_logger(self) -> RcutilsLogger:
        return self._logger

    def resolve_topic_name(self, topic: str, *, only_expand: bool = False) -> str:
        """Return the fully qualified name, remapped unless ``only_expand``."""
        return self._names.expand(topic) if only_expand else self._names.resolve(topic)

    resolve_service_name = resolve_topic_name

    def create_publisher(
        self,
        msg_type: Any,
        topic: str,
        qos_profile: QoSProfile | int,
        *,
        callback_group: CallbackGroup | None = None,
        event_callbacks: PublisherEventCallbacks | None = None,
        publisher_class: type[Publisher] = Publisher,
    ) -> Any:
        name, qos = self._names.resolve(topic), to_profile(qos_profile)
        return self._add(publisher_class(self, msg_type, name, qos, callback_group, event_callbacks))

    def create_subscription(
        self,
        msg_type: Any,
        topic: str,
        callback: Callable[[Any], Any],
        qos_profile: QoSProfile | int,
        *,
        callback_group: CallbackGroup | None = None,
        event_callbacks: SubscriptionEventCallbacks | None = None,
        raw: bool = False,
    ) -> Subscription:
        name, qos = self._names.resolve(topic), to_profile(qos_profile)
        return self._add(Subscription(self, msg_type, name, callback, qos, callback_group, raw, event_callbacks))

    def create_timer(
        self,
        timer_period_sec: float,
        callback: Callable[[], Any],
        callback_group: CallbackGroup | None = None,
        clock: Clock | None = None,
        autostart: bool = True,
    ) -> Timer:
        period = int(float(timer_period_sec) * 1e9)
        return self._add(Timer(self, period, callback, clock or self._clock, callback_group, autostart))

    def create_service(
        self,
        srv_type: Any,
        srv_name: str,
        callback: Callable[[Any, Any], Any],
        *,
        qos_profile: QoSProfile = qos_profile_services_default,
        callback_group: CallbackGroup | None = None,
    ) -> Service:
        name = self._names.resolve(srv_name)
        return self._add(Service(self, srv_type, name, callback, qos_profile, callback_group))

    def create_client(
        self,
        srv_type: Any,
        srv_name: str,
        *,
        qos_profile: QoSProfile = qos_profile_services_default,
        callback_group: CallbackGroup | None = None,
    ) -> Client:
        return self._add(Client(self, srv_type, self._names.resolve(srv_name), qos_profile, callback_group))

    def create_guard_condition(
        self, callback: Callable[[], Any], callback_group: CallbackGroup | None = None
    ) -> GuardCondition:
        return self._add(GuardCondition(self, callback, callback_group))

    def _add(self, entity: EntityT) -> EntityT:
        for each in (*entity.event_handlers, entity):
            self._entities[each] = None
            if self.executor is not None:
                self.executor._attach(each)
        self._announce(entity)
        return entity

    def _remove(self, entity: Entity) -> bool:
        if entity not in self._entities:
            return False
        for each in (*entity.event_handlers, entity):
            del self._entities[each]
            if self.executor is not None:
                self.executor._detach(each)
        entity.close()
        self._announce(entity)
        return True

    def _announce(self, entity: Entity) -> None:
        if self._announced and not isinstance(entity, Timer | GuardCondition):
            self.context.graph.publish()

    def _wake(self) -> None:
        if self.executor is not None:
            self.executor.wake()

    destroy_publisher = _remove
    destroy_subscription = _remove
    destroy_timer = _remove
    destroy_service = _remove
    destroy_client = _remove
    destroy_guard_condition = _remove

    @property
    def publishers(self) -> list[Publisher]:
        return [entity for entity in self._entities if isinstance(entity, Publisher)]

    @property
    def subscriptions(self) -> list[Subscription]:
        return [entity for entity in self._entities if isinstance(entity, Subscription)]

    def count_publishers(self, topic_name: str) -> int:
        """Return how many publishers a topic has anywhere; the name is not remapped."""
        return self.context.graph.count("publication", self._names.expand(topic_name))

    def count_subscribers(self, topic_name: str) -> int:
        """Return how many subscriptions a topic has anywhere; the name is not remapped."""
        return self.context.graph.count("subscription", self._names.expand(topic_name))

    def get_topic_names_and_types(self, no_demangle: bool = False) -> list[tuple[str, list[str]]]:
        return self.context.graph.topics()

    def destroy_node(self) -> None:
        """Delete everything of this node; harmless when done before."""
        if self._destroyed:
            return
        self._destroyed, self._announced = True, False
        if self.executor is not None:
            self.executor.remove_node(self)
        self.context.graph.remove(self)
        for entity in list(self._entities):
            del self._entities[entity]
            entity.close()
        self.context._leave(self)

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        self.destroy_node()

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"{type(self).__name__!r} object has no attribute {name!r}; if it is rclpy's, it is not part of "
            "diffupose_ros' standalone runtime"
        )
