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

"""All sections, in the order in which they are measured."""

from diffupose_ros.benchmark.sections.ceiling import CEILING
from diffupose_ros.benchmark.sections.core import CORE
from diffupose_ros.benchmark.sections.detector import DETECTOR
from diffupose_ros.benchmark.sections.engines import ENGINES
from diffupose_ros.benchmark.sections.image import IMAGE
from diffupose_ros.benchmark.sections.lift import LIFT
from diffupose_ros.benchmark.sections.offline import OFFLINE
from diffupose_ros.benchmark.sections.onnx import ONNX
from diffupose_ros.benchmark.sections.people import PEOPLE_OVER_TIME
from diffupose_ros.benchmark.sections.startup import STARTUP
from diffupose_ros.benchmark.sections.topics import TOPICS

# What needs more than pip brings comes last.
_ORDER = (CEILING, CORE, ENGINES, LIFT, PEOPLE_OVER_TIME, TOPICS, DETECTOR, OFFLINE, STARTUP, IMAGE, ONNX)
SECTIONS = {section.name: section for section in _ORDER}
