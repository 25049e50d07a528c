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

"""People over time without topics: what the people node would say of one camera."""

from collections import Counter

from std_msgs.msg import Header

from diffupose_ros.estimation import Estimator
from diffupose_ros.estimation.people import LEFT_OUT
from diffupose_ros.lifting import Lifted
from diffupose_ros.msg import People
from diffupose_ros.nodes.common.conversions import stamp_ns
from diffupose_ros.nodes.common.people_messages import people_message


class OverTime:
    """Estimates people from one camera's frames, in that camera's frame, which stands still.

    Attributes:
        problems: what frames were left out, or made everybody be forgotten, by kind.
    """

    def __init__(self) -> None:
        self._estimator = Estimator()
        self.problems: Counter[str] = Counter()

    def add(self, header: Header, ids: list[str], lifted: Lifted) -> People | None:
        """Return the people at a frame's time; None where a later one came before it, or it came twice.

        Args:
            header: of the frame.
            ids: of the P people, unique.
            lifted: their poses.
        """
        time = stamp_ns(header) * 1e-9
        people = self._estimator.update(time, ids, lifted)
        self.problems.update(kind for kind, _ in people.problems if kind in (*LEFT_OUT, "time went back"))
        return people_message(header, people) if people.time == time and not people.left_out else None
