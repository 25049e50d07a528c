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

"""Human3.6M, on files of its structure with people projected by its own cameras."""

from pathlib import Path

import numpy as np
import pytest
from support import videopose3d as support

from diffupose_ros.data.datasets import CREDITS, load_human36m, load_observations
from diffupose_ros.data.datasets.human36m import ACTIONS, JOINTS_17_OF_32
from diffupose_ros.data.datasets.human36m_cameras import LENSES, POSES
from diffupose_ros.data.observations import pairs
from diffupose_ros.lifting.condition import image_coordinates
from diffupose_ros.skeleton import H36M17, NECK, Status

SYMMETRY = [[4, 5, 6, 11, 12, 13], [1, 2, 3, 14, 15, 16]]
TAKES = {"S1": ["Directions 1", "Walking"], "S9": ["Directions", "Directions 1", "Photo 1"], "S11": ["SittingDown 2"]}
FRAMES = 12


def project(points: np.ndarray, camera: int, swapped: bool = True) -> np.ndarray:
    """VideoPose3D's project_to_2d; with p1 and p2 the other way round, the data set's ProjectPointRadial.m."""
    lens = LENSES[camera]
    p = np.array(lens.tangential if swapped else lens.tangential[::-1])
    xy = points[..., :2] / points[..., 2:]
    r2 = (xy**2).sum(-1, keepdims=True)
    radial = 1 + lens.radial[0] * r2 + lens.radial[1] * r2**2 + lens.radial[2] * r2**3
    return (xy * (radial + (xy * p).sum(-1, keepdims=True)) + p * r2) * lens.focal + lens.centre


def as_seen_in_images(points: np.ndarray, camera: int) -> np.ndarray:
    return project(points, camera, swapped=False)


@pytest.fixture(scope="module")
def truth() -> dict:
    worlds = {}
    for number, (subject, takes) in enumerate(TAKES.items()):
        worlds[subject] = {take: support.people(FRAMES, seed=10 * number + i) for i, take in enumerate(takes)}
    return worlds


@pytest.fixture(scope="module")
def folder(truth: dict, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All files; the 2D of CPN has three frames more than the 3D, that of HRNet 16 joints and no metadata."""
    folder = tmp_path_factory.mktemp("h36m")
    all_32, gt, cpn, hr = {}, {}, {}, {}
    for subject, takes in truth.items():
        for take, world in takes.items():
            joints = np.full((len(world), 32, 3), 50.0, np.float32)  # the other 15 are nonsense
            joints[:, JOINTS_17_OF_32] = world
            all_32.setdefault(subject, {})[take] = joints
            gt.setdefault(subject, {})[take] = support.seen(joints[:, JOINTS_17_OF_32], POSES[subject], project)
            images = support.seen(world, POSES[subject], as_seen_in_images)
            longer = [np.concatenate([view, view[:3] + 300]) for view in images]
            cpn.setdefault(subject, {})[take] = longer
            hr.setdefault(subject, {})[take] = [np.delete(view, NECK, axis=1) for view in images]
    support.save(folder / "data_3d_h36m.npz", positions_3d=all_32)
    metadata = {"num_joints": 17, "keypoints_symmetry": SYMMETRY}
    support.save(folder / "data_2d_h36m_gt.npz", positions_2d=gt, metadata=metadata)
    metadata = metadata | {"layout_name": "h36m"}
    support.save(folder / "data_2d_h36m_cpn_ft_h36m_dbb.npz", positions_2d=cpn, metadata=metadata)
    support.save(folder / "data_2d_h36m_hr.npz", positions_2d=hr)
    return folder


def test_the_cameras_stand_around_the_studio_and_look_at_its_middle() -> None:
    for poses in POSES.values():
        for number, pose in enumerate(poses):
            middle, above = (support.to_camera(np.array([[0, 0, z]]), pose)[0] for z in (1.0, 1.5))
            assert 4 < middle[2] < 6.5
            pixels = project(np.array([middle, above]), number)
            assert np.abs(pixels[0] - 500).max() < 200
            assert pixels[1, 1] < pixels[0, 1] - 80  # up in the world is up in the image
        sides = {(pose[1][0] > 0, pose[1][1] > 0) for pose in poses}
        assert len(sides) == 4


@pytest.mark.parametrize("keypoints", ["gt", "cpn"])
@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.filterwarnings("ignore:.*fewer people")
def test_the_rays_hit_the_joints(folder: Path, truth: dict, split: str, keypoints: str) -> None:
    observations = load_human36m(folder, keypoints, split)
    takes = [(s, t) for s in TAKES if (s == "S1") == (split == "train") for t in TAKES[s]]
    assert len(observations) == len(takes) * 4 * FRAMES
    assert (observations.status == Status.MEASURED).all()
    np.testing.assert_allclose(observations.deviations, 0.002)
    assert support.misses(observations).max() < 1e-4
    assert (observations.rays[..., 2] == 1).all()
    expected = [support.to_camera(truth[s][t], pose) for s, t in takes for pose in POSES[s]]
    np.testing.assert_allclose(observations.joints, np.concatenate(expected), atol=1e-5)
    names = np.repeat([t.split(" ")[0] for _, t in takes], 4 * FRAMES)
    assert (observations.activity == names).all()


def test_image_coordinates_are_those_of_the_image(folder: Path, truth: dict) -> None:
    observations = load_human36m(folder, "gt", "test")
    for camera, (lens, part) in enumerate(zip(LENSES, np.split(observations.image[: 4 * FRAMES], 4), strict=True)):
        pixels = project(support.to_camera(truth["S9"]["Directions"], POSES["S9"][camera]), camera)
        np.testing.assert_allclose(part, image_coordinates(pixels, *lens.size), atol=1e-4)


@pytest.mark.filterwarnings("ignore:.*fewer people")
def test_files_of_16_joints_have_no_neck(folder: Path) -> None:
    observations = load_human36m(folder, "hr", "test")
    assert (observations.status[:, NECK] == Status.MISSING).all() and np.isnan(observations.deviations[:, NECK]).all()
    others = np.delete(observations.status, NECK, axis=1)
    assert (others == Status.MEASURED).all()
    assert support.misses(observations).max() < 1e-4
    assert np.isfinite(pairs(observations).features).all()
    as_16 = load_human36m(folder, "cpn", "test", joints=16)
    assert (as_16.status == observations.status).all()
    seen = np.isfinite(as_16.deviations)
    np.testing.assert_allclose(as_16.rays[..., :2][seen], observations.rays[..., :2][seen])


def test_the_hourglass_order_is_recognised_by_its_pairs(folder: Path, truth: dict, tmp_path: Path) -> None:
    names = (
        "right_ankle", "right_knee", "right_hip", "left_hip", "left_knee", "left_ankle",
        "pelvis", "spine", "thorax", "head",
        "right_wrist", "right_elbow", "right_shoulder", "left_shoulder", "left_elbow", "left_wrist",
    )  # fmt: skip
    columns = [H36M17.index(name) for name in names]
    sh = {
        s: {t: [v[:, columns] for v in support.seen(w, POSES[s], as_seen_in_images)] for t, w in takes.items()}
        for s, takes in truth.items()
    }
    (tmp_path / "data_3d_h36m.npz").write_bytes((folder / "data_3d_h36m.npz").read_bytes())
    symmetry = [[3, 4, 5, 13, 14, 15], [0, 1, 2, 10, 11, 12]]
    file = tmp_path / "data_2d_h36m_sh_ft_h36m.npz"
    support.save(file, positions_2d=sh, metadata={"num_joints": 16, "keypoints_symmetry": symmetry})
    observations = load_human36m(tmp_path, "sh", "test")
    assert support.misses(observations).max() < 1e-4
    assert ((observations.status == Status.MISSING) == (np.arange(17) == NECK)).all()


def test_every_takes_every_so_many_frames(folder: Path) -> None:
    few, observations = load_observations("h36m", folder, "test", "cpn", every=5), load_human36m(folder, "cpn", "test")
    kept = np.arange(len(observations)) % FRAMES % 5 == 0
    np.testing.assert_array_equal(few.joints, observations.joints[kept])
    np.testing.assert_array_equal(few.rays, observations.rays[kept])


def test_one_of_the_files_stands_for_its_folder(folder: Path) -> None:
    of_file = load_observations("h36m", folder / "data_3d_h36m.npz", "test", "gt")
    np.testing.assert_array_equal(of_file.joints, load_human36m(folder, "gt", "test").joints)
    assert "Ionescu" in CREDITS["h36m"] and "Sigal" in CREDITS["humaneva"] and "mocap.cs.cmu.edu" in CREDITS["cmu"]


def test_joints_that_are_not_numbers_or_have_score_0_are_missing(folder: Path, truth: dict, tmp_path: Path) -> None:
    views = support.seen(truth["S11"]["SittingDown 2"], POSES["S11"], as_seen_in_images)
    scored = [np.concatenate([view, np.full((FRAMES, 17, 1), 0.75, np.float32)], -1) for view in views]
    scored[0][0, 3, 0], scored[1][2, 5, 2] = np.nan, 0
    (tmp_path / "data_3d_h36m.npz").write_bytes((folder / "data_3d_h36m.npz").read_bytes())
    support.save(tmp_path / "data_2d_h36m_hr.npz", positions_2d={"S9": {}, "S11": {"SittingDown 2": scored}})
    with pytest.raises(ValueError, match="S9, Directions: expected 2D of 4 cameras, got 0"):
        load_human36m(tmp_path, "hr", "test")
    only = {"S11": {"SittingDown 2": np.float32(np.zeros((FRAMES, 32, 3)))}}
    only["S11"]["SittingDown 2"][:, JOINTS_17_OF_32] = truth["S11"]["SittingDown 2"]
    support.save(tmp_path / "data_3d_h36m.npz", positions_3d=only)
    with pytest.warns(UserWarning, match="has no S9: the results are of fewer people"):
        observations = load_human36m(tmp_path, "hr", "test")
    missing = np.zeros((4 * FRAMES, 17), bool)
    missing[0, 3] = missing[FRAMES + 2, 5] = True
    assert ((observations.status == Status.MISSING) == missing).all()
    np.testing.assert_allclose(observations.deviations, np.where(missing, np.nan, 0.002))
    assert all(np.isfinite(a).all() for a in (observations.rays, observations.image))


def test_2d_of_other_cameras_is_noticed(folder: Path, truth: dict, tmp_path: Path) -> None:
    (tmp_path / "data_3d_h36m.npz").write_bytes((folder / "data_3d_h36m.npz").read_bytes())
    turned = {s: {t: support.seen(w, POSES[s], project)[::-1] for t, w in v.items()} for s, v in truth.items()}
    support.save(tmp_path / "data_2d_h36m_gt.npz", positions_2d=turned)
    with pytest.warns(UserWarning, match="away from the projected 3D joints"):
        load_human36m(tmp_path, "gt", "test")


def changed(folder: Path, to: Path, name: str, key: str, change) -> None:
    """Copy the 3D and the CPN file, one of them with a changed dictionary."""
    for file in ("data_3d_h36m.npz", "data_2d_h36m_cpn_ft_h36m_dbb.npz"):
        with np.load(folder / file, allow_pickle=True) as arrays:
            objects = {n: arrays[n].item() for n in arrays.files}
        if file == name:
            change(objects[key])
        support.save(to / file, **objects)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda d: d.update(S12=d["S9"]), "unknown subjects S12: expected of S1"),
        (lambda d: d["S9"].update({"Dancing 1": d["S9"]["Photo 1"]}), "S9, Dancing 1: unknown action: expected one of"),
        (
            lambda d: d["S9"].update(Photo=d["S9"]["Photo 1"][:, :17]),
            r"expected numbers \(T, 32, 3\), got \(12, 17, 3\)",
        ),
        (lambda d: d["S9"].update(Photo=1000 * d["S9"]["Photo 1"]), "S9, Photo: expected metres, got"),
        (lambda d: d["S9"].update(Photo=None), r"expected numbers \(T, 32, 3\), got NoneType"),
        (lambda d: d.update(S9=[1]), "S9: expected a dictionary of actions, got list"),
        (lambda d: [d.pop("S9"), d.pop("S11")], "has none of the subjects S9, S11"),
    ],
)
def test_a_wrong_3d_file_is_refused_with_the_reason(folder: Path, tmp_path: Path, change, reason: str) -> None:
    changed(folder, tmp_path, "data_3d_h36m.npz", "positions_3d", change)
    with pytest.raises(ValueError, match=reason) as caught:
        load_human36m(tmp_path, "cpn", "test")
    assert str(tmp_path / "data_3d_h36m.npz") in str(caught.value)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda d: d.pop("S11"), "S11: expected a dictionary of actions"),
        (lambda d: d["S9"].pop("Photo 1"), "S9, Photo 1: expected 2D of 4 cameras, got 0"),
        (lambda d: d["S9"]["Photo 1"].pop(), "expected 2D of 4 cameras, got 3"),
        (lambda d: d["S9"]["Photo 1"].__setitem__(0, d["S9"]["Photo 1"][0][:, :14]), "14 joints with the left/right"),
        (lambda d: d["S9"]["Photo 1"].__setitem__(2, None), r"expected numbers \(T, joints, 2 or 3\), got NoneType"),
    ],
)
def test_a_wrong_2d_file_is_refused_with_the_reason(folder: Path, tmp_path: Path, change, reason: str) -> None:
    name = "data_2d_h36m_cpn_ft_h36m_dbb.npz"
    changed(folder, tmp_path, name, "positions_2d", change)
    with pytest.raises(ValueError, match=reason) as caught:
        load_human36m(tmp_path, "cpn", "test")
    assert str(tmp_path / name) in str(caught.value) and "DATASETS.md" in str(caught.value)


def test_missing_and_truncated_files_and_unknown_arguments_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no data_3d_h36m\.npz in .*there is no data_"):
        load_human36m(tmp_path, "gt", "test")
    whole = (folder / "data_3d_h36m.npz").read_bytes()
    (tmp_path / "data_3d_h36m.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"data_3d_h36m\.npz: truncated, or not an \.npz file.*DATASETS.md"):
        load_human36m(tmp_path, "gt", "test")
    (tmp_path / "data_3d_h36m.npz").write_bytes(whole)
    with pytest.raises(FileNotFoundError, match=r"no data_2d_h36m_gt.npz in .* \(there is data_3d_h36m.npz\)"):
        load_human36m(tmp_path, "gt", "test")
    support.save(tmp_path / "data_2d_h36m_gt.npz", positions={})
    with pytest.raises(ValueError, match="expected a dictionary positions_2d, found positions"):
        load_human36m(tmp_path, "gt", "test")
    for arguments in (("gt", "validate"), ("gtt", "test"), ("gt", "test", 15)):
        with pytest.raises(ValueError, match="expected split train or test, keypoints of gt, hr, cpn, sh"):
            load_human36m(folder, *arguments)
    with pytest.raises(ValueError, match="every: expected 1"):
        load_human36m(folder, "gt", "test", every=0)
    with pytest.raises(ValueError, match="unknown data set 'mpi': expected h36m or humaneva"):
        load_observations("mpi", folder, "test", "gt")
    assert len(set(ACTIONS)) == 15


@pytest.mark.parametrize(("keypoints", "protocol"), [("gt", "gt_free"), ("cpn", "paper"), ("hr", "raw")])
def test_the_command_evaluates_it(folder: Path, tmp_path: Path, keypoints: str, protocol: str) -> None:
    found = support.evaluated("h36m", folder, keypoints, protocol, tmp_path / "report.json")
    assert 0 < found["mpjpe_mm"] < 2000 and found["people"] > 0
    assert len(found["per_joint"]) == 17
