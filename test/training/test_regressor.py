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

"""The baseline and the predictors: files, and what stands beside a sampler."""

from pathlib import Path

import numpy as np
import pytest
import torch

from diffupose_ros.lifting import Lifter
from diffupose_ros.lifting.checkpoint import DiffusionConfig
from diffupose_ros.lifting.engine.sampler import Sampler
from diffupose_ros.lifting.engine.sampling import Sampling
from diffupose_ros.lifting.networks.proposal import Proposal
from diffupose_ros.skeleton import MIRROR
from diffupose_ros.training.predictors import Predictor, load_predictor, predictor_of
from diffupose_ros.training.regressor import (
    RegressorFile,
    is_regressor,
    load_regressor,
    regressor_config,
    save_regressor,
)

FEATURES = np.random.default_rng(0).normal(size=(6, 17, 5)).astype(np.float32)


@pytest.fixture
def network() -> Proposal:
    torch.manual_seed(0)
    made = Proposal(regressor_config("robust", 32))
    made(torch.from_numpy(FEATURES))  # statistics of batch normalisation that are not the identity
    return made.eval()


def test_its_hypotheses_are_copies_of_one_answer_relative_to_the_root(network: Proposal) -> None:
    poses = predictor_of(network, DiffusionConfig(pose_scale=0.5), "cpu").draw(FEATURES, Sampling(3, 5, flip=False))
    assert poses.shape == (6, 3, 17, 3)
    assert (poses == poses[:, :1]).all() and (poses[:, :, 0] == 0).all()
    with torch.no_grad():
        output = network(torch.from_numpy(FEATURES))[0].numpy() * 0.5
    np.testing.assert_allclose(poses[:, 0], output - output[:, :1], atol=1e-6)


def test_its_answer_to_a_mirror_image_is_the_mirror_image(network: Proposal) -> None:
    predictor = predictor_of(network, DiffusionConfig(), "cpu")
    mirrored = FEATURES[:, MIRROR].copy()
    mirrored[..., 0] *= -1
    ours, theirs = (predictor.draw(f, Sampling(1, 1))[:, 0] for f in (FEATURES, mirrored))
    np.testing.assert_allclose(theirs, ours[:, MIRROR] * (-1, 1, 1), atol=1e-6)
    assert not np.allclose(predictor.draw(FEATURES, Sampling(1, 1, flip=False))[:, 0], ours)
    assert predictor.draw(FEATURES[:0], Sampling(4, 1)).shape == (0, 4, 17, 3)


def test_it_expects_the_errors_that_its_network_does(network: Proposal) -> None:
    expected = predictor_of(network, DiffusionConfig(pose_scale=0.5), "cpu").expected_covariance(FEATURES)
    covariance = network.estimate(torch.from_numpy(FEATURES))[1].numpy()
    np.testing.assert_allclose(expected, 0.25 * covariance, rtol=1e-5)


@pytest.mark.parametrize("variant", ["robust", "paper"])
def test_it_takes_the_view_that_it_was_made_for(variant) -> None:
    predictor = predictor_of(Proposal(regressor_config(variant, 32)), DiffusionConfig(), "cpu")
    assert predictor.variant == variant
    assert predictor.draw(FEATURES[..., : 5 if variant == "robust" else 2], Sampling(2, 1)).shape == (6, 2, 17, 3)


def test_its_file_holds_all_that_is_needed(network: Proposal, tmp_path: Path) -> None:
    path = tmp_path / "regressor.safetensors"
    save_regressor(RegressorFile(network, 0.3, {"credit": "them", "training": {"steps": 1}}), path)
    assert is_regressor(path) and not list(tmp_path.glob("*.partial"))
    loaded = load_regressor(path)
    assert loaded.network.config == network.config and loaded.pose_scale == 0.3
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            torch.testing.assert_close(loaded.network.state_dict()[name], value, atol=1e-3, rtol=1e-3)
    predictor, _, card = load_predictor(path, "cpu")
    assert card == {"credit": "them", "training": {"steps": 1}}
    expected = predictor_of(network, DiffusionConfig(pose_scale=0.3), "cpu").draw(FEATURES, Sampling(1, 1))
    np.testing.assert_allclose(predictor.draw(FEATURES, Sampling(1, 1)), expected, atol=2e-3)


def test_a_broken_file_is_refused_with_the_reason(network: Proposal, tmp_path: Path) -> None:
    path = tmp_path / "cut.safetensors"
    save_regressor(RegressorFile(network, 0.3, {}), path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match=r"cut\.safetensors: not a regressor's file, or a broken one"):
        load_regressor(path)
    with torch.no_grad():
        network.pose.bias[0] = float("nan")
    save_regressor(RegressorFile(network, 0.3, {}), path)
    with pytest.raises(ValueError, match=r"NaN or infinite numbers: pose\.bias"):
        load_regressor(path)


# Predictors.


def test_a_denoiser_is_a_predictor_that_draws_as_its_sampler(lifter: Lifter) -> None:
    predictor, calibration, card = load_predictor("default", "cpu")
    assert (predictor.joints, predictor.variant) == (17, "robust")
    ours = predictor.draw(FEATURES, Sampling(4, 2, seed=3, method="ddim"))
    np.testing.assert_allclose(ours, Sampler.of(lifter.checkpoint, "cpu").draw(FEATURES, Sampling(4, 2, seed=3)))
    np.testing.assert_array_equal(calibration.scale, lifter.checkpoint.calibration.scale)
    assert card == lifter.checkpoint.card


def test_official_checkpoints_are_predictors(official_file: Path, tmp_path: Path) -> None:
    same = tmp_path / "official.pt"  # the ending that best.pt of a run has too
    same.write_bytes(official_file.read_bytes())
    predictors: list[Predictor] = [load_predictor(path, "cpu")[0] for path in (official_file, same)]
    drawn = [p.draw(FEATURES[..., :2], Sampling(2, 2, seed=0)) for p in predictors]
    assert {p.variant for p in predictors} == {"paper"}
    np.testing.assert_array_equal(*drawn)


def test_what_is_no_predictor_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.pt").write_text("nothing")
    with pytest.raises(ValueError, match=r"not the best\.pt of a `diffupose train` run"):
        load_predictor(tmp_path / "text.pt", "cpu")
    with pytest.raises(FileNotFoundError, match=r"no weights 'nothing'.*default"):
        load_predictor("nothing", "cpu")
