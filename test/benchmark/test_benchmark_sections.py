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

"""What the benchmark measures: the plain network, and each section on something small."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from diffupose_ros.benchmark.section import BenchmarkError, Options, find
from diffupose_ros.benchmark.sections import core, engines, topics
from diffupose_ros.benchmark.sections.ceiling import workloads
from diffupose_ros.benchmark.sections.core import Core, Grid
from diffupose_ros.benchmark.sections.detector import image, random_detector
from diffupose_ros.benchmark.sections.lift import USUAL_STEPS
from diffupose_ros.benchmark.sections.offline import write_bag
from diffupose_ros.benchmark.sections.plain import PlainDenoiser, plain_sampler
from diffupose_ros.benchmark.sections.registry import SECTIONS
from diffupose_ros.benchmark.sections.startup import parts
from diffupose_ros.benchmark.sections.traffic import Watched
from diffupose_ros.lifting import Lifter
from diffupose_ros.lifting.checkpoint import Checkpoint, DiffusionConfig, import_official
from diffupose_ros.lifting.engine.sampler import Sampler
from diffupose_ros.lifting.engine.sampling import Sampling
from diffupose_ros.lifting.networks.denoiser import Denoiser, DenoiserConfig
from diffupose_ros.offline.bag_input import open_bag

CPU = torch.device("cpu")
OPTIONS = Options("cpu", seconds=0.0)


def shaken(channels: int) -> Checkpoint:
    """A paper network in which no part is the identity, as it is after training."""
    torch.manual_seed(0)
    config = DenoiserConfig.paper(channels)
    model = Denoiser(config).requires_grad_(False)
    for value in model.state_dict().values():
        if value.is_floating_point():
            value.add_(0.05 * torch.rand(value.shape))
    return Checkpoint(config, DiffusionConfig.paper(), model.state_dict())


def test_the_plain_network_is_the_released_one(official_file: Path, vectors: dict[str, np.ndarray]) -> None:
    model = PlainDenoiser(import_official(official_file).build())
    with torch.inference_mode():
        output = model(*(torch.from_numpy(vectors[name]) for name in ("x", "cond", "t")))
    np.testing.assert_allclose(output, vectors["output"], rtol=0, atol=1e-5)


def test_the_plain_network_is_our_network() -> None:
    model = shaken(64).build()
    generator = torch.Generator().manual_seed(1)
    x, condition = (torch.randn(5, 17, channels, generator=generator) for channels in (3, 2))
    t = torch.tensor([0, 10, 50, 80, 99])
    with torch.inference_mode():
        torch.testing.assert_close(PlainDenoiser(model)(x, condition, t), model(x, condition, t), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("flip", [False, True])
def test_the_plain_sampler_draws_the_poses_that_ours_draws(flip: bool) -> None:
    checkpoint = shaken(32)
    features = np.random.default_rng(0).normal(0, 0.3, (3, 17, 2)).astype(np.float32)
    ours = Sampler.of(checkpoint, "cpu", "float32").draw(features, Sampling(4, 5, flip, seed=0))
    plain = plain_sampler(checkpoint, "cpu").draw(features, Sampling(4, 5, flip, seed=0))
    assert ours.shape == (3, 4, 17, 3) and np.ptp(ours) > 0.1
    np.testing.assert_allclose(plain, ours, rtol=0, atol=1e-3)


def test_a_ceiling_is_of_products_and_convolutions() -> None:
    works = workloads(CPU, [(6, 4, 8)])
    assert {"float32 mm", "float32 convolution", "bfloat16 mm"} <= {work.kind for work in works}
    assert all(work.gflop == pytest.approx(2 * 6 * 4 * 8 / 1e9) for work in works)
    for work in works:
        work.run()


def test_the_core_is_compared_with_the_plain_network_and_the_ceiling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "SHAPES", ((256, 256, 256),))
    grid = Grid(128, (1, 8), (20,), (5,), ((8, 20),), long=False)
    cells = Core(OPTIONS, grid).cells()
    assert [cell.labels["people"] for cell in cells] == [1, 8]
    alone, compared = (cell.measure(bool) for cell in cells)
    assert "plain_batched_ratio" not in alone and "share" not in alone
    assert compared["plain_batched_p50_ms"] / compared["p50_ms"] == pytest.approx(compared["plain_batched_ratio"])
    assert compared["gflops"] == pytest.approx(160 * 5 * 0.0116 / compared["p50_ms"] * 1000)
    assert compared["share"] == pytest.approx(compared["gflops"] / compared["ceiling_gflops"])
    bars = core.bars([{"labels": cells[1].labels, **compared}], "cpu")
    assert bars[0].wanted == 0.75 and bars[0].met == (compared["share"] >= 0.75)


def test_the_core_is_compared_with_the_released_procedure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core, "_ROUNDS", 1)
    monkeypatch.setattr(core, "_HYPOTHESES", 2)
    cells = Core(OPTIONS, Grid(32, (1,), (1,), (2,))).cells()
    assert [cell.labels["method"] for cell in cells] == ["ddim", "ddpm", "released"]
    found = cells[-1].measure(bool)
    assert found["speed_up"] == pytest.approx(found["p50_ms"] / found["ours_p50_ms"])
    assert found["speed_up"] > 5  # 400 evaluations one after another, or 2
    assert found["as_shipped_speed_up"] == pytest.approx(found["p50_ms"] / found["as_shipped_p50_ms"])
    row = {"labels": cells[-1].labels | {"hypotheses": 20}, **found}
    assert [bar.wanted for bar in core.bars([row], "cpu")] == [200.0]


def test_the_lifter_is_compared_with_hypotheses_one_by_one() -> None:
    with SECTIONS["lift"].prepare(OPTIONS) as cells:
        assert [c.labels["people"] for c in cells if c.labels["steps"] == USUAL_STEPS] == [1, 2, 4, 8, 32]
        assert {1, 2, 5, 10, 20} <= {c.labels["steps"] for c in cells if c.labels["people"] == 1}
        assert len({c.title for c in cells}) == len(cells)
        rows = [{"labels": cell.labels, **cell.measure(bool)} for cell in (cells[0], cells[-1])]
    assert find(rows, steps=USUAL_STEPS)["one_by_one_ratio"] > 1  # ten calls, or one
    assert find(rows, method="ddpm")["p50_ms"] > find(rows, steps=USUAL_STEPS)["p50_ms"]


def test_every_engine_is_measured_against_the_ceiling_of_its_products(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "SHAPES", ((64, 64, 64),))
    monkeypatch.setattr(engines, "FULL", 20)
    monkeypatch.setattr(engines, "CHANNELS", 128)
    with SECTIONS["engines"].prepare(OPTIONS) as cells:
        found = [cell.labels for cell in cells]
        rows = [{"labels": cell.labels, **cell.measure(bool)} for cell in cells]
    expected = engines.engines(CPU, DenoiserConfig.paper(128))
    assert [labels["engine"] for labels in found if labels["products"] == "float32"] == expected
    assert {labels["rows"] for labels in found} == {20}
    for row in rows:
        assert row["gflops"] == pytest.approx(20 * 5 * 0.0116 / row["p50_ms"] * 1000)
        assert row["share"] == pytest.approx(row["gflops"] / row["ceiling_gflops"])


def test_engines_draw_the_same() -> None:
    features = np.random.default_rng(0).normal(0, 0.3, (3, 17, 2)).astype(np.float32)
    samplers = [
        engines.sampler(name, shaken(32), CPU, torch.float32) for name in engines.engines(CPU, shaken(32).denoiser)
    ]
    assert {(sampler.variant, sampler.usual_steps) for sampler in samplers} == {("paper", 5)}
    drawn = [sampler.draw(features, Sampling(4, 5, seed=0)) for sampler in samplers]
    assert all(np.allclose(poses, drawn[0], rtol=0, atol=1e-4) for poses in drawn)
    assert engines.engine_of(Lifter(shaken(32), "cpu")) == engines.engines(CPU, DenoiserConfig.paper(32))[-1]


def test_a_bag_to_lift_holds_the_people(tmp_path: Path) -> None:
    write_bag(tmp_path / "bag", 2, 3)
    with open_bag(tmp_path / "bag", rectified=False) as skeletons:
        messages = [seen.message for seen in skeletons]
    assert [len(message.skeletons) for message in messages] == [2, 2, 2]
    assert messages[2].header.stamp.sec == 1


def test_a_detector_that_was_never_trained_detects_something() -> None:
    picture = image()
    assert picture.shape == (480, 640, 3) and picture.std() > 10
    found = random_detector("cpu").detect(picture, [[0, 0, 200, 400]])
    assert found.keypoints.shape == (1, 17, 2) and np.isfinite(found.keypoints).all()


def test_a_start_is_taken_apart() -> None:
    taken = parts(Options("cpu"), bool)
    assert list(taken) == [
        "interpreter",
        "import torch",
        "import lifting",
        "import lift_node",
        "load the model",
        "first lift",
        "second lift",
    ]
    assert all(seconds >= 0 for seconds in taken.values()) and taken["import torch"] > 0.1


def test_topics_are_measured_from_end_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "_WARM_UP", 1.3)
    with topics.TOPICS.prepare(Options("cpu", seconds=0.3, minutes=0.03)) as cells:
        rows = [{"labels": cell.labels, **cell.measure(bool)} for cell in cells]
    steady, overload = rows
    assert 0 < steady["received"] <= steady["sent"] and steady["p50_ms"] <= steady["p99_ms"] <= steady["max_ms"]
    assert steady["rest_p50_ms"] == pytest.approx(steady["p50_ms"] - steady["model_p50_ms"])
    assert steady["handling_p50_ms"] <= steady["rest_p50_ms"]
    assert overload["received"] < overload["sent"] and overload["dropped"] > 0
    assert overload["memory_end_mb"] > 50
    assert len(topics.bars(rows, "cpu")) == 4
    json.dumps(rows)


def test_a_figure_of_the_node_is_the_median_of_what_it_told_and_missed_where_it_told_none() -> None:
    watched = Watched(diagnostics=[{}, *({"model p50 ms": told, "dropped": told} for told in ("3", "5", "40"))])
    assert watched.value("model p50 ms") == 5
    assert watched.count("dropped") == 40 and watched.count("never") == 0
    for silent in (Watched(), Watched(diagnostics=[{"people": "4"}])):
        with pytest.raises(BenchmarkError, match="no number 'model p50 ms'"):
            silent.value("model p50 ms")
