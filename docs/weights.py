"""The budget of the weights that ship with the course: what each file weighs, what it learned from, how good it became.

    python docs/weights.py

writes docs/results/weights.md from the cards inside the files; `--check` only says whether it is up to date.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from inpaintlib.models.pretrained import FOLDER, load_pretrained

PAGE = Path(__file__).parent / "results" / "weights.md"
BUDGET = 40e6  # bytes of all files together
HEAD = """# Weights that come with the course

| | MB | parameters | learned from | images seen | minutes | on test images |
|---|--:|--:|---|--:|--:|---|
"""


def quality(card: dict) -> str:
    """The composited PSNR over the image for each kind of hole, or whatever else the card has a table of."""
    for table in (value for value in card.values() if isinstance(value, dict)):
        rows = {row: values for row, values in table.items() if isinstance(values, dict) and row.endswith("composited, image")}
        named = {row.rpartition(":")[0] or card["masks"].split(",")[0]: values["PSNR dB"] for row, values in rows.items()}
        if named:
            return ", ".join(f"{kind} {value:.2f} dB" for kind, value in named.items())
    return "see its card"


def before(card: dict) -> tuple[int, float]:
    """Images seen and seconds of the runs that these weights started from."""
    runs = re.findall(r"(?:^|; )([\d.]+) epochs, ([\d,]+) s: ", card.get("started from", ""))
    epochs, seconds = sum(float(one) for one, _ in runs), sum(float(one.replace(",", "")) for _, one in runs)
    return round(epochs * card.get("training images", 0)), seconds


def page() -> str:
    """The table, one line for each file, the heaviest first."""
    lines, total = [], 0
    for path in sorted(FOLDER.glob("*.safetensors"), key=lambda path: -path.stat().st_size):
        _, _, card = load_pretrained(path)
        total += path.stat().st_size
        learned = card.get("masks", "labels" if path.stem.startswith("features") else "pictures with filled holes").split(",")[0]
        images, seconds = before(card)
        cells = [
            f"[{path.stem}](../../inpaintlib/weights/{path.stem}.md)",
            f"{path.stat().st_size / 1e6:.1f}",
            f"{card['parameters']:,}",
            learned,
            f"{card['images seen'] + images:,}" if "images seen" in card else "",
            f"{(card['seconds'] + seconds) / 60:.0f}" if "seconds" in card else "",
            quality(card),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    foot = (
        f"\n**{total / 1e6:.1f} of {BUDGET / 1e6:.0f} MB.** PSNR: composited, over the whole image, mean over the test images, in the "
        "holes that are named.\nImages seen and minutes are those of all runs together, where weights were trained on from earlier ones "
        "(`started from` in the card);\nthe hardware is named there.\n\n"
        "Written by `python docs/weights.py` from the cards inside the files.\n"
    )
    return HEAD + "\n".join(lines) + "\n" + foot


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; status 1 if the page is out of date")
    if not parser.parse_args().check:
        PAGE.write_text(page(), "utf-8")
    elif not PAGE.exists() or PAGE.read_text("utf-8") != page():
        sys.exit("docs/results/weights.md is out of date; write it anew: python docs/weights.py")
    print(page())
