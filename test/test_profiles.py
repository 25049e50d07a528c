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

"""Profiles: what a detector's score means."""

import json
from pathlib import Path

import numpy as np
import pytest

from diffupose_ros.profiles import PROFILES, Profile, load_profile
from diffupose_ros.skeleton import H36M17, HEAD, LAYOUTS, PELVIS, Status, apparent_size

VALID = {"name": "mine", "scores": [0.2, 0.6, 1.0], "deviations": [0.16, 0.04, 0.01]}


def written(folder: Path, **changes: object) -> Path:
    path = folder / "mine.json"
    path.write_text(json.dumps({**VALID, **changes}))
    return path


@pytest.mark.parametrize("name", PROFILES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_shipped_profile_has_a_deviation_for_every_joint_of_every_layout(name: str, layout: str) -> None:
    profile = load_profile(name, layout)
    assert profile.name == name and profile.source
    scores = np.linspace(0.01, 1, 100)[:, None].repeat(len(LAYOUTS[layout]), 1)
    deviations = profile.deviation(scores, LAYOUTS[layout])
    worst = 0.8 if name == "simulated" else 0.3  # whose outliers are known
    assert ((deviations > 0.001) & (deviations < worst)).all()
    assert (np.diff(deviations, axis=0) <= 0).all()


def test_generic_is_not_below_a_measured_profile_where_that_has_data() -> None:
    generic = load_profile("generic")
    for name, least in ("openpose", 0.45), ("rtmpose", 0.65), ("mediapipe", 0.05):
        scores = np.linspace(least, 1, 50)[:, None]
        assert (generic.deviation(scores, ["nose"]) >= load_profile(name).deviation(scores, ["nose"]) - 1e-3).all()


def test_deviations_are_linear_in_their_logarithm_and_constant_outside() -> None:
    profile = Profile("mine", "", (0.2, 0.6, 1.0), (0.16, 0.04, 0.01), {"left_wrist": 2.0})
    names = ["nose", "left_wrist"]
    scores = [[0.1, 0.1], [0.4, 0.4], [0.6, 0.6], [1.3, 1.3]]
    expected = [[0.16, 0.32], [0.08, 0.16], [0.04, 0.08], [0.01, 0.02]]
    np.testing.assert_allclose(profile.deviation(scores, names), expected)


def test_a_joint_that_was_not_seen_has_no_deviation() -> None:
    deviation = load_profile("generic").deviation([0, np.nan, -0.5, np.inf, 0.5], ["nose"] * 5)
    assert np.isnan(deviation[:4]).all() and np.isfinite(deviation[4])


def test_scores_must_be_as_many_as_the_names() -> None:
    with pytest.raises(ValueError, match=r"expected shape \(..., 2\), got \(3,\)"):
        load_profile("generic").deviation([1, 1, 1], ["nose", "head"])


@pytest.fixture
def seen() -> tuple[np.ndarray, np.ndarray]:
    """Keypoints and scores of three people of coco17."""
    rng = np.random.default_rng(0)
    return rng.uniform(0, 600, (3, 17, 2)), rng.uniform(0.2, 1, (3, 17))


def test_skeletons_carry_what_the_profile_reads_from_the_scores(seen: tuple[np.ndarray, np.ndarray]) -> None:
    keypoints, scores = seen
    scores[0, 9], keypoints[1, 9], scores[2, 9] = 0, np.nan, 0.1  # left wrist
    profile = load_profile("rtmpose")
    skeletons = profile.skeletons(keypoints, scores, "coco17", min_score=0.15)
    deviations = profile.deviation(scores, LAYOUTS["coco17"])
    np.testing.assert_allclose(skeletons.deviations[:, PELVIS], deviations[:, 11:13].mean(1))
    np.testing.assert_allclose(skeletons.deviations[:, HEAD], deviations[:, 1:5].mean(1))
    np.testing.assert_allclose(skeletons.deviations[:, H36M17.index("right_wrist")], deviations[:, 10])
    assert (skeletons.status[:, 13] == Status.MISSING).all() and np.isnan(skeletons.deviations[:, 13]).all()


def test_a_variance_is_believed_over_the_score_where_there_is_one(seen: tuple[np.ndarray, np.ndarray]) -> None:
    keypoints, scores = seen
    scores[:, 9] = 0
    keypoints[:, 9] = 1e5  # where a detector puts what it does not see says nothing of the person's size
    profile = load_profile("generic")
    variance = np.zeros((3, 17))
    variance[:, 10], variance[:, 9] = 9.0, 4.0  # px^2, of the right wrist and of one that is not seen
    told = profile.skeletons(keypoints, scores, "coco17", variance=variance).deviations
    size = apparent_size(np.delete(keypoints, 9, 1))
    np.testing.assert_allclose(told[:, H36M17.index("right_wrist")], 3 / size[:, 0])
    assert np.isnan(told[:, H36M17.index("left_wrist")]).all()
    of_scores = profile.skeletons(keypoints, scores, "coco17").deviations
    others = np.arange(17) != H36M17.index("right_wrist")
    np.testing.assert_array_equal(told[:, others], of_scores[:, others])


def test_the_size_of_what_is_seen_does_not_change_what_a_variance_means(seen: tuple[np.ndarray, np.ndarray]) -> None:
    keypoints, scores = seen
    profile = load_profile("generic")
    near = profile.skeletons(10 * keypoints, scores, "coco17", variance=np.full((3, 17), 900.0))
    far = profile.skeletons(keypoints, scores, "coco17", variance=np.full((3, 17), 9.0))
    np.testing.assert_allclose(near.deviations, far.deviations)


def test_everybody_in_one_point_is_no_error() -> None:
    skeletons = load_profile("generic").skeletons(np.ones((1, 17, 2)), np.ones((1, 17)), "coco17", 0, np.ones((1, 17)))
    assert np.isfinite(skeletons.deviations).all()
    nobody = load_profile("generic").skeletons(np.ones((0, 17, 2)), np.ones((0, 17)), "coco17", 0, np.ones((0, 17)))
    assert nobody.deviations.shape == (0, 17)


def test_skeletons_of_another_shape_are_refused() -> None:
    profile = load_profile("generic")
    for keypoints, scores in ((1, 17, 3), (1, 17)), ((1, 17, 2), (1, 16)), ((17, 2), (17,)), ((2, 17, 2), (1, 17)):
        with pytest.raises(ValueError, match=r"expected shape \(.*\), got \("):
            profile.skeletons(np.ones(keypoints), np.ones(scores), "coco17", variance=np.ones((1, 17)))


def test_exact_and_simulated_profiles_are_what_they_say() -> None:
    assert load_profile("exact").deviation([1.0], ["nose"])[0] == pytest.approx(0.002)
    scores = np.exp(-5 * np.array([0.02, 0.05, 0.1, 0.2]))[:, None]
    deviations = load_profile("simulated").deviation(scores, ["left_wrist"])
    np.testing.assert_allclose(deviations[:, 0], [0.02, 0.05, 0.1, 0.2], rtol=0.1)


def test_a_saved_profile_comes_back(tmp_path: Path) -> None:
    profile = Profile("mine", "coco17", (0.0, 1.0), (0.1, 0.02), {"nose": 0.5}, "measured at home")
    profile.save(tmp_path / "p.json")
    assert load_profile(tmp_path / "p.json", "coco17") == profile
    with pytest.raises(ValueError, match="of layout coco17, the skeletons are of body25"):
        load_profile(tmp_path / "p.json", "body25")


def test_a_file_needs_only_name_scores_and_deviations(tmp_path: Path) -> None:
    assert load_profile(str(written(tmp_path)), "body25") == Profile("mine", "", (0.2, 0.6, 1), (0.16, 0.04, 0.01))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scores": [0.2, 0.2, 1]}, "increasing"),
        ({"scores": [0.6, 0.2, 1]}, "increasing"),
        ({"scores": [0.2, 0.6, 1.1]}, r"in \[0, 1\]"),
        ({"scores": [-0.2, 0.6, 1]}, r"in \[0, 1\]"),
        ({"scores": [0.2, 0.6]}, "as many deviations as scores, and one at least, got 3 and 2"),
        ({"scores": [], "deviations": []}, "one at least"),
        ({"scores": "high"}, "scores: expected finite numbers"),
        ({"scores": [True, False, True]}, "scores: expected finite numbers"),
        ({"deviations": [0.1, 0.2, 0.1]}, "never increase"),
        ({"deviations": [0.1, 0.05, 0]}, "above 0"),
        ({"deviations": [float("nan"), 0.05, 0.01]}, "deviations: expected finite numbers"),
        ({"deviations": [float("inf"), 0.05, 0.01]}, "deviations: expected finite numbers"),
        ({"layout": "coco18"}, "unknown layout 'coco18'"),
        ({"layout": "coco17", "joints": {"pelvis": 2}}, "no joint of layout coco17 is called pelvis"),
        ({"joints": {"tail": 2}}, "no joint of any layout is called tail"),
        ({"joints": {"nose": 0}}, "factors above 0"),
        ({"joints": {"nose": "big"}}, "joints: expected finite numbers"),
        ({"joints": [1, 2]}, "a factor for each joint name"),
        ({"name": ""}, "the detector's name"),
        ({"name": 5}, "name: expected text"),
        ({"sigma": 5}, "expected an object of name, scores and deviations, optionally joints, layout, source"),
    ],
)
def test_a_profile_that_cannot_be_is_refused(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        load_profile(written(tmp_path, **changes))
    assert "mine.json" in str(error.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[1, 2]", b'"text"', b"\xff\xfe", b'{"name": "mine"}'])
def test_a_file_that_is_no_profile_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"broken\.json: "):
        load_profile(path)


def test_an_unknown_name_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    for name in "alphapose", "", tmp_path:
        with pytest.raises(ValueError, match=r"expected one of generic, hrnet.*or a JSON file"):
            load_profile(name)


def test_a_variance_without_bounds_tells_no_more_than_a_large_one(seen: tuple[np.ndarray, np.ndarray]) -> None:
    keypoints, scores = seen
    told = load_profile("generic").skeletons(keypoints, scores, "coco17", variance=np.full((3, 17), 1e30))
    assert np.nanmax(told.deviations) <= 10.0


@pytest.mark.parametrize("number", [-(10**25), 10**400], ids=["large", "no float"])
def test_whole_numbers_without_bounds_are_refused_as_others_are(tmp_path: Path, number: int) -> None:
    with pytest.raises(ValueError, match="deviations: expected"):
        load_profile(written(tmp_path, deviations=[number, number, number]))
