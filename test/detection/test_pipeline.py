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

"""From images to people with ids: which boxes the detector is given, and that bad images do no harm."""

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest

from diffupose_ros.detection import pipeline
from diffupose_ros.detection.boxes import clipped
from diffupose_ros.detection.detector import Detections
from diffupose_ros.detection.people import WholeImage
from diffupose_ros.detection.pipeline import Pipeline, load_pipeline
from diffupose_ros.detection.tracking import Tracker
from diffupose_ros.detection.weights import public_weights

SIZE = (480, 640)


class BlobDetector:
    """Sees the largest bright blob in each box: its 17 joints are on an ellipse in the blob's bounding box."""

    layout = "coco17"

    def __init__(self) -> None:
        self.boxes: list[np.ndarray] = []  # of every call

    def detect(self, image: np.ndarray, boxes: np.ndarray) -> Detections:
        self.boxes.append(np.array(boxes))
        if image[0, 0, 2] == 13:
            raise RuntimeError("the detector stumbled")
        turn = np.linspace(0, 2 * np.pi, 17, endpoint=False)
        shape = np.stack([np.cos(turn), np.sin(turn)], -1) / 2 + 0.5
        keypoints, scores = np.zeros((len(boxes), 17, 2)), np.zeros((len(boxes), 17))
        for row, box in enumerate(clipped(np.asarray(boxes), image.shape[1], image.shape[0]).astype(int)):
            x, y, w, h = box
            _, _, stats, _ = cv2.connectedComponentsWithStats(image[y : y + h, x : x + w, 1])
            if len(stats) > 1:
                blob = stats[1:][stats[1:, 4].argmax()]
                keypoints[row] = (x + blob[0], y + blob[1]) + shape * blob[2:4]
                scores[row] = 0.9
        return Detections(keypoints, scores, self.layout)


class BlobFinder:
    """Finds every bright blob."""

    def __init__(self) -> None:
        self.calls = 0

    def find(self, image: np.ndarray) -> np.ndarray:
        self.calls += 1
        _, _, stats, _ = cv2.connectedComponentsWithStats(np.ascontiguousarray(image[..., 1]))
        return stats[1:, :4].astype(np.float64)


def frame(*lefts: float, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Black, with one blob of 60 x 180 px for each left edge."""
    image = np.zeros((*size, 3), np.uint8)
    for left in lefts:
        cv2.rectangle(image, (round(left), 150), (round(left) + 59, 329), (255, 255, 255), -1)
    return image


def blobs(find_every: float = 1.0, max_people: int = 10) -> tuple[Pipeline, BlobDetector, BlobFinder]:
    detector, finder = BlobDetector(), BlobFinder()
    return Pipeline(detector, finder, Tracker(), find_every, max_people), detector, finder


def test_the_finder_is_asked_at_first_and_then_now_and_again() -> None:
    pipe, detector, finder = blobs(find_every=1.0)
    for step in range(25):
        people = pipe.process(frame(100 + 4 * step), step / 10)
        assert people.ids == ("p1",)
        assert people.detections.keypoints[0, :, 0].min() == pytest.approx(100 + 4 * step, abs=2)
        assert people.boxes[0, 0] < 100 + 4 * step < people.boxes[0, 0] + people.boxes[0, 2]
    assert finder.calls == 3  # at 0, 1 and 2 s
    assert all(len(boxes) == 1 for boxes in detector.boxes)  # found boxes of tracked people are no second boxes


def test_somebody_who_comes_in_is_found() -> None:
    pipe, _, _ = blobs(find_every=1.0)
    assert pipe.process(frame(100), 0.0).ids == ("p1",)
    assert pipe.process(frame(100, 400), 0.5).ids == ("p1",)
    assert set(pipe.process(frame(100, 400), 1.0).ids) == {"p1", "p2"}
    assert set(pipe.process(frame(100, 400), 1.1).ids) == {"p1", "p2"}


def test_boxes_from_outside_win() -> None:
    pipe, detector, finder = blobs()
    assert pipe.process(frame(100, 400), 0.0, [[390, 140, 80, 200]]).ids == ("p1",)
    np.testing.assert_array_equal(detector.boxes[0], [[390, 140, 80, 200]])
    assert pipe.process(frame(100, 400), 0.1, np.zeros((0, 4))).ids == ()
    assert len(detector.boxes[1]) == 0
    assert finder.calls == 0
    assert set(pipe.process(frame(100, 400), 0.2).ids) == {"p1", "p2"}  # and the one seen before is still known


def test_boxes_out_of_the_image_and_too_many_are_left_out() -> None:
    pipe, detector, _ = blobs(max_people=2)
    outside = [[-100, 0, 100, 50], [640, 0, 9, 9], [0, 480, 9, 9]]
    assert pipe.process(frame(100), 0.0, [*outside, [90, 140, 80, 200], [0, 0, 5, 5], [10, 0, 5, 5]]).ids == ("p1",)
    np.testing.assert_array_equal(detector.boxes[0], [[90, 140, 80, 200], [0, 0, 5, 5]])


def test_a_person_in_the_whole_image_is_one_person() -> None:
    pipe = Pipeline(BlobDetector(), WholeImage(), Tracker(), find_every=0.0)
    for step in range(10):
        assert pipe.process(frame(100 + 5 * step), step / 10).ids == ("p1",)


def test_a_minute_of_black_frames_and_then_somebody() -> None:
    pipe, _, finder = blobs()
    assert pipe.process(frame(100), 0.0).ids == ("p1",)
    for second in range(1, 60):
        people = pipe.process(frame(), float(second))
        assert (people.ids, people.boxes.shape, people.detections.keypoints.shape) == ((), (0, 4), (0, 17, 2))
    assert finder.calls == 60  # nobody in sight: asked for each image
    assert pipe.process(frame(100), 60.0).ids == ("p2",)


def test_a_detector_that_fails_on_one_image_does_no_harm_to_the_next() -> None:
    pipe, _, _ = blobs()
    assert pipe.process(frame(100), 0.0).ids == ("p1",)
    bad = frame(105)
    bad[0, 0, 2] = 13
    with pytest.raises(RuntimeError, match="stumbled"):
        pipe.process(bad, 0.1)
    assert pipe.process(frame(110), 0.2).ids == ("p1",)


def test_images_of_another_size_and_large_ones() -> None:
    pipe, _, _ = blobs()
    assert pipe.process(frame(100), 0.0).ids == ("p1",)
    assert pipe.process(frame(100, size=(3648, 5472)), 0.1).ids == ("p1",)
    assert pipe.process(frame(500, size=(400, 560)), 1.2).ids == ("p2",)


def test_a_bag_that_starts_again_asks_the_finder() -> None:
    pipe, _, finder = blobs(find_every=10.0)
    pipe.process(frame(100), 50.0)
    assert pipe.process(frame(100, 400), 0.0).ids == ("p2", "p3")
    assert finder.calls == 2
    assert len(pipe.process(frame(100, 400), 0.0).ids) == 2  # the same stamp again


@pytest.mark.parametrize(
    ("image", "time", "boxes", "message"),
    [
        (np.zeros((0, 640, 3), np.uint8), 0.0, None, "no pixel"),
        (np.zeros((480, 640), np.uint8), 0.0, None, "expected uint8"),
        (frame(), np.nan, None, "time: expected seconds"),
        (frame(), 0.0, [[1, 2, 3]], "boxes: expected shape"),
    ],
)
def test_what_does_not_fit_is_refused_and_the_next_image_answered(
    image: np.ndarray, time: float, boxes: object, message: str
) -> None:
    pipe, _, _ = blobs()
    with pytest.raises(ValueError, match=message):
        pipe.process(image, time, boxes)  # type: ignore[arg-type]
    assert pipe.process(frame(100), 0.0).ids == ("p1",)


def test_numbers_out_of_range_are_refused() -> None:
    for bad in ({"find_every": -1.0}, {"find_every": np.nan}, {"max_people": 0}):
        with pytest.raises(ValueError, match="find_every of 0 s or more and max_people of 1 or more"):
            Pipeline(BlobDetector(), BlobFinder(), Tracker(), **bad)


def test_parts_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="unknown finder 'yolo': expected one of auto, whole_image"):
        load_pipeline(finder="yolo")
    for name in ("blazepose", "movenet"):
        with pytest.raises(ValueError, match=f"weights 'w48': the detector {name} has its own"):
            load_pipeline(name, "w48")
    with pytest.raises(ValueError, match="unknown detector 'yolo': expected one of auto, blazepose, hrnet"):
        load_pipeline("yolo", finder="whole_image")
    with pytest.raises(ValueError, match="forget_after"):
        load_pipeline("onnx", finder="whole_image", forget_after=0.0)
    monkeypatch.setattr(pipeline, "_load_detector", lambda name, weights, device: BlobDetector())
    pipe = load_pipeline("hrnet", finder="whole_image", find_every=0.5, max_people=3, forget_after=2.0)
    assert isinstance(pipe.finder, WholeImage)
    assert (pipe.find_every, pipe.max_people, pipe.tracker.forget_after) == (0.5, 3, 2.0)


def test_a_detector_that_finds_people_is_the_finder_unless_one_says_another(monkeypatch: pytest.MonkeyPatch) -> None:
    class Both(BlobDetector, BlobFinder):
        def __init__(self) -> None:
            BlobDetector.__init__(self)
            BlobFinder.__init__(self)

    monkeypatch.setattr(pipeline, "_load_detector", lambda name, weights, device: Both())
    pipe = load_pipeline()
    assert pipe.finder is pipe.detector
    assert isinstance(load_pipeline(finder="whole_image").finder, WholeImage)


def test_a_detector_that_finds_nobody_is_told_by_blazepose_where_people_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "_load_detector", lambda name, weights, device: BlobDetector())
    monkeypatch.setattr("diffupose_ros.detection.blazepose.BlazePose", BlobFinder)
    assert isinstance(load_pipeline("hrnet").finder, BlobFinder)

    def missing() -> None:
        raise ImportError("BlazePose needs x: pip install x")

    monkeypatch.setattr("diffupose_ros.detection.blazepose.BlazePose", missing)
    with pytest.raises(ImportError, match=r"where people are: BlazePose needs x: pip install x, or .* whole_image"):
        load_pipeline("hrnet")
    assert isinstance(load_pipeline("hrnet", finder="whole_image").finder, WholeImage)


def test_the_usual_detector_is_hrnet_where_it_was_fetched_else_blazepose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("diffupose_ros.detection.blazepose.BlazePose", lambda: "blazepose")
    monkeypatch.setattr("diffupose_ros.detection.top_down.HRNetDetector", lambda weights, device: f"hrnet {weights}")
    assert pipeline._load_detector("auto", "", "cpu") == "blazepose"
    assert pipeline._load_detector("auto", "w48", "cpu") == "hrnet w48"
    (tmp_path / "diffupose_ros").mkdir()
    (tmp_path / "diffupose_ros" / public_weights("w32").file).touch()
    assert pipeline._load_detector("auto", "", "cpu") == "hrnet w32"


@pytest.mark.parametrize(
    ("detector", "package"),
    [("onnx", "onnxruntime"), ("blazepose", "ai-edge-litert"), ("rtmlib", "rtmlib")],
)
def test_optional_parts_that_are_missing_are_named(detector: str, package: str) -> None:
    if importlib.util.find_spec(package.replace("-", "_")):
        pytest.skip(f"{package} is installed")
    who = "BlazePose" if detector == "blazepose" else f"detector {detector}"
    with pytest.raises(ImportError, match=rf"{who} .*pip install {package}"):
        load_pipeline(detector, finder="whole_image")
