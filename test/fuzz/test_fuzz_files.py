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

"""Whatever is in a file: what it says, or an error that is documented, on one line."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.camera_file import CAMCHAIN, ECHOED, WRITTEN
from support.fuzz import JSON, NUMBERS, clear, damaged, fuzzed, rewritten
from support.movies import numbered_video
from support.pose_networks import MISSING, dots_network
from support.recordings import recording_arrays

from diffupose_ros.camera_files import read_camera_file
from diffupose_ros.data.clips import load_clips
from diffupose_ros.data.recordings import load_recording
from diffupose_ros.detection.movie_files import read_movie
from diffupose_ros.detection.photographs import read_photograph
from diffupose_ros.lifting.checkpoint import CALIBRATED, Checkpoint, DiffusionConfig, load_checkpoint, save_checkpoint
from diffupose_ros.lifting.networks.denoiser import Denoiser, DenoiserConfig
from diffupose_ros.profiles import load_profile
from diffupose_ros.resources import resource_path

OPENCV = """%YAML:1.0
---
image_width: 640
image_height: 480
camera_matrix: !!opencv-matrix
   rows: 3
   cols: 3
   dt: d
   data: [ 500., 0., 320., 0., 500., 240., 0., 0., 1. ]
distortion_coefficients: !!opencv-matrix
   rows: 1
   cols: 5
   dt: d
   data: [ 0.1, 0., 0., 0., 0. ]
"""
PROFILE = json.loads(resource_path("resource/profiles/hrnet.json").read_text())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@fuzzed()
@given(
    text=st.sampled_from([WRITTEN, ECHOED, CAMCHAIN, OPENCV]).flatmap(rewritten) | JSON.map(json.dumps),
    choice=st.sampled_from(["", "#cam0", "#cam1", "#x"]),
)
def test_cameras(folder: Path, text: str, choice: str) -> None:
    path = written(folder / "camera.yaml", text.encode(errors="surrogatepass"))
    with clear(ValueError):
        found = read_camera_file(f"{path}{choice}")
        for array in (found.camera.K, found.camera.D, found.projection, found.rectification):
            assert np.isfinite(array).all()
        assert min(found.camera.width, found.camera.height) > 0


@st.composite
def changed(draw: st.DrawFn, content: dict[str, Any]) -> dict[str, Any]:
    """Draw an object of JSON with values replaced, at any depth, or left out."""
    content = dict(content)
    for _ in range(draw(st.integers(0, 3))):
        key = draw(st.sampled_from(sorted(content) or ["x"]))
        kind = draw(st.sampled_from(["value", "inside", "leave out", "add"]))
        value = content.get(key)
        if kind == "inside" and isinstance(value, dict) and value:
            content[key] = draw(changed(value))
        elif kind == "inside" and isinstance(value, list) and value:
            content[key] = [*value]
            content[key][draw(st.integers(0, len(value) - 1))] = draw(JSON | NUMBERS | st.integers())
        elif kind == "leave out":
            content.pop(key, None)
        elif kind == "add":
            content[draw(st.text(max_size=5))] = draw(JSON)
        else:
            content[key] = draw(JSON | NUMBERS | st.integers(-3, 10**6))
    return content


@fuzzed()
@given(text=changed(PROFILE).map(json.dumps) | JSON.map(json.dumps) | rewritten(json.dumps(PROFILE)))
def test_profiles(folder: Path, text: str) -> None:
    path = written(folder / "profile.json", text.encode(errors="surrogatepass"))
    with clear(ValueError):
        profile = load_profile(path)
        assert (profile.deviation(np.linspace(0.1, 1, 17)[None], ["nose"] * 17) > 0).all()


def small_checkpoint(path: Path) -> Checkpoint:
    """Write a checkpoint of a network of few channels."""
    config = DenoiserConfig.paper(32)
    torch.manual_seed(0)
    checkpoint = Checkpoint(config, DiffusionConfig.paper(), Denoiser(config).state_dict())
    save_checkpoint(checkpoint, path)
    return checkpoint


def build(path: Path) -> None:
    checkpoint = load_checkpoint(path)
    checkpoint.build()
    checkpoint.build_proposal()
    assert all(np.isfinite(getattr(checkpoint.calibration, name)).all() for name in CALIBRATED)


@pytest.fixture(scope="module")
def safetensors(folder: Path) -> bytes:
    small_checkpoint(folder / "whole.safetensors")
    return (folder / "whole.safetensors").read_bytes()


@fuzzed(0.5)
@given(data=st.data())
def test_weights(folder: Path, safetensors: bytes, data: st.DataObject) -> None:
    header = 8 + struct.unpack("<Q", safetensors[:8])[0]
    kind = data.draw(st.sampled_from(["bytes", "header", "metadata"]))
    if kind == "bytes":
        content = data.draw(damaged(safetensors))
    elif kind == "header":
        content = data.draw(damaged(safetensors[:header])) + safetensors[header:]
    else:
        entries = json.loads(safetensors[8:header])
        meta = json.loads(entries["__metadata__"]["diffupose"])
        entries["__metadata__"]["diffupose"] = json.dumps(data.draw(changed(meta)))
        head = json.dumps(entries).encode()
        content = struct.pack("<Q", len(head)) + head + safetensors[header:]
    with clear(ValueError):
        build(written(folder / "damaged.safetensors", content))


@pytest.fixture(scope="module")
def pickled() -> bytes:
    config, buffer = DenoiserConfig.paper(32), io.BytesIO()
    torch.save({"model": Denoiser(config).state_dict(), "step": 3}, buffer)
    return buffer.getvalue()


@fuzzed(0.5)
@given(data=st.data())
def test_pickled_weights(folder: Path, pickled: bytes, data: st.DataObject) -> None:
    with clear(ValueError):
        build(written(folder / "damaged.pt", data.draw(damaged(pickled) | st.binary(max_size=64))))


ARRAYS = st.sampled_from(
    [np.zeros((2, 17, 3), np.int16), np.zeros((0, 17, 3), np.int16), np.zeros((2, 17, 3)), np.zeros(3), np.array("x"),
     np.array(3.0), np.array(np.nan), np.full((2, 17, 3), np.inf), np.array(["a", "b"]), np.array(b"x")]
)  # fmt: skip


def npz(arrays: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


CLIPS = npz({"walk": np.arange(102, dtype=np.int16).reshape(2, 17, 3), "sit": np.ones((1, 17, 3), np.int16)})


@fuzzed()
@given(content=damaged(CLIPS) | st.dictionaries(st.sampled_from(["a", "b/c", "é"]), ARRAYS, max_size=2).map(npz))
def test_clips(folder: Path, content: bytes) -> None:
    with clear(ValueError):
        for clip in load_clips(written(folder / "clips.npz", content)).values():
            assert clip.shape[1:] == (17, 3) and np.isfinite(clip).all()


RECORDING = recording_arrays(frames=3)


@st.composite
def recordings(draw: st.DrawFn) -> bytes:
    """Draw the file of a recording with arrays replaced, or with numbers of them."""
    arrays = dict(RECORDING)
    for name in draw(st.lists(st.sampled_from(sorted(arrays)), max_size=3)):
        if draw(st.booleans()):
            arrays[name] = draw(ARRAYS)
        elif np.size(arrays[name]) and np.asarray(arrays[name]).dtype.kind in "fi":
            array = np.array(arrays[name], np.float64)
            array.flat[draw(st.integers(0, array.size - 1))] = draw(NUMBERS)
            arrays[name] = array
    return npz(arrays)


@pytest.mark.filterwarnings("ignore")
@fuzzed()
@given(content=recordings() | damaged(npz(RECORDING)))
def test_recordings(folder: Path, content: bytes) -> None:
    with clear(ValueError):
        recording = load_recording(written(folder / "recording.npz", content))
        assert recording.rate > 0 and all(recording.camera(c).width > 0 for c in range(recording.cameras))


@pytest.fixture(scope="module")
def movie(folder: Path) -> bytes:
    return numbered_video(folder / "whole.mp4", "mp4v", 3).read_bytes()


@fuzzed()
@given(data=st.data())
def test_movies(folder: Path, movie: bytes, data: st.DataObject) -> None:
    at = movie.index(b"moov") - 4
    content = data.draw(damaged(movie[:64])) + movie[64:at] + data.draw(damaged(movie[at:]))
    with clear():
        found = read_movie(written(folder / "damaged.mp4", content))
        assert found is None or np.isfinite(found.duration)


def photograph() -> bytes:
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8769).update({0x920A: 4.2, 0xA405: 28, 0xA002: 32, 0xA003: 24})
    buffer = io.BytesIO()
    Image.fromarray(np.full((24, 32, 3), 99, np.uint8)).save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


PHOTOGRAPH = photograph()


@fuzzed()
@given(content=damaged(PHOTOGRAPH) | st.tuples(damaged(PHOTOGRAPH[:300]), st.just(PHOTOGRAPH[300:])).map(b"".join))
def test_photographs(folder: Path, content: bytes) -> None:
    with clear(ValueError):
        found = read_photograph(written(folder / "damaged.jpg", content))
        assert found.image.ndim == 3 and (found.focal is None or 0 < found.focal < np.inf)


@pytest.mark.skipif(bool(MISSING), reason=MISSING)
@fuzzed(0.3)
@given(data=st.data())
def test_onnx(folder: Path, data: st.DataObject) -> None:
    from diffupose_ros.detection.onnx import load_onnx

    whole = dots_network("heatmaps", 17, 1, (32, 32))
    with clear(ValueError):
        detector = load_onnx(written(folder / "damaged.onnx", data.draw(damaged(whole))), "cpu")
        found = detector.detect(np.zeros((64, 64, 3), np.uint8), np.array([[5.0, 5, 40, 50]]))
        assert found.keypoints.shape == (1, 17, 2)


@pytest.fixture(scope="module")
def bags(folder: Path) -> dict[str, bytes]:
    pytest.importorskip("rosbags")
    from diffupose_ros.msg import Keypoint2D, Skeleton2D, Skeleton2DArray
    from rclpy.serialization import serialize_message
    from std_msgs.msg import Header

    from diffupose_ros.bags import BagRecorder
    from diffupose_ros.camera import Camera
    from diffupose_ros.nodes.common.conversions import camera_to_info

    info = camera_to_info(Camera.from_fov(1.0, 640, 480), Header(frame_id="camera"))
    person = Skeleton2D(id="a", layout="coco17", keypoints=[Keypoint2D(x=5.0 * i, y=9.0) for i in range(17)])
    message = Skeleton2DArray(header=Header(frame_id="camera"), skeletons=[person])
    found = {}
    for storage, ending in (("mcap", ".mcap"), ("sqlite3", ".db3")):
        with BagRecorder(folder / storage, storage) as recorder:  # type: ignore[arg-type]
            recorder.write("/camera_info", "sensor_msgs/msg/CameraInfo", bytes(serialize_message(info)), 1)
            for moment in range(3):
                data = bytes(serialize_message(message))
                recorder.write("/skeletons_2d", "diffupose_ros/msg/Skeleton2DArray", data, moment)
        found[ending] = next((folder / storage).glob(f"*{ending}")).read_bytes()
    return found


@fuzzed(0.3)
@given(data=st.data(), ending=st.sampled_from([".mcap", ".db3"]))
def test_bags(folder: Path, bags: dict[str, bytes], data: st.DataObject, ending: str) -> None:
    from diffupose_ros.offline.bag_input import open_bag

    with clear(ValueError, FileNotFoundError):
        path = written(folder / f"damaged{ending}", data.draw(damaged(bags[ending])))
        with open_bag(path, False) as seen:
            for each in seen:
                assert each.view.camera is not None or each.view.problem


def test_pictures_of_the_tests_are_whole(folder: Path) -> None:
    image = cv2.imdecode(np.frombuffer(PHOTOGRAPH, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
