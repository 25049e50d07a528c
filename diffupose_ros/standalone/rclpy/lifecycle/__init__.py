"""Nodes whose work is configured, started and stopped from outside."""

from .managed_entity import ManagedEntity, SimpleManagedEntity
from .node import LifecycleNode, LifecycleState
from .publisher import LifecyclePublisher
from .state_machine import TransitionCallbackReturn

Node = LifecycleNode
Publisher = LifecyclePublisher
State = LifecycleState

__all__ = [
    "LifecycleNode",
    "LifecyclePublisher",
    "LifecycleState",
    "ManagedEntity",
    "Node",
    "Publisher",
    "SimpleManagedEntity",
    "State",
    "TransitionCallbackReturn",
]
