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

"""Batches of vectors and 3x3 matrices by operations that every runtime of networks has.

No solver, no decomposition: ``torch.linalg`` can be neither exported nor, all of it, held in a CUDA graph. No product
with a transposed matrix: onnxruntime 1.17 makes one operation of that, which it lacks for float64.
"""

import torch
from torch import Tensor


def cross(a: Tensor, b: Tensor) -> Tensor:
    """Return the cross products (..., 3) of vectors (..., 3)."""
    return (a * b.roll(-1, -1) - a.roll(-1, -1) * b).roll(-1, -1)


def length(vector: Tensor) -> Tensor:
    """Return the lengths (..., 1) of vectors (..., 3)."""
    return (vector * vector).sum(-1, keepdim=True).sqrt()


def symmetric_inverse(matrix: Tensor) -> Tensor:
    """Return the inverses (..., 3, 3) of symmetric matrices (..., 3, 3)."""
    after = matrix.roll(-1, -2)
    cofactors = cross(after, after.roll(-1, -2))
    determinant = (matrix[..., :1, :] * cofactors[..., :1, :]).sum(-1, keepdim=True)
    return cofactors / determinant


def seen_from(axes: Tensor, matrices: Tensor) -> Tensor:
    """Return axes^T M axes (P, n, 3, 3) of symmetric matrices M (P, n, 3, 3); axes: (P, 3, 3)."""
    once = torch.unflatten(torch.bmm(matrices.flatten(1, 2), axes), 1, (-1, 3))
    return torch.unflatten(torch.bmm(once.transpose(-1, -2).flatten(1, 2), axes), 1, (-1, 3))


def gram(vectors: Tensor) -> Tensor:
    """Return the sums (..., 3, 3) of v v^T over vectors v (..., n, 3)."""
    return (vectors[..., :, None] * vectors[..., None, :]).sum(-3)


def identity(of: Tensor) -> Tensor:
    """Return the unit matrix (3, 3) of a tensor's type and device."""
    return torch.eye(3, dtype=of.dtype, device=of.device)
