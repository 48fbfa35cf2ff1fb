"""The layers of the course: each a pure function first, and a thin module beside it."""

from inpaintlib.layers.attention import ContextualAttention, attention_weights, contextual_attention
from inpaintlib.layers.gated_conv import GatedConv2d, gated_conv2d
from inpaintlib.layers.geometry import layers_until_full, output_size, receptive_field
from inpaintlib.layers.partial_conv import PartialConv2d, partial_conv2d

__all__ = [
    "ContextualAttention",
    "GatedConv2d",
    "PartialConv2d",
    "attention_weights",
    "contextual_attention",
    "gated_conv2d",
    "layers_until_full",
    "output_size",
    "partial_conv2d",
    "receptive_field",
]
