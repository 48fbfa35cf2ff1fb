"""Every still figure of the course, in one style, each shown with its text alternative.

The drawing functions return a matplotlib ``Figure`` (never one of pyplot's global figures); :func:`show` puts it into the notebook:

    viz.show(viz.image_row({"damaged": image, "mean fill": filled}, masks=[mask, None]),
             alt="A frog with a hole in it; the mean fill leaves a grey blot.", caption="A hole filled with the mean colour.")
"""

from inpaintlib.viz.attention import attention_alt, attention_colours, attention_field
from inpaintlib.viz.charts import comparison, curves
from inpaintlib.viz.looking import attention_place
from inpaintlib.viz.numbers import convolution_picture, number_grid, number_row, number_text, window_sum
from inpaintlib.viz.pictures import image_grid, image_row, mark_holes
from inpaintlib.viz.theme import (
    BLUE,
    CYCLE,
    GREEN,
    GREY,
    INK,
    MARKERS,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    Still,
    figure,
    figure_html,
    show,
    style,
)
from inpaintlib.viz.timeline import timeline

__all__ = [
    "BLUE",
    "CYCLE",
    "GREEN",
    "GREY",
    "INK",
    "MARKERS",
    "ORANGE",
    "PURPLE",
    "SKY",
    "VERMILLION",
    "Still",
    "attention_alt",
    "attention_colours",
    "attention_field",
    "attention_place",
    "comparison",
    "convolution_picture",
    "curves",
    "figure",
    "figure_html",
    "image_grid",
    "image_row",
    "mark_holes",
    "number_grid",
    "number_row",
    "number_text",
    "show",
    "style",
    "timeline",
    "window_sum",
]
