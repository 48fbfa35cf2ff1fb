"""The metrics beside torchmetrics, which answers the same questions without a look at its input: one value for each of 256 images."""

from __future__ import annotations

import pytest
import torch

from inpaintlib import _torchvision, metrics

pytestmark = pytest.mark.bench


def pairs() -> dict[str, tuple]:
    """name -> (ours, theirs), both from (prediction, target, hole map, true hole map)."""
    _torchvision.load()  # torchmetrics imports torchvision, which needs this where its operators are missing
    from torchmetrics import functional
    from torchmetrics.functional import classification

    def one_each(metric):  # for each output of many, its error over the samples: images as outputs, pixels as samples
        return lambda p, t, *_: metric(p.flatten(1).T, t.flatten(1).T, num_outputs=len(p))

    def detection(_p, _t, guess, truth):
        names = ("precision", "recall", "accuracy", "f1_score")
        return [getattr(classification, f"binary_{name}")(1 - guess, 1 - truth, multidim_average="samplewise") for name in names]

    return {
        "mse": (lambda p, t, *_: metrics.mse(p, t), one_each(functional.mean_squared_error)),
        "mae": (lambda p, t, *_: metrics.mae(p, t), one_each(functional.mean_absolute_error)),
        "psnr": (
            lambda p, t, *_: metrics.psnr(p, t, data_range=1),
            lambda p, t, *_: functional.peak_signal_noise_ratio(p, t, data_range=1.0, reduction="none", dim=(1, 2, 3)),
        ),
        "ssim": (
            lambda p, t, *_: metrics.ssim(p, t, data_range=1),
            lambda p, t, *_: functional.structural_similarity_index_measure(p, t, data_range=1.0, reduction="none"),
        ),
        "hole_detection": (lambda _p, _t, guess, truth: metrics.hole_detection(guess, truth), detection),
    }


@pytest.fixture(scope="module")
def batch():
    g = torch.Generator().manual_seed(0)
    images = torch.rand(2, 256, 3, 32, 32, generator=g)
    return *images, *(torch.rand(2, 256, 1, 32, 32, generator=g) < 0.8).int()


@pytest.mark.parametrize("name", ["mse", "mae", "psnr", "ssim", "hole_detection"])
def test_metric_over_torchmetrics(name, batch, ratio, report):
    ours, theirs = pairs()[name]
    got, expected = ours(*batch), theirs(*batch)
    if name != "ssim":  # there they differ at the rim, see tests/test_metrics.py
        torch.testing.assert_close(list(got), list(expected))
    value = ratio(lambda: ours(*batch), lambda: theirs(*batch), rounds=200)
    report(f"metrics.{name} / torchmetrics", value, bar=1.0, how="256 images of 32 x 32, one value each")


def test_all_that_a_comparison_measures_over_torchmetrics(batch, ratio, report):
    chosen = [pair for name, pair in pairs().items() if name != "hole_detection"]
    value = ratio(lambda: [ours(*batch) for ours, _ in chosen], lambda: [theirs(*batch) for _, theirs in chosen])
    report("mse, mae, psnr and ssim / torchmetrics", value, bar=1.0, how="256 images of 32 x 32, one value each")
