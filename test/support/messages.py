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

"""Messages of packages that are not installed, on the standalone runtime."""

from __future__ import annotations

from importlib.util import find_spec


def add_messages(package: str, fields: dict[str, str]) -> bool:
    """Make ``import <package>.msg`` work on the standalone runtime; return whether it does, on whichever runtime.

    Args:
        package: of the messages.
        fields: the definition of each.
    """
    if find_spec(package) is not None:
        return True
    try:
        from rosbags.typesys import get_types_from_msg

        from diffupose_ros.standalone import definitions
    except ImportError:
        return False
    types = {}
    for name, text in fields.items():
        types.update(get_types_from_msg(text, f"{package}/msg/{name}"))
    definitions.typestore().register(types)
    definitions.names.cache_clear()
    return find_spec(package) is not None
