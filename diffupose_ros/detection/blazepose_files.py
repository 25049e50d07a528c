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


"""BlazePose's two networks: where they come from, and how they get here.

They are Google's, Apache-2.0, and nobody but MediaPipe's wheel has them under an address that stays.
"""

import os
from pathlib import Path

from diffupose_ros.detection.cached_files import announced, from_mirror, keep, verify
from diffupose_ros.detection.weights import MIRROR, Progress, cache_folder
from diffupose_ros.detection.wheels import read_members

RELEASE = ("mediapipe", "0.10.21")
LICENCE = "Apache-2.0"
SOURCE = f"the wheel of {' '.join(RELEASE)}, from pip's index"
_MODULES = "mediapipe/modules"
NETWORKS = {  # SHA-256 of the file, by its path in the wheel: the detector of people, and that of landmarks
    f"{_MODULES}/pose_detection/pose_detection.tflite": (
        "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c"
    ),
    f"{_MODULES}/pose_landmark/pose_landmark_full.tflite": (
        "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f"
    ),
}


def network_files() -> list[Path]:
    """Return where the networks are in the user's cache, or would be: of people, and of landmarks."""
    return [cache_folder() / Path(member).name for member in NETWORKS]


def find_networks() -> list[Path]:
    """Return the files of the networks; see ``network_files``.

    Raises:
        FileNotFoundError: they are not here; says how to get them.
        ValueError: one of them is damaged.
    """
    paths = network_files()
    if missing := [str(path) for path in paths if not path.is_file()]:
        raise FileNotFoundError(
            f"BlazePose's networks are not on this machine ({', '.join(missing)}): get them with "
            f"`diffupose weights fetch blazepose`. {_hint()}"
        )
    for path, digest in zip(paths, NETWORKS.values(), strict=True):
        verify(path.read_bytes(), digest, str(path), "delete it, then run `diffupose weights fetch blazepose`")
    return paths


def fetch_networks(progress: Progress = lambda done, total: None) -> list[Path]:
    """Return the files of the networks, taken out of MediaPipe's wheel into the user's cache if need be.

    Files appear in the cache whole and verified, or not at all.

    Raises:
        ConnectionError: the package index cannot be reached, refuses, or broke off; says how to do it by hand.
        ValueError: what came, or what is in the cache, are not these networks.
        OSError: the cache cannot be written.
    """
    paths = network_files()
    if all(path.is_file() for path in paths):
        return find_networks()
    cache_folder().mkdir(parents=True, exist_ok=True)
    try:
        names = [path.name for path in paths]
        contents = from_mirror(names) if os.environ.get(MIRROR) else read_members(*RELEASE, list(NETWORKS), progress)
    except (OSError, ValueError) as error:
        kind = ValueError if isinstance(error, ValueError) else ConnectionError
        raise kind(f"BlazePose's networks cannot be fetched: {error}. {_hint()}") from None
    for path, digest, content in zip(paths, NETWORKS.values(), contents, strict=True):
        verify(content, digest, f"{path.name} as it came", f"it was not kept. {_hint()}")
    for path, content in zip(paths, contents, strict=True):
        keep(path, content)
    return paths


def networks() -> list[Path]:
    """Return what ``fetch_networks`` does, and say on stderr that something is fetched, and how far it is."""
    if all(path.is_file() for path in network_files()):
        return find_networks()
    what = "BlazePose's networks (9 MB) are not on this machine yet: taking them out of MediaPipe's wheel ..."
    return announced(what, fetch_networks)


def _hint() -> str:
    project, version = RELEASE
    files = " ".join(f"'*/{path.name}'" for path in network_files())
    return (
        f"By hand: get any wheel of https://pypi.org/project/{project}/{version}/#files on any machine, then "
        f"`unzip -j {project}-{version}-*.whl {files} -d {cache_folder()}`; or set {MIRROR} to an address or a folder "
        "that has the two files"
    )
