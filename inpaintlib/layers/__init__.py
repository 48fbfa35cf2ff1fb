"""The layers of the course: each a pure function first, and a thin module beside it."""

from inpaintlib.layers.partial_conv import PartialConv2d, partial_conv2d

__all__ = ["PartialConv2d", "partial_conv2d"]
