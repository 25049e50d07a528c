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

"""Acclaim skeletons and motions, against positions worked out by hand."""

from pathlib import Path

import numpy as np
import pytest

from diffupose_ros.data.datasets.asf_amc import bone_ends, read_amc, read_asf

UNIT = 0.0254 / 0.45  # m
HEADER = """\
# made by hand
:version 1.10
:name TEST
:units
  mass 1.0
  length {length}
  angle {angle}
:documentation
   begin nothing
:root
   order {order}
   axis XYZ
   position {position}
   orientation 0 0 0
"""


def bone(name: str, direction: str, axis: str = "0 0 0 XYZ", dof: str = "", length: float = 1) -> str:
    freedom = f"     dof {dof}\n     limits ({'(0 1) ' * len(dof.split())})\n" if dof else ""
    return (
        f"  begin\n     id 1\n     name {name}\n     direction {direction}\n     length {length}\n"
        f"     axis {axis}\n{freedom}  end\n"
    )


def asf(
    bones: list[str],
    hierarchy: str,
    order: str = "TX TY TZ RX RY RZ",
    position: str = "0 0 0",
    length: str = "0.45",
    angle: str = "deg",
) -> str:
    header = HEADER.format(order=order, position=position, length=length, angle=angle)
    return f"{header}:bonedata\n{''.join(bones)}:hierarchy\n  begin\n{hierarchy}\n  end\n"


def ends(folder: Path, skeleton: str, frames: list[str]) -> dict[str, np.ndarray]:
    """Bone ends in the files' units of length."""
    (folder / "a.asf").write_text(skeleton)
    numbered = "".join(f"{i + 1}\n{frame}\n" for i, frame in enumerate(frames))
    (folder / "a.amc").write_text(f"#!OML:ASF a\n:FULLY-SPECIFIED\n:DEGREES\n{numbered}")
    read = read_asf(folder / "a.asf")
    return {name: end / read.scale for name, end in bone_ends(read, read_amc(folder / "a.amc", read)).items()}


def test_the_root_moves_and_turns_about_x_then_y_then_z(tmp_path: Path) -> None:
    skeleton = asf([bone("a", "0 0 1", length=2)], "root a")
    frames = ["root 1 2 3 0 0 0", "root 0 0 0 90 90 0", "root 1 0 0 90 0 90", "root 0 0 0 0 90 90"]
    found = ends(tmp_path, skeleton, frames)
    np.testing.assert_allclose(found["root"], [[1, 2, 3], [0, 0, 0], [1, 0, 0], [0, 0, 0]], atol=1e-12)
    # z -> -y about x, stays -y about y; z -> -y about x, -> x about z; z -> x about y, -> y about z.
    np.testing.assert_allclose(found["a"], [[1, 2, 5], [0, -2, 0], [3, 0, 0], [0, 2, 0]], atol=1e-12)


def test_the_order_of_the_root_is_the_file_s(tmp_path: Path) -> None:
    skeleton = asf([bone("a", "0 0 1")], "root a", order="RZ RY RX TZ TX TY", position="0 10 0")
    found = ends(tmp_path, skeleton, ["root 0 90 90 5 6 7"])
    np.testing.assert_allclose(found["root"], [[6, 17, 5]], atol=1e-12)
    np.testing.assert_allclose(found["a"] - found["root"], [[1, 0, 0]], atol=1e-12)  # z -> x about y, stays about x


def test_a_bone_turns_in_the_frame_of_its_axis(tmp_path: Path) -> None:
    bones = [
        bone("x_in_z", "0 0 1", axis="0 0 90 XYZ", dof="rx"),  # its x axis is the world's y
        bone("z_in_xy", "1 0 0", axis="90 90 0 XYZ", dof="rz"),  # its z axis: -y about x, stays about y
        bone("z_in_yx", "0 1 0", axis="90 90 0 YXZ", dof="rz"),  # its z axis: x about y, stays about x
    ]
    found = ends(tmp_path, asf(bones, "root x_in_z z_in_xy z_in_yx"), [
        "root 0 0 0 0 0 0\nx_in_z 90\nz_in_xy 90\nz_in_yx 90",
        "root 0 0 0 0 0 0\nx_in_z 0\nz_in_xy 0\nz_in_yx 30",
    ])  # fmt: skip
    np.testing.assert_allclose(found["x_in_z"], [[1, 0, 0], [0, 0, 1]], atol=1e-12)
    np.testing.assert_allclose(found["z_in_xy"], [[0, 0, 1], [1, 0, 0]], atol=1e-12)
    np.testing.assert_allclose(found["z_in_yx"], [[0, 0, 1], [0, np.cos(np.pi / 6), 0.5]], atol=1e-12)


def test_angles_of_one_bone_apply_in_their_order(tmp_path: Path) -> None:
    bones = [bone("a", "0 0 1", dof="rx ry rz"), bone("b", "0 0 1", dof="ry rx")]
    found = ends(tmp_path, asf(bones, "root a b"), ["root 0 0 0 0 0 0\na 90 90 90\nb 90 90"])
    np.testing.assert_allclose(found["a"], [[1, 0, 0]], atol=1e-12)  # z -> -y -> -y -> x
    np.testing.assert_allclose(found["b"], [[1, 0, 0]], atol=1e-12)  # z -> x -> x


def test_children_turn_with_their_parents_wherever_the_file_lists_them(tmp_path: Path) -> None:
    bones = [
        bone("hand", "1 0 0", length=0.5),
        bone("forearm", "1 0 0", dof="rz", length=2),
        bone("arm", "1 0 0", dof="rz", length=3),
    ]
    hierarchy = "arm forearm\nforearm hand\nroot arm"
    found = ends(
        tmp_path, asf(bones, hierarchy), ["root 0 0 0 0 0 0\nforearm 90\narm 90", "forearm 90\nroot 0 1 0 0 0 0\narm 0"]
    )
    np.testing.assert_allclose(found["arm"], [[0, 3, 0], [3, 1, 0]], atol=1e-12)
    np.testing.assert_allclose(found["forearm"], [[-2, 3, 0], [3, 3, 0]], atol=1e-12)
    np.testing.assert_allclose(found["hand"], [[-2.5, 3, 0], [3, 3.5, 0]], atol=1e-12)


def test_lengths_and_angles_are_in_the_units_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "a.asf").write_text(asf([bone("a", "0 0 2", length=3)], "root a", length="0.45"))
    (tmp_path / "b.asf").write_text(asf([bone("a", "0 0 1")], "root a", length="1.0", angle="rad"))
    (tmp_path / "a.amc").write_text(f"1\nroot 0 0 1 0 {np.pi / 2} 0\n")
    of_a, of_b = read_asf(tmp_path / "a.asf"), read_asf(tmp_path / "b.asf")
    np.testing.assert_allclose(of_a.bones["a"].offset, [0, 0, 3 * UNIT])  # the direction need not have length 1
    found = bone_ends(of_b, read_amc(tmp_path / "a.amc", of_b))
    np.testing.assert_allclose(found["a"], [[0.0254, 0, 0.0254]], atol=1e-12)


def test_every_takes_every_so_many_frames(tmp_path: Path) -> None:
    (tmp_path / "a.asf").write_text(asf([bone("a", "0 0 1", dof="rx")], "root a"))
    (tmp_path / "a.amc").write_text("".join(f"{i + 1}\nroot {i} 0 0 0 0 0\na {i}\n" for i in range(10)))
    motion = read_amc(tmp_path / "a.amc", read_asf(tmp_path / "a.asf"), every=4)
    assert motion["root"][:, 0].tolist() == motion["a"][:, 0].tolist() == [0, 4, 8]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no 'units'"),
        ("text", "no 'units'"),
        (asf([bone("a", "0 0 1")], "root a").split(":hierarchy")[0], "no 'hierarchy'"),
        (asf([bone("a", "0 0 1")], "root b"), "no 'a'"),
        (asf([bone("a", "0 0 1"), bone("b", "0 0 1")], "a b\nb a"), "do not hang on the root: a, b"),
        (asf([bone("a", "0 0")], "root a"), "expected three numbers, got '0 0'"),
        (asf([bone("a", "0 0 nan")], "root a"), "expected three numbers, got '0 0 nan'"),
        (asf([bone("a", "0 0 1", dof="rx rx")], "root a"), "a: expected degrees of freedom rx, ry, rz, got"),
        (asf([bone("a", "0 0 1", dof="rx l")], "root a"), "a: expected degrees of freedom rx, ry, rz, got"),
        (asf([bone("a", "0 0 1", axis="0 0 0 XYW")], "root a"), "xyw"),
        (asf([bone("a", "0 0 1")], "root a", order="TX TY TZ"), "root: expected an order with rotations"),
        (asf([bone("a", "0 0 1")], "root a", length="0"), "division by zero"),
        (asf([bone("a", "0 0 1")], "root a", length="long"), "long"),
    ],
)  # fmt: skip
def test_what_is_no_skeleton_is_refused_with_the_reason(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "a.asf").write_text(text)
    with pytest.raises(ValueError, match=reason) as caught:
        read_asf(tmp_path / "a.asf")
    assert str(caught.value).startswith(f"{tmp_path / 'a.asf'}: not an .asf skeleton, or truncated")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "expected frames of a number and 2 bones, got 0 of them and 0 lines more"),
        ("1\nroot 0 0 0 0 0 0\n", "got 0 of them and 2 lines more"),
        ("1\nroot 0 0 0 0 0 0\na 1\n2\nroot 0 0 0 0 0 0\n", "got 1 of them and 2 lines more"),
        ("1\nroot 0 0 0 0 0 0\na 1\n2\nroot 0 0 0 0 0 0\na", "frame 2: a: expected 1 numbers, got 'a'"),
        ("1\nroot 0 0 0 0 0 0\na 1\n2\nroot 0 0\na 1\n", "frame 2: root: expected 6 numbers, got 'root 0 0'"),
        ("1\nroot 0 0 0 0 0 0\nb 1\n", "frame 1: 'b' is twice there, or no moving bone"),
        ("1\na 1\na 1\n", "frame 1: 'a' is twice there"),
        ("1\nroot 0 0 0 0 0 0\na one\n", "frame 1: a: expected numbers, got 'a one'"),
        ("1\nroot 0 0 0 0 0 0\na inf\n", "frame 1: a: expected 1 numbers, got 'a inf'"),
        ("root 0 0 0 0 0 0\n1\na 1\n", "frame 1: expected its number, got 'root 0 0 0 0 0 0'"),
    ],
)  # fmt: skip
def test_what_is_no_motion_of_the_skeleton_is_refused_with_the_reason(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "a.asf").write_text(asf([bone("a", "0 0 1", dof="rx")], "root a"))
    (tmp_path / "a.amc").write_text(text)
    with pytest.raises(ValueError, match=reason) as caught:
        read_amc(tmp_path / "a.amc", read_asf(tmp_path / "a.asf"))
    assert str(tmp_path / "a.amc") in str(caught.value)
