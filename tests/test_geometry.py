"""The arithmetic of stacked convolutions, and how masks grow in them, against what torch and SciPy find by doing it."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_cdt

from inpaintlib import models
from inpaintlib.layers import layers_until_full, output_size, receptive_field


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(1, 40), st.integers(1, 7), st.integers(1, 4), st.integers(0, 4), st.integers(1, 4))
def test_output_size_is_what_torch_puts_out(size, kernel, stride, padding, dilation):
    assume(size + 2 * padding > dilation * (kernel - 1))
    y = F.conv2d(torch.zeros(1, 1, size, size), torch.zeros(1, 1, kernel, kernel), None, stride, padding, dilation)
    assert y.shape[-1] == output_size(size, kernel, stride, padding, dilation)


def test_a_kernel_that_does_not_fit_is_named():
    with pytest.raises(ValueError, match="covers 9 pixels does not fit into 6"):
        output_size(4, 5, padding=1, dilation=2)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from([1, 2, 3, 5]), st.integers(1, 2), st.integers(1, 3)), min_size=1, max_size=4))
def test_receptive_field_is_what_the_gradient_reaches(layers):
    """From the first to the last pixel of a row on which one output depends, found by differentiating; no padding, so none is cut off."""
    x = torch.zeros(1, 1, 1, 160, dtype=torch.float64, requires_grad=True)
    y = x
    for kernel, stride, dilation in layers:
        y = F.conv2d(y, y.new_ones(1, 1, 1, kernel), stride=(1, stride), dilation=(1, dilation))
    y[..., y.shape[-1] // 2].sum().backward()
    assert x.grad is not None
    seen = x.grad.flatten().nonzero().flatten()
    assert receptive_field(layers)[-1] == int(seen[-1] - seen[0]) + 1


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(0, 10_000), st.sampled_from([3, 5, 7]))
def test_layers_until_full_is_the_distance_to_the_nearest_known_pixel(seed, kernel):
    mask = (torch.rand(1, 1, 20, 13, generator=torch.Generator().manual_seed(seed)) < 0.02).float()
    assume(mask.any())
    distance = int(distance_transform_cdt(1 - mask[0, 0].numpy(), metric="chessboard").max())
    assert layers_until_full(mask, kernel) == -(-distance // (kernel // 2))


def test_layers_until_full_refuses_an_even_kernel():
    with pytest.raises(ValueError, match="odd size"):
        layers_until_full(torch.ones(1, 1, 4, 4), 4)


def test_mask_trace_is_a_chain_of_dilations():
    """S0's table again, with max pooling: a place is known if anything in its window was."""
    g = torch.Generator().manual_seed(0)
    mask = (torch.rand(5, 1, 32, 32, generator=g) < 0.01).float()
    trace = models.mask_trace(models.create("partial_unet", width=4), mask)
    known, skips = mask, []
    for stage in range(4):
        known = F.max_pool2d(known, 3, 1, 1)
        assert torch.equal(trace[f"down.{stage}.keep"], known)
        skips.append(known)
        known = F.max_pool2d(known, 3, 2, 1)
        assert torch.equal(trace[f"down.{stage}.halve"], known)
    for stage in range(4):
        known = torch.maximum(F.interpolate(known, scale_factor=2), skips.pop())
        known = F.max_pool2d(known, 3, 1, 1)
        assert torch.equal(trace[f"up.{stage}.merge"], known)
        known = F.max_pool2d(known, 3, 1, 1)
    assert torch.equal(trace["head"], F.max_pool2d(known, 3, 1, 1))


def test_mask_trace_leaves_out_the_mirror_images():
    mask = (torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0)) < 0.2).float()
    options = {"width": 1, "depth": 2, "convolution": "partial", "attention": False}
    once, twice = (models.mask_trace(models.create("course_unet", **options, mirror=mirror), mask) for mirror in (False, True))
    assert once.keys() == twice.keys() and all(torch.equal(once[name], twice[name]) for name in once)


def test_mask_trace_needs_partial_convolutions():
    with pytest.raises(ValueError, match="without partial convolutions"):
        models.mask_trace(models.create("vanilla_unet", width=4), torch.ones(1, 1, 32, 32))
