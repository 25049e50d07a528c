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

"""HumanEva-I, on files of its structure with people projected by cameras where its own stood."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from support import videopose3d as support

from diffupose_ros.camera import Camera
from diffupose_ros.data.datasets import HUMANEVA_JOINTS, load_humaneva, load_observations
from diffupose_ros.data.datasets.humaneva import POSES, fit_lens
from diffupose_ros.data.detectors import detector_joints
from diffupose_ros.skeleton import H36M17, NECK, SPINE, Status

# As the data set's own calibrations are: about 765 px, barrel distortion.
LENSES = [
    Camera([[766, 0, 300], [0, 765, 232], [0, 0, 1]], [-0.29, 0.11, -0.0014, 0.0011], width=640, height=480),
    Camera([[760, 0, 315], [0, 758, 240], [0, 0, 1]], [-0.25, 0.05, 0.0005, -0.0007], width=640, height=480),
    Camera([[771, 0, 330], [0, 772, 251], [0, 0, 1]], [-0.30, 0.15, 0.001, 0.001], width=640, height=480),
]
NAMES = (
    "pelvis", "thorax",
    "left_shoulder", "left_elbow", "left_wrist", "right_shoulder", "right_elbow", "right_wrist",
    "left_hip", "left_knee", "left_ankle", "right_hip", "right_knee", "right_ankle",
    "head",
)  # fmt: skip
COLUMNS = [H36M17.index(name) for name in NAMES]
TAKES = ("Walking 1 chunk0", "Walking 1 chunk2", "Jog 1 chunk0", "Box 1 chunk0", "Gestures 1 chunk0")
FRAMES = 10
SYMMETRY = [[2, 3, 4, 8, 9, 10], [5, 6, 7, 11, 12, 13]]
COCO_SYMMETRY = [[1, 3, 5, 7, 9, 11, 13, 15], [2, 4, 6, 8, 10, 12, 14, 16]]


def project(points: np.ndarray, camera: int) -> np.ndarray:
    return LENSES[camera].project(points)


@pytest.fixture(scope="module")
def truth() -> dict:
    parts = [f"{part}/S{number}" for part in ("Train", "Validate") for number in (1, 2, 3)]
    return {
        part: {take: support.people(FRAMES, seed=10 * i + j) for j, take in enumerate(TAKES)}
        for i, part in enumerate(parts)
    }


@pytest.fixture(scope="module")
def folder(truth: dict, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("humaneva")
    joints, gt, coco = {}, {}, {"Unlabeled/S4": {"Box 2": [np.zeros((5, 17, 2))] * 3}}
    for part, takes in truth.items():
        poses = POSES[part[-2:]]
        joints[part] = {t: world[:, COLUMNS].astype(np.float32) for t, world in takes.items()}
        gt[part] = {t: support.seen(world[:, COLUMNS], poses, project) for t, world in takes.items()}
        coco[part] = {t: support.seen(detector_joints(world, "coco17"), poses, project) for t, world in takes.items()}
    support.save(folder / "data_3d_humaneva15.npz", positions_3d=joints)
    metadata = {"layout_name": "humaneva15", "num_joints": 15, "keypoints_symmetry": SYMMETRY}
    support.save(folder / "data_2d_humaneva15_gt.npz", positions_2d=gt, metadata=metadata)
    metadata = {"layout_name": "coco", "num_joints": 17, "keypoints_symmetry": COCO_SYMMETRY}
    support.save(folder / "data_2d_humaneva15_detectron_pt_coco.npz", positions_2d=coco, metadata=metadata)
    return folder


def test_the_cameras_look_at_the_middle_of_the_studio() -> None:
    for poses in POSES.values():
        for pose in poses:
            middle, above = (support.to_camera(np.array([[0, 0, z]]), pose)[0] for z in (1.0, 1.5))
            assert 3 < middle[2] < 5
            pixels = LENSES[0].project(np.array([middle, above]))
            assert np.abs(pixels[0] - (320, 240)).max() < 150
            assert pixels[1, 1] < pixels[0, 1] - 60


def test_the_rays_hit_the_joints(folder: Path, truth: dict) -> None:
    observations = load_observations("humaneva", folder, "train", "gt")
    assert len(observations) == 3 * 4 * 3 * FRAMES
    derived = np.isin(np.arange(17), (SPINE, NECK))
    assert ((observations.status == Status.DERIVED) == derived).all()
    assert (observations.status[:, HUMANEVA_JOINTS] == Status.MEASURED).all()
    measured = observations.status == Status.MEASURED
    away = np.where(measured, np.linalg.norm(np.cross(observations.joints, observations.rays), axis=-1), 0)
    assert (away / np.linalg.norm(observations.rays, axis=-1)).max() < 1e-3  # the lenses are fitted
    expected = [
        support.to_camera(truth[f"Train/{subject}"][take], pose)
        for subject in POSES for take in TAKES[:-1] for pose in POSES[subject]
    ]  # fmt: skip
    joints = np.concatenate(expected)
    np.testing.assert_allclose(observations.joints[:, HUMANEVA_JOINTS], joints[:, HUMANEVA_JOINTS], atol=1e-5)
    thorax, head = (joints[:, H36M17.index(n)] for n in ("thorax", "head"))
    np.testing.assert_allclose(observations.joints[:, SPINE], (joints[:, 0] + thorax) / 2, atol=1e-5)
    np.testing.assert_allclose(observations.joints[:, NECK], (thorax + head) / 2, atol=1e-5)
    assert sorted(set(observations.activity)) == ["Box", "Jog", "Walking"]
    assert (observations.activity == "Walking").sum() == 3 * 2 * 3 * FRAMES


def test_detections_of_coco_joints_become_ours(folder: Path, truth: dict) -> None:
    observations = load_humaneva(folder, "detectron", "test")
    derived = [H36M17.index(n) for n in ("pelvis", "spine", "thorax", "neck", "head")]
    assert ((observations.status == Status.DERIVED) == np.isin(np.arange(17), derived)).all()
    limbs = [j for j in range(17) if j not in derived]
    rays = observations.rays / np.linalg.norm(observations.rays, axis=-1, keepdims=True)
    away = np.linalg.norm(np.cross(observations.joints, rays), axis=-1)
    assert away[:, limbs].max() < 1e-3
    first = support.to_camera(truth["Validate/S1"][TAKES[0]], POSES["S1"][0])
    np.testing.assert_allclose(observations.joints[:FRAMES, limbs], first[:, limbs], atol=1e-5)
    assert 0.005 < away[:, derived].mean() < 0.1


def test_a_lens_is_recovered_from_what_it_projects() -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform((-1.6, -1.2, 3), (1.6, 1.2, 5), (3000, 3))
    lens = fit_lens(points, LENSES[0].project(points))
    np.testing.assert_allclose(lens.K, LENSES[0].K, atol=0.1)
    np.testing.assert_allclose(lens.D, LENSES[0].D, atol=2e-3)
    outliers = LENSES[0].project(points)
    outliers[::20] += 100
    np.testing.assert_allclose(fit_lens(points, outliers).K, LENSES[0].K, atol=1)


def test_files_that_do_not_belong_together_are_refused(folder: Path, truth: dict, tmp_path: Path) -> None:
    (tmp_path / "data_3d_humaneva15.npz").write_bytes((folder / "data_3d_humaneva15.npz").read_bytes())
    with pytest.raises(FileNotFoundError, match=r"no data_2d_humaneva15_gt\.npz in"):
        load_humaneva(tmp_path, "detectron", "test")
    turned = {
        part: {t: support.seen(w[:, COLUMNS], POSES[part[-2:]], project)[::-1] for t, w in takes.items()}
        for part, takes in truth.items()
    }
    support.save(tmp_path / "data_2d_humaneva15_gt.npz", positions_2d=turned)
    with pytest.raises(ValueError, match="Validate/S1, camera C1: no lens projects the 3D joints"):
        load_humaneva(tmp_path, "gt", "test")
    with pytest.raises(ValueError, match="expected split train or test, and keypoints of gt, detectron"):
        load_humaneva(tmp_path, "hr", "test")


def test_unknown_subjects_actions_and_20_joints_are_refused(folder: Path, truth: dict, tmp_path: Path) -> None:
    for name in ("gt", "detectron_pt_coco"):
        file = f"data_2d_humaneva15_{name}.npz"
        (tmp_path / file).write_bytes((folder / file).read_bytes())
    joints = truth["Validate/S1"]["Box 1 chunk0"][:, COLUMNS]
    for positions, reason in (
        ({"Validate/S1": {"Swim 1": joints}}, "Validate/S1, Swim 1: unknown action: expected one of Walking, Jog"),
        ({"Validate/S1": {"Box 1 chunk0": np.zeros((4, 20, 3))}}, r"expected numbers \(T, 15, 3\), got \(4, 20, 3\)"),
        ({"Train/S1": {"Box 1 chunk0": joints}}, "has none of the subjects Validate/S1"),
    ):
        support.save(tmp_path / "data_3d_humaneva15.npz", positions_3d=positions)
        with warnings.catch_warnings(), pytest.raises(ValueError, match=reason):
            warnings.simplefilter("ignore")  # fewer people
            load_humaneva(tmp_path, "gt", "test")
    support.save(tmp_path / "data_3d_humaneva15.npz", positions_3d={"Validate/S5": {}})
    with pytest.raises(ValueError, match="unknown subjects Validate/S5: expected of Train/S1"):
        load_humaneva(tmp_path, "gt", "test")
    support.save(tmp_path / "data_3d_humaneva15.npz", positions_3d={"Validate/S1": {"Gestures 1 chunk0": joints}})
    with pytest.raises(ValueError, match="no action that is used"), pytest.warns(UserWarning, match="fewer people"):
        load_humaneva(tmp_path, "gt", "test")


@pytest.mark.parametrize(("keypoints", "protocol"), [("gt", "raw"), ("detectron", "gt_free")])
def test_the_command_evaluates_it(folder: Path, tmp_path: Path, keypoints: str, protocol: str) -> None:
    found = support.evaluated("humaneva", folder, keypoints, protocol, tmp_path / "report.json")
    assert 0 < found["mpjpe_mm"] < 2000 and found["people"] > 0
    assert len(found["per_joint"]) == 15
