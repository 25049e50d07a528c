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

"""Time of one call of the lifter, 2D joints in, means and covariances out, for several numbers of people.

Interleaved with the same work done hypothesis by hypothesis, one after another as the released code does, so
that what matters is a ratio of one run. Writes benchmarks/results/lift_latency_<device>.json.
"""

import json
import platform
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from rich.progress import track

from diffupose_ros.lifting import Lifter
from diffupose_ros.resources import resource_path
from diffupose_ros.simulation import Scene, SimulatedDetector

PEOPLE = (1, 2, 4, 8)
HYPOTHESES, STEPS, ROUNDS = 10, 5, 30


def main() -> None:
    """Measure, print and save."""
    lifter = Lifter.load("default")
    scene = Scene(resource_path("resource/clips/people.npz"), max(PEOPLE))
    pixels, scores = SimulatedDetector("coco17").observe(scene.poses(0), scene.camera, 0.0)

    def batched(people: int) -> None:
        lifter.lift(pixels[:people], scores[:people], scene.camera, hypotheses=HYPOTHESES, steps=STEPS, seed=0)

    def one_by_one(people: int) -> None:
        for person in range(people):
            for seed in range(HYPOTHESES):
                one = slice(person, person + 1)
                lifter.lift(pixels[one], scores[one], scene.camera, hypotheses=1, steps=STEPS, seed=seed)

    rows = []
    for people in track(PEOPLE, "people"):
        times: dict[str, list[float]] = {"batched": [], "one_by_one": []}
        batched(people), one_by_one(people)
        for _ in range(ROUNDS):
            times["batched"].append(_seconds(batched, people))
            times["one_by_one"].append(_seconds(one_by_one, people))
        row = {"people": people, "ratio_p50": np.median(times["one_by_one"]) / np.median(times["batched"])}
        for name, seconds in times.items():
            row |= {f"{name}_p{q}_ms": 1000 * float(np.percentile(seconds, q)) for q in (50, 95, 99)}
        rows.append({key: round(float(value), 3) for key, value in row.items()})
    machine = {
        "device": torch.cuda.get_device_name() if lifter.device.type == "cuda" else _processor(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
    setting = {"hypotheses": HYPOTHESES, "steps": STEPS, "flip": True, "rounds": ROUNDS}
    result = {"machine": machine, **setting, "rows": rows}
    out = Path(__file__).parent / "results" / f"lift_latency_{lifter.device.type}.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(result, indent=1) + "\n")
    for row in rows:
        print("  ".join(f"{key} {value:g}" for key, value in row.items()))
    print(f"wrote {out}")


def _seconds(function: Callable[[int], None], people: int) -> float:
    start = time.perf_counter()
    function(people)
    return time.perf_counter() - start


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    main()
