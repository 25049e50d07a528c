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

"""The pictures of the demo, from a small made-up recording."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diffupose_ros.camera import Camera
from diffupose_ros.data.detectors import SimulatedDetector
from diffupose_ros.data.scenes import Scene
from diffupose_ros.demo.arrays import Detection, Estimate, Person
from diffupose_ros.demo.pictures import animation, choose_clip, choose_moments, contact_sheet, hidden_limbs
from diffupose_ros.demo.recording import Frame, Recording
from diffupose_ros.drawing import view
from diffupose_ros.drawing.style import UNSEEN, bones_2d, person_colours
from diffupose_ros.resources import resource_path
from diffupose_ros.skeleton import LAYOUTS

LEFT_WRIST = 13


def frame(scene: Scene, index: int, hidden: bool) -> Frame:
    """Two people at 10 Hz; the left wrist of the first may be hidden."""
    poses = scene.poses(3 * index)
    pixels, scores = SimulatedDetector("coco17", noise=0, occlusion=0).observe(poses, scene.camera, index / 10)
    velocity = (scene.poses(3 * index + 1) - poses) * scene.RATE
    status = np.zeros((2, 17), np.int8)
    covariance = np.tile(np.eye(3) * 0.04**2, (2, 17, 1, 1))
    if hidden:
        status[0, LEFT_WRIST] = 2
        covariance[0, LEFT_WRIST] *= 16
        wrist = LAYOUTS["coco17"].index("left_wrist")
        pixels[0, wrist], scores[0, wrist] = np.nan, 0
    ids = ("ann", "bob")
    return Frame(
        index * 100_000_000,
        {i: Detection("coco17", pixels[n], scores[n]) for n, i in enumerate(ids)},
        {i: Estimate(poses[n] + 0.02, covariance[n], status[n], np.eye(3) * 0.01) for n, i in enumerate(ids)},
        {i: poses[n] for n, i in enumerate(ids)},
        {i: Person(poses[n] + 0.01, covariance[n], velocity[n], i == "bob") for n, i in enumerate(ids)},
        {i: poses[n] + 0.5 * velocity[n] for n, i in enumerate(ids)},
    )


@pytest.fixture(scope="module")
def recording() -> Recording:
    scene = Scene(resource_path("resource/clips/people.npz"), 2)
    frames = [frame(scene, i, hidden=23 <= i < 27) for i in range(40)]
    return Recording(frames, scene.camera, 1280, 720)


def test_contact_sheet(recording: Recording, tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    contact_sheet(recording, tmp_path / "sheet.png", progress=lambda done, total: steps.append((done, total)))
    assert steps == [(i, 4) for i in (1, 2, 3, 4)]
    picture = Image.open(tmp_path / "sheet.png").convert("RGB")
    assert picture.width == 1800 and picture.height > 1000
    colours = {colour for _, colour in picture.getcolors(1 << 24) or []}
    for wanted in (*person_colours(["ann", "bob"]).values(), UNSEEN):
        assert tuple(bytes.fromhex(wanted[1:])) in colours


def test_animation(recording: Recording, tmp_path: Path) -> None:
    animation(recording, tmp_path / "demo.gif", count=12)
    picture = Image.open(tmp_path / "demo.gif")
    assert picture.n_frames == 12 and picture.info["duration"] == 110 and picture.info["loop"] == 0
    assert picture.size == (1000, 630) and (tmp_path / "demo.gif").stat().st_size < 1_200_000
    pages = []
    for index in (0, 11):
        picture.seek(index)
        pages.append(np.asarray(picture.convert("RGB"), int))
    assert len(np.unique(pages[0].reshape(-1, 3), axis=0)) > 30
    assert (np.abs(pages[0] - pages[1]).sum(-1) > 60).mean() > 0.005  # they move


def test_strange_recordings_are_drawn_too(recording: Recording, tmp_path: Path) -> None:
    """No camera, no truth, no 2D, one moment, somebody without a pose, an unknown layout, a stranger over time."""
    first = recording.frames[0]
    ann, bob = first.estimates["ann"], first.estimates["bob"]
    nowhere = Estimate(bob.mean * np.nan, bob.covariance * np.nan, bob.status, bob.root_covariance * np.nan)
    strange = Detection("tentacles", np.zeros((8, 2)), np.ones(8))
    stranger = {"eve": first.people["ann"]}
    odd = Recording([Frame(5, {"zed": strange}, {"ann": ann, "bob": nowhere}, {}, stranger)], None, 0, 0)
    contact_sheet(odd, tmp_path / "sheet.png")
    animation(odd, tmp_path / "demo.gif")
    assert Image.open(tmp_path / "demo.gif").n_frames == 1


def test_nothing_to_draw(tmp_path: Path) -> None:
    empty = Recording([Frame(0, {}, {}, {})], None, 0, 0)
    for draw in (contact_sheet, animation):
        with pytest.raises(ValueError, match="nothing to draw"):
            draw(empty, tmp_path / "picture")


def test_moments_are_spread_and_show_a_hidden_wrist(recording: Recording) -> None:
    moments = choose_moments(recording.frames)
    assert len(moments) == 4 and all(b.stamp - a.stamp >= 500_000_000 for a, b in pairwise(moments))
    assert [limb for moment in moments for limb in hidden_limbs(moment)] == ["left wrist of ann"]


def test_the_clip_is_in_real_time_and_shows_both_states(recording: Recording) -> None:
    clip = choose_clip(recording.frames, 10)
    assert clip[-1].stamp - clip[0].stamp == pytest.approx(9 * 110e6, abs=110e6)
    assert {bool(hidden_limbs(f)) for f in clip} == {True, False}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_has_arms_and_legs_in_2d(layout: str) -> None:
    names = LAYOUTS[layout]
    drawn = {(names[a], names[b]) for a, b in bones_2d(layout)}
    assert drawn >= {
        (f"{s}_{a}", f"{s}_{b}") for s in ("left", "right") for a, b in (("hip", "knee"), ("elbow", "wrist"))
    }


def test_views() -> None:
    """Straight ahead and one up: optical frame, scene frame, picture."""
    assert view.to_scene((1, -2, 3)).tolist() == [1, 3, 2]
    np.testing.assert_allclose(view.oblique(0, 0) @ (1, 3, 2), (1, 2), atol=1e-12)
    np.testing.assert_allclose(view.oblique(0, np.pi / 2) @ (1, 3, 2), (1, 3), atol=1e-12)
    np.testing.assert_allclose(view.FROM_ABOVE @ (1, 3, 2), (3, -1))  # forward, left
    rows = view.oblique(0.4, 0.3)
    np.testing.assert_allclose(rows @ rows.T, np.eye(2), atol=1e-12)


def test_outlines_bound_the_ellipsoid() -> None:
    rng = np.random.default_rng(0)
    root = rng.normal(size=(3, 3))
    direction = rng.normal(size=(50_000, 3))
    surface = view.RADIUS_90 * (direction / np.linalg.norm(direction, axis=1, keepdims=True)) @ root.T
    projection = view.oblique(0.4, 0.3)
    outline = view.outlines(np.zeros((1, 3)), (root @ root.T)[None], projection)[0]
    for angle in np.linspace(0, np.pi, 7):
        towards = np.array([np.cos(angle), np.sin(angle)])
        assert (outline @ towards).max() == pytest.approx((surface @ projection.T @ towards).max(), rel=0.02)
    assert view.rings(np.zeros((1, 3)), np.eye(3)[None], projection).shape == (3, 33, 2)


def test_camera_of_the_recording_is_optional() -> None:
    assert Recording([], Camera.from_fov(1.0, 640, 480), 640, 480).people() == []
