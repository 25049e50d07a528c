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

"""What the people in CMU's clips do, from the public index of mocap.cs.cmu.edu; of validation subjects."""

# By subject: the first trial from which on it is what the person does.
_ACTIVITIES = {
    3: {1: "walking on uneven terrain"},
    6: {1: "walking", 2: "basketball"},
    7: {1: "walking"},
    10: {1: "kicking a ball", 4: "walking", 5: "kicking a ball"},
    16: {
        1: "jumping",
        8: "running",
        9: "jumping",
        11: "walking",
        35: "running",
        47: "walking",
        48: "running",
        58: "walking",
    },
    49: {1: "walking", 2: "jumping", 6: "gymnastics", 9: "dancing"},
    55: {1: "dancing"},
}


def activity_of(clip: str) -> str:
    """Return what the person in a clip does; "subject NN" where the table does not say.

    Args:
        clip: <set>/<subject>/<subject>_<trial>, perhaps with #<part>. Any other name is its own activity.
    """
    folders = clip.split("/")
    if len(folders) < 2:
        return clip
    subject, name = folders[-2], folders[-1].split("#")[0]
    trial = name.removeprefix(f"{subject}_")
    known = _ACTIVITIES.get(int(subject), {}) if subject.isdecimal() and trial.isdecimal() else {}
    starts = [first for first in known if first <= int(trial)]
    return known[max(starts)] if starts else f"subject {subject}"
