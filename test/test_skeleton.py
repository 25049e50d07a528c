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

"""Joint layouts and their conversion to H36M-17."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from diffupose_ros.skeleton import (
    BONES,
    H36M17,
    HEAD,
    LAYOUTS,
    MIRROR,
    NECK,
    PARENTS,
    PELVIS,
    SPINE,
    THORAX,
    Skeletons2D,
    Status,
    apparent_size,
    layout_joints,
    pelvis_axes,
    to_h36m,
    unit,
)

MEASURED, DERIVED, MISSING = Status.MEASURED, Status.DERIVED, Status.MISSING

# For each H36M joint the detector's joints that it is the mean of, by hand from the layouts' own manuals.
SOURCES = {
    "h36m17": [[j] for j in range(17)],
    "coco17": [
        [11, 12], [12], [14], [16], [11], [13], [15], [5, 6, 11, 12], [5, 6], [0], [1, 2, 3, 4],
        [5], [7], [9], [6], [8], [10],
    ],
    "openpose18": [
        [8, 11], [8], [9], [10], [11], [12], [13], [2, 5, 8, 11], [1], [0], [14, 15, 16, 17],
        [5], [6], [7], [2], [3], [4],
    ],
    "body25": [
        [8], [9], [10], [11], [12], [13], [14], [2, 5, 9, 12], [1], [0], [15, 16, 17, 18],
        [5], [6], [7], [2], [3], [4],
    ],
    "mediapipe33": [
        [23, 24], [24], [26], [28], [23], [25], [27], [11, 12, 23, 24], [11, 12], [0], [2, 5, 7, 8],
        [11], [13], [15], [12], [14], [16],
    ],
}  # fmt: skip
DERIVED_JOINTS = {
    "h36m17": [],
    "coco17": [PELVIS, SPINE, THORAX, NECK, HEAD],
    "openpose18": [PELVIS, SPINE, NECK, HEAD],
    "body25": [SPINE, NECK, HEAD],
    "mediapipe33": [PELVIS, SPINE, THORAX, NECK, HEAD],
}


def errors(layout: str) -> np.ndarray:
    """Deviations of one person's joints, (1, J)."""
    return np.random.default_rng(7).uniform(0.01, 0.2, (1, len(LAYOUTS[layout])))


def person(layout: str, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    joints = len(LAYOUTS[layout])
    return rng.uniform(0, 600, (1, joints, 2)), rng.uniform(0.2, 1, (1, joints))


def test_the_skeleton_is_a_tree_whose_mirror_swaps_left_and_right() -> None:
    assert len(H36M17) == len(PARENTS) == 17 and len(BONES) == 16
    assert all(parent < child for child, parent in enumerate(PARENTS))
    for joint, counterpart in enumerate(MIRROR):
        swapped = H36M17[joint].replace("left", "?").replace("right", "left").replace("?", "right")
        assert H36M17[counterpart] == swapped
        if joint != PELVIS:
            assert PARENTS[counterpart] == MIRROR[PARENTS[joint]]


def test_every_layout_is_tested() -> None:
    assert set(SOURCES) == set(LAYOUTS)
    assert {name: len(joints) for name, joints in LAYOUTS.items()} == {
        "h36m17": 17, "coco17": 17, "openpose18": 18, "body25": 25, "mediapipe33": 33
    }  # fmt: skip


@pytest.mark.parametrize("layout", SOURCES)
def test_conversion_takes_the_mean_of_the_sources(layout: str) -> None:
    keypoints, scores = person(layout)
    deviations = errors(layout)
    skeletons = to_h36m(keypoints, scores, layout, deviations=deviations)
    for joint, sources in enumerate(SOURCES[layout]):
        np.testing.assert_allclose(skeletons.keypoints[0, joint], keypoints[0, sources].mean(0), err_msg=H36M17[joint])
        np.testing.assert_allclose(skeletons.scores[0, joint], scores[0, sources].mean(), err_msg=H36M17[joint])
        # Errors of one body are alike, so they do not average out.
        np.testing.assert_allclose(skeletons.deviations[0, joint], deviations[0, sources].mean(), err_msg=H36M17[joint])
    expected = [DERIVED if j in DERIVED_JOINTS[layout] else MEASURED for j in range(17)]
    assert skeletons.status[0].tolist() == expected


@pytest.mark.parametrize("layout", SOURCES)
def test_a_missing_joint_takes_along_what_is_derived_from_it(layout: str) -> None:
    keypoints, scores = person(layout)
    for lost in range(len(LAYOUTS[layout])):
        without = scores.copy()
        without[0, lost] = 0
        skeletons = to_h36m(keypoints, without, layout)
        for joint, sources in enumerate(SOURCES[layout]):
            survives = lost not in sources or (joint == HEAD and len(sources) > 1)
            assert (skeletons.status[0, joint] != MISSING) == survives
            if not survives:
                assert skeletons.scores[0, joint] == 0 and (skeletons.keypoints[0, joint] == 0).all()
            assert np.isnan(skeletons.deviations[0, joint]) == (not survives)


def test_the_head_is_the_mean_of_the_part_of_the_face_that_is_seen() -> None:
    keypoints, scores = person("coco17")
    scores[0, [1, 3]] = 0  # left eye and ear: a face in profile
    deviations = errors("coco17")
    skeletons = to_h36m(keypoints, scores, "coco17", deviations=deviations)
    np.testing.assert_allclose(skeletons.deviations[0, HEAD], deviations[0, [2, 4]].mean())
    np.testing.assert_allclose(skeletons.keypoints[0, HEAD], keypoints[0, [2, 4]].mean(0))
    np.testing.assert_allclose(skeletons.scores[0, HEAD], scores[0, [2, 4]].mean())
    assert skeletons.status[0, HEAD] == DERIVED
    scores[0, [2, 4]] = 0
    assert to_h36m(keypoints, scores, "coco17").status[0, HEAD] == MISSING


@pytest.mark.parametrize("score", [0, -0.5, np.nan, np.inf, -np.inf])
def test_a_score_that_is_not_above_zero_and_finite_means_missing(score: float) -> None:
    keypoints, scores = person("h36m17")
    scores[0, 13] = score
    skeletons = to_h36m(keypoints, scores, "h36m17")
    assert np.flatnonzero(skeletons.status[0] == MISSING).tolist() == [13]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_coordinate_that_is_not_finite_means_missing(value: float, axis: int) -> None:
    keypoints, scores = person("h36m17")
    keypoints[0, 13, axis] = value
    skeletons = to_h36m(keypoints, scores, "h36m17")
    assert np.flatnonzero(skeletons.status[0] == MISSING).tolist() == [13]
    assert np.isfinite(skeletons.keypoints).all()


def test_a_joint_at_exactly_the_origin_is_missing_whatever_its_score() -> None:
    keypoints = np.full((3, 17, 2), 50.0)
    keypoints[0, 9], keypoints[1, 9], keypoints[2, 9] = (0, 0), (0, 50), (50, 0)  # the last two are at an edge
    status = to_h36m(keypoints, np.full((3, 17), 0.9), "coco17").status
    wrist = H36M17.index("left_wrist")
    assert status[:, wrist].tolist() == [MISSING, MEASURED, MEASURED]
    assert (np.delete(status[0], wrist) != MISSING).all()


def test_scores_above_one_count_as_one() -> None:
    keypoints, scores = person("coco17")
    scores[0, 9], scores[0, 11:13] = 7, (0.4, 7)
    skeletons = to_h36m(keypoints, scores, "coco17")
    assert skeletons.scores[0, 13] == 1
    assert skeletons.scores[0, PELVIS] == pytest.approx(0.7)


def test_joints_are_exact_unless_deviations_are_given() -> None:
    keypoints, scores = person("coco17")
    scores[0, 9] = 0
    skeletons = to_h36m(keypoints, scores, "coco17")
    assert np.isnan(skeletons.deviations[0, 13]) and (np.delete(skeletons.deviations[0], 13) == 0).all()
    same = to_h36m(keypoints, scores, "coco17", deviations=0.05).deviations  # for all joints
    np.testing.assert_allclose(np.delete(same[0], 13), 0.05)


def test_a_deviation_of_a_joint_that_is_not_seen_reaches_no_other() -> None:
    keypoints, scores = person("coco17")
    scores[0, 1], keypoints[0, 3] = 0, np.nan  # left eye and ear
    deviations = errors("coco17")
    deviations[0, [1, 3]] = np.nan, np.inf
    skeletons = to_h36m(keypoints, scores, "coco17", deviations=deviations)
    np.testing.assert_allclose(skeletons.deviations[0, HEAD], deviations[0, [2, 4]].mean())
    assert np.isfinite(skeletons.deviations).all()


def test_joints_below_the_least_score_are_missing() -> None:
    keypoints, scores = person("coco17")
    scores[:], scores[0, 9], scores[0, 11] = 0.5, 0.3, 0.29
    skeletons = to_h36m(keypoints, scores, "coco17", min_score=0.3)
    missing = [PELVIS, H36M17.index("left_hip"), SPINE]
    assert np.flatnonzero(skeletons.status[0] == MISSING).tolist() == missing
    assert np.flatnonzero(np.isnan(skeletons.deviations[0])).tolist() == missing


def test_people_are_picked_and_joined() -> None:
    parts = [to_h36m(*person(layout, seed), layout, 0, 0.01 * seed) for seed, layout in enumerate(LAYOUTS, 1)]
    joined = Skeletons2D.join(parts)
    for index, part in enumerate(parts):
        for name, value in vars(part).items():
            np.testing.assert_array_equal(getattr(joined[index : index + 1], name), value)
            np.testing.assert_array_equal(getattr(joined[np.arange(len(parts)) == index], name), value)
    turned = joined[[2, 0]]
    np.testing.assert_array_equal(turned.keypoints, joined.keypoints[[2, 0]])
    nobody = Skeletons2D.join([])
    assert nobody.keypoints.shape == (0, 17, 2) and nobody.scores.shape == nobody.deviations.shape == (0, 17)


def test_apparent_size_is_the_rms_distance_from_the_centre() -> None:
    square = np.array([[[0.0, 0], [0, 6], [8, 0], [8, 6], [np.nan, np.nan]]])
    np.testing.assert_allclose(apparent_size(square), [[5]])


def test_people_are_converted_independently() -> None:
    (first, first_scores), (second, second_scores) = person("body25", 1), person("body25", 2)
    second[0, 3] = np.nan
    both = to_h36m(np.concatenate([first, second]), np.concatenate([first_scores, second_scores]), "body25")
    alone = to_h36m(second, second_scores, "body25")
    np.testing.assert_array_equal(both.keypoints[1:], alone.keypoints)
    np.testing.assert_array_equal(both.status[1:], alone.status)


def test_no_people_are_no_skeletons() -> None:
    skeletons = to_h36m(np.zeros((0, 25, 2)), np.zeros((0, 25)), "body25")
    assert skeletons.keypoints.shape == (0, 17, 2)
    assert skeletons.scores.shape == skeletons.status.shape == skeletons.deviations.shape == (0, 17)


def test_the_callers_arrays_are_left_alone() -> None:
    keypoints, scores = person("coco17")
    keypoints[0, 2], scores[0, 3] = np.nan, 9
    before = keypoints.copy(), scores.copy()
    to_h36m(keypoints, scores, "coco17")
    np.testing.assert_array_equal(keypoints, before[0])
    np.testing.assert_array_equal(scores, before[1])


@pytest.mark.parametrize(
    ("keypoints", "scores", "expected", "got"),
    [
        ((1, 18, 2), (1, 18), r"\(P, 17, 2\)", r"\(1, 18, 2\)"),
        ((17, 2), (17,), r"\(P, 17, 2\)", r"\(17, 2\)"),
        ((1, 17, 3), (1, 17), r"\(P, 17, 2\)", r"\(1, 17, 3\)"),
        ((1, 17, 2), (1, 16), r"\(1, 17\)", r"\(1, 16\)"),
        ((2, 17, 2), (1, 17), r"\(2, 17\)", r"\(1, 17\)"),
        ((1, 17, 2), (1, 17, 1), r"\(1, 17\)", r"\(1, 17, 1\)"),
    ],
)
def test_wrong_shapes_are_refused_naming_both_sides(keypoints: tuple, scores: tuple, expected: str, got: str) -> None:
    with pytest.raises(ValueError, match=f"expected.*{expected}.*got.*{got}"):
        to_h36m(np.ones(keypoints), np.ones(scores), "coco17")


def test_an_unknown_layout_is_refused_naming_it_and_the_known_ones() -> None:
    for call in (
        lambda: to_h36m(np.ones((1, 17, 2)), np.ones((1, 17)), "coco71"),
        lambda: layout_joints("coco71"),
    ):
        with pytest.raises(ValueError, match=r"'coco71'.*h36m17.*coco17.*openpose18.*body25.*mediapipe33"):
            call()


@st.composite
def detections(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, str]:
    layout = draw(st.sampled_from(sorted(LAYOUTS)))
    people, joints = draw(st.integers(0, 3)), len(LAYOUTS[layout])
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    anything = st.floats(width=32) | st.sampled_from([np.nan, np.inf, -np.inf, 2.0**100, -(2.0**100), 0.0])
    return (
        draw(hnp.arrays(dtype, (people, joints, 2), elements=anything)),
        draw(hnp.arrays(dtype, (people, joints), elements=anything)),
        layout,
    )


@given(detections())
@settings(max_examples=60)
def test_any_numbers_give_finite_skeletons_with_consistent_statuses(detection: tuple) -> None:
    skeletons = to_h36m(*detection)
    missing = skeletons.status == MISSING
    assert np.isfinite(skeletons.keypoints).all()
    assert ((skeletons.scores >= 0) & (skeletons.scores <= 1)).all()
    assert (np.isnan(skeletons.deviations) == missing).all() and (skeletons.deviations[~missing] == 0).all()
    assert ((skeletons.scores == 0) == missing).all() and (skeletons.keypoints[missing] == 0).all()
    derived = np.isin(np.arange(17), DERIVED_JOINTS[detection[2]])
    assert (missing | ((skeletons.status == DERIVED) == derived)).all()


def test_unit_vectors_and_zero() -> None:
    np.testing.assert_allclose(unit(np.array([[3.0, 0, 4], [0, 0, 0]])), [[0.6, 0, 0.8], [0, 0, 0]])


def test_pelvis_axes_are_forward_left_up() -> None:
    pose = np.zeros((17, 3))  # x forward, y left, z up; the spine leans forward
    pose[H36M17.index("left_hip")] = (0, 0.13, 0)
    pose[H36M17.index("right_hip")] = (0, -0.13, 0)
    pose[SPINE] = (0, 0.02, 0.25)
    np.testing.assert_allclose(pelvis_axes(pose), np.eye(3), atol=1e-9)
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])  # the person turns to the left
    np.testing.assert_allclose(pelvis_axes(pose @ turn.T), turn, atol=1e-9)
    many = pelvis_axes(np.random.default_rng(0).normal(size=(4, 5, 17, 3)))
    np.testing.assert_allclose(np.swapaxes(many, -1, -2) @ many, np.broadcast_to(np.eye(3), (4, 5, 3, 3)), atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(many), 1)
