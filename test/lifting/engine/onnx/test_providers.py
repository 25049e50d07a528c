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

"""What devices ask onnxruntime for."""

import pytest

from diffupose_ros.lifting.engine.onnx.providers import CPU, devices, providers_of

CUDA, TENSORRT, OPENVINO = "CUDAExecutionProvider", "TensorrtExecutionProvider", "OpenVINOExecutionProvider"
SHAPES: dict[str, list[int | str]] = {"features": ["P", 17, 5], "noise": ["N", 17, 3], "images": ["N"]}


def test_devices_are_providers_with_the_cpu_behind_them() -> None:
    everything = [TENSORRT, CUDA, OPENVINO, CPU]
    assert providers_of("auto", [CPU], False, SHAPES) == providers_of("cpu", everything, False, SHAPES) == [(CPU, {})]
    assert providers_of("auto", everything, False, SHAPES) == [(CUDA, {"device_id": 0}), (CPU, {})]
    assert providers_of("cuda:1", everything, False, SHAPES) == [(CUDA, {"device_id": 1}), (CPU, {})]
    assert [name for name, _ in providers_of("openvino", everything, False, SHAPES)] == [OPENVINO, CPU]
    assert devices(["AzureExecutionProvider", OPENVINO, CPU]) == "cpu, openvino"


def test_tensorrt_keeps_its_engine_and_is_told_how_many_people_there_may_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    (name, options), *others = providers_of("tensorrt:1", [TENSORRT, CUDA, CPU], True, SHAPES)
    assert (name, [other for other, _ in others]) == (TENSORRT, [CUDA, CPU])
    assert options["device_id"] == others[0][1]["device_id"] == 1 and options["trt_fp16_enable"] is True
    assert options["trt_engine_cache_path"] == "/cache/diffupose_ros/tensorrt"
    assert options["trt_profile_min_shapes"] == "features:1x17x5,noise:1x17x3,images:1"
    assert options["trt_profile_max_shapes"] == "features:64x17x5,noise:200x17x3,images:200"


@pytest.mark.parametrize("device", ["gpu", "cuda:x", "cpu:1", "openvino:1", ""])
def test_other_devices_are_refused(device: str) -> None:
    with pytest.raises(ValueError, match=f"device '{device}': the engine onnx has auto, cpu"):
        providers_of(device, [CPU], False, SHAPES)


def test_what_is_not_there_is_said_with_what_brings_it() -> None:
    with pytest.raises(ValueError, match=r"this onnxruntime has cpu; .* -m pip install onnxruntime-openvino"):
        providers_of("openvino", [CPU], False, SHAPES)
