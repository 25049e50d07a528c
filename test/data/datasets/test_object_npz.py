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

"""Pickled dictionaries are read, pickles that run code are not."""

import io
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from diffupose_ros.data.datasets.object_npz import load_objects


def write(path: Path, value: object, protocol: int) -> None:
    """An .npz file whose one array holds ``value``, pickled with a protocol of one's choice."""
    cell = np.empty((), object)
    cell[()] = value
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": ()})
    pickle.dump(cell, file, protocol=protocol)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("positions.npy", file.getvalue())


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_numbers_and_containers_come_back(tmp_path: Path, protocol: int) -> None:
    arrays = [np.arange(6, dtype=np.float32).reshape(2, 3), np.asfortranarray(np.eye(3)), np.array(["a", "bc"])]
    value = OrderedDict(S1={"Walking 1": arrays, "none": [None, 1, 2.5, True, b"x", (3, "y")], "n": np.float64(2)})
    write(tmp_path / "a.npz", value, protocol)
    read = load_objects(tmp_path / "a.npz")["positions"]
    assert read["S1"]["none"] == value["S1"]["none"] and read["S1"]["n"] == 2
    for array, original in zip(read["S1"]["Walking 1"], arrays, strict=True):
        assert array.dtype == original.dtype
        np.testing.assert_array_equal(array, original)


def test_what_numpy_saves_is_read(tmp_path: Path) -> None:
    value = {"S1": {"Walking": [np.ones((2, 17, 2), np.float32)]}}
    np.savez_compressed(tmp_path / "a.npz", positions=value, metadata={"num_joints": 17, "pairs": [[1], [2]]})
    read = load_objects(tmp_path / "a.npz")
    assert read["metadata"] == {"num_joints": 17, "pairs": [[1], [2]]}
    np.testing.assert_array_equal(read["positions"]["S1"]["Walking"][0], 1)


class Attack:
    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self):
        return Path.touch, (self.victim,)


class Import:
    def __reduce__(self):
        return np.load, ("somewhere",)


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_pickle_that_runs_code_is_refused_before_it_runs(tmp_path: Path, protocol: int) -> None:
    victim = tmp_path / "victim"
    write(tmp_path / "a.npz", {"S1": Attack(victim)}, protocol)
    with pytest.raises(ValueError, match=r"a\.npz: .*which no data needs: do not trust it"):
        load_objects(tmp_path / "a.npz")
    assert not victim.exists()
    with np.load(tmp_path / "a.npz", allow_pickle=True) as arrays:
        _ = arrays["positions"]
    assert victim.exists()  # the pickle was a real one
    write(tmp_path / "a.npz", [Import()], protocol)
    with pytest.raises(ValueError, match="it wants to run numpy"):
        load_objects(tmp_path / "a.npz")


def test_truncated_and_foreign_files_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.npz"
    with pytest.raises(FileNotFoundError, match="no file"):
        load_objects(file)
    np.savez_compressed(file, positions={"S1": np.random.default_rng(0).random(1000)})
    whole = file.read_bytes()
    middle = len(whole) // 2
    for content in (whole[:middle], whole[:-30], b"", b"text", whole[:middle] + bytes(50) + whole[middle + 50 :]):
        file.write_bytes(content)
        with pytest.raises(ValueError, match=r"a\.npz: truncated, or not an \.npz file of dictionaries"):
            load_objects(file)
    np.savez(file, clip=np.zeros((3, 17, 3), np.int16))
    with pytest.raises(ValueError, match="expected one pickled object, got an array int16"):
        load_objects(file)
