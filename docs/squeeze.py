"""What S0's table loses by squeezing through 3 channels before its head: two runs alike but for that, on the frozen test masks.

    python -m inpaintlib.train partial_unet --option squeeze=true  ... --out runs/squeeze
    python -m inpaintlib.train partial_unet --option squeeze=false ... --out runs/no_squeeze    (docs/results/squeeze.md has the whole line)
    python docs/squeeze.py runs/squeeze/partial_unet.safetensors runs/no_squeeze/partial_unet.safetensors

writes docs/results/squeeze.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from inpaintlib import data, evaluation, masks, models
from inpaintlib.models.pretrained import load_pretrained

PAGE = """# What the squeeze through 3 channels costs

S0's table ends its decoder in 3 channels with batch norm and ReLU, and its head, a partial convolution of 3 to 3 channels, sees only those.
The variant keeps 32 channels up to the head. Both were trained alike, for {epochs} epochs:

    {command}

Test: {source} Masks: the frozen benchmark's lines. Mean over images with a 95 % confidence interval.

## Composited (known pixels kept)

{composited}

## Raw (the network's own picture, known pixels too)

{raw}

Without the squeeze, the composited PSNR is {gain_composited} dB and the raw one {gain_raw} dB higher (paired over images).

Written by `python docs/squeeze.py SQUEEZED FREE` from the weights of this run and of the same with `--option squeeze=True`;
one seed each, so the interval says nothing about another seed.
"""


def main(squeezed: str, free: str) -> None:
    networks, cards = {}, {}
    for name, path in {"squeezed to 3 channels": squeezed, "32 channels to the head": free}.items():
        options, state, cards[name] = load_pretrained(path)
        networks[name] = models.create("partial_unet", **options).eval()
        networks[name].load_state_dict(state)
    first, second = networks
    assert networks[first].options["squeeze"] and not networks[second].options["squeeze"], "expected the squeezed run first"
    pictures = data.load_images("cifar10", split="test")
    holes = masks.benchmark("lines", count=len(pictures))
    composited = evaluation.compare({n: m.inpaint for n, m in networks.items()}, pictures, holes, timing=False)
    raw = evaluation.compare(networks, pictures, holes, kind="raw", timing=False)
    text = PAGE.format(
        epochs=cards[first]["epochs"],
        command=cards[second]["command"],
        source=pictures.source,
        composited=composited.to_markdown(),
        raw=raw.to_markdown(),
        gain_composited=_text(composited.difference(second, first, "psnr")),
        gain_raw=_text(raw.difference(second, first, "psnr")),
    )
    Path(__file__).with_name("results").joinpath("squeeze.md").write_text(text, "utf-8")
    print(text)


def _text(gain: evaluation.Interval) -> str:
    return f"{gain.mean:.2f} ± {gain.half:.2f}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("squeezed", help="weights of the network with the squeeze")
    parser.add_argument("free", help="weights of the one without")
    given = parser.parse_args()
    main(given.squeezed, given.free)
