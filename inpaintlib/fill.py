"""``python -m inpaintlib.fill photo.jpg hole.png --hole white``: fill the holes of a photograph of your own.

The hole is a second picture of the same size, in which it is painted black or white. Say with your picture that it was inpainted.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from torch import Tensor

from inpaintlib import baselines, data, masks, models, tiling

__all__ = ["inpainter", "main"]

EXAMPLES = """\
examples
  python -m inpaintlib.fill photo.jpg hole.png --hole white
      by the course's best network, to photo_filled.png
  python -m inpaintlib.fill photo.jpg hole.png --hole black --by patch_match --out mended.png
      by copying from elsewhere in the photograph: slower, and sharper where there is texture
"""


def inpainter(name: str) -> Callable[[Tensor, Tensor], Tensor]:
    """A baseline, or a model with the weights that come with the course.

    Raises:
        ValueError: there is none of that name.
    """
    if name in baselines.names():
        return baselines.get(name)
    if name in models.names():
        return models.create(name, pretrained=True).inpaint
    raise ValueError(f"there is no inpainter {name!r}; expected one of {', '.join([*baselines.names(), *models.names()])}.")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = argparse.ArgumentParser(
        prog="python -m inpaintlib.fill",
        description="Fill the holes of a photograph of any size: holes that are far apart one by one, large ones tile by tile.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.add_argument("photo", help="the photograph: a file, or the name of one that comes with scikit-image, such as astronaut")
    p.add_argument("mask", help="a picture of the same size in which the hole is painted")
    p.add_argument("--hole", required=True, choices=["black", "white"], help="the colour of the hole in that picture")
    names = ", ".join([*baselines.names(), *models.names()])
    p.add_argument("--by", default="course_unet", metavar="NAME", help=f"the inpainter: {names} (default: course_unet)")
    p.add_argument("--tile", type=int, metavar="PIXELS", help="side of a tile (default: the size that the network learned at, else 256)")
    p.add_argument("--out", type=Path, metavar="FILE", help="the filled picture (default: PHOTO_filled.png); never one that is there")
    return p


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit status: 0 done, 2 cannot be done as asked."""
    args = parser().parse_args(arguments)
    try:
        return _fill(args)
    except (ValueError, TypeError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _fill(args: argparse.Namespace) -> int:
    out = args.out or Path(f"{Path(args.photo).stem}_filled.png")
    if out.exists():
        raise FileExistsError(f"{str(out)!r} is there already; name another file with --out.")
    data.check_ending(out)  # before the work, not after it
    out.parent.mkdir(parents=True, exist_ok=True)
    image, mask = data.load_photo(args.photo), masks.from_image(args.mask, hole=args.hole)
    fill = inpainter(args.by)
    share = float(masks.hole_ratio(mask).mean())
    print(f"{args.photo}: {image.shape[3]} x {image.shape[2]} pixels, {share:.1%} of them hole; by {args.by} ...", flush=True)
    start = time.perf_counter()
    filled = tiling.inpaint_large(fill, image, mask, tile=args.tile)
    data.save_photo(filled, out)
    print(f"{time.perf_counter() - start:.1f} s; written: {out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
