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

"""The benchmark: files that can be gone on with, ratios, charts, the command."""

import json
import os
import re
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from PIL import Image
from rich.console import Console
from typer.testing import CliRunner

from diffupose_ros.benchmark.charts import draw_charts
from diffupose_ros.benchmark.machine import describe, kind, kind_of, version
from diffupose_ros.benchmark.results import Results, path_of
from diffupose_ros.benchmark.run import command, run
from diffupose_ros.benchmark.section import Bar, BenchmarkError, Cell, GiveUp, Options, Row, Section, find
from diffupose_ros.benchmark.table import machines
from diffupose_ros.benchmark.timing import figures, interleaved
from diffupose_ros.cli import app
from diffupose_ros.lifting import Interrupted

RUNNER = CliRunner()
OPTIONS = Options("cpu", seconds=0.0)
SILENT = Console(quiet=True)


class Counting:
    """A section of three cells that counts what is measured; Ctrl-C comes in the ``stop``-th."""

    def __init__(self, stop: int = 3) -> None:
        self.stop = stop
        self.measured: list[int] = []
        self.section = Section("counting", "numbers", self._prepare, {"shape": (1, 2)}, bars=self._bars)

    @contextmanager
    def _prepare(self, options: Options) -> Iterator[Sequence[Cell]]:
        yield [self._cell(number) for number in range(3)]

    def _cell(self, number: int) -> Cell:
        def measure(interrupted: GiveUp) -> dict[str, float]:
            if number == self.stop:
                os.kill(os.getpid(), signal.SIGINT)
            taken = interleaved({"work": lambda: None}, 0, interrupted)
            self.measured.append(number)
            return figures(taken, "work") | {"value": number + 0.123456789}

        return Cell({"number": number}, measure)

    def _bars(self, rows: Sequence[Row], device: str) -> list[Bar]:
        row = find(rows, number=0)
        return [Bar("value", row["value"], 1.0, True)] if row else []


def content(folder: Path, section: str = "counting") -> dict:
    return json.loads(path_of(folder, section, "cpu").read_text())


def write(path: Path, section: str, rows: list[dict], complete: bool = True) -> Path:
    results = Results(path, section, describe(torch.device("cpu")), {}, f"diffupose benchmark {section}")
    results.complete = complete
    for row in rows:
        results.add(row.pop("labels"), row)
    results.save({})
    return path


def test_an_interrupted_run_keeps_its_cells_and_is_gone_on_with(tmp_path: Path) -> None:
    first, second, third = Counting(stop=1), Counting(), Counting()
    with pytest.raises(Interrupted):
        run([first.section], tmp_path, OPTIONS, False, SILENT)
    assert first.measured == [0]
    assert content(tmp_path)["complete"] is False and len(content(tmp_path)["rows"]) == 1
    assert run([second.section], tmp_path, OPTIONS, False, SILENT) == [path_of(tmp_path, "counting", "cpu")]
    assert second.measured == [1, 2]
    found = content(tmp_path)
    assert found["complete"] is True and [row["labels"]["number"] for row in found["rows"]] == [0, 1, 2]
    assert found["rows"][2]["value"] == 2.1235 and {"p50_ms", "p95_ms", "p99_ms"} < found["rows"][2].keys()
    assert found["bars"] == [{"name": "value", "value": 0.12346, "wanted": 1.0, "at_least": True, "met": False}]
    assert found["command"].endswith("diffupose benchmark counting --device=cpu --seconds=0.0")
    assert found["machine"]["class"] == kind_of(found["machine"]) and found["machine"]["version"] == version()
    assert found["machine"]["threads"] == torch.get_num_threads() and found["peak_memory"]["process_mb"] > 50
    run([third.section], tmp_path, OPTIONS, False, SILENT)
    assert third.measured == []


def test_what_another_machine_or_setting_measured_is_measured_anew(tmp_path: Path) -> None:
    run([Counting().section], tmp_path, OPTIONS, False, SILENT)
    longer, again, elsewhere = Counting(), Counting(), Counting()
    run([longer.section], tmp_path, Options("cpu", seconds=0.001, minutes=3), False, SILENT)
    assert longer.measured == [0, 1, 2]
    run([again.section], tmp_path, Options("cpu", seconds=0.001), True, SILENT)
    assert again.measured == [0, 1, 2]
    path = path_of(tmp_path, "counting", "cpu")
    path.write_text(path.read_text().replace(torch.__version__, "0.1"))
    run([elsewhere.section], tmp_path, Options("cpu", seconds=0.001), False, SILENT)
    assert elsewhere.measured == [0, 1, 2]


def test_a_section_that_fails_leaves_those_before_it(tmp_path: Path) -> None:
    @contextmanager
    def prepare(options: Options) -> Iterator[Sequence[Cell]]:
        raise BenchmarkError("no camera")
        yield []

    with pytest.raises(BenchmarkError, match="no camera"):
        run([Counting().section, Section("broken", "", prepare)], tmp_path, OPTIONS, False, SILENT)
    assert content(tmp_path)["complete"]
    assert not path_of(tmp_path, "broken", "cpu").exists()


def test_works_are_interleaved_and_compared() -> None:
    order: list[str] = []
    works = {name: (lambda name=name: order.append(name)) for name in ("ours", "plain")}
    taken = interleaved(works, 0, bool, least=4, warm_up=1)
    assert order == ["ours", "plain"] + ["ours", "ours", "plain", "plain"] * 4  # those that follow are short
    assert [len(seconds) for seconds in taken.values()] == [4, 4]
    found = figures({"ours": [0.001, 0.001, 0.002], "plain": [0.004, 0.005, 0.005]}, "ours")
    assert found["rounds"] == 3 and found["p50_ms"] == pytest.approx(1) and found["plain_p50_ms"] == pytest.approx(5)
    assert found["plain_ratio"] == pytest.approx(5)
    with pytest.raises(Interrupted):
        interleaved(works, 0, lambda: True)


@pytest.mark.parametrize(
    ("text", "reason"),
    [("{", "is damaged"), ("[]", "got a list"), ('{"section": "ceiling"}', "no good machine"), (None, "cannot read")],
)
def test_a_damaged_file_of_results_is_told_of(tmp_path: Path, text: str | None, reason: str) -> None:
    path = path_of(tmp_path, "ceiling", "cpu")
    if text is None:
        path.mkdir()
    else:
        path.write_text(text)
    result = RUNNER.invoke(app, ["benchmark", "ceiling", "--output", str(tmp_path), "--device", "cpu"])
    assert result.exit_code == 1
    assert reason in result.output and path.name in result.output
    assert "Traceback" not in result.output


def test_what_cannot_be_measured_is_refused(tmp_path: Path) -> None:
    for arguments, reason in (
        (["speed"], "there is no section speed: expected some of ceiling, core"),
        (["lift", "--weights", "nowhere"], "no weights 'nowhere'"),
        (["topics", "--weights", "nowhere"], "no weights 'nowhere'"),
        (["ceiling", "--device", "abacus"], "device 'abacus' cannot be used"),
    ):
        result = RUNNER.invoke(app, ["benchmark", *arguments, "--output", str(tmp_path)])
        assert result.exit_code == 1
        assert reason in result.output
    assert list(tmp_path.iterdir()) == []


def test_two_files_are_compared_figure_by_figure(tmp_path: Path) -> None:
    row = {"labels": {"people": 2}, "p50_ms": 10.0, "rounds": 5}
    a = write(tmp_path / "a.json", "lift", [dict(row), {"labels": {"people": 4}, "p50_ms": 1.0}])
    b = write(tmp_path / "b.json", "lift", [{**row, "p50_ms": 15.0, "more": 1.0}])
    result = RUNNER.invoke(app, ["benchmark", "--compare", str(a), str(b)])
    assert result.exit_code == 0, result.output
    assert "people 2" in result.output and "1.500" in result.output
    assert "people 4" not in result.output and "more" not in result.output and "rounds" not in result.output
    other = write(tmp_path / "c.json", "core", [dict(row)])
    for second, reason in ((other, "nothing to compare"), (tmp_path / "missing.json", "cannot read")):
        result = RUNNER.invoke(app, ["benchmark", "--compare", str(a), str(second)])
        assert result.exit_code == 1 and reason in result.output


def test_charts_are_drawn_of_what_is_there(tmp_path: Path) -> None:
    drawn, missing = draw_charts(tmp_path, "cpu")
    assert drawn == [] and len(missing) == 3
    assert RUNNER.invoke(app, ["benchmark", "--chart", "--output", str(tmp_path)]).exit_code == 1
    cells = [{"people": people, "hypotheses": 20, "steps": 5, "method": "ddim"} for people in (1, 8)]
    times = {"p50_ms": 10.0, "p99_ms": 12.0, "plain_batched_p50_ms": 40.0, "plain_batched_p99_ms": 50.0}
    write(path_of(tmp_path, "core", "cpu"), "core", [{"labels": labels, **times} for labels in cells])
    calls = [{"people": 1, "steps": steps, "method": "ddim"} for steps in (2, 5)]
    times = {"p50_ms": 9.0, "p99_ms": 9.5, "one_by_one_p50_ms": 50.0, "one_by_one_p99_ms": 60.0}
    write(path_of(tmp_path, "lift", "cpu"), "lift", [{"labels": labels, **times} for labels in calls])
    parts = {"labels": {"what": "parts"}, "runs": 5, "import torch s": 1.0, "first lift s": 0.5}
    node = {"labels": {"what": "process to first result"}, "median_s": 2.0, "min_s": 1.5, "max_s": 2.5}
    write(path_of(tmp_path, "startup", "cpu"), "startup", [parts, node])
    for steps in (2, 5):
        setting = {"protocol": "raw", "hypotheses": 10, "sampler": "ddim", "steps": steps}
        report = {"clean": {"people": 7, "mpjpe_mm": 35.0 - steps, "settings": setting}}
        (tmp_path / f"evaluate_default_cmu_steps{steps}.json").write_text(json.dumps(report))
    drawn, missing = draw_charts(tmp_path, "cpu")
    assert missing == []
    assert [path.name for path in drawn] == [f"bench_{name}_cpu.png" for name in ("latency", "steps", "startup")]
    assert all(Image.open(path).width >= 800 for path in drawn)


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        (("cuda", "x86_64", {"avx2"}), "GPU"),
        (("cpu", "aarch64", {"bf16"}), "Arm"),
        (("cpu", "arm64", ()), "Arm"),
        (("cpu", "x86_64", {"avx2", "avx512f", "amx_bf16"}), "AMX"),
        (("cpu", "x86_64", {"avx2", "avx512f"}), "AVX-512"),
        (("cpu", "x86_64", {"avx2", "fma"}), "AVX2"),
        (("cpu", "x86_64", {"sse4_2"}), "other"),
    ],
)
def test_machines_have_a_class(machine: tuple, expected: str) -> None:
    assert kind(*machine) == expected


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        ({"class": "AMX", "kernels": "avx512"}, "AMX"),
        ({"gpu": "a GPU", "kernels": "avx2"}, "GPU"),
        ({"system": "Linux aarch64", "kernels": "none"}, "Arm"),
        ({"cpu": "Intel(R) Xeon(R) Processor", "kernels": "avx512"}, "AVX-512 or AMX"),
        ({"cpu": "AMD EPYC", "kernels": "avx512"}, "AVX-512"),
        ({"system": "Linux x86_64", "kernels": "avx2"}, "AVX2"),
        ({"system": "Linux x86_64", "kernels": "none"}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_files_from_before_there_were_classes_tell_what_they_can(machine: dict, expected: str) -> None:
    assert kind_of(machine) == expected


def test_a_command_measures_the_same_again(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMP_NUM_THREADS", "ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA"):
        monkeypatch.delenv(name, raising=False)
    section = Counting().section
    assert command(section, Options(minutes=3)) == "diffupose benchmark counting"  # it does not depend on these
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert command(section, Options("cuda:1", seconds=5)) == (
        "OMP_NUM_THREADS=1 diffupose benchmark counting --device=cuda:1 --seconds=5"
    )


def test_a_table_has_a_line_for_each_machine_engine_and_number_of_steps(tmp_path: Path) -> None:
    def call(people: int, steps: int, **more: str) -> dict:
        labels = {"people": people, "steps": steps, "method": "ddim", **more}
        return {"labels": labels, "p50_ms": 10.0 * people, "p99_ms": 10.0 * people + 1}

    write(path_of(tmp_path, "lift", "cpu"), "lift", [call(n, 2, engine="onnx") for n in (1, 8)] + [call(1, 1)])
    old = {"section": "lift", "machine": {"gpu": "a GPU"}, "setting": {}, "rows": [call(4, 5)]}
    (tmp_path / "other").mkdir()
    path_of(tmp_path / "other", "lift", "cuda").write_text(json.dumps(old))
    labels = {"engine": "onnx", "products": "float32", "rows": 160}
    share = {"gflops": 80.0, "ceiling_gflops": 100.0, "share": 0.8}
    write(path_of(tmp_path, "engines", "cpu"), "engines", [{"labels": labels, **share}])
    lines = list(machines(tmp_path, "there"))
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line]
    assert len({len(row) for row in cells[:5]}) == len({len(row) for row in cells[5:]}) == 1
    calls, shares = cells[2:5], cells[7:]
    here = describe(torch.device("cpu"))
    assert [row[2] for row in calls] == ["1", "2", "5"]
    assert calls[1][0].startswith(f"{here['class']}: {here['cpu']}") and calls[1][1] == "onnx"
    assert calls[1][3:8] == ["10 / 11", "", "", "80 / 81", ""]
    assert calls[1][8:] == [version(), f"[{here['date']}](there/bench_lift_cpu.json)", "`diffupose benchmark lift`"]
    assert calls[2][:2] == ["GPU: a GPU", "torch"]
    assert calls[2][8:10] == ["version not noted", "[day not noted](there/other/bench_lift_cuda.json)"]
    assert [row[1:6] for row in shares] == [["onnx", "float32", "80", "100", "0.80"]]


def test_the_version_is_the_package_s_and_of_a_checkout_its_commit() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+( [0-9a-f]{7,}( modified)?)?", version())
