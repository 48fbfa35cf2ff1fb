"""What training minimises: callables ``(prediction, target, mask) -> scalar``, or ``-> {name: scalar}`` when there are several terms.

    prediction, target  float (B, C, H, W) in [0, 1]        mask  (B, 1, H, W), 1 = known, 0 = hole

All of them look at the raw prediction: composited, the known pixels would be right by construction and teach nothing. (Liu et al.'s terms
composite for themselves where the composited image is what they judge.)

Adversarial training has two players and so two losses; theirs look at a critic's scores instead.
"""

from inpaintlib.losses._common import Loss
from inpaintlib.losses.adversarial import (
    bce_critic,
    bce_generator,
    gradient_penalty,
    hinge_critic,
    hinge_generator,
    wgan_critic,
    wgan_generator,
)
from inpaintlib.losses.combine import WeightedSum, names, parse, weighted_sum
from inpaintlib.losses.liu import LIU_WEIGHTS, Features, gram, liu_total, perceptual, style, total_variation
from inpaintlib.losses.reconstruction import border_weighted, hole_l1, hole_log_mse, hole_mse, l1, mse, ssim_loss, valid_l1, valid_mse

__all__ = [
    "LIU_WEIGHTS",
    "Features",
    "Loss",
    "WeightedSum",
    "bce_critic",
    "bce_generator",
    "border_weighted",
    "gradient_penalty",
    "gram",
    "hinge_critic",
    "hinge_generator",
    "hole_l1",
    "hole_log_mse",
    "hole_mse",
    "l1",
    "liu_total",
    "mse",
    "names",
    "parse",
    "perceptual",
    "ssim_loss",
    "style",
    "total_variation",
    "valid_l1",
    "valid_mse",
    "weighted_sum",
    "wgan_critic",
    "wgan_generator",
]
