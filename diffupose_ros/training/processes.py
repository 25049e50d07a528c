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

"""The processes of one training: one, or as many as `torchrun` started, each with its own GPU."""

import os
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class Processes:
    """This process among those that train together.

    Attributes:
        rank: 0 to world - 1; 0 validates and writes.
        world: how many there are.
        device: that this one trains on.
    """

    rank: int
    world: int
    device: torch.device

    @classmethod
    def join(cls) -> "Processes":
        """Join those that `torchrun` started, if it did."""
        cuda = torch.cuda.is_available()
        world = int(os.environ.get("WORLD_SIZE", "1"))
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0"))) if cuda else torch.device("cpu")
        if cuda:
            torch.cuda.set_device(device)
        if world > 1 and not distributed.is_initialized():
            distributed.init_process_group("nccl" if cuda else "gloo")
        return cls(distributed.get_rank() if world > 1 else 0, world, device)

    def leave(self) -> None:
        """Wait for the others, and part."""
        if self.world > 1:
            distributed.barrier()
            distributed.destroy_process_group()

    @property
    def main(self) -> bool:
        """Whether this is the one that validates and writes."""
        return self.rank == 0

    def parallel(self, network: nn.Module) -> nn.Module:
        """Return the network with gradients averaged over the processes, and the first one's weights."""
        if self.world == 1:
            return network
        return DistributedDataParallel(network, device_ids=[self.device] if self.device.type == "cuda" else None)

    def mean(self, values: Tensor) -> Tensor:
        """Return the mean of values over the processes."""
        if self.world > 1:
            distributed.all_reduce(values)
        return values / self.world

    def of_main(self, value: Any) -> Any:
        """Return what the first process gave."""
        if self.world == 1:
            return value
        values = [value]
        distributed.broadcast_object_list(values, src=0)
        return values[0]
