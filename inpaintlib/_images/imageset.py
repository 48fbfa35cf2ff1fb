"""A set of images as the course uses it: bytes in one tensor, and batches of floats. Public as :class:`inpaintlib.data.ImageSet`."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from inpaintlib._check import describe
from inpaintlib._device import device as choose_device

__all__ = ["ImageSet"]


@dataclass(frozen=True, repr=False, eq=False)
class ImageSet:
    """Images of one size, as bytes; they become floats a batch at a time.

    Attributes:
        images: uint8 (N, 3, H, W); where the set comes from the cache, a file that is mapped into memory.
        labels: int64 (N,), an index into ``classes``.
        classes: what the labels mean.
        source: one sentence that says which images these are and where they are from. Print it beside every result.
        overlapping: images of one class may show the same pixels (crops of one photograph), so :meth:`split` keeps classes together.

    Raises:
        TypeError: images or labels of another dtype.
        ValueError: shapes that do not fit, no image, or a label without a class.
    """

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    source: str
    overlapping: bool = False

    def __post_init__(self) -> None:
        images, labels = self.images, self.labels
        if not isinstance(images, Tensor) or images.dtype != torch.uint8:
            hint = "From floats in [0, 1]: (x * 255).round().to(torch.uint8)."
            raise TypeError(f"images is {describe(images)}; expected uint8 (N, 3, H, W). {hint}")
        if images.dim() != 4 or images.shape[1] != 3 or images.numel() == 0:
            raise ValueError(f"images is {describe(images)}; expected at least one image of three channels, (N, 3, H, W).")
        if not isinstance(labels, Tensor) or labels.dtype != torch.int64:
            raise TypeError(f"labels is {describe(labels)}; expected int64 (N,).")
        if labels.shape != images.shape[:1]:
            raise ValueError(f"labels is {describe(labels)} for {len(images)} images; expected one label an image, ({len(images)},).")
        low, high = int(labels.min()), int(labels.max())
        if not 0 <= low <= high < len(self.classes):
            raise ValueError(f"labels go from {low} to {high}; expected indices of the {len(self.classes)} classes.")

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        height, width = self.images.shape[-2:]
        return f"ImageSet({len(self):,} images of {height}x{width}, {len(self.classes)} classes; {self.source})"

    @functools.cached_property
    def sha256(self) -> str:
        """64 hexadecimal digits that identify these images, in this order, with these labels; a result can be stored with it."""
        digest = hashlib.sha256(repr(tuple(self.images.shape)).encode())
        digest.update(self.images.contiguous().cpu().numpy().data)
        digest.update(self.labels.contiguous().cpu().numpy().data)
        return digest.hexdigest()

    def float(self, indices: int | slice | Sequence[int] | Tensor | None = None) -> Tensor:
        """Some images as float (n, 3, H, W) in [0, 1].

        Args:
            indices: one index, a slice, a sequence of indices, or a tensor or array of whole numbers or of bool (N,); None takes
                all (mind the memory).

        Raises:
            TypeError: no indices.
            IndexError: an index beyond the set, or not one truth value for each image.

        >>> from inpaintlib.data import load_images
        >>> load_images("photos", "test").float([0, 5, 2]).shape
        torch.Size([3, 3, 32, 32])
        """
        if indices is None:
            chosen = self.images
        elif isinstance(indices, slice):
            chosen = self.images[indices]
        else:
            chosen = self.images.index_select(0, self._places(indices).to(self.images.device))
        return chosen.float().div_(255)

    def _places(self, indices: int | Sequence[int] | Tensor) -> Tensor:
        """Indices of any form as int64 (n,) from 0 on; a single one is one of one."""
        try:
            places = torch.as_tensor(indices)
        except (TypeError, ValueError, RuntimeError):
            places = torch.empty(0, 0)
        if places.dim() == 1 and places.dtype == torch.bool:
            if len(places) != len(self):
                raise IndexError(f"there are {len(places)} truth values for {len(self):,} images; expected one each.")
            return places.nonzero()[:, 0]
        whole = not places.is_floating_point() and not places.is_complex() and places.dtype != torch.bool
        if places.dim() > 1 or not (whole or places.shape == (0,)):
            raise TypeError(f"indices is {describe(indices)}; expected one index, a slice, a sequence of them, or a bool for each image.")
        places = places.reshape(-1).long()
        beyond = places[(places < -len(self)) | (places >= len(self))]
        if len(beyond):
            raise IndexError(f"index {int(beyond[0])} is beyond this set of {len(self):,} images.")
        return places % len(self)

    def batches(
        self,
        batch_size: int,
        *,
        generator: torch.Generator | None = None,
        flip: bool = True,
        shuffle: bool = True,
        device: torch.device | str | None = None,
        drop_last: bool = False,
        share: tuple[int, int] = (0, 1),
    ) -> Iterator[Tensor]:
        """One epoch of float batches (B, 3, H, W) in [0, 1].

        Order and flips of the whole epoch are drawn when this is called, so the state of ``generator`` before it is all one has to
        keep in order to see the same epoch again, on any device.

        Args:
            batch_size: images a batch; the last batch may be smaller.
            generator: where the chance comes from; None takes torch's own.
            flip: turn each image left to right with probability 1/2.
            shuffle: draw an order; without, the images come as they lie.
            device: where the batches go; they travel as bytes. None leaves them where the images are.
            drop_last: leave out a last batch that is smaller.
            share: (rank, ranks), for several processes that share each batch: only the rank-th of that many equal parts is made.

        Raises:
            TypeError: the generator is none.
            ValueError: ``batch_size`` is not positive, ``drop_last`` would leave nothing, or a share or device that there is not.

        >>> from inpaintlib.data import load_images
        >>> [len(batch) for batch in load_images("photos", "test", limit=10).batches(4)]
        [4, 4, 2]
        """
        count = len(self)
        if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
            raise ValueError(f"batch_size is {batch_size!r}; expected a positive whole number.")
        if drop_last and count < batch_size:
            raise ValueError(f"{count} images do not fill one batch of {batch_size}, and drop_last would drop it; choose a smaller one.")
        if generator is not None and not isinstance(generator, torch.Generator):
            raise TypeError(f"generator is {describe(generator)}; expected a torch.Generator, such as torch.Generator().manual_seed(0).")
        rank, ranks = share
        if not 0 <= rank < ranks:
            raise ValueError(f"share is {share!r}; expected (rank, ranks) with a rank from 0 on, below the number of ranks.")
        where = generator.device if generator is not None else torch.device("cpu")
        order = torch.randperm(count, generator=generator, device=where).cpu() if shuffle else torch.arange(count)
        flipped = (torch.rand(count, generator=generator, device=where) < 0.5).cpu() if flip else torch.zeros(count, dtype=torch.bool)
        stop = count - count % batch_size if drop_last else count
        mine, turns = ([batch.tensor_split(ranks)[rank] for batch in whole[:stop].split(batch_size)] for whole in (order, flipped))
        return self._draw(mine, turns, choose_device(device) if device is not None else None)

    def _draw(self, order: Sequence[Tensor], flipped: Sequence[Tensor], device: torch.device | None) -> Iterator[Tensor]:
        for indices, turn in zip(order, flipped, strict=True):
            batch = self.images.index_select(0, indices.to(self.images.device)).to(device)  # several times as fast as images[indices]
            if len(turned := turn.nonzero()[:, 0].to(batch.device)):
                batch.index_copy_(0, turned, batch.index_select(0, turned).flip(-1))
            yield batch.float().div_(255)

    def to(self, device: torch.device | str) -> ImageSet:
        """The same set with its bytes on a device: with 150 MB there, a GPU is not kept waiting for batches."""
        place = choose_device(device)
        return replace(self, images=self.images.to(place), labels=self.labels.to(place))

    def split(self, count: int, seed: int = 0) -> tuple[ImageSet, ImageSet]:
        """Hold out ``count`` images by chance, for validation.

        Where images of a class overlap (the embedded photographs), whole classes are held out, so that no picture is on both sides; those
        of their images that are more than ``count`` are on neither.

        Args:
            count: how many images the second set gets.
            seed: another seed, another choice.

        Returns:
            The rest, and the held-out images.

        Raises:
            ValueError: too few images, or classes, to keep anything for the rest.

        >>> from inpaintlib.data import load_images
        >>> rest, held_out = load_images("photos", "test").split(100)
        >>> len(held_out), set(rest.labels.tolist()) & set(held_out.labels.tolist())
        (100, set())
        """
        if isinstance(count, bool) or not isinstance(count, int) or not 0 < count < len(self):
            raise ValueError(f"count is {count!r}; expected a whole number from 1 to {len(self) - 1}, so that both parts hold an image.")
        generator = torch.Generator().manual_seed(seed)
        if self.overlapping:
            rest, held = self._whole_classes(count, generator)
        else:
            order = torch.randperm(len(self), generator=generator)
            rest, held = order[count:], order[:count]
        further = len(self) - len(rest) - count  # of held-out photographs, but in neither part
        crops = f" and {further:,} more of the same pictures" if further else ""
        kept = self._part(rest.sort().values, f"without the {count:,} held out{crops} (seed {seed})")
        return kept, self._part(held.sort().values, f"held out of these: {count:,} images (seed {seed})")

    def _whole_classes(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        sizes = torch.bincount(self.labels.cpu(), minlength=len(self.classes))
        order = torch.randperm(len(self.classes), generator=generator)
        enough = int((sizes[order].cumsum(0) < count).sum()) + 1
        inside = torch.isin(self.labels.cpu(), order[:enough])
        rest, held = (~inside).nonzero()[:, 0], inside.nonzero()[:, 0]
        if not len(rest):
            raise ValueError(
                f"count is {count}; holding out that many would take all {len(self.classes)} photographs, since crops of one picture stay "
                "together. Use a smaller count, or another seed."
            )
        return rest, held[torch.randperm(len(held), generator=generator)[:count]]

    def _part(self, indices: Tensor, words: str) -> ImageSet:
        indices = indices.to(self.images.device)
        images, labels = self.images.index_select(0, indices), self.labels.index_select(0, indices)
        return replace(self, images=images, labels=labels, source=f"{self.source.rstrip('.')}; {words}.")
