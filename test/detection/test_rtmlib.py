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

"""rtmlib itself, with small networks of its networks' inputs and outputs, from files and from a local server."""

import functools
import importlib.util
import io
import threading
import zipfile
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest
from support.pose_networks import MISSING, brightness_network, dots_network

from diffupose_ros.detection.people import PersonFinder
from diffupose_ros.detection.pipeline import load_pipeline
from diffupose_ros.detection.rtmlib import load_rtmlib
from diffupose_ros.detection.weights import MIRROR

HERE = importlib.util.find_spec("rtmlib") is not None
installed = pytest.mark.skipif(
    not HERE or bool(MISSING), reason=MISSING or "rtmlib is not installed: pip install '.[rtmlib]'"
)
BODY = np.stack([np.linspace(-30, 30, 17), np.linspace(-70, 70, 17), np.full(17, 0.8)], -1)
SIDE = 416  # of rtmlib's lightweight people detector
IMAGE = np.zeros((832, 832, 3), np.uint8)  # twice that
cv2.circle(IMAGE, (300, 300), 12, (0, 0, 255), -1)
cv2.circle(IMAGE, (280, 420), 12, (255, 0, 0), -1)
DARK = np.zeros_like(IMAGE)


def people_file() -> bytes:
    """Like YOLOX's exports with suppression: one sure person and one who is not."""
    boxes = np.array([[[100, 100, 200, 300, 0.9], [220, 100, 300, 300, 0.2]]])
    return brightness_network((SIDE, SIDE), [boxes, np.zeros((1, 2))], [slice(4, 5), None])


def rtmo_file(people: int = 2) -> bytes:
    boxes = np.array([[[100, 100, 200, 300, 0.8], [300, 100, 400, 300, 0.9]]])[:, :people]
    joints = np.stack([BODY + (150, 200, 0), BODY + (350, 200, 0)])[None, :people]
    return brightness_network((640, 640), [boxes, joints], [slice(4, 5), None])


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("TORCH_HOME", raising=False)
    monkeypatch.delenv(MIRROR, raising=False)
    (tmp_path / "people.onnx").write_bytes(people_file())
    (tmp_path / "rtmdet.onnx").write_bytes(people_file())
    (tmp_path / "pose.onnx").write_bytes(dots_network("simcc", 17, "people", (256, 192)))
    (tmp_path / "rtmo.onnx").write_bytes(rtmo_file())
    return tmp_path


@pytest.fixture
def server(files: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadingHTTPServer]:
    """What rtmlib's networks' publisher has, by its names."""
    import rtmlib

    (files / "served").mkdir()
    mode, one_stage = rtmlib.Body.MODE["lightweight"], rtmlib.Body.RTMO_MODE["balanced"]
    for address, name in ((mode["det"], "people"), (mode["pose"], "pose"), (one_stage["pose"], "rtmo")):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.write(files / f"{name}.onnx", "20230831/model/end2end.onnx")
        (files / "served" / urlsplit(address).path.rpartition("/")[2]).write_bytes(packed.getvalue())
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(files / "served"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv(MIRROR, f"http://127.0.0.1:{server.server_port}")
        yield server
        server.shutdown()
        thread.join()


@installed
def test_networks_by_name_are_fetched_once(
    server: ThreadingHTTPServer, files: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    detector = load_rtmlib("lightweight", "cpu")
    said = capfd.readouterr()
    assert said.out == "" and said.err.count("Downloading") == 2 and "100%" in said.err
    assert len(list((files / "cache" / "rtmlib").rglob("*.onnx"))) == 2
    monkeypatch.delenv(MIRROR)  # what is here is not asked for again
    for same in (detector, load_rtmlib("lightweight", "cpu")):
        np.testing.assert_allclose(same.find(IMAGE), [[200, 200, 200, 400]], atol=1e-3)


@installed
@pytest.mark.parametrize("people", ["people", "rtmdet"])
def test_rtmpose_in_boxes_of_a_people_detector(files: Path, people: str) -> None:
    detector = load_rtmlib(f"{files / people}.onnx,{files / 'pose.onnx'}", "cpu")
    assert isinstance(detector, PersonFinder)
    boxes = detector.find(IMAGE)
    np.testing.assert_allclose(boxes, [[200, 200, 200, 400]], atol=1e-3)
    found = detector.detect(IMAGE, [boxes[0], [250, 250, 100, 300]])
    assert (found.layout, found.profile, found.keypoints.shape) == ("coco17", "rtmpose", (2, 17, 2))
    np.testing.assert_allclose(found.keypoints[:, 0], [[300, 300]] * 2, atol=13)
    np.testing.assert_allclose(found.keypoints[:, 16], [[280, 420]] * 2, atol=13)
    assert (found.scores[:, 0] > 0.3).all() and (found.scores <= 1).all()
    assert detector.find(DARK).shape == (0, 4)
    assert detector.detect(IMAGE, []).keypoints.shape == (0, 17, 2)


@installed
def test_rtmo_sees_everybody_at_once(server: ThreadingHTTPServer, files: Path) -> None:
    image = IMAGE[:640, :640].copy()
    for weights in ("rtmo", str(files / "rtmo.onnx")):
        pipe = load_pipeline("rtmlib", weights, "cpu")
        assert pipe.finder is pipe.detector
        seen = pipe.process(image, 0.0)
        assert set(seen.ids) == {"p1", "p2"} and seen.detections.profile == "yolo-pose"
        middles = seen.detections.keypoints[:, 8]
        np.testing.assert_allclose(middles[middles[:, 0].argsort()], [[150, 200], [350, 200]], atol=1e-3)
        assert pipe.process(DARK, 0.1).ids == ()
    (files / "rtmo.onnx").write_bytes(rtmo_file(0))  # without a candidate
    assert load_rtmlib(str(files / "rtmo.onnx"), "cpu").find(image).shape == (0, 4)


@installed
def test_what_cannot_be_fetched_is_said(
    server: ThreadingHTTPServer, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConnectionError, match=rf"yolox_m_.*cannot be fetched.*404.*https://.*{files}.*{MIRROR}"):
        load_rtmlib("balanced", "cpu")
    monkeypatch.setenv(MIRROR, str(files / "nowhere"))
    with pytest.raises(ConnectionError, match=r"rtmo-s_.*cannot be fetched.*By hand"):
        load_rtmlib("rtmo-lightweight", "cpu")
    for file in (files / "served").iterdir():
        file.write_bytes(b"<html>log in</html>")
    monkeypatch.setenv(MIRROR, str(files / "served"))
    with pytest.raises(ValueError, match=r"rtmo-m_.*zip: .*not a zip file; delete it.*By hand"):
        load_rtmlib("rtmo", "cpu")


@installed
def test_other_files_are_refused(files: Path) -> None:
    people, pose, rtmo = (str(files / f"{name}.onnx") for name in ("people", "pose", "rtmo"))
    for wrong, expected in (
        (pose, r"pose.onnx: expected RTMO's boxes \(1, N, 5\).*got \(1, 17, 384\)"),
        (f"{people},{rtmo}", r"rtmo.onnx: expected RTMPose's vectors \(1, 17, 1280\)"),
        (f"{pose},{pose}", r"pose.onnx: expected people's boxes"),
    ):
        with pytest.raises(ValueError, match=expected):
            load_rtmlib(wrong, "cpu")
    for wrong in ("rtmo-huge", "heavy", f"{people},{pose},{rtmo}", f"{people},"):
        with pytest.raises(
            FileNotFoundError, match=r"expected one of balanced, lightweight, performance, rtmo, .*RTMPOSE"
        ):
            load_rtmlib(wrong, "cpu")
    (files / "rtmo.onnx").write_bytes(b"no network")
    with pytest.raises(ValueError, match=r"rtmo.onnx: not an ONNX network"):
        load_rtmlib(rtmo, "cpu")
    with pytest.raises(ValueError, match="device 'tpu' of the detector rtmlib: expected auto, cpu or cuda"):
        load_rtmlib(rtmo, "tpu")
