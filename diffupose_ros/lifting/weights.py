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

"""Where the files of weights are."""

from pathlib import Path

from diffupose_ros.files import user_path
from diffupose_ros.resources import resource_path


def weights_path(name_or_path: str | Path) -> Path:
    """Return the file of a shipped checkpoint's name ("default") or of a path.

    Raises:
        FileNotFoundError: neither a shipped name nor a file; says which names there are.
    """
    folder = resource_path("resource/weights")
    for path in (user_path(name_or_path), folder / f"{name_or_path}.safetensors"):
        if path.is_file():
            return path
    shipped = ", ".join(sorted(p.stem for p in folder.glob("*.safetensors")))
    raise FileNotFoundError(f"no weights {str(name_or_path)!r}: expected a file, or one of the shipped: {shipped}")
