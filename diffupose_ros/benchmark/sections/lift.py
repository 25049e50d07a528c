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

"""One call of the lifter, 2D joints in, means and covariances out; against hypotheses one by one."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from diffupose_ros.benchmark.section import Bar, Cell, GiveUp, Label, Options, Row, Section, find
from diffupose_ros.benchmark.sections.engines import engine_of
from diffupose_ros.benchmark.sections.simulated_people import DETECTOR, LAYOUT, seen
from diffupose_ros.benchmark.timing import figures, interleaved
from diffupose_ros.defaults import HYPOTHESES
from diffupose_ros.lifting import Lifter
from diffupose_ros.lifting.condition import person_centred
from diffupose_ros.lifting.engine.sampler import Sampler
from diffupose_ros.lifting.engine.sampling import Sampling
from diffupose_ros.profiles import load_profile

PEOPLE = (1, 2, 4, 8, 32)
USUAL_STEPS, STEPS = 1, (1, 2, 5, 10, 20)
_SEED = 0


class _Calls:
    """Calls of one lifter on one scene."""

    def __init__(self, options: Options) -> None:
        self._seconds = options.seconds
        self._lifter = Lifter.load(options.weights, options.device, engine="torch")
        self._pixels, self._scores, self._camera = seen(max(PEOPLE))

    def cells(self) -> list[Cell]:
        """Return the cells: people, then steps for one person, then DDPM."""
        numbers = [(people, USUAL_STEPS) for people in PEOPLE] + [(1, steps) for steps in STEPS if steps != USUAL_STEPS]
        return [self._cell(people, steps) for people, steps in numbers] + [self._ddpm()]

    def _cell(self, people: int, steps: int) -> Cell:
        def measure(interrupted: GiveUp) -> dict[str, float]:
            works: dict[str, Callable[[], object]] = {"batched": lambda: self._lift(slice(people), HYPOTHESES, steps)}
            if steps == USUAL_STEPS:
                works["one_by_one"] = lambda: self._one_by_one(people, steps)
            return figures(interleaved(works, self._seconds * len(works), interrupted), "batched")

        return Cell(self._labels(people, steps, "ddim"), measure)

    def _ddpm(self) -> Cell:
        """DDPM, which the lifter does not offer: the draw alone, which is nearly all of the work."""
        sampler = self._lifter.sampler
        assert isinstance(sampler, Sampler)

        def measure(interrupted: GiveUp) -> dict[str, float]:
            skeletons = load_profile(DETECTOR).skeletons(self._pixels[:1], self._scores[:1], LAYOUT)
            rays = self._camera.rays(skeletons.keypoints)
            condition = person_centred(rays, skeletons.deviations, skeletons.status)
            sampling = Sampling(HYPOTHESES, USUAL_STEPS, seed=_SEED, method="ddpm")
            works = {"draw": lambda: sampler.draw(condition.features, sampling)}
            return figures(interleaved(works, self._seconds, interrupted), "draw")

        return Cell(self._labels(1, sampler.diffusion.steps, "ddpm"), measure)

    def _lift(self, people: slice, hypotheses: int, steps: int, seed: int = _SEED) -> None:
        pixels, scores = self._pixels[people], self._scores[people]
        self._lifter.lift(pixels, scores, self._camera, LAYOUT, hypotheses, steps, seed=seed, detector=DETECTOR)

    def _one_by_one(self, people: int, steps: int) -> None:
        for person in range(people):
            for seed in range(HYPOTHESES):
                self._lift(slice(person, person + 1), 1, steps, seed)

    def _labels(self, people: int, steps: int, method: str) -> dict[str, Label]:
        return {"people": people, "steps": steps, "method": method, "engine": engine_of(self._lifter)}


def bars(rows: Sequence[Row], device: str) -> list[Bar]:
    """Return what is demanded of this section's figures: of a GPU only."""
    one, eight = (find(rows, people=people, steps=USUAL_STEPS) for people in (1, 8))
    if device != "cuda" or one is None or eight is None:
        return []
    return [
        Bar("1 person, p50, ms", one["p50_ms"], 1.0, False),
        Bar("1 person, p99, ms", one["p99_ms"], 2.0, False),
        Bar("8 people in times of 1, p50", eight["p50_ms"] / one["p50_ms"], 1.5, False),
    ]


@contextmanager
def _prepare(options: Options) -> Iterator[list[Cell]]:
    yield _Calls(options).cells()


LIFT = Section(
    "lift",
    "one call of the lifter, 10 hypotheses",
    _prepare,
    {"hypotheses": HYPOTHESES, "flip": True, "usual_steps": USUAL_STEPS},
    ("weights", "seconds"),
    bars,
)
