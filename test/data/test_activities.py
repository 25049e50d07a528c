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

"""What people in clips do."""

import pytest

from diffupose_ros.data.activities import activity_of


@pytest.mark.parametrize(
    ("clip", "activity"),
    [
        ("cmu/03/03_02#0", "walking on uneven terrain"),
        ("cmu/06/06_01", "walking"),
        ("cmu/06/06_15", "basketball"),
        ("cmu/10/10_04", "walking"),
        ("cmu/10/10_05", "kicking a ball"),
        ("cmu/16/16_02", "jumping"),
        ("cmu/49/49_08", "gymnastics"),
        ("cmu/55/55_01", "dancing"),
        ("cmu/94/indian_04#0", "subject 94"),
        ("cmu/86/86_01", "subject 86"),
        ("cmu/u/test_walking_1", "subject u"),
        ("1_dance", "1_dance"),
    ],
)
def test_activity_of_a_clip(clip: str, activity: str) -> None:
    assert activity_of(clip) == activity
