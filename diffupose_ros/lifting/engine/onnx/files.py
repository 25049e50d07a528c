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

"""Where the ONNX file of a model is: given, beside its weights, kept from before, or made now."""

import hashlib
import sys
from importlib.util import find_spec
from pathlib import Path

from diffupose_ros.files import cache_folder, user_path
from diffupose_ros.lifting.engine.onnx.exported import FORMAT, Exported, read_exported
from diffupose_ros.lifting.engine.sampling import Precision
from diffupose_ros.lifting.weights import weights_path
from diffupose_ros.resources import resource_path

SUFFIX = ".onnx"


def export_of(weights: str | Path, steps: int | None = None, precision: Precision = "auto") -> Path:
    """Return the ONNX file of a model.

    It is, in this order: the file that is given; NAME.onnx beside the weights, or among the shipped ones; one in the
    user's cache, which is written if it is not there and PyTorch is.

    Args:
        weights: an ONNX file; or a shipped name or file of weights, to which another's export is not taken.
        steps: DDIM steps; None: as many as suit the model, of a file that is given any number.
        precision: of the weights in the file; ``auto``: any.

    Raises:
        FileNotFoundError: no such model, or no export of it, and none can be made; says how.
        RuntimeError, OSError: it cannot be made, or not be kept.
        ValueError: a broken file, or a precision that exports do not have.
    """
    if precision == "bfloat16":
        raise ValueError("precision 'bfloat16': the engine onnx has auto, float32 and float16")
    given = user_path(weights)
    if given.suffix == SUFFIX:
        if not given.is_file():
            raise FileNotFoundError(f"no model at {str(weights)!r}: expected an ONNX file of `diffupose export`")
        return given
    shipped = resource_path("resource/weights") / f"{weights}{SUFFIX}"
    try:
        source = weights_path(weights)
    except FileNotFoundError:
        if shipped.is_file():  # alone
            return shipped
        raise
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    stored = "float32" if precision == "auto" else precision
    name = f"{source.stem}-{digest[:16]}-{steps or 'usual'}-{stored}-{FORMAT}{SUFFIX}"
    kept = cache_folder() / "exports" / name
    before = sorted(kept.parent.glob(f"{source.stem}-{digest[:16]}-*{SUFFIX}"))
    for path in (source.with_suffix(SUFFIX), shipped, *before):
        if path.is_file() and _fits(path, digest, steps, precision):
            return path
    if not can_make():
        raise FileNotFoundError(
            f"no export of {str(weights)!r} with {steps or 'its usual'} DDIM steps in {stored} (looked for "
            f"{source.with_suffix(SUFFIX)} and {kept}). Where torch and onnx are installed, make one: "
            f"`diffupose export {weights} FILE.onnx{f' --steps {steps}' if steps else ''} --precision {stored}`, and "
            "give FILE.onnx for the weights"
        )
    print(f"The model {weights} is written for onnxruntime, once, to {kept} ...", file=sys.stderr, flush=True)
    from diffupose_ros.lifting.engine.onnx.export import export

    export(source, kept, steps, stored)
    return kept


def can_make() -> bool:
    """Return whether what writes exports is installed."""
    return installed("torch", "safetensors", "onnx")


def installed(*modules: str) -> bool:
    """Return whether this Python has all of these; none is loaded."""
    try:
        return all(module in sys.modules or find_spec(module) for module in modules)
    except (ImportError, ValueError):  # somebody forbids it
        return False


def _fits(path: Path, digest: str, steps: int | None, precision: Precision) -> bool:
    try:
        found: Exported = read_exported(path)
    except ValueError:  # of another version, or broken off: another is made
        return False
    same = found.source == digest and (steps or found.usual_steps) == found.steps
    return same and precision in ("auto", found.precision)
