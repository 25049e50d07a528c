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

"""Whether cv_bridge is safe here, tried in a process of its own.

One that was built for another numpy may end the process at its first conversion, which no exception tells.
"""

import os
import resource
import signal
import subprocess
import sys
from array import array

import numpy as np
from sensor_msgs.msg import Image

_MOST_SECONDS = 30.0  # it takes one, on a slow and busy computer ten


def fault() -> str | None:
    """Import cv_bridge and convert a small image, in another process; return what is wrong with it, None if nothing."""
    found_alike = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", __name__]
    try:
        child = subprocess.run(command, env=found_alike, capture_output=True, text=True, timeout=_MOST_SECONDS)
    except subprocess.TimeoutExpired:
        return f"its first conversion took more than {_MOST_SECONDS:.0f} s"
    if child.returncode < 0:
        name = signal.Signals(-child.returncode).name
        return f"its first conversion ends the process by {name} (is it built for another numpy than {np.__version__}?)"
    if child.returncode:
        return f"its first conversion failed ({child.stderr.strip().rpartition(os.linesep)[2]})"
    return None


def _convert() -> None:
    from cv_bridge import CvBridge

    pixels = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    message = Image(height=2, width=4, encoding="rgb8", step=12, data=array("B", pixels.tobytes()))
    if not np.array_equal(CvBridge().imgmsg_to_cv2(message, "bgr8"), pixels[..., ::-1]):
        raise SystemExit("it gives other pixels than those of the image")


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash here is an answer, and leaves no file
    _convert()
