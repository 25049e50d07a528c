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

"""Reports on people over time: of tracks whose figures are known, of the shipped model, and the command."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.people import lifted_people
from support.recordings import recording
from typer.testing import CliRunner

from diffupose_ros.cli import app
from diffupose_ros.data.clips import load_clips
from diffupose_ros.data.recordings import JOINTS, Recording, save_recording
from diffupose_ros.data.sequences import World, simulate_recording
from diffupose_ros.estimation.estimator import Estimator
from diffupose_ros.estimation.evidence import Depth, Floor
from diffupose_ros.estimation.people import FREEDOM
from diffupose_ros.evaluation.recordings.frames import Drawing
from diffupose_ros.evaluation.sequences.bodies import PROBABILITIES, Held, held_bodies
from diffupose_ros.evaluation.sequences.bodies_picture import draw_bodies
from diffupose_ros.evaluation.sequences.figures import FIGURES, LEVELS, figures, levels
from diffupose_ros.evaluation.sequences.report import evaluate_sequences, load_people
from diffupose_ros.evaluation.sequences.scenes import OF_CLIPS, OF_RECORDINGS, Scene, on_floor, with_depth
from diffupose_ros.evaluation.sequences.tracks import HORIZONS, Belief, Single, Track, follow
from diffupose_ros.lifting import Lifted, Lifter
from diffupose_ros.lifting.uncertainty import NORMAL, containing_probability
from diffupose_ros.resources import resource_path

CLIPS = resource_path("resource/clips/people.npz")
DANCE = load_clips(CLIPS)["1_dance"]
DEVIATION, RATE, FRAMES = 0.05, 30.0, 120
QUICK = Drawing(hypotheses=2, steps=1)


def _belief(mean: np.ndarray) -> Belief:
    return Belief(mean, np.broadcast_to(DEVIATION**2 * np.eye(3), (*mean.shape, 3)))


def track(error: float = 0.0, late: int = 0, single_error: float = 0.1, **changed: Any) -> Track:
    """A dancer who is followed with an error along x and a delay in frames, beside single frames with another error."""
    every = simulate_recording(DANCE[: FRAMES + 60], np.random.default_rng(0), World(bodies="recorded", errors=False))
    joints = every.gt_world[:, [every.gt_names.index(name) for name in JOINTS]]
    joints = np.concatenate([joints[:, :2].mean(1, keepdims=True), joints], 1)
    truth, said = joints[30 : 30 + FRAMES], joints[30 - late : 30 - late + FRAMES] + np.array([error, 0, 0])
    velocity = (joints[31 - late : 31 - late + FRAMES] - joints[29 - late : 29 - late + FRAMES]) * RATE / 2
    ahead = {h: joints[30 + round(h * RATE) :][:FRAMES] + np.array([error, 0, 0]) for h in HORIZONS}
    measured = np.ones((FRAMES, 12), bool)
    alternating = single_error * (-1.0) ** np.arange(FRAMES)[:, None, None] * np.array([1, 0, 0])
    alternating = np.concatenate([alternating * 0.5, np.repeat(alternating, 12, 1)], 1)
    single = Single(truth + alternating, _belief(truth).covariance, np.full((FRAMES, 13), NORMAL), measured)
    made = Track(
        rate=RATE,
        truth=truth,
        now=_belief(said),
        velocity=_belief(velocity),
        ahead={h: _belief(mean) for h, mean in ahead.items()},
        single=(single,),
        measured=measured,
        hidden=np.zeros(FRAMES, bool),
        centre=np.zeros(3),
        distance=np.full(FRAMES, 4.0),
        ids=(("1",),) * FRAMES,
        flags={name: np.zeros(FRAMES, bool) for name in ("coasting", "sides_uncertain", "novel", "depth_used")},
        held=Held(np.zeros(0, int), np.zeros((0, 4)), np.zeros((0, 4))),
    )
    return replace(made, **changed)


def test_an_exact_estimate_has_no_error_and_no_delay() -> None:
    found = figures(track())
    assert list(found) == list(FIGURES)
    assert found["frames"] == FRAMES - 15  # the first half second is left out
    errors = ("mpjpe_mm", "absolute_mm", "root_percent", "wrist_speed_error")
    for name in (*errors, *(f"predicted_{h}_mm" for h in HORIZONS)):
        assert found[name] == pytest.approx(0, abs=1e-6), name
    assert found["jitter"] == found["root_jitter"] == pytest.approx(1)
    assert found["lag_ms"] == pytest.approx(0, abs=2) and found["root_lag_ms"] == pytest.approx(0, abs=2)
    assert all(found[f"{name}_in_90"] == 100 for name in ("absolute", "root", "velocity", "predicted_0.3"))
    assert found["single_mpjpe_mm"] == pytest.approx(50) and found["single_absolute_mm"] == pytest.approx(100)
    assert found["single_root_percent"] == pytest.approx(100 * 0.05 / 4)
    assert found["single_jitter"] > 3 and found["mpjpe_ratio"] == pytest.approx(0, abs=1e-6)
    assert found["single_absolute_in_50"] == 0  # two deviations off
    assert found["single_person_percent"] == 100 and found["sides_uncertain_percent"] == 0
    moved = track().truth[24:, 1:] - track().truth[15:-9, 1:]
    assert found["unmoved_0.3_mm"] == pytest.approx(1000 * np.linalg.norm(moved, axis=-1).mean())
    assert all(np.isnan(found[name]) for name in ("hidden_in_90", "kept_percent", "unseen_in_90", "body_in_95"))


@pytest.mark.parametrize("late", [1, 3])
def test_a_delay_is_found(late: int) -> None:
    found = figures(track(late=late))
    assert found["lag_ms"] == pytest.approx(1000 * late / RATE, abs=4)
    assert found["root_lag_ms"] == pytest.approx(1000 * late / RATE, abs=4)
    assert found["jitter"] == pytest.approx(1, abs=0.1)


def test_who_stands_still_has_no_delay() -> None:
    still = track()
    found = figures(replace(still, truth=np.repeat(still.truth[:1], FRAMES, 0)))
    assert np.isnan(found["lag_ms"]) and np.isnan(found["root_lag_ms"]) and np.isnan(found["wrist_speed_error"])


def test_ellipsoids_hold_what_they_say() -> None:
    for deviations, holds in ((1.5, (0.55, 0.9)), (2.4, (0.9,)), (2.6, ())):
        error = DEVIATION * deviations
        found, level = figures(track(error)), levels(track(error))
        assert found["absolute_mm"] == pytest.approx(1000 * error) and found["mpjpe_mm"] == pytest.approx(0, abs=1e-6)
        assert found["absolute_in_90"] == found["root_in_90"] == found["predicted_0.1_in_90"] == 100 * (0.9 in holds)
        containing = float(containing_probability(np.array(deviations**2), FREEDOM))
        assert level["absolute"] == pytest.approx(containing, abs=1e-6)
        assert found["velocity_in_50"] == 100 and set(level) == set(LEVELS)


def test_joints_without_2d_and_people_whom_nobody_sees_are_told_apart() -> None:
    measured, hidden = np.ones((FRAMES, 12), bool), np.zeros(FRAMES, bool)
    measured[:, -1] = False
    hidden[40:70], measured[40:70] = True, False
    found = figures(track(0.1, measured=measured, hidden=hidden))
    assert found["frames"] == FRAMES - 15 - 30
    assert found["unseen_in_90"] == 100 and found["hidden_in_90"] == 100 and found["hidden_mm"] == pytest.approx(100)
    assert found["kept_percent"] == 100
    for after in (("2",), ("1", "2"), ()):
        ids = (("1",),) * 70 + (after,) * 50
        found = figures(track(measured=measured, hidden=hidden, ids=ids))
        assert found["kept_percent"] == 0 and (found["single_person_percent"] < 100) == (len(after) != 1)


# Who is followed.


def lifted(of: Recording, camera: int) -> Lifted:
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = of.R[camera].T, -of.R[camera].T @ of.t[camera]
    return lifted_people(of.gt_world, pose)


@pytest.fixture(scope="module")
def dancer() -> Recording:
    return simulate_recording(DANCE[:90], np.random.default_rng(0), World(cameras=2, bodies="recorded", errors=False))


def test_an_exact_lifter_is_followed_exactly_in_every_scenario(dancer: Recording) -> None:
    of_cameras = {camera: lifted(dancer, camera) for camera in range(2)}
    for name, scenario in OF_CLIPS.items():
        scenes = scenario(dancer)
        assert len(scenes) == 1, name
        found = figures(follow(scenes[0], of_cameras))
        assert found["mpjpe_mm"] < 40 and found["root_percent"] < 3, name
        assert found["single_person_percent"] == 100, name
        assert (found["kept_percent"] == 100) == (name == "a second hidden"), name
    real = {name: len(scenario(recording(90))) for name, scenario in OF_RECORDINGS.items()}
    assert real == {"one camera": 3, "two cameras": 3, "a second hidden": 3}
    assert OF_RECORDINGS["a second hidden"](recording(60)) == []


def test_who_is_out_of_sight_gets_another_name_from_the_tracker(dancer: Recording) -> None:
    of_camera = lifted(dancer, 0)
    of_camera.valid[20:25] = of_camera.valid[40:65] = False
    followed = follow(Scene(dancer, (0,)), {0: of_camera})
    assert {ids for ids in followed.ids} == {("1",)}  # the estimator knows better
    assert followed.flags["coasting"].nonzero()[0].tolist() == [*range(20, 25), *range(40, 65)]
    assert not followed.frames[40:65].any() and followed.frames[15:20].all()


def test_evidence_is_of_the_floor_and_of_every_third_frame(dancer: Recording) -> None:
    (scene,) = on_floor(dancer)
    assert isinstance(scene.evidence(0, 5)[0], Floor)
    climbing = replace(dancer, gt_world=dancer.gt_world + [0, 0, 0.3], t=dancer.t - 0.3 * dancer.R[:, :, 2])
    assert on_floor(climbing) == []
    (scene,) = with_depth(dancer)
    assert scene.evidence(0, 4) == ()
    (depth,) = scene.evidence(0, 3)
    assert isinstance(depth, Depth)
    x, y = (depth.camera.project(dancer.gt_camera[0, 3, :1])[0]).astype(int)
    assert depth.image[y, x] == pytest.approx(dancer.gt_camera[0, 3, 0, 2] - 0.12, abs=0.12)
    assert np.nanmedian(depth.image[0]) > depth.image[y, x] + 0.5  # the wall


def test_two_cameras_and_depth_know_the_distance_better(dancer: Recording) -> None:
    of_cameras = {}
    for camera in range(2):
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = dancer.R[camera].T, -dancer.R[camera].T @ dancer.t[camera]
        of_cameras[camera] = lifted_people(dancer.gt_world, pose, size=1.1)
    found = {name: figures(follow(scenario(dancer)[0], of_cameras)) for name, scenario in OF_CLIPS.items()}
    for name in ("two cameras", "floor", "depth"):
        assert found[name]["root_percent"] < 0.7 * found["one camera"]["root_percent"], name


def test_capsules_hold_a_person_more_and_reach_farther_the_surer_they_are_to_be(dancer: Recording) -> None:
    followed = follow(Scene(dancer, (0,)), {0: lifted(dancer, 0)})
    assert followed.held.frame.tolist() == [0, 30, 60]
    found = figures(followed)
    share, beyond = (
        [found[name.format(100 * p)] for p in PROBABILITIES] for name in ("body_in_{:g}", "body_beyond_{:g}_m")
    )
    assert share == sorted(share) and share[0] > 90 and share[2] > 99
    assert beyond == sorted(beyond) and 0 < beyond[0] and beyond[2] < 0.5
    one, two = (followed.held, follow(Scene(dancer, (0, 1)), {c: lifted(dancer, c) for c in range(2)}).held)
    assert (two.beyond[1:] < one.beyond[1:]).all()


def test_a_person_who_is_somewhere_else_is_not_held(dancer: Recording) -> None:
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = dancer.R[0].T, -dancer.R[0].T @ dancer.t[0]
    people = Estimator().update(0.0, ["1"], lifted(dancer, 0)[:1], pose)
    away = held_bodies([(0, people)], dancer.gt_world[:1] + 30)
    assert (away.share == 0).all() and (away.beyond > 30).all()
    nobody = held_bodies([(0, Estimator().update(0.0, [], lifted(dancer, 0)[:0], pose))], dancer.gt_world)
    assert nobody.share.shape == nobody.beyond.shape == (0, len(PROBABILITIES))


# The shipped model.


def test_reports_are_the_same_for_the_same_people(lifter: Lifter) -> None:
    people = load_people(CLIPS, 25)
    assert len(people.recordings) == 2 and people.simulated and set(people.scenarios) == set(OF_CLIPS)
    people = people._replace(scenarios={name: OF_CLIPS[name] for name in ("one camera", "two cameras")})
    first, shown = evaluate_sequences(lifter, people, QUICK)
    assert first == evaluate_sequences(lifter, people, QUICK)[0]
    one, two = (first["scenarios"][name] for name in people.scenarios)
    assert set(FIGURES) <= set(one) and one["tracks"] == 2 and one["hidden_in_90"] is None
    assert 20 < two["mpjpe_mm"] < one["single_mpjpe_mm"] < 300
    assert one["jitter"] < one["single_jitter"] and one["standard_error"]["mpjpe_mm"] > 0
    assert set(one["reliability"]) == {"nominal", *LEVELS}
    assert first["settings"]["simulated"]["seeds"] == 6 and first["settings"]["profile"] == "simulated"
    assert shown.frames.any()
    json.dumps(first, allow_nan=False)


def test_nobody_to_follow_is_an_error(lifter: Lifter, tmp_path: Path) -> None:
    save_recording(recording(10), tmp_path / "short.npz")
    with pytest.raises(ValueError, match="nobody to follow: no camera sees both hips and six joints in 5 frames"):
        evaluate_sequences(lifter, load_people(tmp_path / "short.npz"), QUICK)


def test_the_capsules_of_somebody_are_drawn(lifter: Lifter, tmp_path: Path) -> None:
    draw_bodies(lifter, load_people(CLIPS, 1000), QUICK, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    held = ((pixels == (0x9D, 0xBD, 0xF7)).all(-1)).sum(0)
    one, depth, two = (part.sum() for part in np.array_split(held, 3))
    assert one > depth > two > 1000
    save_recording(recording(10), tmp_path / "walk.npz")
    with pytest.raises(ValueError, match="expected clips of simulated people"):
        draw_bodies(lifter, load_people(tmp_path / "walk.npz"), QUICK, tmp_path / "b.png")


# The command.


def run(*arguments: str) -> Any:
    options = ["--hypotheses", "2", "--steps", "1", "--device", "cpu"]
    return CliRunner().invoke(app, ["evaluate", "--dataset", "sequences", *options, *arguments])


def test_the_command_shows_and_writes_and_draws(tmp_path: Path) -> None:
    save_recording(recording(25, noise=1.0), tmp_path / "walk.npz")
    given = ["--data", str(tmp_path / "walk.npz"), "--json", str(tmp_path / "a.json")]
    result = run(*given, "--plot", str(tmp_path / "a.png"))
    assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "a.json").read_text())
    assert list(report["scenarios"]) == ["one camera", "two cameras"]  # too short for the third
    settings = report["settings"]
    assert settings["data"] == "walk.npz" and settings["checkpoint"] == "default" and settings["simulated"] is None
    for shown in ("walk: means of the tracks", "two cameras", "predicted_0.3_in_90", "wrist_speed_error"):
        assert shown in result.output, shown
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.width > 1500 and len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)) > 10


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--data", "nowhere.npz"], "no file nowhere.npz: expected an .npz of clips or a recording"),
        (["--data", "a.npz", "--data", "a.npz"], "--data: expected each file once, got a.npz, a.npz"),
        (["--data", "a.npz", "--sampler", "ddpm"], "--sampler ddpm: sequences are lifted as they are, expected ddim"),
        (["--data", "a.npz", "--keypoints", "cpn"], "--keypoints cpn: sequences are lifted as they are"),
        (["--data", "a.npz", "--leave-one-out"], "--leave-one-out: sequences are measured without"),
        (["--data", "a.npz", "--generic"], "--generic: sequences are measured without"),
        (["--data", __file__], "truncated, or not an .npz file of plain arrays"),
        (["--data", str(CLIPS), "--plot", "a.doc"], "a.doc: expected a name that ends in"),
        (["--data", str(CLIPS), "--bodies", "a.doc"], "a.doc: expected a name that ends in"),
    ],
)
def test_what_cannot_be_run_is_refused_with_the_reason(arguments: list[str], reason: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 1
    assert result.output.startswith("error: ") and reason in result.output


def test_a_recording_is_of_one_person(tmp_path: Path) -> None:
    save_recording(recording(10), tmp_path / "walk.npz")
    result = run("--data", str(tmp_path / "walk.npz"), "--every", "2")
    assert result.exit_code == 1 and "is a recording of one person, expected 1" in result.output
