"""Means over neighbourhoods that leave the middle out."""

from __future__ import annotations

import torch

from denoiser.filters import gaussian, surroundings

SIZE = (24, 40)


def test_surroundings_do_not_know_their_own_pixel_and_keep_what_is_even() -> None:
    image = torch.rand((1, 1, *SIZE), generator=torch.Generator().manual_seed(0))
    changed = image.clone()
    changed[..., 12, 20] += 1000.0
    before, after = (surroundings(each, 2.0) for each in (image, changed))
    assert abs(float((after - before)[..., 12, 20])) < 1e-3  # float32 at 1000
    assert float((after - before)[..., 12, 21]) > 1
    torch.testing.assert_close(surroundings(torch.full_like(image, 0.7), 3.0), torch.full_like(image, 0.7))


def test_the_middle_is_what_a_gaussian_has_more() -> None:
    image = torch.zeros(1, 1, *SIZE)
    image[..., 12, 20] = 1.0
    whole, around = gaussian(image, 2.0), surroundings(image, 2.0)
    own = whole[..., 12, 20]
    torch.testing.assert_close(around[..., 12, 21], whole[..., 12, 21] / (1 - own))


def test_the_fused_pass_is_the_plain_one() -> None:
    image = torch.rand((2, 3, *SIZE), generator=torch.Generator().manual_seed(1))
    image[0, 0, 5, 5] = 1e4
    with_gradient = image.clone().requires_grad_()  # takes the plain form
    torch.testing.assert_close(gaussian(image, 4.0), gaussian(with_gradient, 4.0).detach())
