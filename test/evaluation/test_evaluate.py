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

"""Reports on models that are known: exact ones, wrong ones, honest ones, and the shipped one."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chi2

from diffupose_ros.camera import Camera
from diffupose_ros.data.clips import load_clips
from diffupose_ros.data.observations import Observations
from diffupose_ros.data.synthesis import CLEAN, OCCLUDED, cmu_observations
from diffupose_ros.evaluation.evaluate import METRICS, evaluate
from diffupose_ros.evaluation.protocols import overwritten
from diffupose_ros.evaluation.samples import draw_samples, measure
from diffupose_ros.lifting import Lifter
from diffupose_ros.lifting.engine.sampling import Sampling
from diffupose_ros.lifting.uncertainty import Calibration
from diffupose_ros.resources import resource_path
from diffupose_ros.skeleton import H36M17, NECK, Skeletons2D, Status

CLIPS = load_clips(resource_path("resource/clips/people.npz"))
WRIST = H36M17.index("left_wrist")


class Known:
    """Answers with given poses (P, N, 17, 3) of the virtual cameras' frames, one batch after the other."""

    def __init__(self, poses: np.ndarray, variant: str = "robust", joints: int = 17) -> None:
        self.poses, self.variant, self.joints, self.given, self.usual_steps = poses, variant, joints, 0, 1

    def draw(self, features: np.ndarray, sampling: Sampling) -> np.ndarray:
        self.given += len(features)
        return self.poses[self.given - len(features) : self.given]

    def expected_covariance(self, features) -> None:
        return None


@pytest.fixture(scope="module")
def people() -> Observations:
    return cmu_observations(CLIPS, CLEAN, every=8)


def exact(people: Observations, hypotheses: int = 2, variant: str = "robust") -> np.ndarray:
    truth = people.truth(people.condition(variant))
    return np.repeat(truth[:, None], hypotheses, 1)


def report(people: Observations, poses: np.ndarray, protocol: str = "raw", **settings) -> dict:
    variant, joints = settings.pop("variant", "robust"), settings.pop("known", 17)
    calibration = settings.pop("calibration", Calibration.none())
    predictor = Known(poses, variant, joints)
    return evaluate(predictor, people, calibration, poses.shape[1], protocol=protocol, **settings)


def garbage_xy(people: Observations) -> np.ndarray:
    """Poses whose z in the camera's frame is exact, and whose x and y are anything."""
    condition = people.condition("robust")
    relative = people.joints - people.joints[:, :1]
    wrong = np.repeat(relative[:, None], 2, 1)
    wrong[..., 1:, :2] = np.random.default_rng(0).normal(0, 0.5, wrong[..., 1:, :2].shape)
    return np.einsum("pij,pnkj->pnki", condition.rotation, wrong)


# Protocols.


@pytest.mark.parametrize("variant", ["robust", "paper"])
@pytest.mark.parametrize("protocol", ["raw", "paper", "gt_free"])
def test_exact_poses_have_no_error(people: Observations, variant: str, protocol: str) -> None:
    found = report(people, exact(people, variant=variant), protocol, variant=variant)
    assert found["people"] == len(people) > 128 and found["left_out"] == 0
    errors = [name for name in METRICS if name.endswith("mpjpe_mm") or name.startswith("root_error")]
    assert ("root_error_mm" in found) == (protocol == "gt_free")
    assert all(found[name] < 0.01 for name in errors if name in found), found
    assert found["pck_150"] == 1 and found["bone_std_mm"] == 0


def test_the_papers_protocol_does_not_see_that_x_and_y_are_garbage(people: Observations) -> None:
    wrong = garbage_xy(people)
    raw, paper = report(people, wrong), report(people, wrong, "paper")
    assert raw["mpjpe_mm"] > 400
    assert paper["mpjpe_mm"] < 0.01 and paper["single_mpjpe_mm"] < 0.01 and paper["best_of_n_mpjpe_mm"] < 0.01
    assert paper["energy_score_mm"] == raw["energy_score_mm"]  # what is said of uncertainty is not touched


def test_the_papers_protocol_sees_wrong_depths(people: Observations) -> None:
    condition = people.condition("robust")
    wrong = exact(people) + 0.1 * condition.rotation[:, None, None, :, 2]  # 0.1 m along the camera's z
    moved = overwritten(wrong, people, condition) - exact(people)
    rays = np.einsum("pij,pkj->pki", condition.rotation, people.rays)  # z = 1 in the camera's frame
    np.testing.assert_allclose(moved, np.repeat(0.1 * rays[:, None], 2, 1), atol=1e-9)


def test_a_joint_without_2d_keeps_what_the_network_says_of_it(people: Observations) -> None:
    status = people.status.copy()
    status[:, WRIST] = Status.MISSING
    hidden = replace(people, status=status)
    by_joint = report(hidden, garbage_xy(hidden), "paper")["per_joint"]
    assert by_joint["left_wrist"]["mpjpe_mm"] > 300 and by_joint["right_wrist"]["mpjpe_mm"] < 0.01


def test_the_root_is_where_the_lifter_puts_it(lifter: Lifter) -> None:
    seen = cmu_observations(CLIPS, OCCLUDED, every=60)
    seen = seen[seen.condition("robust").valid]
    # An image whose size is not known: nothing is left out for being far outside of it.
    camera = Camera([[900, 0, 500], [0, 900, 400], [0, 0, 1]])
    rays = np.where((seen.status != Status.MISSING)[..., None], seen.rays, (0, 0, 1))
    skeletons = Skeletons2D(camera.project(rays), np.ones((len(seen), 17)), seen.status, seen.deviations)
    lifted = lifter.lift_h36m(skeletons, camera, hypotheses=2, steps=1, seed=0)
    samples = draw_samples(lifter.sampler, seen, hypotheses=2, steps=1)
    back = np.swapaxes(seen.condition("robust").rotation, 1, 2)
    np.testing.assert_allclose(np.einsum("pij,pj->pi", back, samples.root), lifted.root, atol=1e-4)
    np.testing.assert_allclose(samples.novelty, lifted.novelty, rtol=1e-3)
    calibration = lifter.checkpoint.calibration
    covariance = calibration.root_covariance(samples.root_covariance, samples.root, samples.deviations)
    turned = back @ covariance @ np.swapaxes(back, 1, 2)
    np.testing.assert_allclose(turned, lifted.root_covariance, rtol=1e-2, atol=1e-6)
    found = evaluate(lifter.sampler, seen, calibration, hypotheses=2, steps=1, protocol="gt_free")
    relative = np.linalg.norm(lifted.root - seen.joints[:, 0], axis=-1) / np.linalg.norm(seen.joints[:, 0], axis=-1)
    assert found["root_error_relative"] == pytest.approx(relative.mean(), abs=1e-3)


def test_a_person_taken_for_larger_is_put_further_away(people: Observations) -> None:
    found = report(people, 1.2 * exact(people), "gt_free")
    # One camera cannot tell: all of the person is 1.2 times as far from it.
    root, joints = (np.linalg.norm(x, axis=-1).mean() for x in (people.joints[:, 0], people.joints))
    assert found["root_error_relative"] == pytest.approx(0.2, abs=1e-3)
    assert found["root_error_mm"] == pytest.approx(200 * root, rel=1e-3)
    assert found["absolute_mpjpe_mm"] == pytest.approx(200 * joints, rel=1e-3)
    assert found["n_mpjpe_mm"] < 0.01 < found["mpjpe_mm"]


# What the numbers are of.


def test_errors_are_grouped_by_activity_and_joint_and_status(people: Observations) -> None:
    wrong = exact(people)
    dancing = people.activity == "1_dance"
    wrong[dancing, :, WRIST, 0] += 0.17
    found = report(people, wrong)
    assert found["mpjpe_mm"] == pytest.approx(10 * dancing.mean(), abs=1e-3)
    assert {name: a["mpjpe_mm"] for name, a in found["per_activity"].items() if a["mpjpe_mm"] > 0.01} == {
        "1_dance": pytest.approx(10, abs=1e-3)
    }
    assert sum(a["people"] for a in found["per_activity"].values()) == len(people)
    assert found["per_joint"]["left_wrist"]["mpjpe_mm"] == pytest.approx(170 * dancing.mean(), abs=1e-3)
    assert found["per_joint"]["right_wrist"]["mpjpe_mm"] < 1e-3
    assert found["per_status"]["measured"]["joints"] == 16 * len(people)


def test_only_the_joints_that_count_do(people: Observations) -> None:
    wrong = exact(people)
    wrong[:, :, NECK] += 0.5
    assert report(people, wrong)["mpjpe_mm"] > 10
    without = [j for j in range(17) if j != NECK]
    for settings in ({"joints": without}, {"known": 16}, {"joints": range(17), "known": 16}):
        found = report(people, wrong, **settings)
        assert found["mpjpe_mm"] < 0.01 and "neck" not in found["per_joint"]
        assert found["p_mpjpe_mm"] < 0.01 and found["bone_std_mm"] == 0


def test_an_honest_model_is_found_calibrated(people: Observations) -> None:
    sigma, rng = np.full(17, 0.04), np.random.default_rng(5)
    sigma[0], sigma[WRIST] = 0, 0.2
    poses = exact(people, 2) + rng.normal(0, 1, (len(people), 1, 17, 3)) * sigma[:, None]
    none = Calibration.none()
    prior = np.broadcast_to(np.eye(3) * sigma[:, None, None] ** 2, none.prior.shape)
    honest = replace(none, prior=prior, strength=np.full(none.strength.shape, 1e6))
    found = report(people, poses, calibration=honest)
    for percent in (50, 90, 95):
        assert found[f"coverage_{percent}"] == pytest.approx(percent / 100, abs=0.025)
    assert found["ece"] < 0.02
    curve = found["reliability"]
    np.testing.assert_allclose(curve["empirical"], curve["nominal"], atol=0.03)
    for probability in (0.5, 0.9):
        radii = 1000 * sigma[1:] * np.sqrt(chi2.ppf(probability, 3))
        assert found[f"sharpness_{100 * probability:.0f}_mm"] == pytest.approx(radii.mean(), rel=1e-3)
    by_joint = {name: joint["sharpness_90_mm"] for name, joint in found["per_joint"].items() if name != "pelvis"}
    np.testing.assert_allclose(list(by_joint.values()), radii, rtol=1e-3)
    assert found["per_status"]["measured"]["mpjpe_mm"] == pytest.approx(17 / 16 * found["mpjpe_mm"], rel=1e-3)
    assert found["spearman"] > 0.3
    boastful = replace(honest, prior=prior / 9)
    assert report(people, poses, calibration=boastful)["coverage_90"] < 0.5


# The shipped model.


def test_numbers_are_those_that_models_are_selected_and_calibrated_by(lifter: Lifter) -> None:
    seen = cmu_observations(CLIPS, OCCLUDED, every=15)
    samples = draw_samples(lifter.sampler, seen, hypotheses=2, steps=1)
    assert len(samples.truth) > 64  # more than one batch
    predictor, calibration = lifter.sampler, lifter.checkpoint.calibration
    widened = replace(calibration, widening=np.array([1, 1, 4, 9.0]))  # of whoever does not fit their 2D
    first, second = (evaluate(predictor, seen, widened, hypotheses=2, steps=1, protocol="gt_free") for _ in range(2))
    assert first == second
    measured = measure(samples, widened)
    assert measured["coverage_50"] > measure(samples, calibration)["coverage_50"]
    for name in measured.keys() & first.keys():
        assert first[name] == pytest.approx(measured[name], abs=2e-3), name
    assert {"mpjpe_mm", "coverage_90", "ece", "root_error_relative"} <= measured.keys() & first.keys()
    assert first["people"] == len(samples.truth)
    assert first["left_out"] == len(seen) - len(samples.truth)
    assert first["single_mpjpe_mm"] > first["mpjpe_mm"] > first["p_mpjpe_mm"]
    assert first["settings"]["steps"] == 1 and first["settings"]["joints"] == list(H36M17)


def test_without_mirror_images_it_is_another_model(lifter: Lifter) -> None:
    seen, calibration = cmu_observations(CLIPS, CLEAN, every=150), lifter.checkpoint.calibration
    found = [evaluate(lifter.sampler, seen, calibration, hypotheses=2, steps=1, flip=flip) for flip in (True, False)]
    assert [report["settings"]["flip"] for report in found] == [True, False]
    assert found[0]["mpjpe_mm"] != found[1]["mpjpe_mm"]


def test_one_hypothesis_can_be_measured(lifter: Lifter) -> None:
    seen = cmu_observations(CLIPS, CLEAN, every=150)
    predictor, calibration = lifter.sampler, lifter.checkpoint.calibration
    found = evaluate(predictor, seen, calibration, hypotheses=1, steps=1)
    assert found["single_mpjpe_mm"] == found["mpjpe_mm"] == found["best_of_n_mpjpe_mm"]
    assert found["bone_std_mm"] == 0


# Bad input.


def test_people_with_too_few_joints_are_left_out_and_counted(people: Observations) -> None:
    few = people[:10]
    status = few.status.copy()
    status[:4, 2:] = Status.MISSING
    few = replace(few, status=status)
    found = report(few, exact(few)[4:])
    assert (found["people"], found["left_out"]) == (6, 4) and found["mpjpe_mm"] < 0.01
    with pytest.raises(ValueError, match="nobody to evaluate: none of 4 people"):
        report(few[:4], exact(few))
    with pytest.raises(ValueError, match="nobody to evaluate: none of 0 people"):
        report(few[:0], exact(few))


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"protocol": "best"}, "unknown protocol 'best': expected one of raw, paper, gt_free"),
        ({"joints": [1, 2, 3]}, "joints: expected H36M-17 indices with the root"),
        ({"joints": [0, 1, 17]}, "joints: expected H36M-17 indices"),
    ],
)
def test_settings_that_do_not_fit_are_refused(people: Observations, settings: dict, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        report(people, exact(people), **settings)


def test_no_hypotheses_are_refused(people: Observations) -> None:
    with pytest.raises(ValueError, match="hypotheses: expected 1 or more, got 0"):
        evaluate(Known(exact(people)), people, Calibration.none(), hypotheses=0)
