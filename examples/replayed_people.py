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

"""Recorded people before a robot, and how fast it may be: the nodes of speed_scale.launch.py, without a ROS 2."""

import contextlib
import signal
import subprocess
import sys

from diffupose_ros.resources import resource_path

NODES = {
    "replay": ["-p", "fixed_frame:=odom"],
    "lift": [],
    "people": ["-p", "target_frame:=odom", "-p", "floor_frame:=odom"],
    "planner": ["-p", "outputs:=[speed_scale]"],
}
PARAMETERS = ["--ros-args", "--params-file", str(resource_path("config/tutorials/speed_scale.yaml"))]

commands = [["-m", f"diffupose_ros.nodes.{name}.node", *PARAMETERS, *own] for name, own in NODES.items()]
commands.append([str(resource_path("examples/slow_down.py"))])
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.default_int_handler)
with contextlib.ExitStack() as running, contextlib.suppress(KeyboardInterrupt):
    for command in commands:  # each in a session of its own: it is ended here, not by the terminal too
        process = running.enter_context(subprocess.Popen([sys.executable, *command], start_new_session=True))
        running.callback(process.send_signal, signal.SIGINT)
    signal.pause()
