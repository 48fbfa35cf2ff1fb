"""Training: the loop that the lessons explain, its checkpoints, and what can be hung onto it.

>>> from inpaintlib import data, losses, masks, models, train
>>> model = models.create("vanilla_unet", depth=2)
>>> history = train.fit(model, data.load_images("photos", limit=64), masks.lines, losses.hole_l1,
...                     epochs=1, batch_size=32, progress=False)
>>> len(history["loss"][0])
1
"""

from inpaintlib.train import schedules
from inpaintlib.train.adversarial import fit_adversarial
from inpaintlib.train.callbacks import Callback, Checkpoint, JsonLog, Progress
from inpaintlib.train.checkpoint import CheckpointError
from inpaintlib.train.collapse import CollapseWatch
from inpaintlib.train.diagnose import Diverged
from inpaintlib.train.history import History
from inpaintlib.train.live import LiveCurves, TensorBoard
from inpaintlib.train.loop import fit
from inpaintlib.train.run import Run
from inpaintlib.train.watching import EarlyStopping, Evaluate, Samples

__all__ = [
    "Callback",
    "Checkpoint",
    "CheckpointError",
    "CollapseWatch",
    "Diverged",
    "EarlyStopping",
    "Evaluate",
    "History",
    "JsonLog",
    "LiveCurves",
    "Progress",
    "Run",
    "Samples",
    "TensorBoard",
    "fit",
    "fit_adversarial",
    "schedules",
]
