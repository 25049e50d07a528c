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

"""What networks' runtimes say to nobody in particular is left out."""

import os

import pytest

from diffupose_ros.detection.quiet import quiet


def test_only_the_chatter_is_left_out(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet(("W0000", "INFO:")):
        os.write(2, b"W0000 00:00 inference_feedback_manager.cc:114] Feedback\nE0000 out of memory\n")
    os.write(2, b"later\n")
    assert capfd.readouterr().err == "E0000 out of memory\nlater\n"
