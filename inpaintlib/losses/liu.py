r"""The total loss of Liu et al., term by term: right pixels, right features, right texture, no seam.

    L = L_valid + 6 L_hole + 0.05 L_perceptual + 120 (L_style_out + L_style_comp) + 0.1 L_tv

With x the undamaged image, x_out the prediction and x_comp = M x + (1 - M) x_out, both are shown to a network trained for something else,
and its feature maps Phi_l are compared. Pixel by pixel two pictures of grass differ everywhere; a network that tells grass from fur sees
that they are alike.

The feature network is exchangeable: any callable from images (B, 3, H, W) in [0, 1] to a list of feature maps (B, C_l, H_l, W_l). Its
weights should not learn, and it should be in eval mode: :func:`inpaintlib.features.load` gives such ones. Liu et al. take VGG-16 after its
first three poolings.

Source: G. Liu et al., Image Inpainting for Irregular Holes Using Partial Convolutions, ECCV 2018, section 3.3.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from inpaintlib._check import check_maps, describe
from inpaintlib.losses._common import check_weight, checked, wide
from inpaintlib.losses.reconstruction import hole_l1, valid_l1

__all__ = ["LIU_WEIGHTS", "Features", "gram", "liu_total", "perceptual", "style", "total_variation"]

Features = Callable[[Tensor], Sequence[Tensor]]
Maps = Sequence[Tensor]

LIU_WEIGHTS = {"valid": 1.0, "hole": 6.0, "perceptual": 0.05, "style_out": 120.0, "style_comp": 120.0, "tv": 0.1}


def liu_total(
    prediction: Tensor, target: Tensor, mask: Tensor, *, features: Features, weights: Mapping[str, float] = LIU_WEIGHTS
) -> dict[str, Tensor]:
    """All six terms, each times its weight: ``train.fit`` minimises their sum and reports every one.

    Args:
        prediction: float (B, 3, H, W) in [0, 1], raw.
        target: the undamaged image, same shape and range.
        mask: (B, 1, H, W), 1 = known, 0 = hole.
        features: the feature network, see above; give it with ``functools.partial(liu_total, features=...)``.
        weights: by name; a term that is left out is neither computed nor reported.

    Returns:
        ``{"valid", "hole", "perceptual", "style_out", "style_comp", "tv"}`` -> scalar, in the order of ``weights``.

    Raises:
        TypeError: no float images, no mask, or ``features`` cannot be called.
        ValueError: no weights, an unknown name or a weight that is no finite number, shapes that do not fit each other, or as
            :func:`perceptual`.

    Source: Liu et al., ECCV 2018, eq. 7; valid and hole count over the whole image, as there.
    """
    if not weights:
        raise ValueError(f"weights is empty; expected some of {', '.join(LIU_WEIGHTS)}.")
    unknown = set(weights) - set(LIU_WEIGHTS)
    if unknown:
        raise ValueError(f"weights names {', '.join(sorted(unknown))}; expected some of {', '.join(LIU_WEIGHTS)}.")
    for name, weight in weights.items():
        check_weight(name, weight)
    checked(prediction, target, mask)
    terms = {
        "valid": lambda: valid_l1(prediction, target, mask, over="image"),
        "hole": lambda: hole_l1(prediction, target, mask, over="image"),
        "tv": lambda: total_variation(prediction, target, mask),
    }
    if {"perceptual", "style_out", "style_comp"} & set(weights):
        out, comp, true = _three(prediction, target, mask, features)  # the costly part, shared by three terms
        terms["perceptual"] = lambda: _feature_distance(out, true) + _feature_distance(comp, true)
        terms["style_out"] = lambda: _style_distance(out, true)
        terms["style_comp"] = lambda: _style_distance(comp, true)
    return {name: weight * terms[name]() for name, weight in weights.items()}


def perceptual(prediction: Tensor, target: Tensor, mask: Tensor, *, features: Features) -> Tensor:
    r"""Distance of features, sum over l of ||Phi_l(x_out) - Phi_l(x)||_1 / N_l, and the same for x_comp.

    Arguments as in :func:`liu_total`; N_l is the number of values of the feature map.

    Raises:
        TypeError: no float images, no mask, or ``features`` cannot be called.
        ValueError: shapes that do not fit each other, or ``features`` answers something else than maps, or is for measuring only.

    Source: Liu et al., ECCV 2018, eq. 3; L. Gatys et al., A Neural Algorithm of Artistic Style, 2015.
    """
    out, comp, true = _three(prediction, target, mask, features)
    return _feature_distance(out, true) + _feature_distance(comp, true)


def style(prediction: Tensor, target: Tensor, mask: Tensor, *, features: Features) -> dict[str, Tensor]:
    r"""Distance of texture, sum over l of ||K_l (gram of Phi_l(x_out) - gram of Phi_l(x))||_1 / C_l^2, as "out"; for x_comp, as "comp".

    Arguments as in :func:`liu_total`, errors as in :func:`perceptual`; see :func:`gram`.

    Source: Liu et al., ECCV 2018, eq. 4 and 5.
    """
    out, comp, true = _three(prediction, target, mask, features)
    return {"out": _style_distance(out, true), "comp": _style_distance(comp, true)}


def gram(maps: Tensor) -> Tensor:
    """Which features appear together, wherever that is: (B, C, H, W) -> (B, C, C), the inner products of the channels over C H W.

    The places are summed away, so that what is left is texture. K = 1 / (C H W) keeps the scale the same for maps of any size; one report
    prints the inverse, with which the largest map would outweigh all else by orders of magnitude. It is single precision at least that
    comes back.

    Raises:
        TypeError: no tensor.
        ValueError: another number of dimensions than four.

    >>> gram(torch.tensor([[[[1.0, 1.0]], [[2.0, 0.0]]]])).tolist()
    [[[0.5, 0.5], [0.5, 1.0]]]
    """
    if not isinstance(maps, Tensor):
        raise TypeError(f"maps is {describe(maps)}; expected a tensor (B, C, H, W).")
    if maps.dim() != 4:
        hint = " Add the batch dimension with maps[None]." if maps.dim() == 3 else ""
        raise ValueError(f"maps is {describe(maps)}; expected four dimensions (B, C, H, W).{hint}")
    _, channels, height, width = maps.shape
    flat = maps.flatten(2).to(wide(maps))  # (B, C, H * W)
    with torch.autocast("cpu" if maps.is_meta else maps.device.type, enabled=False):  # the sum over all places can exceed what 16 bits hold
        return torch.bmm(flat, flat.transpose(1, 2)) / (channels * height * width)


def total_variation(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    """Differences of neighbours in x_comp where both lie in the hole dilated by one pixel, over the number of values of the image.

    The dilation takes in the rim: a hole filled smoothly but in the wrong colour is punished at its border only. Outside, where the picture
    is given, there is nothing to smooth. Arguments as in :func:`liu_total`, errors as in :func:`~inpaintlib.losses.hole_l1`.

    Source: Liu et al., ECCV 2018, eq. 6.
    """
    mask = checked(prediction, target, mask)
    comp = _composite(prediction, target, mask)
    region = F.max_pool2d(1 - mask, 3, stride=1, padding=1)
    across = (comp[..., :, 1:] - comp[..., :, :-1]).abs() * (region[..., :, 1:] * region[..., :, :-1])
    down = (comp[..., 1:, :] - comp[..., :-1, :]).abs() * (region[..., 1:, :] * region[..., :-1, :])
    return (across.sum(dtype=wide(across)) + down.sum(dtype=wide(down))) / comp.numel()


def _composite(prediction: Tensor, target: Tensor, mask: Tensor) -> Tensor:
    return torch.where(mask > 0, target, prediction)


def _three(prediction: Tensor, target: Tensor, mask: Tensor, features: Features) -> tuple[Maps, Maps, Maps]:
    """The feature maps of the prediction, of the composited image and of the truth."""
    mask = checked(prediction, target, mask)
    both = _maps(features, torch.cat([prediction, _composite(prediction, target, mask)]))  # one pass for two images
    with torch.no_grad():
        true = _maps(features, target)
    pairs = [m.chunk(2) for m in both]
    return [out for out, _ in pairs], [comp for _, comp in pairs], true


def _maps(features: Features, image: Tensor) -> Maps:
    network = getattr(features, "__self__", getattr(features, "module", features))  # behind a method of it, or a wrapper around it
    if getattr(network, "measuring_only", False):
        name = getattr(network, "name", "") or type(network).__name__
        raise ValueError(
            f"features is {name}, which is for measuring only: what is trained to please it could not be measured with it any more. "
            'Use features.load("small") or features.load("vgg16") in losses.'
        )
    if not callable(features):
        raise TypeError(f'features is {describe(features)}; expected a network to call with images, such as features.load("small").')
    maps = features(image)
    check_maps(maps, image)
    return maps


def _feature_distance(maps: Maps, true: Maps) -> Tensor:
    return torch.stack([F.l1_loss(a, b) for a, b in zip(maps, true, strict=True)]).sum()


def _style_distance(maps: Maps, true: Maps) -> Tensor:
    """The mean over the C * C entries of the Gram matrices (and the batch) is the division by C^2."""
    return torch.stack([F.l1_loss(gram(a), gram(b)) for a, b in zip(maps, true, strict=True)]).sum()
