"""What all tests share: the standalone runtime where there is no ROS 2, the shipped model, the paper's vectors."""

import os

from diffupose_ros import standalone

os.environ["ROS_DOMAIN_ID"] = str(os.getpid() % 100 + 1)  # parallel test runs do not meet, nor a robot

standalone.activate()

# isort: split
from pathlib import Path

import numpy as np
import pytest
import torch

from diffupose_ros.lifting import Lifter

torch.set_num_threads(1)  # tiny networks: more threads only wait for each other on a busy machine
DATA = Path(__file__).parent / "data"


@pytest.fixture(scope="session")
def lifter() -> Lifter:
    return Lifter.load("default", device="cpu")


@pytest.fixture(scope="session")
def vectors() -> dict[str, np.ndarray]:
    """Inputs and outputs of the authors' released network (d = 128, random weights) and of its DDPM."""
    with np.load(DATA / "paper_vectors.npz") as arrays:
        return {name: arrays[name] for name in arrays.files}


@pytest.fixture(scope="session")
def official_state() -> dict[str, torch.Tensor]:
    """The weights that belong to ``vectors``, under the names of the released code."""
    with np.load(DATA / "paper_weights.npz") as arrays:
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
