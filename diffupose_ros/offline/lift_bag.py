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

"""``diffupose lift BAG_IN BAG_OUT``: a bag of 2D skeletons to a bag of 3D skeletons, as fast as the machine can."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from diffupose_ros.bags import BagRecorder, Storage
from diffupose_ros.lifting import Interrupted, Lifted, Lifter
from diffupose_ros.lifting.engine.sampling import MAX_BATCH
from diffupose_ros.nodes.common.conversions import hypotheses_message, novel_people, skeletons_3d_message
from diffupose_ros.nodes.lift.intake import People, View, read_people
from diffupose_ros.offline.bag_input import Seen, open_bag
from diffupose_ros.offline.display import progress_bar
from diffupose_ros.offline.interrupt import interruptible
from diffupose_ros.offline.messages import record
from diffupose_ros.offline.over_time import OverTime
from diffupose_ros.offline.settings import Settings
from diffupose_ros.profiles import load_profile
from diffupose_ros.skeleton import Skeletons2D

MAX_MESSAGES = 200
"""Lifted at once; bounds how long an interruption takes where there are no people in them."""


@dataclass(frozen=True)
class BagReport:
    """What came of a bag.

    Attributes:
        messages: answered.
        people: 3D poses.
        seconds: of work.
        problems: what was wrong with the input, by kind.
    """

    messages: int
    people: int
    seconds: float
    problems: dict[str, int]


class OutputTopics(NamedTuple):
    """Of what comes of one topic of 2D skeletons: in 3D, over time, and of the sampled poses ("": not recorded)."""

    skeletons: str
    people: str
    hypotheses: str


class BatchLifter:
    """Gathers messages until there are as many people as the lifter takes at once, lifts them and records the results.

    People are lifted with the same noise, so it makes no difference who else is in a batch.

    Args:
        lifter: the model.
        settings: of it.
        bag: to write to.
        topics: of the output, for each of the input.
        interrupted: asked before each evaluation of the network whether to give up.

    Raises:
        ValueError: the settings' profile is none.
    """

    def __init__(
        self,
        lifter: Lifter,
        settings: Settings,
        bag: BagRecorder,
        topics: dict[str, OutputTopics],
        interrupted: Callable[[], bool],
    ) -> None:
        self._lifter, self._settings, self._interrupted = lifter, settings, interrupted
        self._bag, self._topics = bag, topics
        self._waiting: list[tuple[Seen, People]] = []
        self._profile = load_profile(settings.detector_profile)
        self._room = MAX_BATCH // settings.hypotheses  # people
        self._over_time = {topic: OverTime() for topic in topics}
        self.messages, self.people = 0, 0
        self.problems: Counter[str] = Counter()

    def add(self, seen: Seen) -> None:
        """Take a message.

        Raises:
            ValueError: its camera cannot be used.
            Interrupted: while people were lifted.
        """
        if seen.message is None:
            self.problems["unreadable message"] += 1
            return
        if seen.view.camera is None:
            raise ValueError(f"{seen.topic}: {seen.view.problem}")
        people = read_people(seen.message, seen.view, self._settings.min_score, self._profile)
        self.problems.update(kind for kind, _ in people.problems)
        self._waiting.append((seen, people))
        if len(self._waiting) >= MAX_MESSAGES or sum(len(p.ids) for _, p in self._waiting) >= self._room:
            self.flush()

    def flush(self) -> None:
        """Lift and record what has been gathered, in the order in which it came."""
        lifted: dict[int, tuple[Lifted, range]] = {}  # by place in the batch
        views = {id(seen.view): seen.view for seen, _ in self._waiting}
        for view in views.values():
            lifted.update(self._lift(view))
        for place, (seen, people) in enumerate(self._waiting):
            self._record(seen, people, *lifted[place])
        self._waiting = []

    def _lift(self, view: View) -> dict[int, tuple[Lifted, range]]:
        """Lift all who were seen by one camera, as one batch."""
        chosen = {place: people for place, (seen, people) in enumerate(self._waiting) if seen.view is view}
        options = self._settings
        assert view.camera is not None
        lifted = self._lifter.lift_h36m(
            Skeletons2D.join([people.skeletons for people in chosen.values()]),
            view.camera,
            options.hypotheses,
            options.steps,
            options.flip,
            options.seed,
            self._interrupted,
        )
        rows, first = {}, 0
        for place, people in chosen.items():
            rows[place] = lifted, range(first, first + len(people.ids))
            first += len(people.ids)
        return rows

    def _record(self, seen: Seen, people: People, lifted: Lifted, rows: range) -> None:
        header, topics, over_time = people.message.header, self._topics[seen.topic], self._over_time[seen.topic]
        record(self._bag, topics.skeletons, skeletons_3d_message(header, people.ids, lifted, rows), seen.received)
        if topics.hypotheses:
            record(self._bag, topics.hypotheses, hypotheses_message(header, people.ids, lifted, rows), seen.received)
        estimated = over_time.add(header, people.ids, lifted[rows.start : rows.stop])
        if estimated is not None:
            record(self._bag, topics.people, estimated, seen.received)
        self.problems += over_time.problems
        over_time.problems.clear()
        valid = int(lifted.valid[rows.start : rows.stop].sum())
        if valid < len(rows):
            self.problems["too few joints"] += len(rows) - valid
        if novel := novel_people(people.ids, lifted, rows):
            self.problems["novel people"] += len(novel)
        self.messages, self.people = self.messages + 1, self.people + valid


def lift_bag(
    source: Path,
    target: Path,
    lifter: Lifter,
    settings: Settings,
    console: Console,
    storage: Storage = "mcap",
    with_hypotheses: bool = False,
    rectified: bool = False,
) -> BagReport:
    """Lift every message of 2D skeletons in a bag; results have the header and the time of their input.

    Args:
        source: a bag with Skeleton2DArray and CameraInfo, on whatever topics.
        target: the bag to make. It is there when it is whole, or not at all.
        lifter: the model.
        settings: of it.
        console: for the progress bar.
        storage: format of the bag.
        with_hypotheses: record the sampled poses too.
        rectified: skeletons were found in the rectified image.

    Raises:
        FileNotFoundError: no bag at ``source``.
        FileExistsError: there is something at ``target``.
        ValueError: the bag is damaged, lacks what is needed, its camera cannot be used, or the profile is none.
        Interrupted: Ctrl-C.
    """
    if target.exists():
        raise FileExistsError(f"{target} is there already: give another name, or remove it")
    with open_bag(source, rectified) as skeletons, BagRecorder(target, storage) as bag:
        topics = output_topics(skeletons.topics, with_hypotheses)
        start = time.perf_counter()
        with interruptible() as interrupted, progress_bar(console) as progress:
            task = progress.add_task("messages", total=skeletons.count)
            batch_lifter = BatchLifter(lifter, settings, bag, topics, interrupted)
            for seen in skeletons:
                if interrupted():  # the lifter, which asks too, has nothing to do where there are no people
                    raise Interrupted
                batch_lifter.add(seen)
                progress.update(task, completed=batch_lifter.messages)
            batch_lifter.flush()
        seconds = time.perf_counter() - start
    return BagReport(batch_lifter.messages, batch_lifter.people, seconds, dict(batch_lifter.problems))


def output_topics(topics: list[str], with_hypotheses: bool) -> dict[str, OutputTopics]:
    """Return those of the output for each topic of 2D skeletons.

    They are called as the nodes call them, in the input's namespace; where two inputs share one, in a namespace
    named as the input.
    """
    spaces = [topic.rpartition("/")[0] for topic in topics]
    spaces = [topic if spaces.count(space) > 1 else space for topic, space in zip(topics, spaces, strict=True)]
    return {
        topic: OutputTopics(
            f"{space}/skeletons_3d", f"{space}/people", f"{space}/hypotheses" if with_hypotheses else ""
        )
        for topic, space in zip(topics, spaces, strict=True)
    }
