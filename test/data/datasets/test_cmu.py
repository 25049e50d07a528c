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

"""CMU's motion capture database: from .asf and .amc files to clips, also at the command line."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from diffupose_ros.cli import app
from diffupose_ros.data.clips import load_clips
from diffupose_ros.data.datasets.asf_amc import read_asf
from diffupose_ros.data.datasets.cmu import convert, find_motions, read_clip
from diffupose_ros.skeleton import H36M17, PARENTS

RUNNER = CliRunner()
UNIT = 0.0254 / 0.45  # m
# CMU's skeleton without feet and fingers: name, parent, direction, length, axis, degrees of freedom.
BONES = [
    ("lhipjoint", "root", (0.6, -0.8, 0), 2.0, "0 0 0", ""),
    ("lfemur", "lhipjoint", (0.34202, -0.939693, 0), 7.0, "0 0 20", "rx ry rz"),
    ("ltibia", "lfemur", (0.34202, -0.939693, 0), 6.0, "0 0 20", "rx"),
    ("rhipjoint", "root", (-0.6, -0.8, 0), 2.0, "0 0 0", ""),
    ("rfemur", "rhipjoint", (-0.34202, -0.939693, 0), 7.0, "0 0 -20", "rx ry rz"),
    ("rtibia", "rfemur", (-0.34202, -0.939693, 0), 6.0, "0 0 -20", "rx"),
    ("lowerback", "root", (0, 1, 0), 2.1, "0 0 0", "rx ry rz"),
    ("upperback", "lowerback", (0, 1, 0), 2.2, "0 0 0", "rx ry rz"),
    ("thorax", "upperback", (0, 1, 0), 2.3, "0 0 0", "rx ry rz"),
    ("lowerneck", "thorax", (0, 1, 0), 1.5, "0 0 0", "rx ry rz"),
    ("upperneck", "lowerneck", (0, 1, 0), 1.6, "0 0 0", "rx ry rz"),
    ("head", "upperneck", (0, 1, 0), 1.7, "0 0 0", "rx ry rz"),
    ("lclavicle", "thorax", (1, 0, 0), 3.5, "0 0 0", "ry rz"),
    ("lhumerus", "lclavicle", (1, 0, 0), 5.0, "180 -30 -90", "rx ry rz"),
    ("lradius", "lhumerus", (1, 0, 0), 3.0, "180 -30 -90", "rx"),
    ("lwrist", "lradius", (1, 0, 0), 1.5, "0 90 90", "ry"),
    ("lhand", "lwrist", (1, 0, 0), 0.7, "0 90 90", "rx rz"),
    ("rclavicle", "thorax", (-1, 0, 0), 3.5, "0 0 0", "ry rz"),
    ("rhumerus", "rclavicle", (-1, 0, 0), 5.0, "180 30 90", "rx ry rz"),
    ("rradius", "rhumerus", (-1, 0, 0), 3.0, "180 30 90", "rx"),
    ("rwrist", "rradius", (-1, 0, 0), 1.5, "0 -90 -90", "ry"),
    ("rhand", "rwrist", (-1, 0, 0), 0.7, "0 -90 -90", "rx rz"),
]
LENGTHS = {
    "right_knee": 7.0, "right_ankle": 6.0, "left_knee": 7.0, "left_ankle": 6.0, "thorax": 4.5, "neck": 3.1, "head": 1.7,
    "left_shoulder": 3.5, "left_elbow": 5.0, "left_wrist": 4.5,
    "right_shoulder": 3.5, "right_elbow": 5.0, "right_wrist": 4.5,
    "right_hip": 1.2, "left_hip": 1.2,
}  # fmt: skip


def skeleton_text() -> str:
    lines = [":units", "length 0.45", "angle deg", ":root", "order TX TY TZ RX RY RZ", "axis XYZ"]
    lines += ["position 0 0 0", "orientation 0 0 0", ":bonedata"]
    for name, _, direction, length, axis, dof in BONES:
        lines += ["begin", f"name {name}", "direction {} {} {}".format(*direction), f"length {length}"]
        lines += [f"axis {axis} XYZ", *([f"dof {dof}"] if dof else []), "end"]
    lines += [":hierarchy", "begin", *(f"{parent} {name}" for name, parent, *_ in BONES), "end"]
    return "\n".join(lines)


def motion_text(frames: list[dict[str, str]]) -> str:
    """Frames in which all but the given bones rest."""
    lines = ["#!OML:ASF", ":FULLY-SPECIFIED", ":DEGREES"]
    for number, moved in enumerate(frames, 1):
        rest = {"root": "0 0 0 0 0 0"} | {n: " ".join("0" for _ in dof.split()) for n, *_, dof in BONES if dof}
        lines += [str(number), *(f"{name} {values}" for name, values in (rest | moved).items())]
    return "\n".join(lines) + "\n"


def pose_of(folder: Path, moved: dict[str, str]) -> np.ndarray:
    """The pose (17, 3) of one frame, in the files' units of length, z up."""
    (folder / "1.asf").write_text(skeleton_text())
    (folder / "1_1.amc").write_text(motion_text([moved]))
    return read_clip(folder / "1_1.amc", read_asf(folder / "1.asf"))[0] / UNIT


def lengths(poses: np.ndarray) -> dict[str, np.ndarray]:
    return {
        name: np.linalg.norm(poses[..., j, :] - poses[..., PARENTS[j], :], axis=-1) for j, name in enumerate(H36M17)
    }


def test_the_rest_pose_is_where_the_bones_say(tmp_path: Path) -> None:
    pose = dict(zip(H36M17, pose_of(tmp_path, {"root": "1 20 3 0 0 0"}), strict=True))
    root = np.array([1, -3, 20])  # y up becomes z up, and z becomes -y: a rotation
    for joint, (x, z) in {
        "left_hip": (1.2, -1.6), "right_hip": (-1.2, -1.6), "pelvis": (0, -1.6), "spine": (0, 2.1), "thorax": (0, 6.6),
        "neck": (0, 9.7), "head": (0, 11.4), "left_shoulder": (3.5, 6.6), "left_elbow": (8.5, 6.6),
        "left_wrist": (13, 6.6), "right_wrist": (-13, 6.6),
        "left_ankle": (1.2 + 13 * 0.34202, -1.6 - 13 * 0.939693),
    }.items():  # fmt: skip
        np.testing.assert_allclose(pose[joint], root + (x, 0, z), atol=1e-4, err_msg=joint)


def test_knees_bend_backwards_and_elbows_forwards(tmp_path: Path) -> None:
    """The person faces the files' z axis, our -y: the axes of CMU's own skeletons make limbs bend so."""
    bent = pose_of(tmp_path, {"ltibia": "90", "rtibia": "90", "lradius": "90", "rradius": "90", "lhand": "40 10"})
    at = {name: bent[i] for i, name in enumerate(H36M17)}
    for side in ("left", "right"):
        np.testing.assert_allclose(at[f"{side}_ankle"] - at[f"{side}_knee"], [0, 6, 0], atol=1e-4)
        # The elbow turns about (0, -cos 30, sin 30): x goes to (0, sin 30, cos 30), which is forwards and up.
        forearm = [0, -4.5 * np.cos(np.pi / 6), 4.5 * 0.5]
        np.testing.assert_allclose(at[f"{side}_wrist"] - at[f"{side}_elbow"], forearm, atol=1e-4)


def random_frames(count: int, seed: int) -> list[dict[str, str]]:
    rng = np.random.default_rng(seed)

    def some(bones: int) -> str:
        return " ".join(f"{angle:.4f}" for angle in rng.uniform(-60, 60, bones))

    return [{n: some(len(dof.split())) for n, *_, dof in BONES if dof} | {"root": some(6)} for _ in range(count)]


@pytest.fixture
def download(tmp_path: Path) -> Path:
    """Two subjects as they unpack, and everything that can be wrong with a file."""
    folder = tmp_path / "subjects"
    for subject in ("01", "02", "03"):
        (folder / subject).mkdir(parents=True)
        (folder / subject / f"{subject}.asf").write_text(skeleton_text() if subject != "03" else "nothing")
    motion = motion_text(random_frames(9, seed=0))
    for name in ("01/01_01", "01/01_02", "02/02_05", "03/03_01"):
        (folder / f"{name}.amc").write_text(motion)
    (folder / "01" / "01_03.amc").write_text(motion[: len(motion) // 2])
    (folder / "02" / "02_06.AMC").write_bytes(bytes(range(256)))
    (folder / "04_01.amc").write_text(motion)
    (folder / "again").mkdir()
    (folder / "again" / "01.asf").write_text(skeleton_text())
    (folder / "again" / "01_01.amc").write_text(motion)
    return folder


def test_the_command_converts_what_is_good_and_names_what_is_not(download: Path, tmp_path: Path) -> None:
    out = tmp_path / "clips.npz"
    result = RUNNER.invoke(app, ["data", "cmu", str(download), str(out)])
    assert result.exit_code == 0, result.output
    assert "3 clips, 9 frames, 5 files skipped" in result.output and "mocap.cs.cmu.edu" in result.output
    for file, reason in (
        ("01_03.amc", "truncated"),
        ("02_06.AMC", "truncated"),
        ("03.asf", "not an .asf skeleton"),
        ("04_01.amc", "no 04.asf beside it"),
        ("again/01_01.amc", "a second clip of the name cmu/01/01_01"),
    ):
        line = next(line for line in result.output.splitlines() if line.startswith("skipped") and file in line)
        assert reason in line
    clips = load_clips(out)
    assert set(clips) == {"cmu/01/01_01", "cmu/01/01_02", "cmu/02/02_05"}
    for clip in clips.values():
        assert clip.shape == (3, 17, 3)  # every fourth of nine frames
        for joint, length in lengths(clip).items():
            if joint in ("right_shoulder", "left_shoulder", "neck", "thorax", "spine", "pelvis"):
                continue  # in between are bones that bend
            np.testing.assert_allclose(length, LENGTHS[joint] * UNIT, atol=0.002, err_msg=joint)
    frames = random_frames(9, seed=0)
    for index, clip in enumerate(clips["cmu/01/01_01"]):
        np.testing.assert_allclose(clip / UNIT, pose_of(tmp_path, frames[4 * index]), atol=0.001 / UNIT)


def test_straight_bones_have_their_lengths(tmp_path: Path) -> None:
    found = lengths(pose_of(tmp_path, {}))
    for joint, length in LENGTHS.items():
        np.testing.assert_allclose(found[joint], length, atol=1e-4, err_msg=joint)


def test_nothing_good_or_nothing_there_is_an_error(download: Path, tmp_path: Path) -> None:
    out = tmp_path / "clips.npz"
    for folder, reason in ((tmp_path / "none", "no .amc files below"), (download / "03", "none of 1 motions could be")):
        result = RUNNER.invoke(app, ["data", "cmu", str(folder), str(out)])
        assert result.exit_code == 1 and f"error: {reason}" in result.output
    result = RUNNER.invoke(app, ["data", "cmu", str(download), str(tmp_path / "nowhere" / "clips.npz")])
    assert result.exit_code == 1 and "nowhere" in result.output
    assert not out.exists()


def test_a_write_that_fails_leaves_the_last_file(download: Path, tmp_path: Path, monkeypatch) -> None:
    out, motions = tmp_path / "clips.npz", find_motions(download / "02")
    convert(motions, out, lambda _: None)
    before = out.read_bytes()

    def disk_full(file, **arrays: np.ndarray) -> None:
        file.write(b"PK")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched, pytest.raises(OSError, match="No space"):
        patched.setattr(np, "savez_compressed", disk_full)
        convert(motions, out, lambda _: None)
    assert out.read_bytes() == before
    assert not list(tmp_path.glob("*.partial"))


def test_a_skeleton_that_is_not_cmu_s_and_people_too_far_away_are_refused(tmp_path: Path) -> None:
    (tmp_path / "1.asf").write_text(skeleton_text())
    (tmp_path / "1_1.amc").write_text(motion_text([{"root": "0 600 0 0 0 0"}]))
    with pytest.raises(ValueError, match="somebody is 35 m away"):
        read_clip(tmp_path / "1_1.amc", read_asf(tmp_path / "1.asf"))
    (tmp_path / "2.asf").write_text(skeleton_text().replace("lowerback", "spine1"))
    with pytest.raises(ValueError, match="its skeleton has no lowerback: expected one of CMU's"):
        read_clip(tmp_path / "1_1.amc", read_asf(tmp_path / "2.asf"))
