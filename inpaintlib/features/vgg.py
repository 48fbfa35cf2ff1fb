"""VGG-16 with the weights that torchvision trained on ImageNet: found on this machine, or fetched when asked to.

Source: K. Simonyan, A. Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition, ICLR 2015.
"""

from __future__ import annotations

from pathlib import Path
from urllib.error import URLError

import torch

from inpaintlib import _torchvision
from inpaintlib.features.networks import VGG16

__all__ = ["FILE", "load_vgg16"]

FILE = "vgg16-397923af.pth"  # the digits are the beginning of its SHA-256
URL = f"https://download.pytorch.org/models/{FILE}"


def load_vgg16(download: bool = False) -> VGG16:
    """See :func:`inpaintlib.features.load`."""
    path = Path(torch.hub.get_dir()) / "checkpoints" / FILE  # where torchvision itself keeps it
    if not path.is_file():
        if not download:
            raise FileNotFoundError(
                f"VGG-16's weights are not on this machine (looked for {path}). features.load('vgg16', download=True) fetches them once, "
                "528 MB; or copy the file there. features.load('small') comes with the course and needs no download."
            )
        _fetch(path)
    with torch.device("meta"):  # no memory and no first weights for the 130 million parameters that are not needed
        layers = _torchvision.load("models").vgg16(weights=None).features[:17]  # up to the third pooling
    wanted = set(layers.state_dict())
    try:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)  # reads the layers that are needed, and runs no code
        layers.load_state_dict({key.removeprefix("features."): value for key, value in state.items() if key[9:] in wanted}, assign=True)
    except Exception as error:  # whatever a damaged file leads to
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ValueError(f"{path} does not hold VGG-16's weights ({reason}). Delete it and fetch it again.") from None
    return VGG16(layers)


def _fetch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(URL, str(path), hash_prefix=FILE[6:14])
    except (URLError, OSError, RuntimeError) as error:  # RuntimeError: another hash
        raise ConnectionError(f"VGG-16's weights could not be fetched from {URL}: {error}. The network \"small\" needs none.") from error
