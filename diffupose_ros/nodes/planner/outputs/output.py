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

"""What all outputs have in common."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from std_msgs.msg import Header

from diffupose_ros.nodes.common.parameters import Parameters
from diffupose_ros.nodes.planner.intake import Bodies
from diffupose_ros.planning import Capsules


class Output(ABC):
    """Makes one kind of message of people.

    Args:
        parameters: of the node, always the latest.

    Attributes:
        TOPIC: where it goes.
        message: its class.

    Raises:
        ModuleNotFoundError: there is no such message; says what to install.
    """

    TOPIC: ClassVar[str]
    message: type

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters

    @abstractmethod
    def build(self, header: Header, people: Bodies, capsules: Capsules) -> Any:
        """Return the message of people, to be published before the next is built.

        Args:
            header: the time and the frame of the people.
            people: all there are; may be nobody.
            capsules: of the people, as large as what is not known of them asks for.
        """

    def clear(self) -> Any:
        """Return the message that takes back all people who still stand somewhere; None where none does."""
        return None
