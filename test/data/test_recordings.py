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

"""Files of recordings: what they hold, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.recordings import CAMERAS, moved_truth, recording, recording_arrays

from diffupose_ros.data.recordings import JOINTS, Recording, load_recording, save_recording

ARRAYS = recording_arrays(4)


def changed(name: str, index: Any, value: Any) -> dict[str, Any]:
    array = np.array(ARRAYS[name])
    array[index] = value
    return {name: array}


def written(path: Path, arrays: dict[str, Any]) -> Path:
    np.savez(path, **arrays)
    return path


def test_what_is_written_is_read(tmp_path: Path) -> None:
    extra = {
        "gt_raw": ARRAYS["gt_world"] + 0.01,
        "loo_camera": ARRAYS["gt_camera"] + 0.01,
        "gt_views": np.full((4, 12), 3),
        "gt_rms_px": np.full((4, 12), 2.5),
        "source": "a walk",
        "licence": "none",
    }
    saved = recording(4, noise=1.0, **extra)
    save_recording(saved, tmp_path / "walk.npz")
    assert [file.name for file in tmp_path.iterdir()] == ["walk.npz"]
    loaded = load_recording(tmp_path / "walk.npz")
    for name, value in vars(saved).items():
        if isinstance(value, np.ndarray):
            np.testing.assert_allclose(getattr(loaded, name), value, rtol=1e-6, err_msg=name)
        else:
            assert getattr(loaded, name) == value, name
    assert loaded.keypoints.dtype == np.float64 and loaded.world_landmarks is None
    assert loaded.cameras == CAMERAS


def test_a_failed_save_leaves_the_last_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "walk.npz"
    path.write_text("the last one")

    def disk_full(*_: Any, **__: Any) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(np, "savez_compressed", disk_full)
    with pytest.raises(OSError, match="No space left"):
        save_recording(recording(4), path)
    assert path.read_text() == "the last one" and list(tmp_path.iterdir()) == [path]


def test_cameras_see_the_truth_where_the_exact_2d_is() -> None:
    exact = recording(4)
    for camera in range(CAMERAS):
        # The last twelve joints of COCO are those of the truth, in another order.
        pixels = exact.camera(camera).project(exact.truth(camera))
        apart = np.linalg.norm(pixels[:, :, None] - exact.keypoints[camera][:, None, 5:], axis=-1)
        assert np.nanmax(apart.min(-1)) < 0.01


def test_the_truth_comes_in_the_order_of_its_joints() -> None:
    order = np.random.default_rng(0).permutation(12)
    names = tuple(JOINTS[i] for i in order)
    mixed = recording(4, gt_names=names, **{k: ARRAYS[k][..., order, :] for k in ("gt_world", "gt_camera")})
    np.testing.assert_array_equal(mixed.truth(1), recording(4).truth(1))


def test_truth_of_the_other_cameras_only() -> None:
    other = ARRAYS["gt_camera"] + 0.01
    np.testing.assert_array_equal(recording(4, loo_camera=other).truth(2, leave_one_out=True), other[2])
    for none in (None, np.full_like(other, np.nan)):
        with pytest.raises(ValueError, match="the recording has none, expected it in loo_camera"):
            recording(4, loo_camera=none).truth(0, leave_one_out=True)
    of_cameras = ("keypoints", "scores", "K", "D", "R", "t", "size", "gt_camera")
    single = recording(4, **{name: ARRAYS[name][:1] for name in of_cameras})
    with pytest.raises(ValueError, match="there is one camera, expected others"):
        single.truth(0, leave_one_out=True)


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"layout": "coco18"}, "unknown layout 'coco18': expected one of"),
        ({"layout": "body25"}, r"keypoints: expected shape \(C, T, J, 2\) = \(3, 4, 25, 2\) for 3 cameras, 4 frames"),
        ({"keypoints": ARRAYS["keypoints"][0]}, r"keypoints: expected shape \(C, T, 17, 2\), got \(4, 17, 2\)"),
        ({"keypoints": ARRAYS["keypoints"][:, :0]}, "one camera and one frame at least, got 3 and 0"),
        ({"scores": ARRAYS["scores"][:, 1:]}, r"scores: expected .* = \(3, 4, 17\) .* got \(3, 3, 17\)"),
        ({"gt_world": ARRAYS["gt_world"][:, :5]}, r"gt_world: expected shape \(T, G, 3\) = \(4, 12, 3\)"),
        ({"K": ARRAYS["K"][:2]}, r"K: expected shape \(C, 3, 3\) = \(3, 3, 3\)"),
        ({"detector": " "}, "detector: expected what made the 2D"),
        ({"rate": 0.0}, "rate: expected Hz above 0, got 0"),
        (changed("K", (1, 0, 0), np.nan), "K of camera 1: expected finite numbers"),
        (changed("K", (1, 0, 0), 0), "camera 1: the camera is not calibrated"),
        (changed("D", (2, 0), np.inf), "D of camera 2: expected finite numbers"),
        ({"D": np.zeros((3, 3))}, "camera 0: D of plumb_bob: expected 0 or 4 or 5"),
        (changed("t", (0, 1), np.nan), "t of camera 0: expected finite numbers"),
        (changed("R", 0, np.diag([1, 1, -1])), "R of camera 0: expected a rotation"),
        ({"R": 2 * ARRAYS["R"]}, "R of camera 0: expected a rotation"),
        (changed("size", (0, 0), 0), "size of camera 0: expected px above 0, got"),
        ({"gt_names": (*JOINTS[:11], "nose")}, "gt_names: expected each of left_hip, .* once"),
        ({"gt_world": np.full((4, 12, 3), np.nan)}, "no truth at all: gt_world is NaN throughout"),
        ({"gt_camera": 1000 * ARRAYS["gt_camera"]}, r"gt_camera: expected R gt_world \+ t, in metres; .* up to"),
        (changed("gt_camera", (0, 0, 0), np.nan), "and 1 joints are in one of them only"),
        (moved_truth(ARRAYS, np.array([0, 0, 1.5])), "the cameras disagree: .* camera 0, 1.5 m, camera 1, 1.5 m"),
        (moved_truth(ARRAYS, np.array([0, 0, 1.5])), "expected R and t from the world to the camera, in metres"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(arrays: dict[str, Any], reason: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=reason):
        Recording(**ARRAYS | arrays)
    with pytest.raises(ValueError, match=f"wrong.npz: .*{reason}"):
        load_recording(written(tmp_path / "wrong.npz", ARRAYS | arrays))


def test_truth_behind_a_camera_that_saw_it_is_refused() -> None:
    back = np.einsum("ij,cjk->cik", np.diag([-1, 1, -1]), ARRAYS["R"])
    turned = np.einsum("ij,cj->ci", np.diag([-1, 1, -1]), ARRAYS["t"])
    seen = np.einsum("cij,tgj->ctgi", back, ARRAYS["gt_world"]) + turned[:, None, None]
    with pytest.raises(ValueError, match="camera 0, behind it"):
        Recording(**ARRAYS | {"R": back, "t": turned, "gt_camera": seen})


def test_one_camera_of_many_that_disagrees_is_warned_of() -> None:
    other = changed("keypoints", 1, ARRAYS["keypoints"][1] + 400)
    with pytest.warns(UserWarning, match="camera 1, 2.5 m; another person, or a camera whose K, D, R or t is wrong"):
        Recording(**ARRAYS | other)


def test_files_that_are_no_recordings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no recording at"):
        load_recording(tmp_path / "nowhere.npz")
    (tmp_path / "text.npz").write_text("frames: 20")
    with pytest.raises(ValueError, match=r"text.npz: truncated, or not an .npz file of plain arrays"):
        load_recording(tmp_path / "text.npz")
    whole = written(tmp_path / "whole.npz", ARRAYS).read_bytes()
    (tmp_path / "half.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"half.npz: truncated"):
        load_recording(tmp_path / "half.npz")
    np.save(tmp_path / "array.npy", np.zeros(3))
    with pytest.raises(ValueError, match=r"array.npy: truncated, or not an .npz file"):
        load_recording(tmp_path / "array.npy")
    with pytest.raises(ValueError, match=r"pickled.npz: truncated, or not an .npz file of plain arrays"):
        load_recording(written(tmp_path / "pickled.npz", ARRAYS | {"K": np.array([None, {}])}))
    lacking = {name: value for name, value in ARRAYS.items() if name not in ("R", "rate")}
    with pytest.raises(ValueError, match=r"lacking.npz: lacks rate, R; see docs/recordings.md"):
        load_recording(written(tmp_path / "lacking.npz", lacking))
    for name, value, reason in (
        ("K", np.full((3, 3, 3), "f"), "K: expected numbers, got <U1"),
        ("rate", np.array([30.0, 30.0]), r"rate: expected a single value, got shape \(2,\)"),
        ("rate", "30 Hz", "rate: expected numbers, got <U5"),
    ):
        with pytest.raises(ValueError, match=reason):
            load_recording(written(tmp_path / "typed.npz", ARRAYS | {name: value}))
