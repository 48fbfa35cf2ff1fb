"""Settings under a name: how each of the course's five seeds trained its network, and what we found best.

A preset is nothing but defaults for ``python -m inpaintlib.train``; whatever is given besides it wins. Where a seed does not say what it
used, the preset's ``ours`` says what we took.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["PRESETS", "Preset", "get"]


@dataclass(frozen=True)
class Preset:
    """The settings of one way to train.

    Attributes:
        about: what it is, in one sentence.
        model: the network, by its name in the registry.
        options: of the network.
        masks, loss, epochs, batch_size, lr, schedule, optimizer: as ``train.fit`` and the command line take them.
        clip: the largest norm of the gradient; 0 for any.
        ema: decay of the average of the weights; 0 for none.
        adversary: the critic's options on the command line (``adversarial``, ``critic_lr`` ...); empty for reconstruction alone.
        ours: which of these the source leaves open, and what we took; empty where it leaves nothing open.
    """

    about: str
    model: str
    masks: str
    loss: str
    epochs: float
    batch_size: int
    lr: float
    options: dict[str, Any] = field(default_factory=dict)
    schedule: str = "constant"
    optimizer: str = "adam"
    clip: float = 0.0
    ema: float = 0.0
    adversary: dict[str, Any] = field(default_factory=dict)
    ours: str = ""

    def arguments(self) -> dict[str, Any]:
        """The settings under the names that the command line has for them."""
        option = [f"{key}={value}" for key, value in self.options.items()]
        same = ("masks", "loss", "epochs", "batch_size", "lr", "schedule", "optimizer", "clip", "ema")
        return {"name": self.model, "option": option, **{name: getattr(self, name) for name in same}, **self.adversary}


PRESETS: dict[str, Preset] = {
    "s0": Preset(
        about="partial_unet on thin lines: squared error in the holes alone, learning rate 2e-4, a tenth of it every 10 epochs.",
        model="partial_unet", masks="lines", loss="hole_mse", epochs=30, batch_size=64, lr=2e-4, schedule="step",
        ours="30 epochs, batches of 64",
    ),
    "s1": Preset(
        about="vanilla_unet on thin lines: mean absolute error, 20 epochs; with partial_unet_s1 as NAME, the seed's other network.",
        model="vanilla_unet", masks="lines", loss="l1", epochs=20, batch_size=32, lr=1e-3,
        ours="the loss (MAE fits its printed figures), batches of 32, learning rate 1e-3, the masks of S4",
    ),
    "s2": Preset(
        about="coarse_to_fine on boxes and free-form holes: mean absolute error, batches of 16, against two critics by WGAN-GP.",
        model="coarse_to_fine", options={"size": 32, "width": 16}, masks="3*boxes+lines+circles+strokes", loss="l1",
        epochs=20, batch_size=16, lr=1e-4, adversary={"adversarial": "wgan_gp", "adversarial_weight": 5e-4, "critic_lr": 1e-4},
        ours="32 x 32 instead of 256 x 256, 20 epochs (it ran a finished model of 1,000,000 steps), learning rate 1e-4",
    ),
    "s3": Preset(
        about="context_encoder on a central hole, against its discriminator, 370 epochs (--minutes 10 for a start).",
        model="context_encoder", options={"size": 32, "latent": 512}, masks="center_box", loss="border_weighted",
        epochs=370, batch_size=64, lr=1e-3, optimizer="adam_dcgan",
        adversary={"adversarial": "bce", "adversarial_weight": 1e-3, "critic_lr": 1e-4},
        ours="32 x 32 instead of 128 x 128, a bottleneck of 512 numbers instead of 4000; the band of 4 pixels of the loss, of which the "
        "small network draws one, so that its reconstruction weighs half as much",
    ),
    "s4": Preset(
        about="vanilla_unet on thin lines: mean absolute error, batches of 32, 20 epochs.",
        model="vanilla_unet", masks="lines", loss="l1", epochs=20, batch_size=32, lr=1e-3,
        ours="learning rate 1e-3, the usual one of Adam",
    ),
    "context_gan": Preset(
        about="a narrow context_encoder on a central hole, against its discriminator: S3's game in half a minute of one core.",
        model="context_encoder", options={"size": 32, "width": 32, "latent": 256}, masks="center_box", loss="border_weighted",
        epochs=0.517, batch_size=32, lr=1e-3, schedule="cosine", optimizer="adam_dcgan", clip=1.0, ema=0.995,
        adversary={"adversarial": "bce", "adversarial_weight": 1.06e-3, "critic_lr": 4e-4, "critic_option": ["width=16"]},
    ),
    "patch_gan": Preset(
        about="a narrow gated_unet on boxes, against SN-PatchGAN by the hinge loss: S2's game in a minute of one core.",
        model="gated_unet", options={"size": 32, "width": 12}, masks="boxes", loss="hole_l1+0.2*valid_l1",
        epochs=0.2585, batch_size=16, lr=2e-3, schedule="cosine", optimizer="adam_dcgan", clip=1.0, ema=0.995,
        adversary={"adversarial": "hinge", "adversarial_weight": 0.2, "critic_lr": 4e-3, "critic_option": ["width=24"]},
    ),
    "course": Preset(
        about="course_unet on lines, boxes and irregular holes, with the settings that we found best.",
        model="course_unet", masks="2*lines+3*boxes+irregular", loss="hole_log_mse+valid_l1", epochs=24, batch_size=64, lr=2e-3,
        schedule="one_cycle", clip=1.0, ema=0.999,
    ),
}  # fmt: skip


def get(name: str) -> Preset:
    """The preset of that name.

    Raises:
        ValueError: there is none.

    >>> get("s4").model, get("s4").batch_size
    ('vanilla_unet', 32)
    """
    if name not in PRESETS:
        raise ValueError(f"there is no preset {name!r}; expected one of {', '.join(PRESETS)}.")
    return PRESETS[name]


def in_words() -> str:
    """All presets for a help text: name, sentence, and what is ours."""
    lines, wide = [], max(map(len, PRESETS)) + 2
    for name, preset in PRESETS.items():
        lines += [f"  {name:{wide}}{preset.about}", *([f"  {'':{wide}}Ours: {preset.ours}."] if preset.ours else [])]
    return "\n".join(lines)
