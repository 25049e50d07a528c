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

"""What pip brings where a ROS 2 brings the rest: whether this Python has it, and what to do where not.

CMakeLists.txt runs this file, so that a build says what the nodes would say.
"""

import sys
from importlib.util import find_spec

_NODES = ("torch", "safetensors")
_INSTEAD = "onnxruntime"  # of these, for the lift node
_COMMAND = ("typer", "rich", "rosbags")


def advice(module: str | None) -> str | None:
    """Return what to do about a module that this Python does not have; None for one that pip need not bring."""
    if module not in (*_NODES, *_COMMAND):
        return None
    packages = " ".join(_NODES if module in _NODES else (*_NODES, *_COMMAND))
    missing = f"{module} is not installed in {sys.executable}."
    if sys.prefix != sys.base_prefix:
        return f'{missing} Install it there:\n  {sys.executable} -m pip install {packages} "numpy<2"'
    return (
        f"{missing} Activate a virtual environment that has it, and build again:\n"
        f"  {sys.executable} -m venv --system-site-packages ~/lift_env  # once\n"
        "  . ~/lift_env/bin/activate\n"
        f'  pip install {packages} "numpy<2"  # once\n'
        "  colcon build --packages-select diffupose_ros  # programs remember the Python that they were built with"
    )


if __name__ == "__main__":
    missing = [module for module in _NODES if find_spec(module) is None]
    print(advice(missing[0]) if missing and find_spec(_INSTEAD) is None else "")
