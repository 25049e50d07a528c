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

"""The whole of sampling as an ONNX graph: proposal, unrolled DDIM steps, mirror images.

The numbers of ``FoldedProposal``, ``FoldedDenoiser`` and ``Chain``, cut for a runtime whose cost is passes over memory
and nodes. Poses come first, not joints: no transposes, and what is of each joint and channel is one long row. A row is
a hypothesis of a person, (N, P) in this order; J x C stands for joints and channels in one axis.

- What depends on the person alone (proposal, prior, the first layer's part of the condition) is computed once for
  each of the two images of a person, then picked for each hypothesis.
- The first and the last layer are one product each, over joints and coordinates together.
- A graph convolution is a product over the channels and one over the joints; the joint's own part is the affinity's
  first block. ReLU with a bias is max(y, -b) + b, whose b goes into the constants of what follows.
- Queries and keys are one product: softmax does not see what all keys have in common. So are values and projection.
- The images of a person go through the proposal as they are: mirroring is in its first and last weights.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from onnx import TensorProto
from torch import Tensor, nn

from diffupose_ros.lifting.engine.folded import FoldedDenoiser, FoldedNonLocal
from diffupose_ros.lifting.engine.folded_proposal import folded_layer
from diffupose_ros.lifting.engine.layers import Affine, Convolution
from diffupose_ros.lifting.engine.onnx.graph import Graph
from diffupose_ros.lifting.engine.sampling import mirror_image
from diffupose_ros.lifting.networks.diffusion import Diffusion
from diffupose_ros.lifting.networks.prior import LARGEST, SMALLEST
from diffupose_ros.lifting.networks.proposal import LOG_BOUND, Proposal

Array = npt.NDArray[Any]
_ASIDE = np.array([-1.0, 1, 1])


class SamplerGraph:
    """Adds the nodes of a model's sampling to a graph.

    Args:
        graph: to add to.
        denoiser: float32, on the CPU.
        diffusion: its process.
        proposal: in evaluation mode, on the CPU; None for a model without.
        pose_scale: metres of each unit of poses.
    """

    def __init__(
        self, graph: Graph, denoiser: FoldedDenoiser, diffusion: Diffusion, proposal: Proposal | None, pose_scale: float
    ) -> None:
        self._graph, self._diffusion, self._pose_scale = graph, diffusion, pose_scale
        self._denoiser = _DenoiserGraph(graph, denoiser)
        self._proposal = None if proposal is None else _ProposalGraph(graph, proposal)
        self._joints = denoiser.joints
        self._mirror = mirror_image(denoiser.joints)

    def add(self, features: str, noise: str, images: str, steps: int) -> tuple[str, str | None]:
        """Add everything.

        Args:
            features: (P, J, C) of the network's joints.
            noise: (N, J, 3), of the people, not of the images that they are seen in.
            images: (N,) whole numbers, 0 for hypotheses of the person as seen, 1 for those of the mirror image.
            steps: DDIM steps.

        Returns:
            Poses (P, N, J, 3) in metres, the mirror images' mirrored back; and the proposal's covariances
            (P, J, 3, 3) in m^2, None for a model without one.
        """
        g, joints = self._graph, self._joints
        taken, covariance = self._diffusion.ddim_steps(steps), None
        if self._proposal is None:
            seen = self._both_images(features, (0,))
            priors: list[tuple[Any, Any, Any]] = [(step.sample, None, step.prediction) for step in taken]
        else:
            mean, covariance = self._proposal.add(features)
            seen = self._both_images(self._proposal.describe(features, mean, covariance), (0, -6))
            priors = self._priors(seen, images, [step.t for step in taken])
            covariance = g("Mul", covariance, self._pose_scale**2)
        given = g("Gather", self._denoiser.condition(seen), images, axis=0)  # (N, P, J x C)
        people, hypotheses = (g("Shape", of, start=0, end=1) for of in (features, noise))
        rows = g("Concat", hypotheses, people, [3 * joints], axis=0)
        is_mirrored = g("Cast", g("Reshape", images, [-1, 1, 1, 1]), to=TensorProto.BOOL)
        x = self._seen_or_back(g("Unsqueeze", noise, [1]), is_mirrored)
        x = g("Expand", g("Reshape", x, [0, 1, 3 * joints]), rows)  # (N, P, J x 3)
        for step, (sample, shift, correction) in zip(taken, priors, strict=True):
            output = self._denoiser.add(x, given, step.t)
            x0 = g("Add", g("Mul", x, sample), g("Mul", g("Reshape", output, rows), correction))
            x0 = x0 if shift is None else g("Add", x0, shift)
            if self._diffusion.clamp is not None:
                x0 = g("Clip", x0, -self._diffusion.clamp, self._diffusion.clamp)
            x = g("Add", g("Mul", x, step.kept), g("Mul", x0, step.clean)) if step.kept else x0
        poses = g("Reshape", x, g("Concat", hypotheses, people, [joints, 3], axis=0))
        poses = g("Transpose", self._seen_or_back(poses, is_mirrored), perm=[1, 0, 2, 3])
        return g("Mul", poses, self._pose_scale), covariance

    def _seen_or_back(self, poses: str, is_mirrored: str) -> str:
        """Poses (N, P, J, 3) of the people in the images that they are drawn for, or the reverse."""
        g = self._graph
        return g("Where", is_mirrored, g("Mul", g("Gather", poses, self._mirror, axis=2), _ASIDE), poses)

    def _both_images(self, condition: str, horizontal: tuple[int, ...]) -> str:
        """Condition (2, P, J, C) of people (P, J, C) and of their mirror images."""
        g = self._graph
        seen = g("Unsqueeze", condition, [0])
        signs = np.ones(self._denoiser.condition_channels)
        signs[list(horizontal)] = -1
        return g("Concat", seen, g("Mul", g("Gather", seen, self._mirror, axis=2), signs), axis=0)

    def _priors(self, seen: str, images: str, times: list[int]) -> list[tuple[Any, Any, Any]]:
        """Factor of x, shift, and factor of the output in x0, (N, P, J x 3), at these time steps; see ``Prior``."""
        g = self._graph
        signal, noise = (of[times][:, None, None, None, None] for of in (self._diffusion.signal, self._diffusion.noise))
        mean, log = g.several("Split", 2, g("Slice", seen, [-6], [1000], [-1]), [3, 3], axis=-1)
        deviation = g("Exp", log)  # (2, P, J, 3)
        variance = g("Mul", deviation, deviation)
        both = g("Add", g("Mul", variance, signal**2), noise**2)  # (S, 2, P, J, 3)
        parts = (
            g("Div", g("Mul", variance, signal), both),
            g("Div", g("Mul", mean, noise**2), both),
            g("Div", g("Mul", deviation, noise), g("Sqrt", both)),
        )
        flat = [g("Reshape", part, [len(times), 2, -1, 3 * self._joints]) for part in parts]
        picked = [g("Gather", part, images, axis=1) for part in flat]
        by_step = [[g("Gather", part, np.int64(i), axis=0) for i in range(len(times))] for part in picked]
        return list(zip(*by_step, strict=True))


class _DenoiserGraph:
    """The denoiser; see ``FoldedDenoiser.record``."""

    def __init__(self, graph: Graph, folded: FoldedDenoiser) -> None:
        self._graph, self._folded = graph, folded
        self._joints, self._channels = folded.joints, folded.channels
        first, last = _GraphConv.of(folded.input), _GraphConv.of(folded.output)
        self._condition = first.part(slice(3, None))
        self.condition_channels = len(self._condition.weights)
        self._noisy = first.part(slice(None, 3)).dense()
        self._output, self._shift = last.dense(outputs=3), np.tile(last.bias[:3], self._joints)
        self._blocks = [(_GraphConv.of(block.first), _GraphConv.of(block.second)) for block in folded.blocks]

    def condition(self, seen: str) -> str:
        """Add what the condition (..., P, J, C) gives the first layer; return it, (..., P, J x C)."""
        y = self._convolve(seen, self._condition, (0, 0))
        return self._graph(
            "Reshape", self._graph("Add", y, self._condition.bias), [0, 0, self._joints * self._channels]
        )

    def add(self, x: str, given: str, t: int) -> str:
        """Add one evaluation.

        Args:
            x: (N, P, J x 3) noisy poses.
            given: (N, P, J x C) of ``condition``.
            t: time step.

        Returns:
            The output (N P, J x 3).
        """
        g, folded, rows = self._graph, self._folded, (-1, self._joints, self._channels)
        stream = g("Relu", g("Reshape", g("Add", g("MatMul", x, self._noisy), given), rows))
        offset = np.zeros(rows[1:])  # of the stream, left to the constants of what follows
        for block, (first, second) in zip(folded.blocks, self._blocks, strict=True):
            bias = first.bias_of(offset)
            if block.time is None:
                inner = g("Add", g("Max", self._convolve(stream, first), -bias), bias)
            else:
                inner = self._timed_relu(stream, first, bias, block.time.at(t))
            y = self._convolve(inner, second)
            stream = g("Add", stream, g("Max", y, -second.bias))
            offset = offset + second.bias
        scale, shift = map(_array, folded.time1.at(t))
        stream = self._silu(g("Add", g("Mul", stream, scale), scale * offset + shift))
        attended, bias = self._attention(stream, folded.non_local)
        scale, shift = map(_array, folded.time2.at(t))
        stream = self._silu(g("Add", g("Mul", g("Add", stream, attended), scale), scale * bias + shift))
        flat = g("Reshape", stream, [-1, self._joints * self._channels])
        return g("Gemm", flat, self._output, self._shift)

    def _convolve(self, x: str, conv: "_GraphConv", before: tuple[int, ...] = (-1,)) -> str:
        """A graph convolution without its bias, (..., J, K) -> (..., J, C)."""
        g = self._graph
        product = g("Mul", g("MatMul", x, conv.weights), conv.modulation)
        return g("MatMul", conv.mix, g("Reshape", product, [*before, 2 * self._joints, self._channels]))

    def _timed_relu(self, x: str, conv: "_GraphConv", bias: Array, affine: Affine) -> str:
        """SiLU of the affine of a convolution's ReLU; the factor goes into the convolution."""
        g, (scale, shift) = self._graph, map(_array, affine)
        y, least = self._convolve(x, conv.scaled(scale)), -scale * bias
        if (scale >= 0).all():
            y = g("Max", y, least)
        else:  # what was at least 0 is then at most 0
            y = g("Max", y, np.where(scale < 0, -np.inf, least))
            y = g("Min", y, np.where(scale < 0, least, np.inf))
        return self._silu(g("Add", y, shift - least))

    def _silu(self, x: str) -> str:
        return self._graph("Mul", x, self._graph("Sigmoid", x))

    def _attention(self, x: str, block: FoldedNonLocal) -> tuple[str, Array]:
        """What a non-local block adds to x (R, J, C), and the constant (C,) that it adds too."""
        g, bias = self._graph, block.mix.bias
        assert bias is not None
        (query, key, value), (of_query, _, of_value) = (np.split(_array(of), 3, -1) for of in (block.mix.weights, bias))
        project = _array(block.project.weights)
        asked = g("Add", g("MatMul", x, query @ key.T), of_query @ key.T)
        shares = g("Softmax", g("MatMul", asked, g("Transpose", x, perm=[0, 2, 1])), axis=-1)
        return g("MatMul", g("MatMul", shares, x), value @ project), _array(block.bias) + of_value @ project


@dataclass(frozen=True)
class _GraphConv:
    """Constants of a graph convolution: y = mix (modulation * (x weights)) + bias.

    Attributes:
        weights: (K, 2 C), what a joint gives itself and what it gives the others.
        modulation: (J, 2 C).
        mix: (J, 2 J) of both kinds, joint by joint.
        bias: (C,).
    """

    weights: Array
    modulation: Array
    mix: Array
    bias: Array

    @classmethod
    def of(cls, conv: Convolution) -> "_GraphConv":
        """Return these constants of a folded convolution."""
        others = _array(conv.others)
        mix = np.stack([np.eye(len(others)), others], -1).reshape(len(others), -1)
        modulation = np.concatenate([_array(conv.own), _array(conv.modulation)], 1)
        return cls(_array(conv.product.weights), modulation, mix, _array(conv.bias))

    def part(self, inputs: slice) -> "_GraphConv":
        """Return the convolution of some of the input channels."""
        return replace(self, weights=self.weights[inputs])

    def scaled(self, scale: Array) -> "_GraphConv":
        """Return the convolution whose outputs are multiplied by ``scale`` (C,)."""
        return replace(self, modulation=self.modulation * np.tile(scale, 2), bias=self.bias * scale)

    def bias_of(self, offset: Array) -> Array:
        """Return the bias (J, C) where the inputs lack ``offset`` (J, K)."""
        joints, both = self.modulation.shape
        given = (offset @ self.weights * self.modulation).reshape(2 * joints, both // 2)
        return np.asarray(self.mix @ given + self.bias)

    def dense(self, outputs: int | None = None) -> Array:
        """Return the whole as one matrix (J x K, J x C), C the first ``outputs``."""
        joints, inputs = len(self.mix), len(self.weights)
        by_kind = self.weights.reshape(inputs, 2, -1)[..., :outputs]
        modulation = self.modulation.reshape(joints, 2, -1)[..., :outputs]
        mix = self.mix.reshape(joints, joints, 2)
        return np.asarray(np.einsum("jis,isc,ksc->ikjc", mix, modulation, by_kind).reshape(joints * inputs, -1))


class _ProposalGraph:
    """The proposal network and its covariances; see ``Proposal.estimate``."""

    def __init__(self, graph: Graph, proposal: Proposal) -> None:
        self._graph, self._network = graph, proposal
        self._mirror = mirror_image(17)

    def add(self, features: str) -> tuple[str, str]:
        """Add the network.

        Args:
            features: (P, 17, C).

        Returns:
            Poses (P, 17, 3) and covariances (P, 17, 3, 3), in units of ``pose_scale`` and its square.
        """
        g, network = self._graph, self._network
        first, norm, _, *blocks = network.trunk
        layers = [_layer(each) for each in network.precision if isinstance(each, nn.Linear)]
        (into, into_bias), *middle, (out, out_bias) = layers
        weight, bias = _layer(first, norm)
        width, flat_inputs = len(bias), len(weight)
        # The precision's part of the features beside the trunk's: the images are then read once.
        inputs = self._mirrored_inputs(np.concatenate([weight, into[width:]], 1))
        wide = g("MatMul", g("Reshape", features, [-1, flat_inputs]), inputs)
        wide = g("Add", wide, np.concatenate([bias, into_bias]))
        hidden, of_features = g.several("Split", 2, wide, [width, len(into_bias)], axis=-1)
        hidden, of_features = (g("Reshape", x, [-1, n]) for x, n in ((hidden, width), (of_features, len(into_bias))))
        hidden = g("Relu", hidden)
        for block in blocks:
            inner, inner_norm, _, outer, outer_norm, _ = block.layers  # type: ignore[misc]
            y = hidden
            for layer in ((inner, inner_norm), (outer, outer_norm)):
                y = g("Relu", g("Gemm", y, *_layer(*layer)))
            hidden = g("Add", hidden, y)
        numbers = g("Relu", g("Add", g("MatMul", hidden, into[:width]), of_features))
        for layer in middle:
            numbers = g("Relu", g("Gemm", numbers, *layer))
        poses = self._last(hidden, *_layer(network.pose), _ASIDE)
        pose = g("Reshape", g("ReduceMean", poses, axes=[0], keepdims=0), [-1, 17, 3])
        pose = g("Sub", pose, g("Slice", pose, [0], [1], [1]))
        signs = np.array([1.0, 1, 1, -1, -1, 1])  # of xx, yy, zz, xy, xz, yz
        return pose, self._covariance(self._last(numbers, out, out_bias, signs))

    def describe(self, features: str, pose: str, covariance: str) -> str:
        """Add what the denoiser sees (P, 17, C + 6) of features and an estimate; see ``prior.describe``."""
        g = self._graph
        most = np.full((17, 1), LARGEST)
        most[0] = SMALLEST  # the root is where it is
        variances = g("Gather", g("Reshape", covariance, [0, 0, 9]), [0, 4, 8], axis=-1)
        deviation = g("Min", g("Max", g("Sqrt", variances), SMALLEST), most)
        return g("Concat", features, pose, g("Log", deviation), axis=-1)

    def _mirrored_inputs(self, weight: Array) -> Array:
        """Weights (2, 17 C, n) for features and, of the same features, for the mirror image's."""
        by_joint = weight.reshape(17, -1, weight.shape[-1])
        other = by_joint[self._mirror].copy()  # what a joint gives is what its mirror image would
        other[:, 0] *= -1
        return np.stack([weight, other.reshape(weight.shape)])

    def _last(self, hidden: str, weight: Array, bias: Array, signs: Array) -> str:
        """A last layer of both images (2 P, n), the mirror image's mirrored back: (2, P, 17 K)."""
        g = self._graph
        stacked = np.concatenate([weight, bias[None]])
        other = (stacked.reshape(len(stacked), 17, -1)[:, self._mirror] * signs).reshape(stacked.shape)
        both = np.stack([stacked, other])
        by_image = g("Reshape", hidden, [2, -1, len(weight)])
        return g("Add", g("MatMul", by_image, both[:, :-1]), both[:, -1:])

    def _covariance(self, numbers: str) -> str:
        """Mean covariances (P, 17, 3, 3) of the images' numbers (2, P, 17 x 6); see ``triangular``."""
        g = self._graph
        logs, beside = g.several("Split", 2, g("Reshape", numbers, [2, -1, 17, 6]), [3, 3], axis=-1)
        deviation = g("Exp", g("Neg", g("Clip", logs, -LOG_BOUND, LOG_BOUND)))
        xx, yy, zz = g.several("Split", 3, deviation, [1, 1, 1], axis=-1)
        xy, xz, yz = g.several("Split", 3, beside, [1, 1, 1], axis=-1)
        near = g("Neg", g("Mul", g("Mul", xx, xy), yy))
        deep = g("Neg", g("Mul", g("Mul", yy, yz), zz))
        far = g("Neg", g("Mul", g("Add", g("Mul", near, yz), g("Mul", xx, xz)), zz))
        places = np.zeros((6, 9))
        places[range(6), [0, 4, 8, 1, 5, 2]] = 1
        root = g("MatMul", g("Concat", deviation, near, deep, far, axis=-1), places)
        root = g("Reshape", root, [0, 0, 17, 3, 3])
        each = g("MatMul", root, g("Transpose", root, perm=[0, 1, 2, 4, 3]))
        return g("ReduceMean", each, axes=[0], keepdims=0)


def _layer(layer: nn.Module, norm: nn.Module | None = None) -> tuple[Array, Array]:
    weight, bias = folded_layer(layer, norm)
    return _array(weight), _array(bias)


def _array(tensor: Tensor) -> Array:
    with torch.no_grad():
        return tensor.double().cpu().numpy()
