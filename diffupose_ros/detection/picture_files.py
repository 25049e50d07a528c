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

"""What a picture's bytes claim, looked at before memory is taken for it."""

import io

from PIL import Image

MOST_PIXELS = 1 << 27
"""Of a picture in a message: 134 million. A few kilobytes may claim a thousand million."""

Image.MAX_IMAGE_PIXELS = None  # we ask Pillow for sizes and tags, and no pixels: large photographs have theirs too

_PNG, _END_OF_PNG = b"\x89PNG\r\n\x1a\n", b"IEND"
_JPEG, _SCAN, _END = b"\xff\xd8", b"\xff\xda", b"\xff\xd9"


def check_whole(content: bytes) -> None:
    """Refuse a JPEG without an end, and a PNG whose parts are longer than it is: OpenCV takes memory as they say.

    Raises:
        ValueError: it is cut off, or damaged there.
    """
    if content.startswith(_JPEG) and content.rfind(_END) < content.rfind(_SCAN):
        raise ValueError(f"truncated JPEG: {len(content)} bytes without an end marker")
    if not content.startswith(_PNG):
        return
    at, kind = len(_PNG), b""
    while kind != _END_OF_PNG:
        kind = content[at + 4 : at + 8]
        at += 12 + int.from_bytes(content[at : at + 4], "big")
        if at > len(content):
            raise ValueError(f"truncated PNG, or a damaged one: {len(content)} bytes, of which a part claims {at}")


def check_picture(content: bytes) -> None:
    """Refuse what is not whole, and what claims more than ``MOST_PIXELS``.

    Raises:
        ValueError: it is such a picture.
    """
    check_whole(content)
    try:
        with Image.open(io.BytesIO(content)) as picture:
            width, height = picture.size
    except Exception:  # noqa: BLE001 - what PIL cannot read OpenCV may, and says so
        return
    if width * height > MOST_PIXELS:
        raise ValueError(f"too large: it claims {width}x{height} pixels, expected {MOST_PIXELS} at most")
