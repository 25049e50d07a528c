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
"""The transform buffer: values against scipy's, and the text of every refusal."""

from __future__ import annotations

import support.standalone  # noqa: F401

# isort: split
import re
import threading
import time

import numpy as np
import pytest
from builtin_interfaces.msg import Time as TimeMsg
from geometry_msgs.msg import Quaternion, TransformStamped, Vector3
from hypothesis import given
from hypothesis import strategies as st
from rclpy.duration import Duration
from rclpy.time import Time
from scipy.spatial.transform import Rotation, Slerp
from std_msgs.msg import Header
from tf2_ros import (
    Buffer,
    ConnectivityException,
    ExtrapolationException,
    InvalidArgumentException,
    LookupException,
    TransformException,
)

LATEST = Time()
ANGLES = st.floats(-np.pi, np.pi)
ROTATIONS = st.builds(lambda *angles: Rotation.from_euler("zyx", angles), ANGLES, ANGLES, ANGLES)
PLACES = st.tuples(*[st.floats(-100, 100)] * 3)
POSES = st.tuples(PLACES, ROTATIONS)


def stamped(
    parent: str,
    child: str,
    seconds: float = 0.0,
    place: tuple[float, ...] = (0.0, 0.0, 0.0),
    rotation: Rotation | tuple[float, ...] = (0.0, 0.0, 0.0, 1.0),
) -> TransformStamped:
    message = TransformStamped(header=Header(frame_id=parent, stamp=at(seconds).to_msg()), child_frame_id=child)
    quaternion = rotation.as_quat() if isinstance(rotation, Rotation) else rotation
    message.transform.translation = Vector3(**dict(zip("xyz", place, strict=True)))
    message.transform.rotation = Quaternion(**dict(zip("xyzw", map(float, quaternion), strict=True)))
    return message


def at(seconds: float) -> Time:
    return Time(nanoseconds=round(seconds * 1e9))


def filled(*moving: TransformStamped, static: tuple[TransformStamped, ...] = ()) -> Buffer:
    buffer = Buffer()
    for transform in moving:
        buffer.set_transform(transform, "test")
    for transform in static:
        buffer.set_transform_static(transform, "test")
    return buffer


def matrix(message: TransformStamped) -> np.ndarray:
    whole = np.eye(4)
    moved, turned = message.transform.translation, message.transform.rotation
    whole[:3, :3] = Rotation.from_quat((turned.x, turned.y, turned.z, turned.w)).as_matrix()
    whole[:3, 3] = moved.x, moved.y, moved.z
    return whole


def seconds(message: TransformStamped) -> float:
    return Time.from_msg(message.header.stamp).nanoseconds / 1e9


def refusal(buffer: Buffer, target: str, source: str, when: Time = LATEST) -> TransformException:
    with pytest.raises(TransformException) as caught:
        buffer.lookup_transform(target, source, when)
    assert buffer.can_transform(target, source, when) is False
    assert buffer.can_transform(target, source, when, return_debug_tuple=True) == (False, str(caught.value))
    return caught.value


@given(POSES, POSES, st.floats(0, 1))
def test_between_stamps_it_moves_straight_and_turns_evenly(start: tuple, end: tuple, ratio: float) -> None:
    buffer = filled(stamped("map", "base", 10, *start), stamped("map", "base", 12, *end))
    when = at(10 + 2 * ratio)
    found = matrix(buffer.lookup_transform("map", "base", when))
    ratio = (when.nanoseconds - 10 * 10**9) / (2 * 10**9)
    half_turn = (start[1].inv() * end[1]).magnitude() > np.pi - 1e-3  # there both ways round are as short
    if not half_turn:
        turned = Slerp([0, 1], Rotation.concatenate([start[1], end[1]]))(ratio).as_matrix()
        np.testing.assert_allclose(found[:3, :3], turned, atol=1e-7)
    moved = (1 - ratio) * np.array(start[0]) + ratio * np.array(end[0])
    np.testing.assert_allclose(found[:3, 3], moved, atol=1e-9)


@given(POSES, POSES, POSES)
def test_ways_are_products_and_the_way_back_is_the_inverse(base: tuple, camera: tuple, other: tuple) -> None:
    buffer = filled(
        stamped("map", "base", 5, *base), static=(stamped("base", "camera", 0, *camera), stamped("map", "x", 0, *other))
    )
    expected = np.linalg.inv(matrix(stamped("map", "x", 0, *other)))
    expected = expected @ matrix(stamped("map", "base", 0, *base)) @ matrix(stamped("base", "camera", 0, *camera))
    there, back = buffer.lookup_transform("x", "camera", LATEST), buffer.lookup_transform("camera", "x", LATEST)
    np.testing.assert_allclose(matrix(there), expected, atol=1e-9)
    np.testing.assert_allclose(matrix(there) @ matrix(back), np.eye(4), atol=1e-9)
    assert (there.header.frame_id, there.child_frame_id, seconds(there)) == ("x", "camera", 5.0)


def test_a_quaternion_and_its_negative_are_one_rotation() -> None:
    turn = Rotation.from_euler("z", 0.4)
    buffer = filled(stamped("map", "base", 1), stamped("map", "base", 2, rotation=tuple(-turn.as_quat())))
    half = Rotation.from_euler("z", 0.2).as_matrix()
    np.testing.assert_allclose(matrix(buffer.lookup_transform("map", "base", at(1.5)))[:3, :3], half, atol=1e-12)


def test_zero_is_the_latest_time_that_all_links_have() -> None:
    buffer = filled(
        stamped("map", "base", 1),
        stamped("map", "base", 3, (2.0, 0.0, 0.0)),
        stamped("base", "hand", 1),
        stamped("base", "hand", 2),
        static=(stamped("hand", "camera"),),
    )
    found = buffer.lookup_transform("map", "camera", LATEST)
    assert seconds(found) == 2.0 and found.transform.translation.x == pytest.approx(1.0)
    assert seconds(buffer.lookup_transform("hand", "camera", LATEST)) == 0.0
    assert seconds(buffer.lookup_transform("hand", "camera", at(99))) == 99.0
    assert seconds(buffer.lookup_transform("base", "base", LATEST)) == 3.0
    assert buffer.can_transform("nowhere", "nowhere", LATEST, return_debug_tuple=True) == (True, "")  # as tf2


def test_links_above_the_meeting_point_do_not_matter() -> None:
    buffer = filled(stamped("map", "base", 1), static=(stamped("base", "left"), stamped("base", "right")))
    assert buffer.can_transform("left", "right", at(50))
    assert seconds(buffer.lookup_transform("left", "right", LATEST)) == 0.0


def test_times_may_be_messages_and_nothing_else() -> None:
    buffer = filled(stamped("map", "base", 1.5))
    assert buffer.can_transform("map", "base", TimeMsg(sec=1, nanosec=500_000_000))
    with pytest.raises(TypeError, match="expected a Time or a Duration, rclpy's or its message, but got a float"):
        buffer.lookup_transform("map", "base", 1.5)


def test_the_full_lookup_goes_by_the_fixed_frame_from_time_to_time() -> None:
    buffer = filled(
        stamped("map", "base", 1), stamped("map", "base", 3, (4.0, 0.0, 0.0)), static=(stamped("map", "x"),)
    )
    found = buffer.lookup_transform_full("base", at(3), "base", at(2), "map")
    assert found.transform.translation.x == pytest.approx(-2.0) and seconds(found) == 3.0
    assert (found.header.frame_id, found.child_frame_id) == ("base", "base")
    assert buffer.can_transform_full("base", at(3), "base", at(2), "map")
    assert buffer.can_transform_full("base", at(3), "base", at(9), "map", return_debug_tuple=True)[0] is False
    with pytest.raises(LookupException, match='"maps" passed as fixed_frame does not exist'):
        buffer.lookup_transform_full("base", at(3), "base", at(2), "maps")


@pytest.mark.parametrize("target, source", [("map", "camera"), ("camera", "map")])
@pytest.mark.parametrize(
    "when, where",
    [
        (12.25, "the future by 0.250000 s. Requested time 12.250000 but the latest data of frame [base] in [map] is at "
         "time 12.000000"),
        (9.0, "the past by 1.000000 s. Requested time 9.000000 but the earliest data of frame [base] in [map] is at "
         "time 10.000000"),
    ],
)  # fmt: skip
def test_no_extrapolation(target: str, source: str, when: float, where: str) -> None:
    base = (stamped("map", "base", 10), stamped("map", "base", 12))
    why = refusal(filled(*base, static=(stamped("base", "camera"),)), target, source, at(when))
    assert isinstance(why, ExtrapolationException)
    way = f"when looking up transform from frame [{source}] to frame [{target}]"
    assert str(why) == f"Lookup would require extrapolation into {where}, {way}"


def test_unknown_frames_are_named_and_known_ones_listed() -> None:
    why = refusal(filled(stamped("map", "base", 1)), "map", "camra")
    assert isinstance(why, LookupException)
    assert str(why) == '"camra" passed as source_frame does not exist. Known frames: base, map'
    assert str(refusal(Buffer(), "map", "base")).endswith("target_frame does not exist. Known frames: none")
    many = filled(*(stamped("map", f"f{number:02}", 1) for number in range(30)))
    assert str(refusal(many, "map", "g")).endswith("f10, f11, ...")


def test_names_that_no_frame_can_have() -> None:
    buffer = filled(stamped("/map", "/base", 1))
    assert buffer.can_transform("map", "base", LATEST)
    for name, wrong in ("/map", "start with a '/'"), ("", "be empty"):
        why = refusal(buffer, name, "base")
        assert isinstance(why, InvalidArgumentException)
        assert str(why) == f'Invalid argument "{name}" passed as target_frame: frame ids cannot {wrong}'


def test_two_trees_are_not_connected() -> None:
    buffer = filled(stamped("map", "base", 1), stamped("room", "camera", 1))
    for when in LATEST, at(1):
        why = refusal(buffer, "base", "camera", when)
        assert isinstance(why, ConnectivityException)
        assert str(why) == (
            "Could not find a connection between 'base' and 'camera' because they are not part of the same tree: "
            "'camera' ends at 'room', 'base' at 'map'"
        )


@pytest.mark.parametrize("target, source", [("a", "d"), ("d", "a"), ("a", "b"), ("other", "d")])
def test_a_loop_is_refused_and_shown(target: str, source: str) -> None:
    buffer = filled(*(stamped(parent, child, 1) for parent, child in ("ab", "bc", "ca", "cd")))
    buffer.set_transform_static(stamped("a", "other"), "test")
    why = refusal(buffer, target, source)
    assert isinstance(why, LookupException)
    loop = re.fullmatch(r"The tf tree is invalid because it contains a loop \(child -> parent\): (.+)", str(why))
    assert loop and loop[1] in {"a -> c -> b -> a", "b -> a -> c -> b", "c -> b -> a -> c"}


def test_the_newest_parent_counts_from_its_stamp_on() -> None:
    cup = (stamped("table", "cup", 1, (1.0, 0.0, 0.0)), stamped("hand", "cup", 2))
    buffer = filled(*cup, static=(stamped("map", "table"), stamped("map", "hand", 0, (5.0, 0.0, 0.0))))
    for when, x in (at(1.9), 1.0), (at(2), 5.0), (LATEST, 5.0):
        assert buffer.lookup_transform("map", "cup", when).transform.translation.x == x


def test_a_frame_that_stood_still_may_move_and_the_other_way_round() -> None:
    buffer = filled(stamped("map", "base", 1, (2.0, 0.0, 0.0)), static=(stamped("map", "base", 0, (1.0, 0.0, 0.0)),))
    assert buffer.lookup_transform("map", "base", at(99)).transform.translation.x == 1.0
    buffer.set_transform(stamped("map", "base", 1, (3.0, 0.0, 0.0)), "test")
    assert buffer.lookup_transform("map", "base", at(1)).transform.translation.x == 3.0
    assert not buffer.can_transform("map", "base", at(99))


def test_order_of_arrival_does_not_matter_and_the_last_word_on_a_stamp_counts() -> None:
    places = {1: 1.0, 3: 3.0, 2: 0.0}
    buffer = filled(*(stamped("map", "base", stamp, (x, 0.0, 0.0)) for stamp, x in places.items()))
    buffer.set_transform(stamped("map", "base", 2, (2.0, 0.0, 0.0)), "test")
    found = [buffer.lookup_transform("map", "base", at(when)).transform.translation.x for when in (1.25, 2, 2.75)]
    assert found == [1.25, 2.0, 2.75]


def test_what_is_older_than_the_cache_is_forgotten_and_ignored(capfd: pytest.CaptureFixture[str]) -> None:
    buffer = Buffer(cache_time=Duration(seconds=2))
    for stamp in (1, 2, 3, 5, 6, 3.5, 3.75):
        buffer.set_transform(stamped("map", "base", stamp), "the robot")
    assert not buffer.can_transform("map", "base", at(2.5)) and buffer.can_transform("map", "base", at(4.5))
    assert capfd.readouterr().err.partition("]: ")[2] == (
        'Ignoring transforms from the robot. TF_OLD_DATA: data of frame "base" at time 3.500000 is older than what is '
        "kept, which begins at 4.000000; after a clock that went back, clear the buffer\n"
    )


def test_of_a_slow_frame_the_last_two_are_kept() -> None:
    buffer = filled(*(stamped("map", "base", stamp) for stamp in (10, 30, 50)))
    assert buffer.can_transform("map", "base", at(45)) and not buffer.can_transform("map", "base", at(25))


def test_clear_forgets_what_moves() -> None:
    buffer = filled(stamped("map", "base", 100), static=(stamped("base", "camera"),))
    buffer.clear()
    assert buffer.can_transform("base", "camera", LATEST)
    assert seconds(buffer.lookup_transform("base", "base", LATEST)) == 0.0
    for when in LATEST, at(100):
        why = refusal(buffer, "map", "camera", when)
        assert isinstance(why, ExtrapolationException)
        assert "there is no data of frame [base] since the buffer was cleared, when looking up" in str(why)
    buffer.set_transform(stamped("map", "base", 1), "test")
    assert seconds(buffer.lookup_transform("map", "camera", LATEST)) == 1.0


@pytest.mark.parametrize(
    "wrong, text",
    [
        (stamped("map", "base", 1, (np.nan, 0.0, 0.0)),
         'TF_NAN_INPUT: the transform of "base" in "map" has numbers that are not finite: (nan, 0.0, 0.0) '
         "(0.0, 0.0, 0.0, 1.0)"),
        (stamped("map", "base", 1, rotation=(0.0, np.inf, 0.0, 1.0)),
         'TF_NAN_INPUT: the transform of "base" in "map" has numbers that are not finite: (0.0, 0.0, 0.0) '
         "(0.0, inf, 0.0, 1.0)"),
        (stamped("map", "base", 1, rotation=(0.0, 0.0, 0.0, 0.0)),
         'TF_DENORMALIZED_QUATERNION: the transform of "base" in "map" has a quaternion of length 0, which should be '
         "1: (0.0, 0.0, 0.0, 0.0)"),
        (stamped("map", "/map", 1), 'TF_SELF_TRANSFORM: "map" is said to be in itself'),
        (stamped("", "base", 1), 'TF_NO_FRAME_ID: the transform of "base" has no header.frame_id'),
        (stamped("map", "/", 1), 'TF_NO_CHILD_FRAME_ID: a transform in "map" has no child_frame_id'),
    ],
)  # fmt: skip
def test_impossible_transforms_are_ignored_and_told_once(
    wrong: TransformStamped, text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    buffer = filled(wrong, wrong, static=(wrong,))
    assert capfd.readouterr().err.partition("]: ")[2] == f"Ignoring transforms from test. {text}\n"
    assert str(refusal(buffer, "map", "base")).endswith("Known frames: none")


def test_after_a_good_one_the_next_wrong_one_is_told_again(capfd: pytest.CaptureFixture[str]) -> None:
    wrong = stamped("map", "base", 1, rotation=(0.0, 0.0, 0.0, 0.0))
    filled(wrong, stamped("map", "base", 1), wrong)
    assert capfd.readouterr().err.count("TF_DENORMALIZED_QUATERNION") == 2


def test_nearly_unit_quaternions_become_unit() -> None:
    turned = filled(stamped("map", "base", 1, rotation=(0.0, 0.0, 0.0, 1.004))).lookup_transform("map", "base", LATEST)
    assert turned.transform.rotation == Quaternion(w=1.0)


def test_a_timeout_waits_for_what_another_thread_brings() -> None:
    buffer = filled(stamped("map", "base", 1))
    started = threading.Event()

    def bring() -> None:
        started.wait()
        time.sleep(0.1)
        buffer.set_transform(stamped("map", "base", 2), "test")

    thread = threading.Thread(target=bring)
    thread.start()
    started.set()
    assert seconds(buffer.lookup_transform("map", "base", at(2), Duration(seconds=20))) == 2.0
    thread.join()
    with pytest.raises(ExtrapolationException, match=r"into the future by 1\.000000 s"):
        buffer.lookup_transform("map", "base", at(3), timeout=Duration(seconds=0.05))


def test_what_is_not_there_says_so() -> None:
    with pytest.raises(AttributeError, match=r"'lookup_transform_async'.* not part of .* standalone runtime"):
        Buffer().lookup_transform_async  # noqa: B018
    import tf2_ros

    with pytest.raises(AttributeError, match=r"tf2_ros\.BufferClient is not part of .* standalone runtime"):
        tf2_ros.BufferClient  # noqa: B018
