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

"""Reports on recordings: of lifters whose answers are known, of the shipped one, and of 2D that is wrong."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.stats import chi2
from support.recordings import CAMERAS, moved_truth, recording, recording_arrays
from typer.testing import CliRunner

from diffupose_ros.cli import app
from diffupose_ros.data.clips import load_clips
from diffupose_ros.data.recordings import JOINTS, Recording, save_recording
from diffupose_ros.evaluation.recordings.detections import APART, detections, score_classes
from diffupose_ros.evaluation.recordings.report import KINDS, evaluate_recording
from diffupose_ros.evaluation.recordings.tracks import FIGURES
from diffupose_ros.lifting import Lifted, Lifter
from diffupose_ros.lifting.uncertainty import NORMAL, radius2
from diffupose_ros.resources import resource_path
from diffupose_ros.skeleton import H36M17, LAYOUTS, MIRROR, Status, to_h36m

COLUMNS = [H36M17.index(name) for name in JOINTS]
COCO = [LAYOUTS["coco17"].index(name) for name in JOINTS]
QUICK = {"hypotheses": 2, "steps": 1}
WALK = load_clips(resource_path("resource/clips/people.npz"))["5_walk"]


class Known:
    """Answers with the walker's true poses, changed: bodies scaled, roots moved along their rays, hypotheses apart."""

    def __init__(self, of: Recording, scale: float = 1.0, further: float = 1.0, sigma: float = 0.0) -> None:
        self.of, self.scale, self.further, self.sigma = of, scale, further, sigma
        self.calls: list[int] = []
        self.detectors: set[str] = set()

    usual_steps = 1

    def lift(self, keypoints, scores, camera, layout, hypotheses, steps, flip, seed, detector) -> Lifted:
        self.detectors.add(detector)
        frames, batches = len(self.of.gt_world), len(self.calls)
        which, first = divmod(128 * batches, 128 * -(-frames // 128))
        self.calls.append(len(keypoints))
        poses = WALK[first : first + len(keypoints)] @ self.of.R[which].T + self.of.t[which]
        hips = poses[:, [H36M17.index("left_hip"), H36M17.index("right_hip")]].mean(1)
        mean = (poses - hips[:, None]) * self.scale + self.further * hips[:, None]
        mean[:, 0] = self.further * hips
        skeletons = to_h36m(keypoints, scores, layout)
        count, rng = len(mean), np.random.default_rng(0)
        apart = rng.normal(0, 1, (count, 1, 17, 3)) * np.array([1, -1])[None, :, None, None] * self.sigma
        apart[:, :, 0] = 0
        eye = np.broadcast_to(np.eye(3), (count, 17, 3, 3))
        return Lifted(
            mean=mean,
            covariance=0.05**2 * eye,
            freedom=np.full((count, 17), NORMAL),
            hypotheses=mean[:, None] + apart,
            root=mean[:, 0],
            root_covariance=0.1**2 * eye[:, 0],
            orientation=eye[:, 0],
            orientation_covariance=eye[:, 0],
            reprojection_error=np.zeros(count),
            novelty=np.ones(count),
            scores=skeletons.scores,
            status=skeletons.status,
            valid=(skeletons.status != Status.MISSING).sum(1) >= 3,
        )


def exchange(arrays: dict[str, Any], camera: int, frames: slice) -> dict[str, Any]:
    """2D in which one camera's left and right are exchanged in some frames."""
    other = [LAYOUTS["coco17"].index(H36M17[MIRROR[j]]) for j in COLUMNS]
    keypoints = arrays["keypoints"].copy()
    keypoints[camera, frames, np.array(COCO)[:, None]] = keypoints[camera, frames, np.array(other)[:, None]]
    return {"keypoints": keypoints}


# Figures of known answers.


def test_exact_poses_have_no_error() -> None:
    walk = recording()
    report = evaluate_recording(Known(walk), walk)
    assert set(FIGURES) <= set(report)
    errors = [name for name in FIGURES if name.endswith(("_mm", "root_percent", "bias_percent"))]
    assert all(abs(report[name]) < 1e-6 for name in errors), report
    assert report["jitter"] == report["root_jitter"] == 1
    assert all(report[f"{kind}_in_{p}"] == 100 for kind in KINDS for p in (50, 90))
    assert all(bone["ratio"] == 1 for bone in report["bones"].values())
    assert list(report["per_camera"]) == ["0", "1", "2"] and report["frames"] == 20
    assert report["exchanged_percent"] == 0
    exact = report["per_score"]["0.9 and above"]
    assert exact["joints"] == sum(of["joints"] for of in report["detections"].values()) == 3 * 12 * 20
    assert exact["deviation_rms"] < 1e-6 and exact["error_mm"] < 1e-6


def test_a_person_taken_for_larger_and_further_away() -> None:
    walk = recording()
    report = evaluate_recording(Known(walk, scale=1.1, further=1.05), walk)
    relative = walk.gt_world - walk.gt_world[:, :2].mean(1, keepdims=True)
    lengths = 1000 * np.linalg.norm(relative, axis=-1)
    assert report["mpjpe_mm"] == pytest.approx(0.1 * lengths.mean(), abs=1e-3)
    assert report["best_of_n_mm"] == report["energy_score_mm"] == pytest.approx(report["mpjpe_mm"], abs=1e-3)
    assert report["p_mpjpe_mm"] < 1e-3 and report["lateral_mm"] < 1e-3
    assert report["root_percent"] == report["depth_bias_percent"] == pytest.approx(5)
    assert report["jitter"] == pytest.approx(1.1) and report["root_jitter"] == pytest.approx(1.05)
    assert all(bone["ratio"] == pytest.approx(1.1) for bone in report["bones"].values())
    wrists = report["per_joint"]["left_wrist"]
    assert wrists["joints"] == 60
    assert wrists["error_mm"] == pytest.approx(0.1 * lengths[:, JOINTS.index("left_wrist")].mean(), abs=1e-3)
    within = 0.1 * lengths <= 50 * np.sqrt(chi2.ppf(0.9, 3))
    assert report["joints_in_90"] == pytest.approx(100 * within.mean(), abs=1e-3)
    distance = np.linalg.norm(walk.gt_camera[:, :, :2].mean(2), axis=-1)
    within = 0.05 * distance <= 0.1 * np.sqrt(chi2.ppf(0.5, 3))
    assert report["root_in_50"] == pytest.approx(100 * within.mean(), abs=1e-3)
    curve = report["reliability"]
    for kind in KINDS:
        for percent in (50, 90):
            share = curve[kind][curve["nominal"].index(percent / 100)]
            assert 100 * share == pytest.approx(report[f"{kind}_in_{percent}"], abs=0.01)


def test_hypotheses_apart_are_judged_as_a_distribution() -> None:
    walk = recording()
    report = evaluate_recording(Known(walk, sigma=0.04), walk)
    assert report["mpjpe_mm"] < 1e-6 < 40 < report["best_of_n_mm"]
    assert abs(report["energy_score_mm"]) < 1e-3  # two that lie around the truth: E|X - y| = E|X - X'| / 2


def test_what_is_not_seen_or_not_known_does_not_count() -> None:
    arrays = recording_arrays()
    scores, world = arrays["scores"].copy(), np.zeros((20, 12, 3))
    scores[0, :3, COCO[6:]] = 0  # six of the twelve are left
    scores[0, 3, COCO[5:]] = 0  # five
    world[4, JOINTS.index("left_hip")] = np.nan
    world[5, JOINTS.index("left_knee")] = np.nan
    walk = Recording(**arrays | {"scores": scores} | moved_truth(arrays, world))
    report = evaluate_recording(Known(walk), walk)
    assert [report["per_camera"][c]["frames"] for c in "012"] == [18, 19, 19]
    assert report["per_joint"]["left_knee"]["joints"] == 17 + 18 + 18
    assert report["per_joint"]["left_wrist"]["joints"] == 18 - 3 + 2 * 19
    assert report["mpjpe_mm"] < 1e-6


def test_long_recordings_are_lifted_in_batches() -> None:
    walk = recording(140)
    lifter = Known(walk)
    assert evaluate_recording(lifter, walk)["mpjpe_mm"] < 1e-6
    assert lifter.calls == [128, 12] * CAMERAS


def test_recordings_that_say_nothing_of_3d_still_say_what_the_2d_is_like() -> None:
    arrays = recording_arrays()
    hidden = np.zeros((20, 12, 3))
    hidden[:, :2] = np.nan
    walk = Recording(**arrays | moved_truth(arrays, hidden))
    report = evaluate_recording(Known(walk), walk)
    assert report["nothing"] == "no camera with both hips, 6 joints and truth in 5 frames"
    assert "mpjpe_mm" not in report and "reliability" not in report
    assert report["per_score"]["0.9 and above"]["joints"] == 3 * 20 * 10
    assert report["per_score"]["0.9 and above"]["error_mm"] is None
    unseen = Recording(**arrays | {"scores": np.zeros((CAMERAS, 20, 17))})
    report = evaluate_recording(Known(unseen), unseen)
    assert report["detections"] == report["per_score"] == {} and report["exchanged_percent"] is None
    json.dumps(report, allow_nan=False)


def test_the_truth_may_be_of_the_other_cameras_only() -> None:
    arrays = recording_arrays()
    other = 0.98 * arrays["gt_camera"]
    walk = Recording(**arrays | {"loo_camera": other})
    report = evaluate_recording(Known(walk), walk, leave_one_out=True)
    assert report["depth_bias_percent"] == pytest.approx(100 * (1 / 0.98 - 1), abs=1e-3)
    assert report["settings"]["truth"] == "of the other cameras"
    with pytest.raises(ValueError, match="truth from the other cameras only"):
        evaluate_recording(Known(walk), recording(), leave_one_out=True)


@pytest.mark.parametrize(
    ("detector", "profile"),
    [("OpenPose 1.7, BODY_25", "openpose"), ("simulated", "simulated"), ("YOLO-pose, large", "yolo-pose"),
     ("somebody's", "generic"), ("/tmp/mine.json", "generic")],
)  # fmt: skip
def test_scores_are_read_by_the_detectors_profile_unless_told_otherwise(detector: str, profile: str) -> None:
    walk = recording(5, detector=detector)
    for generic, expected in ((False, profile), (True, "generic")):
        lifter = Known(walk)
        report = evaluate_recording(lifter, walk, generic=generic)
        assert lifter.detectors == {expected} and report["settings"]["profile"] == expected


def test_the_worst_frame_of_each_camera_is_named() -> None:
    arrays = recording_arrays()
    wrong = np.zeros((20, 12, 3))
    wrong[4, 2:] = 0.1
    walk = Recording(**arrays | moved_truth(arrays, wrong) | exchange(arrays, 1, slice(4, 5)))
    worst = evaluate_recording(Known(walk), walk)["worst"]
    assert {of["camera"]: of["exchanged"] for of in worst} == {0: False, 1: True, 2: False}
    for of in worst:
        assert of["frame"] == 4 and of["mpjpe_mm"] == pytest.approx(100 * 3**0.5 * 10 / 12, abs=0.01)
        assert of["in_90"] == pytest.approx(100 * 2 / 12, abs=0.01)


# What the 2D is like.


def test_exchanged_sides_are_counted() -> None:
    arrays = recording_arrays()
    walk = Recording(**arrays | exchange(arrays, 1, slice(4, 10)))
    exact = detections(recording(), 1, walk.truth(1))
    apart = np.linalg.norm(exact.pixels[:, ::2] - exact.pixels[:, 1::2], axis=-1) >= APART * exact.size[:, None]
    assert apart.any(1).all()
    report = evaluate_recording(Known(walk), walk)
    assert [report["detections"][c]["exchanged_percent"] for c in "012"] == [0, 30, 0]
    assert report["exchanged_percent"] == pytest.approx(10)
    assert all(of["told_frames"] == 20 for of in report["detections"].values())


def test_sides_that_cannot_be_told_apart_are_not_counted() -> None:
    arrays = recording_arrays(4)
    scores = arrays["scores"].copy()
    scores[0, :, COCO[::2]] = 0  # the right joints alone
    seen = detections(Recording(**arrays | {"scores": scores}), 0, arrays["gt_camera"][0])
    assert np.isnan(seen.exchanged).all()


def test_the_2ds_deviation_is_in_apparent_sizes() -> None:
    arrays = recording_arrays(4)
    keypoints = arrays["keypoints"].copy()
    wrist = COCO[JOINTS.index("left_wrist")]
    keypoints[:, :, wrist, 0] += 12
    scores = arrays["scores"].copy()
    scores[:, :, wrist] = 0.3
    walk = Recording(**arrays | {"keypoints": keypoints, "scores": scores})
    report = evaluate_recording(Known(walk), walk)
    twelve = keypoints[:, :, COCO]
    size = np.sqrt(((twelve - twelve.mean(2, keepdims=True)) ** 2).sum(-1).mean(-1))
    wrong = report["per_score"]["0.2 to 0.4"]
    assert wrong["joints"] == 12 and report["per_score"]["0.9 and above"]["deviation_rms"] < 1e-6
    assert wrong["deviation_median"] == pytest.approx(np.median(12 / size), abs=1e-4)
    assert wrong["deviation_rms"] == pytest.approx(np.sqrt(((12 / size) ** 2).mean()), abs=1e-4)


def test_every_score_is_in_one_class() -> None:
    scores = np.array([0, 0.2, 0.5, 0.899, 0.9, 1, 3.7])
    classes = score_classes(scores)
    assert (np.sum(list(classes.values()), 0) == 1).all()
    assert classes["0.9 and above"].sum() == 3 and classes["0.2 to 0.4"].sum() == 1


# The shipped model.


def test_figures_are_those_of_a_plain_computation(lifter: Lifter) -> None:
    walk = recording(noise=1.0)
    report = evaluate_recording(lifter, walk, **QUICK)
    again = evaluate_recording(lifter, walk, **QUICK)
    assert report == again
    options = QUICK | {"seed": 0, "detector": "simulated"}
    lifted = lifter.lift(walk.keypoints[2], walk.scores[2], walk.camera(2), "coco17", **options)
    truth, errors, inside, off = walk.truth(2), [], [], []
    for t in range(20):
        pelvis = (truth[t, 0] + truth[t, 1]) / 2
        off.append(np.linalg.norm(lifted.root[t] - pelvis) / np.linalg.norm(pelvis))
        for j, column in enumerate(COLUMNS):
            if lifted.status[t, column] == Status.MEASURED:
                error = lifted.mean[t, column] - lifted.root[t] - truth[t, j] + pelvis
                errors.append(np.linalg.norm(error))
                square = error @ np.linalg.inv(lifted.covariance[t, column]) @ error
                inside.append(square <= radius2(0.9, lifted.freedom[t, column]))
    found = report["per_camera"]["2"]
    assert found["mpjpe_mm"] == pytest.approx(1000 * np.mean(errors), abs=1e-3)
    assert found["root_percent"] == pytest.approx(100 * np.mean(off), abs=1e-3)
    assert found["joints_in_90"] == pytest.approx(100 * np.mean(inside), abs=1e-3)
    for name in FIGURES:
        mean = np.mean([of[name] for of in report["per_camera"].values()])
        assert report[name] == pytest.approx(mean, abs=2e-4), name
    assert 20 < report["p_mpjpe_mm"] < report["mpjpe_mm"] < 150
    assert 0.005 < report["per_score"]["0.9 and above"]["deviation_median"] < 0.1


# The command.


def run(*arguments: str) -> Any:
    options = ["--hypotheses", "2", "--steps", "1", "--device", "cpu"]
    return CliRunner().invoke(app, ["evaluate", "--dataset", "recordings", *options, *arguments])


def test_the_command_shows_and_writes_and_draws(tmp_path: Path) -> None:
    arrays = recording_arrays(6)
    hidden = np.zeros((6, 12, 3))
    hidden[:, :2] = np.nan
    recordings = {"walk": recording(6, noise=1.0), "hips": Recording(**arrays | moved_truth(arrays, hidden))}
    given = []
    for name, of in recordings.items():
        save_recording(of, tmp_path / f"{name}.npz")
        given += ["--data", str(tmp_path / f"{name}.npz")]
    result = run(
        *given,
        "--json",
        str(tmp_path / "a.json"),
        "--plot",
        str(tmp_path / "a.png"),
        "--worst",
        str(tmp_path / "w.png"),
    )
    assert result.exit_code == 0, result.output
    reports = json.loads((tmp_path / "a.json").read_text())
    assert list(reports) == ["walk", "hips"] and "nothing" in reports["hips"]
    settings = reports["walk"]["settings"]
    assert settings["data"] == "walk.npz" and settings["checkpoint"] == "default" and settings["hypotheses"] == 2
    for shown in ("mpjpe_mm", "exchanged_percent", "left_wrist", "forearm", "hips: no camera with both hips"):
        assert shown in result.output, shown
    for drawn, least in (("a.png", 1500), ("w.png", 800)):
        with Image.open(tmp_path / drawn) as picture:
            colours = np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)
            assert picture.width > least and len(colours) > 10
    for option in ("--plot", "--worst"):
        result = run(*given[2:], option, str(tmp_path / "b.png"))
        assert result.exit_code == 1 and "nothing to draw, no recording says anything of 3D" in result.output


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--data", "nowhere.npz"], "no recording at nowhere.npz"),
        (["--data", "a.npz", "--data", "a.npz"], "--data: expected each file once, got a.npz, a.npz"),
        (["--data", "a.npz", "--sampler", "ddpm"], "--sampler ddpm: recordings are lifted as they are, expected ddim"),
        (["--data", "a.npz", "--protocol", "paper"], "--protocol paper: recordings are lifted as they are"),
        (["--data", "a.npz", "--keypoints", "cpn"], "--keypoints cpn: recordings are lifted as they are"),
        (["--data", "a.npz", "--every", "2"], "--every 2: recordings are lifted as they are, expected 1"),
        (["--data", "a.npz", "--bodies", "b.png"], "--bodies: only sequences have people to show"),
        (["--data", "a.npz", "--worst", "w.doc"], "w.doc: expected a name that ends in"),
    ],
)
def test_what_cannot_be_run_is_refused_with_the_reason(arguments: list[str], reason: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 1
    assert result.output.startswith("error: ") and reason in result.output


def test_a_recording_without_other_cameras_is_named(tmp_path: Path) -> None:
    save_recording(recording(4), tmp_path / "walk.npz")
    result = run("--data", str(tmp_path / "walk.npz"), "--leave-one-out")
    assert result.exit_code == 1 and "walk.npz: truth from the other cameras only" in result.output.replace("\n", "")
