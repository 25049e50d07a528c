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

"""What the fuzz tests share: how many examples, damaged files, and what is allowed to happen."""

from __future__ import annotations

import contextlib
import math
import os
import resource
import signal
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("DIFFUPOSE_FUZZ", "0"))
"""Of each test, as ``make fuzz`` says; 0: a few, always the same, as a part of ``make test``."""

_SMOKE = 5
_HANG = 60  # s
_HUGE = 1 << 20  # KiB that one example may add to the process' peak
_LONGEST = 3000  # characters of a message
_PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)
_SUPPRESSED = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture)

NUMBERS = st.one_of(
    st.floats(width=32),
    st.sampled_from([0.0, -0.0, 1.0, -1.0, 1e-300, 1e300, math.nan, math.inf, -math.inf, 0.5, 640.0]),
    st.floats(-100, 2000),
)
"""Any number that a field of 64 bits holds; of those of 32 bits and of plausible ones more."""

SINGLE = st.one_of(
    st.floats(width=32),
    st.sampled_from([0.0, 1.0, -1.0, math.nan, math.inf, -math.inf]),
    st.floats(-100, 2000, width=32),
)
"""The same of a field of 32 bits."""

JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
"""What JSON, and YAML, can say."""

_WORDS = (
    *("", "0", "-1", "nan", ".nan", ".inf", "1e400", "9" * 400, "0x10", "1.0.0", "2001-01-01", "null", "true"),
    *("[]", "{}", "[[1, 2], [3]]", "'", "\n", ":", "- ", "x: y", "&a [*a]", "*a", "!!python/object:os.system"),
    *("\t", "\0", "é", "\ud7ff"),
)


def fuzzed(share: float = 1.0) -> Callable[[Any], Any]:
    """Return the settings of a test: its share of the examples is below 1 where one takes long."""
    if not EXAMPLES:
        return settings(max_examples=_SMOKE, derandomize=True, database=None, suppress_health_check=_SUPPRESSED)
    count = max(_SMOKE, round(share * EXAMPLES))
    return settings(max_examples=count, print_blob=True, phases=_PHASES, suppress_health_check=_SUPPRESSED)


@contextlib.contextmanager
def clear(*kinds: type[Exception]) -> Iterator[None]:
    """Let errors of these kinds pass that say on one line what was wrong; nothing else, no hang, no huge memory."""
    previous = signal.signal(signal.SIGALRM, _hangs)
    signal.alarm(_HANG)
    peak = _peak()
    try:
        yield
    except kinds as error:
        text = str(error)
        assert text.strip() and "\n" not in text and len(text) <= _LONGEST, f"no clear message: {text!r}"
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)
    assert _peak() - peak < _HUGE, f"{(_peak() - peak) >> 10} MiB of memory"


def _hangs(*_: object) -> None:
    raise AssertionError(f"nothing happened for {_HANG} s")


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """Draw a file with bytes changed, cut off, left out, put in or said twice; or whole."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(0, 4))):
        if not data:
            break
        at = draw(st.integers(0, len(data) - 1) | st.integers(0, min(64, len(data) - 1)))
        length = draw(st.integers(1, 16))
        kind = draw(st.sampled_from(["change", "cut", "leave out", "put in", "twice", "extreme"]))
        if kind == "change":
            data[at : at + length] = draw(st.binary(min_size=length, max_size=length))
        elif kind == "cut":
            del data[at:]
        elif kind == "leave out":
            del data[at : at + length]
        elif kind == "put in":
            data[at:at] = draw(st.binary(min_size=1, max_size=16))
        elif kind == "twice":
            data[at:at] = data[at : at + 16 * length]
        else:
            data[at : at + 4] = draw(st.sampled_from([bytes(4), b"\xff" * 4, b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f"]))
    return bytes(data)


@st.composite
def rewritten(draw: st.DrawFn, whole: str) -> str:
    """Draw a text of which words were exchanged, left out or replaced by others; or whole."""
    words = whole.split(" ")
    others = st.sampled_from(_WORDS) | st.text(max_size=6)
    for _ in range(draw(st.integers(0, 5))):
        at = draw(st.integers(0, len(words) - 1))
        kind = draw(st.sampled_from(["replace", "put in", "leave out", "exchange"]))
        if kind == "replace":
            words[at] = draw(others)
        elif kind == "put in":
            words.insert(at, draw(others))
        elif kind == "leave out" and len(words) > 1:
            del words[at]
        else:
            other = draw(st.integers(0, len(words) - 1))
            words[at], words[other] = words[other], words[at]
    return " ".join(words)
