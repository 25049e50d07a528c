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

"""What all tests share: the standalone runtime where there is no ROS 2, the shipped model, the paper's vectors."""

import importlib.util
import os
import socket
import sys
from importlib.abc import MetaPathFinder

import pytest

from diffupose_ros import standalone


def reserve_domain() -> tuple[int, socket.socket]:
    """Return a DDS domain that no other test run of this machine has while the socket is open (nor a robot: not 0)."""
    for domain in range(1, 101):
        reserved = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            reserved.bind(("127.0.0.1", 5900 + domain))
        except OSError:
            reserved.close()
        else:
            return domain, reserved
    raise RuntimeError("all DDS domains from 1 to 100 are taken by test runs of this machine")


DOMAIN, RESERVED = reserve_domain()
os.environ["ROS_DOMAIN_ID"] = str(DOMAIN)
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
if os.environ.get("ROS_DISTRO") == "humble":  # which does not know that variable
    os.environ["ROS_LOCALHOST_ONLY"] = "1"


class WithoutTopics(MetaPathFinder):
    """Skips what imports Cyclone DDS where nobody has it: neither PyPI, for this machine, nor a ROS 2."""

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        if fullname == "cyclonedds":
            pytest.skip("topics need cyclonedds or a ROS 2", allow_module_level=True)


sys.meta_path.append(WithoutTopics())  # before the standalone runtime's finder
STANDALONE = standalone.activate()
# Ignored rather than skipped: without the runtime they cannot even be imported.
collect_ignore_glob = [] if STANDALONE else ["standalone/*", "fuzz/*"]
COMMAND = all(map(importlib.util.find_spec, ("rich", "rosbags", "typer")))
if not COMMAND:  # optional on a ROS 2
    collect_ignore_glob += ["benchmark/*", "cli/*", "data/datasets/*", "demo/*", "evaluation/*", "offline/*", "paper/*"]
    collect_ignore_glob += ["training/*", "data/test_training_sources.py", "detection/test_weights.py"]
    collect_ignore_glob += ["lifting/networks/test_proposal.py", "test_bags.py"]

# isort: split
from pathlib import Path

import numpy as np
import torch
from hypothesis import settings

from diffupose_ros.lifting import Lifter

settings.register_profile("untimed", deadline=None)  # no test asserts a time
settings.load_profile("untimed")
pytest_plugins = ["support.videos"]
VECTORS = Path(__file__).parent / "vectors"


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Let PyTorch compute on one thread, whatever a test before said: sums do not depend on the order of the tests.

    Tiny networks: more threads only wait for each other on a busy machine.
    """
    torch.set_num_threads(1)


def pytest_report_header() -> str:
    """Say on which runtime the tests run, and what is therefore left out."""
    if STANDALONE:
        return "runtime: standalone; tests of the launch file and of hri_msgs need a ROS 2 and are skipped"
    command = "" if COMMAND else "; nor, without typer, rich and rosbags, those of the command diffupose"
    return f"runtime: ROS 2; test/standalone, of the standalone runtime itself, is not collected{command}"


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Let a room pass whose tests are all left out for want of typer, rich and rosbags: the header says so."""
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and not COMMAND:
        session.exitstatus = pytest.ExitCode.OK


@pytest.fixture(scope="session")
def lifter() -> Lifter:
    """The shipped model in float32: the same numbers in batches of any size and on any CPU."""
    return Lifter.load("default", device="cpu", precision="float32")


@pytest.fixture(scope="session")
def vectors() -> dict[str, np.ndarray]:
    """Inputs and outputs of the authors' released network (d = 128, random weights) and of its DDPM."""
    with np.load(VECTORS / "paper_vectors.npz") as arrays:
        return {name: arrays[name] for name in arrays.files}


@pytest.fixture(scope="session")
def official_state() -> dict[str, torch.Tensor]:
    """The weights that belong to ``vectors``, under the names of the released code."""
    with np.load(VECTORS / "paper_weights.npz") as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


@pytest.fixture(scope="session")
def official_file(official_state: dict[str, torch.Tensor], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bare state dict in a file, with the third time block that the released network never calls."""
    generator = torch.Generator().manual_seed(0)
    unused = {name.replace("block2", "block3"): v for name, v in official_state.items() if "block2" in name}
    unused = {name: torch.randn(v.shape, generator=generator) for name, v in unused.items()}
    path = tmp_path_factory.mktemp("official") / "diffupose.pth"
    torch.save(official_state | unused, path)
    return path
