"""The worked example of the course: an image of 5 x 5 pixels, a kernel that looks for vertical edges, and a mask with four holes.

Small enough to compute by hand; the lessons on convolution and on partial convolution both start from it (after S0's slides).

>>> image.shape, kernel.shape, int(mask.sum())
(torch.Size([5, 5]), torch.Size([3, 3]), 21)
"""

from __future__ import annotations

import torch

__all__ = ["image", "kernel", "kernels", "mask"]

image = torch.tensor(
    [
        [7.0, 2, 3, 3, 8],
        [4.0, 5, 3, 8, 4],
        [3.0, 3, 2, 8, 4],
        [2.0, 8, 7, 2, 7],
        [5.0, 4, 4, 5, 4],
    ]
)

kernel = torch.tensor([[1.0, 0, -1], [1.0, 0, -1], [1.0, 0, -1]])

kernels = {  # what nine numbers can do
    "blur": torch.full((3, 3), 1 / 9),
    "sharpen": torch.tensor([[0.0, -1, 0], [-1, 5, -1], [0, -1, 0]]),
    "edges": torch.tensor([[-1.0, -1, -1], [-1, 8, -1], [-1, -1, -1]]),
}

mask = torch.tensor(  # 1 = known, 0 = hole
    [
        [1.0, 1, 1, 1, 1],
        [1.0, 0, 0, 1, 1],
        [1.0, 1, 0, 0, 1],
        [1.0, 1, 1, 1, 1],
        [1.0, 1, 1, 1, 1],
    ]
)
