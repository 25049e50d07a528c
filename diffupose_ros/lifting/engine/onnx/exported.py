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

"""What an exported model says of itself: an ONNX file's metadata, read without any library.

A file's key ``diffupose`` is JSON: what the network is, and which weights it was made of.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from io import BytesIO
from os import SEEK_CUR, SEEK_END
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from diffupose_ros.files import check_downloaded, one_line

if TYPE_CHECKING:
    from diffupose_ros.lifting.networks.denoiser import Variant

FORMAT = 2
_KEY = "diffupose"
_METADATA, _TEXT_KEY, _TEXT = 14, 1, 2  # numbers of fields in ONNX's definition
_LONGEST = 1 << 24  # bytes of an entry of the metadata
_VARIANTS = ("paper", "robust")


@dataclass(frozen=True)
class Exported:
    """A model in an ONNX file.

    Attributes:
        variant: which view of the 2D skeleton it takes.
        joints: of the network, 17, or 16 (all but the neck).
        channels: the denoiser's d.
        condition_channels: C of its input.
        steps: DDIM steps that it takes.
        usual_steps: as many as suit the model.
        precision: of the weights in the file, ``float32`` or ``float16``.
        source: SHA-256 of the weights that it was made of.
        card: how the model was trained, what it measured, its licence.
    """

    variant: "Variant"
    joints: int
    channels: int
    condition_channels: int
    steps: int
    usual_steps: int
    precision: str
    source: str
    card: dict[str, Any]

    def metadata(self) -> dict[str, str]:
        """Return this as an ONNX file's metadata."""
        return {_KEY: json.dumps({"format": FORMAT} | asdict(self))}


def read_exported(path: Path) -> Exported:
    """Return what an exported model says of itself.

    Raises:
        OSError: the file cannot be read.
        ValueError: truncated, not one that `diffupose export` wrote, or of another version.
    """
    check_downloaded(path)
    text = _metadata(path).get(_KEY)
    if text is None:
        raise ValueError(f"{path}: not a lifting model: expected a file that `diffupose export` wrote")
    try:
        about = json.loads(text)
        found = about.pop("format", None)
    except (AttributeError, TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{path}: its metadata is damaged: {one_line(error)}") from None
    if found != FORMAT:
        raise ValueError(
            f"{path}: a model in format {found!r}, and this version reads {FORMAT}: write it again with "
            "`diffupose export`"
        )
    try:
        return _checked(Exported(**about))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: its metadata is damaged, or of another version: {one_line(error)}") from None


def _checked(model: Exported) -> Exported:
    if model.variant not in _VARIANTS or model.joints not in (16, 17):
        raise ValueError(f"a network {model.variant!r} of {model.joints!r} joints")
    for name in ("channels", "condition_channels", "steps", "usual_steps"):
        if type(value := getattr(model, name)) is not int or value < 1:
            raise ValueError(f"{name}: expected a whole number from 1 on, got {value!r}")
    if not isinstance(model.card, dict) or not isinstance(model.source, str):
        raise ValueError("card: expected an object, source: a text")
    return model


def _metadata(path: Path) -> dict[str, str]:
    """The texts that go with a model, by their keys."""
    found = {}
    try:
        with open(path, "rb") as file:
            for entry in _fields(file, _METADATA):
                texts = [b"".join(_fields(BytesIO(entry), number)).decode() for number in (_TEXT_KEY, _TEXT)]
                found[texts[0]] = texts[1]
    except ValueError:
        raise ValueError(f"{path}: truncated, or not an ONNX file") from None
    return found


def _fields(file: BinaryIO, number: int) -> Iterator[bytes]:
    """The contents of a message's fields of this number, in the format of Protocol Buffers; all others are skipped."""
    end = file.seek(0, SEEK_END)
    file.seek(0)
    while file.tell() < end:
        key = _varint(file)
        kind = key & 7
        if kind == 0:
            _varint(file)
            continue
        if kind not in (1, 2, 5):
            raise ValueError("no such kind of field")
        length = {1: 8, 5: 4}.get(kind) or _varint(file)
        if file.tell() + length > end:
            raise ValueError("longer than the file")
        if key >> 3 == number and length <= _LONGEST:
            yield file.read(length)
        else:
            file.seek(length, SEEK_CUR)


def _varint(file: BinaryIO) -> int:
    number = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            break
        number |= (byte[0] & 127) << shift
        if byte[0] < 128:
            return number
    raise ValueError("no number")
