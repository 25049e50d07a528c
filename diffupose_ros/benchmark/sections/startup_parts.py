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

"""A lift node's start, step by step, in an interpreter of its own (``python -m`` this module).

Prints the moment, seconds since the epoch, after each step. What takes the time is imported inside.
"""

import sys
import time


def main(weights: str, device: str) -> None:
    """Go through the steps."""
    _tell("interpreter")
    import torch

    _tell("import torch")
    from diffupose_ros.lifting import Lifter

    _tell("import lifting")
    from diffupose_ros.nodes.lift import node as lift_node

    _tell("import lift_node")
    lifter = Lifter.load(weights, device)
    _tell("load the model")
    from diffupose_ros.benchmark.sections.simulated_people import DETECTOR, LAYOUT, seen

    pixels, scores, camera = seen(1)
    _tell("read the scene")
    for step in ("first lift", "second lift"):
        lifter.lift(pixels, scores, camera, LAYOUT, seed=0, detector=DETECTOR)
        _tell(step)
    assert torch and lift_node


def _tell(step: str) -> None:
    print(f"{step}\t{time.time()!r}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
