"""Make the picture of README: real fillings of photographs that no network here was trained on.

    .venv/bin/python docs/make_pictures.py
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
import torch.nn.functional as F

from inpaintlib import baselines, data, masks, models, viz

CROPS = {"chelsea": (20, 90), "coffee": (60, 150), "astronaut": (0, 100)}


def main() -> None:
    photos = [data.load_photo(name)[:, :, top : top + 256, left : left + 256] for name, (top, left) in CROPS.items()]
    originals = torch.cat([F.interpolate(photo, size=64, mode="area") for photo in photos])  # (3, 3, 64, 64)
    mask = masks.lines(3, 64, generator=torch.Generator().manual_seed(5)).float()
    inpainters = {
        "mean": baselines.mean_fill,
        "fast marching": baselines.fast_marching,
        "Navier-Stokes": baselines.navier_stokes,
        "partial U-Net": models.create("partial_unet", pretrained=True).inpaint,
    }
    columns = [originals * mask, *(fill(originals, mask) for fill in inpainters.values()), originals]
    pictures = [column[row] for row in range(len(originals)) for column in columns]
    drawing = viz.image_grid(pictures, columns=len(columns), column_titles=["hole", *inpainters, "original"], width=9)
    drawing.savefig(Path(__file__).parent / "fillings.png", dpi=110, metadata={"Software": ""})


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    main()
