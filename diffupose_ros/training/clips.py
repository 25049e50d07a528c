"""Motion capture clips: (T, 17, 3) poses in metres, world frame with z up, 30 Hz."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def load_clips(path: Path) -> dict[str, FloatArray]:
    """Load the clips of a .npz file whose arrays are int16 millimetres, keyed ``cmu/subject/clip``.

    Raises:
        FileNotFoundError: no such file.
        ValueError: an array that is not a clip.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"no clips at {path}: expected an .npz of (T, 17, 3) int16 arrays in millimetres")
    clips = {}
    with np.load(path) as arrays:
        for name in arrays.files:
            clip = arrays[name]
            if clip.ndim != 3 or clip.shape[1:] != (17, 3) or clip.dtype != np.int16:
                raise ValueError(
                    f"{path}: {name}: expected int16 (T, 17, 3) in millimetres, got {clip.dtype} {clip.shape}"
                )
            clips[name] = clip / 1000
    return clips
