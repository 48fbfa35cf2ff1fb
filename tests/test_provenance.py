"""Under each table of measured values stands how it was computed."""

from __future__ import annotations

import pytest
import torch

from course import Tree
from course.notebook import read_notebook
from course.provenance import LINE, bare_tables
from inpaintlib import baselines, evaluation

TREE = Tree()
EXECUTED = [path for folder in (TREE.notebooks, TREE.solutions) for path in sorted(folder.glob("*.ipynb"))]
TWO_LINES = "mean   20.1 dB\ntelea  25.3 dB\n"


@pytest.mark.parametrize("path", EXECUTED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_each_table_of_the_course_says_how_it_was_computed(path):
    notebook = read_notebook(path)
    assert notebook is not None
    bare = bare_tables(notebook)
    assert not bare, f"no line '*{LINE}: ...*' in the markdown cell under {', '.join(bare)}"


def test_a_comparison_brings_its_line_along():
    images, masks = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0)), torch.ones(3, 1, 16, 16)
    masks[..., 4:9, 4:9] = 0
    table = evaluation.compare({"mean": baselines.mean_fill}, images, masks, metrics=["psnr"], timing=False)
    for shown in (str(table), table.to_markdown(), table._repr_html_()):
        assert f"{LINE}: 3 images" in " ".join(shown.split())


def prose(text):
    return {"cell_type": "markdown", "id": "prose", "metadata": {}, "source": [text]}


def code(text="", html="", plain="", tags=()):
    outputs = [{"output_type": "stream", "name": "stdout", "text": [text]}] if text else []
    outputs += [{"output_type": "display_data", "metadata": {}, "data": {"text/html": [html], "text/plain": [plain]}}] if html else []
    return {"cell_type": "code", "id": "code", "metadata": {"tags": list(tags)}, "source": ["x"], "outputs": outputs}


HTML = "<table><tr><th>mean</th><td>20.1 dB</td></tr></table>"
MARKDOWN = "| a | b |\n|---|--:|\n| mean | 20.1 dB |\n"


@pytest.mark.parametrize("cell", [code(TWO_LINES), code(html=HTML), prose(MARKDOWN), prose(f"{LINE}: before it.\n\n{MARKDOWN}")])
def test_a_bare_table_is_found(cell):
    assert bare_tables({"cells": [cell, prose("And so on.")]}) == [cell["id"]]
    assert bare_tables({"cells": [cell]}) == [cell["id"]]


@pytest.mark.parametrize(
    "cells",
    [
        [code(TWO_LINES), prose(f"*{LINE}: on two images.*")],
        [code(html=HTML), code("drawn"), prose(f"*{LINE}: on two images.*")],
        [prose(f"{MARKDOWN}\n*{LINE}: on two images.*")],
        [code(TWO_LINES, tags=["compare"])],  # computed, the same everywhere
        [code("one number, 20.1 dB\nand words\n")],
        [code("78.56 dB (S1, printed)\n75.26 dB (S1, printed)\n")],
        [code(html=HTML, plain="Comparison of mean on 2 images, composited")],
        [code(html="<table><tr><td>3</td><td>4</td></tr></table>"), prose("| a | b |\n|---|---|\n| lines | scratches |\n")],
    ],
)
def test_what_needs_no_line_or_has_one(cells):
    assert bare_tables({"cells": cells}) == []
