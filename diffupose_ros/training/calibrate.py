"""From a trained denoiser to a checkpoint that ships: fits its calibration and measures it."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from diffupose_ros.lifting import Lifter
from diffupose_ros.lifting.checkpoint import Checkpoint, DiffusionConfig, save_checkpoint
from diffupose_ros.lifting.condition import Condition
from diffupose_ros.lifting.denoiser import DenoiserConfig
from diffupose_ros.lifting.uncertainty import (
    CHI2_3,
    Calibration,
    calibrated_covariance,
    fit_calibration,
    mahalanobis2,
)
from diffupose_ros.training.clips import load_clips
from diffupose_ros.training.synthesis import CLEAN, NOISY, OCCLUDED, Conditions, Pairs, make_pairs
from diffupose_ros.training.train import POSE_SCALE
