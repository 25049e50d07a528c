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

"""The demo from end to end, as a user runs it: real processes, real topics."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image
from support import ROOT
from typer.testing import CliRunner

from diffupose_ros.cli import app
from diffupose_ros.demo import run
from diffupose_ros.demo.processes import DemoError, NodeProcess
from diffupose_ros.demo.recording import read_recording

ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
    "COLUMNS": "100",
}


def start(*args: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "diffupose_ros.cli", "demo", *map(str, args)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)


def children(process: subprocess.Popen[str]) -> list[int]:
    """Process ids of the nodes that the demo has started."""
    return [int(p) for p in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] != "Z"


def test_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that does not keep up at first."""
    answers = iter((False, True))
    monkeypatch.setattr(run, "kept_up", lambda *_: next(answers))
    monkeypatch.setattr(run, "WARM_UP", 0.3)
    monkeypatch.setattr(run, "TRIAL", 0.1)
    monkeypatch.setenv("COLUMNS", "100")
    output = tmp_path / "out"
    ended = CliRunner().invoke(app, ["demo", "--output", str(output), "--seconds", "2", "--people", "2"])
    assert ended.exit_code == 0, ended.output
    assert "MPJPE" in ended.output and str(output / "demo.gif") in ended.output.replace("\n", "")
    assert ended.output.count("15 messages a second: with 30 this machine did not keep up.") == 2
    told = json.loads((output / "statistics.json").read_text())
    assert told["run"] == {"seconds": 2, "people": 2, "layout": "coco17", "rate": 15, "wanted": 30}
    figures, over_time = told["figures"]["lifting"], told["figures"]["over_time"]
    assert figures["rate_in"] < 20 and figures["people"] == 2 and figures["results"] > 4
    assert figures["inputs"] >= figures["results"] + figures["dropped"] - 1
    assert figures["mpjpe_mm"] < 150 and figures["compared"] >= figures["results"]
    assert 0.5 < figures["coverage_seen"] <= 1
    assert over_time["results"] > 4 and 0 < over_time["compared"] <= figures["compared"]
    assert 0.5 < over_time["people"]["coverage"] <= 1 and over_time["people"]["jitter"] < over_time["single"]["jitter"]
    assert Image.open(output / "contact_sheet.png").width == 1800
    assert Image.open(output / "demo.gif").n_frames > 10
    recording = read_recording(output / "bag")
    assert recording.camera is not None and len(recording.answered()) >= figures["results"]
    assert any(frame.people and frame.ahead for frame in recording.frames)
    assert (output / "people_node.log").is_file()
    metadata = (output / "bag" / "metadata.yaml").read_text()
    for topic in (
        "skeletons_2d",
        "camera_info",
        "ground_truth",
        "skeletons_3d",
        "hypotheses",
        "markers",
        "people",
        "people_predicted",
        "people_markers",
        "diagnostics",
    ):
        assert f"name: /{topic}\n" in metadata


def test_the_command_tries_its_pace_and_ends_with_0(tmp_path: Path) -> None:
    process = start("--output", tmp_path / "out", "--seconds", 2, "--people", 1)
    out, err = process.communicate(timeout=170)
    assert process.returncode == 0, out + err
    told = json.loads((tmp_path / "out" / "statistics.json").read_text())
    assert told["run"]["rate"] in (30, 15, 7.5, 3.75) and told["run"]["wanted"] == 30
    assert told["figures"]["lifting"]["people"] == 1 and told["figures"]["over_time"]["results"] > 0


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_stop_the_nodes(tmp_path: Path, number: int, code: int) -> None:
    process = start("--output", tmp_path / "out", "--seconds", 100)
    end = time.monotonic() + 60
    while len(nodes := children(process)) < 3 and time.monotonic() < end:
        time.sleep(0.1)
    time.sleep(0.3)
    process.send_signal(number)
    out, err = process.communicate(timeout=40)
    assert process.returncode == code, out + err
    assert "Traceback" not in err
    assert len(nodes) == 3 and not any(alive(node) for node in nodes)


def test_a_node_that_dies_is_reported_with_its_log(tmp_path: Path) -> None:
    with NodeProcess("replay_node", tmp_path / "replay.log", {"layout": "tentacles"}) as node:
        end = time.monotonic() + 60
        with pytest.raises(DemoError, match="tentacles") as raised:
            while time.monotonic() < end:
                node.check()
                time.sleep(0.1)
    assert "exit code 1" in str(raised.value) and "replay.log" in str(raised.value)


def test_an_output_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    ended = CliRunner().invoke(app, ["demo", "--output", str(tmp_path / "out")])
    assert ended.exit_code == 1 and "error:" in ended.stderr and isinstance(ended.exception, SystemExit)
