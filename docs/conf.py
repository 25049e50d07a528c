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

"""For the site (make docs), and for rosdoc2 (rosdoc2.yaml), which reads this before its own settings."""

import re
from dataclasses import is_dataclass

from sphinx.ext.autodoc.mock import _MockObject

from diffupose_ros import __version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.napoleon"]
napoleon_use_ivar = True
napoleon_attr_annotations = False  # docstrings have shapes
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
myst_heading_anchors = 4  # links to headings, as on GitHub
suppress_warnings = ["myst.header"]  # tables of the paper begin with a small heading

if "rosdoc2_settings" in globals():
    exclude_patterns = ["docs/api.rst"]  # it has a page of each module
    # What the machine that builds the pages need not have, and rosdoc2 does not find out from package.xml.
    autodoc_mock_imports = [
        *("PIL", "cv2", "cyclonedds", "hri_msgs", "rich", "rosbags", "ruamel", "safetensors", "torch", "typer"),
        "yolo_msgs",
        "diffupose_ros.msg",  # generated
    ]
    _MockObject.__or__ = _MockObject.__ror__ = lambda self, other: self  # annotations such as Tensor | None
else:
    # The whole repository is the source, so that links between its pages lead where they lead on GitHub.
    project = "diffupose_ros"
    release = version = __version__
    copyright = "diffupose_ros contributors, Apache-2.0"
    extensions += ["myst_parser"]
    root_doc = "docs/index"
    include_patterns = ["docs/**", "README.md", "QUALITY_DECLARATION.md", "SECURITY.md", "CHANGELOG.rst"]
    include_patterns += ["benchmarks/results/*.md", "resource/**/README.md", "test/vectors/README.md"]
    exclude_patterns = [".*", "build"]  # not searched
    nitpick_ignore_regex = [("myst", r"(.*/)?[^./#]+")]  # folders, and CONTRIBUTING without a title, have no page
    html_theme = "sphinx_rtd_theme"
    html_theme_options = {"includehidden": False}
    html_static_path = ["static"]
    html_css_files = ["site.css"]
    html_extra_path = ["static/index.html"]  # to docs/index.html


_NUMPY = (
    (r"~numpy\._typing\S*_Buffer.*?\[complex \| bytes \| str\]", "ArrayLike"),
    (r"~numpy\.ndarray\[.*?~numpy\.dtype\[~numpy\.(\w+)\]\]", r"NDArray[\1]"),
)


def _signature(app, what, name, obj, options, signature, returns):
    """Leave out what a dataclass is made of, which its attributes say, and write numpy's types as the code does."""
    if is_dataclass(obj):
        return "", None
    for long, short in _NUMPY:
        signature, returns = (text and re.sub(long, short, text) for text in (signature, returns))
    return signature, returns


def setup(app):
    """Shorten signatures."""
    app.connect("autodoc-process-signature", _signature)
