"""Interactive figures: each works by mouse, touch and keyboard, and carries a still twin that is seen without a running kernel.

They are built on anywidget: a Python class and an ES module in the same folder, without a build step; nothing is fetched from outside.
"""

from inpaintlib.widgets.attention_explorer import AttentionExplorer
from inpaintlib.widgets.base import CourseWidget
from inpaintlib.widgets.compare_slider import CompareSlider
from inpaintlib.widgets.convolution_stepper import ConvolutionStepper
from inpaintlib.widgets.gate_explorer import GateExplorer
from inpaintlib.widgets.loss_mixer import LossMixer
from inpaintlib.widgets.loss_runs import LossRuns
from inpaintlib.widgets.mask_painter import MaskPainter
from inpaintlib.widgets.mask_propagation import MaskPropagation
from inpaintlib.widgets.partial_convolution_stepper import PartialConvolutionStepper
from inpaintlib.widgets.photo_upload import PhotoUpload
from inpaintlib.widgets.real_or_fake import Answer, RealOrFake
from inpaintlib.widgets.receptive_field import ReceptiveField
from inpaintlib.widgets.training_monitor import TrainingMonitor

__all__ = [
    "Answer",
    "AttentionExplorer",
    "CompareSlider",
    "ConvolutionStepper",
    "CourseWidget",
    "GateExplorer",
    "LossMixer",
    "LossRuns",
    "MaskPainter",
    "MaskPropagation",
    "PartialConvolutionStepper",
    "PhotoUpload",
    "RealOrFake",
    "ReceptiveField",
    "TrainingMonitor",
]
