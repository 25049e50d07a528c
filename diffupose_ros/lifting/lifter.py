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

"""People's 2D joints in, 3D skeletons with uncertainty out."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from diffupose_ros.camera import Camera
from diffupose_ros.defaults import HYPOTHESES, Engine
from diffupose_ros.lifting.condition import Condition, image_centred, image_coordinates, normalised, person_centred
from diffupose_ros.lifting.engine.choice import choose
from diffupose_ros.lifting.engine.onnx.files import export_of
from diffupose_ros.lifting.engine.sampling import Precision, Sampling
from diffupose_ros.lifting.rows import SEEN, found
from diffupose_ros.lifting.sight import sight
from diffupose_ros.lifting.uncertainty import classes_of
from diffupose_ros.profiles import Profile, load_profile
from diffupose_ros.skeleton import Skeletons2D, Status

if TYPE_CHECKING:
    from diffupose_ros.lifting.checkpoint import Checkpoint
    from diffupose_ros.lifting.engine.call import Calls
    from diffupose_ros.lifting.engine.onnx.exported import Exported
    from diffupose_ros.lifting.engine.onnx.model import OnnxModel
    from diffupose_ros.lifting.engine.sampler import Sampler

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Lifted:
    """3D skeletons of P people, in metres in the camera's optical frame (REP-103); joints as in H36M-17.

    People with fewer than three usable joints, or with all of them at one spot, are NaN throughout; ``valid`` tells.

    Attributes:
        mean: (P, 17, 3) joint positions.
        covariance: (P, 17, 3, 3) m^2, calibrated, of the joint positions relative to the root. The
            uncertainty of a position in the camera frame is this plus ``root_covariance``.
        freedom: (P, 17) degrees of freedom of the positions' distributions, see ``uncertainty.radius2``.
        hypotheses: (P, N, 17, 3) joint positions of each sampled pose.
        root: (P, 3) pelvis position, the same as ``mean[:, 0]``.
        root_covariance: (P, 3, 3) m^2.
        orientation: (P, 3, 3) columns are the pelvis' x forward, y left, z up.
        orientation_covariance: (P, 3, 3) rad^2, about the camera frame's axes.
        reprojection_error: (P,) px, RMS over the measured joints; NaN without any.
        novelty: (P,) how far the pose is from its 2D joints, over what the detector's precision explains: about 1.
            From 2 on it is nobody whom the model knows, or left and right are exchanged; covariances are widened.
        scores: (P, 17) of the 2D joints; 0 where missing.
        status: (P, 17) ``Status`` of the 2D joints; a MISSING joint's position is inferred.
        valid: (P,) bool.
    """

    mean: FloatArray
    covariance: FloatArray
    freedom: FloatArray
    hypotheses: FloatArray
    root: FloatArray
    root_covariance: FloatArray
    orientation: FloatArray
    orientation_covariance: FloatArray
    reprojection_error: FloatArray
    novelty: FloatArray
    scores: FloatArray
    status: npt.NDArray[np.int8]
    valid: npt.NDArray[np.bool_]

    def __getitem__(self, rows: slice | npt.NDArray[np.generic]) -> "Lifted":
        """Return the people that a slice, mask or index array picks."""
        return Lifted(**{name: array[rows] for name, array in vars(self).items()})


class Lifter:
    """A lifting model, ready to use, on the engine torch; ``load`` has the choice.

    >>> lifter = Lifter.load("default")
    >>> lifted = lifter.lift(keypoints, scores, Camera(K, D), layout="coco17")

    Args:
        checkpoint: the model.
        device: ``auto`` (CUDA if there is any), ``cpu``, ``cuda``, ``cuda:1``, ...
        precision: of the denoiser's products: ``float32``, ``bfloat16`` (joints of mean poses then move by 0.2 mm,
            2 at most), or ``auto``, bfloat16 where the device computes in it.
        threads: that compute on a CPU, of all that this process does with PyTorch; 0 leaves them as they are. Few
            suffice: ``diffupose_ros.threads.chosen()``.

    Attributes:
        checkpoint: the model, or what its ONNX file says of it.
        sampler: the model on its engine.

    Raises:
        ValueError: a device that is not there.
    """

    checkpoint: "Checkpoint | Exported"
    sampler: "Sampler | OnnxModel"
    _calls: "Calls | OnnxModel"

    def __init__(
        self, checkpoint: "Checkpoint", device: str = "auto", precision: Precision = "auto", threads: int = 0
    ) -> None:
        import torch

        from diffupose_ros.lifting.engine.call import Calls
        from diffupose_ros.lifting.engine.sampler import Sampler

        if threads:
            torch.set_num_threads(threads)
        self.checkpoint = checkpoint
        self.sampler = sampler = Sampler.of(checkpoint, device, precision)
        self._calls = Calls(sampler, checkpoint.calibration)

    @classmethod
    def load(
        cls,
        name_or_path: str | Path = "default",
        device: str = "auto",
        precision: Precision = "auto",
        engine: Engine = "auto",
        steps: int | None = None,
        threads: int = 0,
    ) -> "Lifter":
        """Load a shipped model by name, or a file: ours (.safetensors), official (.pt, .pth) or exported (.onnx).

        Args:
            name_or_path: the model.
            device: see above; the engine onnx has ``tensorrt`` and ``openvino`` too, where onnxruntime has them.
            precision: see above; of the engine onnx, of the file's weights, ``float32``, ``float16`` or any.
            engine: ``torch``; ``onnx``, which needs no PyTorch, and has one number of DDIM steps and no DDPM; or
                ``auto``, see ``engine.choice.choose``.
            steps: the number of DDIM steps that the engine onnx shall have; None: as many as suit the model.
            threads: see above.

        Raises:
            FileNotFoundError: no such model, or no ONNX file of it, and none can be written.
            ImportError: the engine is not installed.
            ValueError: a broken file, or a device that is not there.
        """
        if choose(engine, name_or_path, device, precision) == "torch":
            from diffupose_ros.lifting.checkpoint import load_checkpoint

            return cls(load_checkpoint(name_or_path), device, precision, threads)
        from diffupose_ros.lifting.engine.onnx.model import OnnxModel

        lifter = cls.__new__(cls)
        lifter.sampler = lifter._calls = model = OnnxModel(export_of(name_or_path, steps, precision), device, threads)
        lifter.checkpoint = model.about
        return lifter

    @property
    def device(self) -> str:
        """Where the model is: ``cpu``, ``cuda``, ..."""
        return str(self.sampler.device)

    def __str__(self) -> str:
        """Say what runs where."""
        return f"{self.sampler.variant}, d = {self.sampler.channels}, engine {self.sampler.engine}, on {self.device}"

    @property
    def usual_steps(self) -> int:
        """DDIM steps that suit the model, which it takes where none are asked for."""
        return self.sampler.usual_steps

    def close(self) -> None:
        """Free the model's memory, on a GPU too; the lifter cannot be used any more."""
        del self._calls
        self.sampler.close()

    def lift(
        self,
        keypoints: npt.ArrayLike,
        scores: npt.ArrayLike,
        camera: Camera,
        layout: str = "coco17",
        hypotheses: int = HYPOTHESES,
        steps: int | None = None,
        flip: bool = True,
        seed: int | None = None,
        detector: str | Profile = "generic",
    ) -> Lifted:
        """Lift P people in one batch.

        Joints that are NaN, infinite, scored 0 or at exactly (0, 0) are missing. With a seed a person's pose does not
        depend on who else is in the batch, but for rounding.

        Args:
            keypoints: (P, J, 2) pixels in the (distorted) image of ``camera``; P may be 0.
            scores: (P, J) confidence in [0, 1], of which ``detector`` says what it means.
            camera: who took the image.
            layout: joint order, a key of ``diffupose_ros.skeleton.LAYOUTS``; J is its number of joints.
            hypotheses: number N of poses to sample for each person.
            steps: DDIM steps, 1 to 100, of the engine onnx those of its file; None: as many as suit the model, 1 of
                the shipped one.
            flip: draw every second hypothesis for the mirror image, and mirror it back; of a single one, nothing.
            seed: of the sampling; None for a fresh one.
            detector: the profile that reads the scores: its name, one of ``diffupose_ros.profiles.PROFILES``, or
                itself; ``exact`` where the 2D has no errors.

        Raises:
            MemoryError: a GPU's memory is not enough for the hypotheses of one person.
            ValueError: shapes, layout, profile or numbers that do not fit; says what was expected.
        """
        profile = detector if isinstance(detector, Profile) else load_profile(detector, layout)
        return self.lift_h36m(profile.skeletons(keypoints, scores, layout), camera, hypotheses, steps, flip, seed)

    def lift_h36m(
        self,
        skeletons: Skeletons2D,
        camera: Camera,
        hypotheses: int = HYPOTHESES,
        steps: int | None = None,
        flip: bool = True,
        seed: int | None = None,
        interrupted: Callable[[], bool] = bool,
    ) -> Lifted:
        """Lift people whose joints are already converted, of several layouts perhaps; see ``lift``.

        Args:
            interrupted: asked before each evaluation of the network whether to give up.

        Raises:
            Interrupted: it said yes.
            MemoryError: see ``lift``.
            ValueError: keypoints that are no pixels.
        """
        if hypotheses < 1:
            raise ValueError(f"hypotheses: expected 1 or more, got {hypotheses}")
        if steps is not None:
            self.sampler.check_steps(steps)
        if (small := np.flatnonzero(normalised(skeletons, camera))).size:
            raise ValueError(f"the keypoints of people {small.tolist()} look normalised: expected pixels")
        rays, skeletons = _viewing_rays(skeletons, camera)
        if self.sampler.variant == "robust":
            condition = person_centred(rays, skeletons.deviations, skeletons.status)
        else:
            image = image_coordinates(skeletons.keypoints, camera.width, camera.height)
            condition = image_centred(image, skeletons.status)
        seen = condition.status != Status.MISSING
        skeletons = _reduced(skeletons, seen)
        sampling = Sampling(hypotheses, steps, flip, seed)
        rows = self._calls.run(condition.features, _seen(condition, rays, skeletons), sampling, interrupted)
        return _lifted(found(hypotheses).split(rows), condition.valid, skeletons, camera)


def _seen(condition: Condition, rays: FloatArray, skeletons: Skeletons2D) -> FloatArray:
    """What decides where poses stand, rows (P, width) of ``SEEN``."""
    deviations = skeletons.deviations
    rows = np.empty((len(rays), SEEN.width))
    classes = classes_of(skeletons.status, deviations)
    SEEN.fill(rows, {**vars(sight(condition, rays, deviations)), "rotation": condition.rotation, "classes": classes})
    return rows


def _lifted(
    people: dict[str, FloatArray], valid: npt.NDArray[np.bool_], skeletons: Skeletons2D, camera: Camera
) -> Lifted:
    for array in people.values():
        array[~valid] = np.nan
    mean = people["mean"]
    return Lifted(
        **people,
        root=mean[:, 0],
        reprojection_error=_reprojection_error(mean, skeletons, camera),
        scores=skeletons.scores,
        status=skeletons.status,
        valid=valid,
    )


def _viewing_rays(skeletons: Skeletons2D, camera: Camera) -> tuple[FloatArray, Skeletons2D]:
    """Viewing rays (P, 17, 3), and the skeletons without the joints that have none.

    Detectors may guess joints a little outside of the image; further out than half its size they err.
    """
    pixels = skeletons.keypoints
    seen = skeletons.status != Status.MISSING
    if camera.width > 0 and camera.height > 0:
        size = np.array([camera.width, camera.height])
        seen = seen & ((pixels > -size / 2) & (pixels < 1.5 * size)).all(-1)
    rays = camera.rays(np.where(seen[..., None], pixels, np.nan))
    seen = seen & np.isfinite(rays).all(-1)
    return rays, _reduced(skeletons, seen)


def _reduced(skeletons: Skeletons2D, seen: npt.NDArray[np.bool_]) -> Skeletons2D:
    """The skeletons without the joints that are not ``seen`` (P, 17)."""
    return Skeletons2D(
        skeletons.keypoints,
        np.where(seen, skeletons.scores, 0),
        np.where(seen, skeletons.status, Status.MISSING).astype(np.int8),
        np.where(seen, skeletons.deviations, np.nan),
    )


def _reprojection_error(mean: FloatArray, skeletons: Skeletons2D, camera: Camera) -> FloatArray:
    squared = ((camera.project(mean) - skeletons.keypoints) ** 2).sum(-1)
    counted = (skeletons.status == Status.MEASURED) & np.isfinite(squared)
    total = np.where(counted, squared, 0).sum(-1)
    count = counted.sum(-1)
    return np.where(count > 0, np.sqrt(total / np.maximum(count, 1)), np.nan)
