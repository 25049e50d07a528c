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

"""BlazePose's two networks: where they come from.

They are Google's, Apache-2.0, and nobody but MediaPipe's wheel has them under an address that stays.
"""

from collections.abc import Sequence

from diffupose_ros.detection.cached_files import CachedFiles
from diffupose_ros.detection.weights import Progress
from diffupose_ros.detection.wheels import read_members

RELEASE = ("mediapipe", "0.10.21")
_PROJECT, _VERSION = RELEASE
_MODULES = "mediapipe/modules"


def _out_of_the_wheel(members: Sequence[str], progress: Progress) -> list[bytes]:
    return read_members(*RELEASE, members, progress)


NETWORKS = CachedFiles(
    title="BlazePose's networks",
    detector="blazepose",
    licence="Apache-2.0",
    source=f"the wheel of {_PROJECT} {_VERSION}, from pip's index",
    inside="MediaPipe's wheel (9 MB of it)",
    digests={
        f"{_MODULES}/pose_detection/pose_detection.tflite": (
            "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c"
        ),
        f"{_MODULES}/pose_landmark/pose_landmark_full.tflite": (
            "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f"
        ),
    },
    by_hand=(
        f"get any wheel of https://pypi.org/project/{_PROJECT}/{_VERSION}/#files on any machine, then `unzip -j "
        f"{_PROJECT}-{_VERSION}-*.whl '*/pose_detection.tflite' '*/pose_landmark_full.tflite' -d {{folder}}`"
    ),
    take=_out_of_the_wheel,
)
"""The detector of people, and that of landmarks."""
