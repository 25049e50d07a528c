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

"""Training pairs: from clips and from recordings, and batches that depend on the step alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from diffupose_ros.data.clips import load_clips
from diffupose_ros.data.datasets import CREDITS
from diffupose_ros.data.observations import Observations, pairs
from diffupose_ros.data.sources import MocapSource, RecordedSource, validation_pairs
from diffupose_ros.data.synthesis import CLEAN, OCCLUDED, observe
from diffupose_ros.resources import resource_path
from diffupose_ros.skeleton import MIRROR, Status, unit
from diffupose_ros.training.batches import Batches
from diffupose_ros.training.config import ModelConfig, TrainConfig

CONFIG = TrainConfig(model=ModelConfig(channels=32), batch=64)


@pytest.fixture(scope="module")
def clips() -> dict[str, np.ndarray]:
    return load_clips(resource_path("resource/clips/people.npz"))


def test_half_of_the_time_steps_are_those_that_ddim_takes(clips: dict[str, np.ndarray]) -> None:
    spread, taken = (
        Batches(MocapSource(clips), replace(CONFIG, batch=400, taken_steps=steps))[0].t.tolist() for steps in (0, 5)
    )
    used = {99, 79, 59, 39, 19}
    assert 8 < sum(t in used for t in spread) < 40 and spread[200:] == taken[200:]
    assert {*taken[:200]} == used


@pytest.fixture(scope="module")
def recording(clips: dict[str, np.ndarray]) -> Observations:
    return observe(clips["5_walk"][::10], np.random.default_rng(0), OCCLUDED)


def mirrored(seen: Observations) -> Observations:
    aside = np.array((-1.0, 1, 1))
    return Observations(
        seen.rays[:, MIRROR] * aside,
        seen.image[:, MIRROR] * aside[:2],
        seen.deviations[:, MIRROR],
        seen.status[:, MIRROR],
        seen.joints[:, MIRROR] * aside,
        seen.activity,
    )


@pytest.mark.parametrize("variant", ["robust", "paper"])
def test_batches_of_clips_are_full_and_mixed(clips, variant) -> None:
    source, rng = MocapSource(clips, variant=variant), np.random.default_rng(0)
    first, second = source.draw(rng, 64), source.draw(rng, 64)
    channels = 5 if variant == "robust" else 2
    assert first.features.shape == (64, 17, channels) and first.poses.shape == (64, 17, 3)
    assert not np.allclose(first.poses, second.poses)
    if variant == "robust":
        derived = first.features[:, :, 3].any(1)  # people of layouts with derived joints are not all at one end
        assert 0 < derived[:32].mean() < 1 and 0 < derived[32:].mean() < 1
    assert source.credit == CREDITS["cmu"] and source.description == f"{len(clips)} clips, {source.size} frames"


def test_some_people_of_clips_are_in_postures_that_motion_capture_lacks(clips: dict[str, np.ndarray]) -> None:
    def knee(poses: np.ndarray, hip: int) -> np.ndarray:
        thigh, shank = unit(poses[:, hip + 1] - poses[:, hip]), unit(poses[:, hip + 2] - poses[:, hip + 1])
        return (thigh * shank).sum(-1)

    everybody = np.concatenate(list(clips.values())).astype(float)
    upright = everybody[np.minimum(knee(everybody, 1), knee(everybody, 4)).argmax()]
    poses = MocapSource({"standing": upright[None]}, CLEAN).draw(np.random.default_rng(0), 600).poses
    bent = knee(poses, 1) < 0.5
    assert 0.02 < bent.mean() < 0.12  # lying and carrying people's legs are straight


@pytest.mark.parametrize("variant", ["robust", "paper"])
def test_recordings_are_drawn_as_they_are_or_as_their_mirror_image_would_be(recording, variant) -> None:
    source = RecordedSource(recording, "a walk", "credit", variant)
    straight, mirror = pairs(recording, variant), pairs(mirrored(recording), variant)
    known = np.concatenate([np.concatenate((p.features, p.poses), -1) for p in (straight, mirror)])
    drawn = source.draw(np.random.default_rng(0), 200)
    rows = np.concatenate((drawn.features, drawn.poses), -1)
    distance = np.abs(rows[:, None] - known[None]).max((2, 3))
    assert distance.min(1).max() < 1e-4
    of_mirror = distance.argmin(1) >= len(straight.poses)
    assert 70 < of_mirror.sum() < 130
    assert source.size == 2 * len(straight.poses) == len(known)
    again = source.draw(np.random.default_rng(0), 200)  # the recording itself is as it was
    np.testing.assert_array_equal(again.features, drawn.features)


def test_a_recording_of_nobody_is_refused(recording) -> None:
    unseen = replace(recording, status=np.full_like(recording.status, Status.MISSING))
    with pytest.raises(ValueError, match="a walk: no person in it has enough 2D joints"):
        RecordedSource(unseen, "a walk", "credit", "robust")


def test_validation_pairs_are_always_the_same_and_those_that_a_network_is_for(clips) -> None:
    first, second = (validation_pairs(clips, every=50) for _ in range(2))
    np.testing.assert_array_equal(first.features, second.features)
    assert (first.features[..., 2] < 1).mean() > 0.9  # a detector's
    assert (validation_pairs(clips, 50, "paper").features[..., :2] != 0).all()  # nothing is missing


def test_a_batch_depends_on_seed_process_and_step_alone(clips) -> None:
    source = MocapSource(clips)
    in_order = Batches(source, CONFIG)
    batches = [in_order[step] for step in range(3)]
    for ours, again in zip(Batches(source, CONFIG)[2], batches[2], strict=True):
        assert torch.equal(ours, again)
    others = (batches[1], Batches(source, replace(CONFIG, seed=1))[2], Batches(source, CONFIG, rank=1)[2])
    assert all(not torch.equal(other.noise, batches[2].noise) for other in others)
    assert all(not torch.equal(other.poses, batches[2].poses) for other in others)


def test_a_batch_is_divided_among_the_processes_and_leaves_out_the_neck_where_asked(clips) -> None:
    config = replace(CONFIG, model=ModelConfig(channels=32, joints=16))
    batch = Batches(MocapSource(clips), config, rank=1, world=4)[0]
    shapes = [tuple(part.shape) for part in batch]
    assert shapes == [(16, 16, 5), (16, 16, 3), (16,), (16, 16, 3)]
    assert 0 <= batch.t.min() and batch.t.max() < 100
    for world in (3, 64):
        with pytest.raises(ValueError, match=rf"multiple of the {world} processes, 2 or more each, got 64"):
            Batches(MocapSource(clips), CONFIG, world=world)
