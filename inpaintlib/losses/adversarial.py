r"""Two players, two losses: the critic learns to tell real from filled, the generator learns to be taken for real.

    name    critic minimises                               generator minimises     the score is
    bce     -log s(real) - log (1 - s(fake))               -log s(fake)            a logit, s its sigmoid
    hinge   relu(1 - real) + relu(1 + fake)                -fake                   pushed past +-1, then left alone
    wgan    fake - real + 10 * gradient penalty            -fake                   of any size, its slope held at 1

All take raw scores of any shape, as the critics of ``models.critic`` give them, and return the mean as a scalar. For the critic's step the
filled picture must be detached, or its loss would train the generator too.

Sources: I. Goodfellow et al., Generative Adversarial Nets, NeurIPS 2014; J. Lim and J. Ye, Geometric GAN, 2017, and T. Miyato et al.,
Spectral Normalization, ICLR 2018 (hinge); M. Arjovsky et al., Wasserstein GAN, ICML 2017; I. Gulrajani et al., Improved Training of
Wasserstein GANs, NeurIPS 2017 (gradient penalty).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from inpaintlib.losses._common import checked

__all__ = ["bce_critic", "bce_generator", "gradient_penalty", "hinge_critic", "hinge_generator", "wgan_critic", "wgan_generator"]


def bce_critic(real: Tensor, fake: Tensor) -> Tensor:
    """-log s(real) - log(1 - s(fake)): the binary cross entropy of both halves; 2 log 2 = 1.386 for a critic that knows nothing.

    Computed from the logits: the logarithm of a sigmoid that has run into 0 or 1 would be infinite.

    Args:
        real: what the critic says of real pictures, float of any shape, higher = more real.
        fake: what it says of filled ones that are detached from their generator.

    Returns:
        A scalar, the mean over all scores.

    >>> bce_critic(torch.zeros(4, 1), torch.zeros(4, 1))
    tensor(1.3863)
    """
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def bce_generator(fake: Tensor) -> Tensor:
    """-log s(fake): what Goodfellow et al. advise in place of log(1 - s(fake)), which is flat just where the generator is still bad.

    Args:
        fake: what the critic says of filled pictures, float of any shape, not detached.

    Returns:
        A scalar, the mean over all scores.
    """
    return F.softplus(-fake).mean()


def hinge_critic(real: Tensor, fake: Tensor) -> Tensor:
    """E[relu(1 - real)] + E[relu(1 + fake)]: scores beyond +-1 are good enough and pull no more. Arguments as in
    :func:`bce_critic`.

    >>> hinge_critic(torch.tensor([2.0, 0.5]), torch.tensor([-1.0, 0.0]))  # (0 + 0.5) / 2 + (0 + 1) / 2
    tensor(0.7500)
    """
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def hinge_generator(fake: Tensor) -> Tensor:
    """-E[fake], a scalar of any sign; arguments as in :func:`bce_generator`."""
    return -fake.mean()


def wgan_critic(real: Tensor, fake: Tensor) -> Tensor:
    """E[fake] - E[real]: minus the distance of the two distributions, if the critic's slope is held at 1 (:func:`gradient_penalty`).
    Arguments as in :func:`bce_critic`.

    >>> wgan_critic(torch.tensor([3.0, 1.0]), torch.tensor([0.0, 1.0]))
    tensor(-1.5000)
    """
    return fake.mean() - real.mean()


def wgan_generator(fake: Tensor) -> Tensor:
    """-E[fake], a scalar of any sign; arguments as in :func:`bce_generator`."""
    return -fake.mean()


def gradient_penalty(
    critic: Callable[[Tensor, Tensor], Tensor],
    real: Tensor,
    fake: Tensor,
    mask: Tensor,
    *,
    hole_only: bool = False,
    generator: torch.Generator | None = None,
) -> Tensor:
    """E[(||gradient of the critic|| - 1)^2] at random points between real and filled pictures; multiply by 10.

    The norm is that of one sample's gradient over all of its dimensions, channels and pixels together. (Taken pixel by pixel over the
    channels, as one toolbox does, it would ask for a slope of sqrt(H W).)

    Args:
        critic: ``critic(image, mask)`` -> scores, one for each sample or more, whose mean counts then.
        real, fake: float (B, C, H, W); gradients flow to neither.
        mask: (B, 1, H, W), 1 = known, 0 = hole; the critic gets it as float.
        hole_only: take the norm of the gradient's part in the hole alone. Slope 1 is what the best critic has along the line from filled
            to real, and where both agree on the known pixels this line lies in the hole. An image without a hole has no such line, and
            adds 0.
        generator: of the random points.

    Returns:
        A scalar with a gradient to the critic's weights, the mean over the batch; 0 for a critic whose slope is 1 everywhere, with
        ``hole_only`` for one whose slope in the hole is 1 by itself.

    Raises:
        TypeError: no float images, or no mask.
        ValueError: shapes that do not fit each other, or mask values other than 0 and 1.

    Source: Gulrajani et al., NeurIPS 2017, eq. 3; ``hole_only``: Yu et al., CVPR 2018, section 3.2.
    """
    mask = checked(real, fake, mask, ("real", "fake"))
    share = torch.rand(len(real), 1, 1, 1, generator=generator, dtype=real.dtype).to(real.device)
    between = torch.lerp(real.detach(), fake.detach(), share.expand_as(real)).requires_grad_()
    with torch.enable_grad():
        scores = critic(between, mask).reshape(len(real), -1).mean(1).sum()  # samples do not meet, so one sum gives each its own gradient
        (slope,) = torch.autograd.grad(scores, between, create_graph=True)
    if not hole_only:
        return (slope.flatten(1).norm(dim=1) - 1).square().mean()
    hole = 1 - mask
    return ((slope * hole).flatten(1).norm(dim=1) - hole.flatten(1).amax(1)).square().mean()  # 0 - 0 where there is no hole
