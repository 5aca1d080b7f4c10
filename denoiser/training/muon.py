"""Muon: momentum whose steps are orthogonal matrices, for the inner convolutions of a network.

Source: K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024 (the iteration and its three
coefficients); J. Liu et al., "Muon is Scalable for LLM Training", 2025, section 2.2 (weight decay, steps of
Adam's size).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
MOMENTUM = 0.95
STEP_RMS = 0.2
"""Root mean square of a step over the learning rate, about that of Adam, so that rates mean the same."""


class Muon(torch.optim.Optimizer):
    """Each step moves a weight (out, in, 3, 3), seen as a matrix (out, in * 9), by the learning rate times the
    orthogonal matrix nearest to its Nesterov momentum, scaled to an RMS of `STEP_RMS`.

    Before that the weight shrinks by the share `weight_decay` times the learning rate. Steps have a fixed size: without
    decay weights grow with every one, each moves them relatively less, and the network amplifies more.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float, weight_decay: float = 0.0) -> None:
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Make one step from the gradients; `closure`, if given, computes them and the loss, which is returned."""
        with torch.enable_grad():
            loss = closure() if closure is not None else None
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                momentum = self.state[weight].setdefault("momentum", torch.zeros_like(weight))
                momentum.lerp_(weight.grad, 1 - MOMENTUM)
                matrix = weight.grad.lerp(momentum, MOMENTUM).movedim(1, 3)  # as it lies in memory: no copy
                direction = orthogonal(matrix.flatten(1))
                scale = group["lr"] * STEP_RMS * max(direction.shape) ** 0.5
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.sub_(direction.view_as(matrix).movedim(3, 1), alpha=scale)
        return loss


def orthogonal(matrix: Tensor) -> Tensor:
    """Nearly the orthogonal factor U V^T of `matrix` = U S V^T: singular values come out between 0.7 and 1.2.

    Five steps x <- (a + b x x^T + c (x x^T)^2) x of a Newton-Schulz iteration, taken on x x^T, which has as few rows as
    `matrix`, and applied to it at the end. `matrix` has no more rows than columns. Zero gives zero.
    """
    a, b, c = COEFFICIENTS
    x: Tensor = matrix / (torch.linalg.matrix_norm(matrix) + 1e-12)
    square = x @ x.T
    total = eye = torch.eye(len(x), dtype=x.dtype, device=x.device)
    for _ in range(ITERATIONS):
        factor = torch.addmm(a * eye + b * square, square, square, alpha=c)
        total = factor @ total
        square = factor @ square @ factor
    return total @ x
