"""Feature networks, for perceptual and style losses and for measuring likeness.

    features.load("small")     a small classifier that ships with the course: for losses
    features.load("measure")   another one, of another architecture and another seed: for measuring only, losses refuse it
    features.load("vgg16")     VGG-16 trained on ImageNet, as Liu et al. use it, where its weights are on this machine

Whoever trains a network to please a judge must not let the same judge give the marks: a loss finds what its feature network overlooks. So
distances are measured with a network that no training has ever seen.

All are callables, image (B, 3, H, W) in [0, 1] -> list of feature maps; frozen and in eval mode; gradients flow to the image. ``python -m
inpaintlib.features train small`` trains one anew.
"""

from __future__ import annotations

from collections.abc import Callable

from inpaintlib.features.networks import FeatureNetwork, Measure, Small

__all__ = ["FeatureNetwork", "load", "names"]


def names() -> list[str]:
    """The names that :func:`load` knows.

    >>> names()
    ['measure', 'small', 'vgg16']
    """
    return ["measure", "small", "vgg16"]


def load(name: str = "small", *, download: bool = False) -> FeatureNetwork:
    """A feature network with its weights: frozen, in eval mode.

    Args:
        name: one of :func:`names`.
        download: "vgg16" only: fetch its weights (528 MB) if they are not on this machine. Nothing is ever fetched unasked.

    Returns:
        a callable from images (B, 3, H, W) in [0, 1] to three maps, at a half, a quarter and an eighth of the side.

    Raises:
        ValueError: an unknown name, or weights that do not come with this version of the course.
        FileNotFoundError: "vgg16" is not on this machine; the message says where it is looked for.
        ConnectionError: the download failed.
    """
    makers: dict[str, Callable[[], FeatureNetwork]] = {"small": _small, "measure": _measure, "vgg16": lambda: _vgg16(download)}
    if name not in makers:
        raise ValueError(f"there is no feature network {name!r}; expected one of {', '.join(names())}.")
    return makers[name]().eval().requires_grad_(False)


def _small() -> FeatureNetwork:
    return _shipped(Small)


def _measure() -> FeatureNetwork:
    return _shipped(Measure)


def _shipped(make: type[Small] | type[Measure]) -> FeatureNetwork:
    from inpaintlib.models.pretrained import load_pretrained

    options, state, card = load_pretrained(make.name)
    network = make(**options)
    network.load_state_dict(state)  # copies fp16 into the parameters' own dtype
    network.card = card
    return network


def _vgg16(download: bool) -> FeatureNetwork:
    from inpaintlib.features.vgg import load_vgg16

    return load_vgg16(download)
