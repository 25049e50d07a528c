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

"""MediaPipe as a detector; skipped where it is not installed."""

import numpy as np
import pytest

from diffupose_ros.detection import mediapipe as ours
from diffupose_ros.detection.quiet import quiet

try:
    DETECTOR = ours.MediaPipeDetector()
except ImportError:
    DETECTOR = None
installed = pytest.mark.skipif(DETECTOR is None, reason="MediaPipe is not installed: pip install '.[mediapipe]'")


@pytest.mark.skipif(DETECTOR is not None, reason="MediaPipe is installed")
def test_without_mediapipe_one_is_told_what_to_do() -> None:
    with pytest.raises(ImportError, match=r"pip install mediapipe==.*Python 3.12"):
        ours.MediaPipeDetector()


@installed
@pytest.mark.parametrize("value", [0, 255])
def test_nobody_in_an_even_image_wherever_one_looks(value: int) -> None:
    image = np.full((480, 640, 3), value, np.uint8)
    boxes = [[0, 0, 640, 480], [-50, -50, 100, 100], [630, 470, 500, 500], [10, 10, 1, 1], [2000, 0, 10, 10]]
    detections = DETECTOR.detect(image, boxes)
    assert detections.layout == DETECTOR.layout == "mediapipe33"
    assert detections.keypoints.shape == (5, 33, 2)
    assert (detections.scores == 0).all()
    assert DETECTOR.detect(image, []).keypoints.shape == (0, 33, 2)


@installed
def test_what_is_no_image_is_refused() -> None:
    with pytest.raises(ValueError, match="image: "):
        DETECTOR.detect(np.zeros((4, 0, 3), np.uint8), [])


@installed
def test_landmarks_are_put_where_the_crop_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the crop's scale and place; MediaPipe's own answer is replaced, as no photograph of a person is at hand."""
    monkeypatch.setattr(DETECTOR, "_landmarks", lambda crop: np.tile((0.5, 0.25, 1.3), (33, 1)))
    detections = DETECTOR.detect(np.zeros((400, 800, 3), np.uint8), [[300, 100, 120, 160]])
    np.testing.assert_allclose(detections.keypoints[0, 0], (360, 100 - 0.2 * 200 + 0.25 * (160 + 80)))
    assert (detections.scores == 1).all()


@installed
def test_a_neighbour_in_the_margin_is_not_the_one_in_the_box(monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.zeros((400, 800, 3), np.uint8)
    for x, found in ((0.5, True), (0.95, False)):
        monkeypatch.setattr(DETECTOR, "_landmarks", lambda crop, x=x: np.tile((x, 0.5, 0.9), (33, 1)))
        assert (DETECTOR.detect(image, [[300, 100, 120, 160]]).scores > 0).all() == found


def test_only_the_chatter_is_left_out(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet(ours._CHATTER):
        import os

        os.write(2, b"W0000 00:00 inference_feedback_manager.cc:114] Feedback\nE0000 out of memory\n")
    os.write(2, b"later\n")
    assert capfd.readouterr().err == "E0000 out of memory\nlater\n"
