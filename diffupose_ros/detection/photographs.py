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

"""Photographs: the right way up, and with the focal length that the camera wrote."""

import io
import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from diffupose_ros.detection.orientation import AS_STORED, EXIF, Orientation, Pixels, upright
from diffupose_ros.detection.picture_files import check_whole

ENDINGS = (
    *(".avif", ".bmp", ".dib", ".gif", ".heic", ".heif", ".jp2", ".jpe", ".jpeg", ".jpg"),
    *(".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"),
)
"""Of the names of files that are taken for pictures."""

_UNREAD = (".heic", ".heif")  # by OpenCV
_ORIENTATION, _DETAILS = 0x0112, 0x8769
_FOCAL_LENGTH, _FOCAL_LENGTH_35MM, _WIDTH, _HEIGHT = 0x920A, 0xA405, 0xA002, 0xA003
_DENSITY, _DENSITY_UNIT = 0xA20E, 0xA210  # of pixels on the sensor
_DIAGONAL_35MM = math.hypot(36, 24)
_PNG_EXIF = {"exif", "Raw profile type exif"}  # what Pillow calls the tags of a PNG
_MM = {2: 25.4, 3: 10.0, 4: 1.0, 5: 1e-3}  # of a unit of density
_SAME_SHAPE = 0.01  # by which the ratio of the sides may differ in an image that was resized, but not cut


@dataclass(frozen=True)
class Photograph:
    """A picture.

    Attributes:
        image: (H, W, 3) BGR, as it is to be shown.
        focal: length in pixels of ``image``; None where nobody says.
    """

    image: Pixels
    focal: float | None


def read_photograph(path: Path) -> Photograph:
    """Read a file of any name; of 16 bits, grey, or with transparency too.

    Raises:
        ValueError: it is no picture, or broken; says which.
    """
    try:
        content = np.fromfile(path, np.uint8)  # imread wants names in UTF-8
        flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
        check_whole(content.tobytes())
        image = cv2.imdecode(content, flags) if content.size else None
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error
    except cv2.error as error:  # too large, for instance
        raise ValueError(f"{path} cannot be read by OpenCV: {' '.join(error.err.split())}") from error
    if image is None:
        hint = ": convert it to JPEG" if path.suffix.lower() in _UNREAD else ""
        raise ValueError(f"{path} is no image that OpenCV can read{hint}")
    orientation, focal = _exif(content.tobytes(), image.shape[1], image.shape[0])
    return Photograph(upright(np.asarray(image, np.uint8), orientation), focal)


def _exif(content: bytes, width: int, height: int) -> tuple[Orientation, float | None]:
    """Return which way up a picture is, and its focal length in pixels."""
    try:
        with Image.open(io.BytesIO(content)) as picture:
            if picture.format == "PNG" and not _PNG_EXIF & picture.info.keys():
                return AS_STORED, None  # Pillow would look for tags behind the pixels, and decode them
            tags = picture.getexif()
        details = tags.get_ifd(_DETAILS)
        return EXIF.get(tags.get(_ORIENTATION), AS_STORED), _focal(details, width, height)
    except Exception:  # noqa: BLE001 - damaged tags raise all kinds, and cost no picture
        return AS_STORED, None


def _focal(details: dict[int, object], width: int, height: int) -> float | None:
    """Return the focal length in pixels that the tags mean; None where they do not, or the picture was cut."""

    def number(tag: int) -> float:
        value = float(details.get(tag, 0))  # type: ignore[arg-type]
        return value if math.isfinite(value) else 0.0

    taken = number(_WIDTH), number(_HEIGHT)
    if all(taken) and abs(max(taken) / min(taken) * min(width, height) / max(width, height) - 1) > _SAME_SHAPE:
        return None
    if (equivalent := number(_FOCAL_LENGTH_35MM)) > 0:
        return equivalent / _DIAGONAL_35MM * math.hypot(width, height)
    millimetres, density = number(_FOCAL_LENGTH), number(_DENSITY)
    unit = _MM.get(int(number(_DENSITY_UNIT)) or 2)
    if millimetres > 0 and density > 0 and unit and all(taken):
        return millimetres * density / unit * max(width, height) / max(taken)
    return None
