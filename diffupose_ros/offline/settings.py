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

"""How people are lifted; the defaults are the lift node's."""

from dataclasses import dataclass

from diffupose_ros.defaults import HYPOTHESES


@dataclass(frozen=True)
class Settings:
    """Options of the lifter.

    Attributes:
        hypotheses: poses sampled for each person.
        steps: DDIM steps; None: as many as suit the model.
        min_score: joints with a lower score count as not seen.
        flip: draw every second hypothesis for the mirror image.
        seed: of the sampling, the same for each frame: poses do not flicker.
        detector_profile: what scores mean where nobody says what made them: name of a shipped profile, or a JSON file.
    """

    hypotheses: int = HYPOTHESES
    steps: int | None = None
    min_score: float = 0.1
    flip: bool = True
    seed: int = 0
    detector_profile: str = "generic"
