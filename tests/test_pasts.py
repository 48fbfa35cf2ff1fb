"""What pictures go through before a detector sees them: every mark of where they came from may be there, and none has to be."""

from __future__ import annotations

import torch

from inpaintlib import baselines, data, masks
from inpaintlib.train import detector, pasts


def pictures(count=400):
    return data.load_images("photos", "train", limit=count).images


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def blockiness(levels):
    """Steps over the borders of JPEG's blocks of 8 pixels, over those inside of them; about 1 where there are no blocks."""
    steps = (levels[..., 1:] - levels[..., :-1]).abs().mean((0, 1, 2))  # (31,)
    border = torch.arange(31) % 8 == 7
    return float(steps[border].mean() / steps[~border].mean())


def test_jpeg_is_a_jpeg_with_its_colours_in_order():
    red = torch.zeros(3, 32, 32, dtype=torch.uint8)
    red[0] = 200
    assert (pasts.jpeg(red, 95).int() - red.int()).abs().max() <= 3
    some = pictures(60)
    errors = [
        float((torch.stack([pasts.jpeg(picture, quality) for picture in some]).float() - some.float()).square().mean())
        for quality in (20, 60, 95)
    ]
    assert errors[0] > 2 * errors[1] > 4 * errors[2] > 0


def test_a_quarter_stays_as_it_came_and_the_others_are_moved_by_part_of_a_pixel():
    some = pictures()
    result = pasts.before(some, generator=rng())
    same = (result == some).flatten(1).all(1).float().mean()
    assert 0.17 < same < 0.33  # 400 draws of a quarter: four standard deviations
    assert result.shape == some.shape and result.dtype == torch.uint8
    assert (result.float() - some.float()).abs().mean() < 12  # still the same pictures
    assert torch.equal(result, pasts.before(some, generator=rng())) and not torch.equal(result, pasts.before(some, generator=rng(1)))


def test_moving_wipes_out_the_blocks_of_jpeg():
    blocky = torch.stack([pasts.jpeg(picture, 15) for picture in pictures()])
    moved = pasts._moved(blocky.float(), rng())
    assert blockiness(blocky.float()) > 1.3 * blockiness(moved)


def test_half_are_saved_again():
    some = pictures()
    result = pasts.afterwards(some, generator=rng())
    assert 0.4 < (result == some).flatten(1).all(1).float().mean() < 0.62
    assert (result.float() - some.float()).abs().mean() < 3


def test_filled_and_untouched_pictures_get_one():
    images = data.load_images("photos", "train", limit=200)
    made = detector.fill(images, {"mean": baselines.mean_fill}, masks.boxes, untouched=0.5, own_pasts=True)
    for label in (0, 1):
        chosen = made.labels == label
        changed = (made.images[chosen, :3] != images.images[chosen]) & (made.images[chosen, 3:] == 0)
        assert 0.7 < changed.flatten(1).any(1).float().mean() < 1  # an eighth has neither past
