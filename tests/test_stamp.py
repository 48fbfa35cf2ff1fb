"""What makes stored outputs stale: the code, the modules behind its imports, the weights that it names; and what does not."""

from __future__ import annotations

import pytest

from course import Tree
from course.stamp import changes, stamp

FILES = {
    "inpaintlib/__init__.py": "from inpaintlib._device import device\n_PARTS = ('masks', 'viz')\n",
    "inpaintlib/_device.py": "def device(): return 'cpu'\n",
    "inpaintlib/masks.py": "from inpaintlib import _draw\n",
    "inpaintlib/_draw.py": "def line():\n    import inpaintlib.viz as v\n    return v\n",
    "inpaintlib/viz.py": "COLOUR = 1\n",
    "inpaintlib/metrics.py": "def psnr(): return open('table.csv')\n",
    "inpaintlib/table.csv": "1,2\n",
    "inpaintlib/models/__init__.py": "import importlib\nNAMES = ['net', 'big']\n",
    "inpaintlib/models/net.py": "from ..layers import conv\n",
    "inpaintlib/layers/__init__.py": "from .conv import conv2d\n",
    "inpaintlib/layers/conv.py": "from . import helper\ndef conv2d(): pass\n",
    "inpaintlib/layers/helper.py": "",
    "inpaintlib/weights/net.safetensors": "n",
    "inpaintlib/weights/big.safetensors": "b",
    "inpaintlib/features.py": "WEIGHTS = 'eyes'\n",
    "inpaintlib/weights/eyes.safetensors": "e",
    "inpaintlib/frozen.py": "def bank(kind): return f'{kind}_masks.npz'\n",
    "inpaintlib/lines_masks.npz": "z",
    "course/__init__.py": "",
    "course/checks/__init__.py": "from course.checks.run import check\n",
    "course/checks/run.py": "",
}


LAYERS = {"layers/__init__.py", "layers/conv.py", "layers/helper.py"}


@pytest.fixture
def tree(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return Tree(tmp_path)


def used(tree, *code):
    return {name.removeprefix("inpaintlib/") for name in stamp(code, tree)} - {"code", "__init__.py", "_device.py"}


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import torch", set()),
        ("from inpaintlib import device", set()),
        ("from inpaintlib import viz", {"viz.py"}),
        ("import inpaintlib.viz", {"viz.py"}),
        ("import inpaintlib as ip\nip.viz.show()", {"viz.py"}),
        ("import inpaintlib\ninpaintlib.viz", {"viz.py"}),
        ("from inpaintlib.viz import show as s", {"viz.py"}),
        ("from inpaintlib import masks", {"masks.py", "_draw.py", "viz.py"}),
        ("from inpaintlib.metrics import psnr", {"metrics.py", "table.csv"}),
        ("from inpaintlib.layers.helper import x", LAYERS),
        ("from inpaintlib import models", {"models/__init__.py", "models/net.py", *LAYERS}),
        ("from inpaintlib.frozen import bank", {"frozen.py", "lines_masks.npz"}),
        ("%matplotlib inline\nfrom inpaintlib import viz", {"viz.py"}),
        ("if True:\n    def f():\n        from inpaintlib import viz", {"viz.py"}),
        ("from course.checks import check", {"course/__init__.py", "course/checks/__init__.py", "course/checks/run.py"}),
        ("from inpaintlib import features", {"features.py", "weights/eyes.safetensors"}),
    ],
)
def test_modules_are_found_through_their_imports(tree, code, expected):
    found = used(tree, code)
    assert found - ({"__init__.py", "_device.py"} if "inpaintlib" in code else set()) == expected
    assert ("inpaintlib/_device.py" in stamp([code], tree)) == ("inpaintlib" in code)


def test_only_named_weights_count(tree):
    create = "from inpaintlib import models\nmodels.create('{}', pretrained=True)"
    assert "weights/net.safetensors" in used(tree, create.format("net"))
    assert "weights/big.safetensors" not in used(tree, create.format("net"))
    every = "from inpaintlib import models\nfor n in models.names(): models.create(n, pretrained=True)"
    assert {"weights/net.safetensors", "weights/big.safetensors"} <= used(tree, every)


def test_results_that_are_named_count(tree):
    for name in ("leaderboard", "s4"):
        (tree.root / "docs/results").mkdir(parents=True, exist_ok=True)
        (tree.root / f"docs/results/{name}.json").write_text("{}")
    board = tree.root / "inpaintlib/leaderboard.py"
    board.write_text("STORED = ROOT / 'docs' / 'results' / 'leaderboard.json'\n")
    (tree.root / "inpaintlib/train.py").write_text("def save(name): return f'{name}.json'\n")
    code = "from inpaintlib import leaderboard\nleaderboard.load()"
    before = stamp([code], tree)
    (tree.root / "docs/results/leaderboard.json").write_text('{"groups": []}')
    assert changes(before, stamp([code], tree)) == ["docs/results/leaderboard.json changed"]
    assert "docs/results/s4.json" in stamp(["path = root / 'docs/results/s4.json'"], tree)
    assert {"docs/results/s4.json", "docs/results/leaderboard.json"} <= set(stamp(["root / f'docs/results/{seed}.json'"], tree))
    assert not any(name.startswith("docs/") for name in stamp(["from inpaintlib import train"], tree))


def change(tree, name, text):
    before = stamp(["from inpaintlib import masks"], tree)
    (tree.root / name).write_text(text, "utf-8")
    return changes(before, stamp(["from inpaintlib import masks"], tree))


def test_a_change_behind_an_import_is_named(tree):
    assert change(tree, "inpaintlib/viz.py", "COLOUR = 2\n") == ["inpaintlib/viz.py changed"]
    assert change(tree, "inpaintlib/metrics.py", "x = 1\n") == []


def test_comments_docstrings_and_blank_lines_do_not_count(tree):
    said = '"""What it is."""\n\n# a comment\nCOLOUR = 1  # why\n'
    assert change(tree, "inpaintlib/viz.py", said) == []
    assert change(tree, "inpaintlib/viz.py", said.replace("= 1", "= '#1'")) == ["inpaintlib/viz.py changed"]


def test_text_inside_strings_counts(tree):
    change(tree, "inpaintlib/viz.py", 'PAGE = """a\n\nb # c\n"""\n')
    assert change(tree, "inpaintlib/viz.py", 'PAGE = """a\nb # c\n"""\n') == ["inpaintlib/viz.py changed"]
    assert change(tree, "inpaintlib/viz.py", 'PAGE = """a\nb # d\n"""\n') == ["inpaintlib/viz.py changed"]


def test_a_lesson_that_shows_a_source_sees_comments_too(tree):
    code = ["import inspect\nfrom inpaintlib import viz\nprint(inspect.getsource(viz))"]
    before = stamp(code, tree)
    (tree.root / "inpaintlib/viz.py").write_text("COLOUR = 1  # now explained\n")
    assert changes(before, stamp(code, tree)) == ["inpaintlib/viz.py changed"]


def test_changes_in_words(tree):
    assert changes(None, {"code": "1"}) == ["it was never executed"]
    before, after = stamp(["from inpaintlib import viz"], tree), stamp(["from inpaintlib import metrics"], tree)
    assert changes(before, after) == [
        "its code changed",
        "it now uses inpaintlib/metrics.py",
        "it now uses inpaintlib/table.csv",
        "it no longer uses inpaintlib/viz.py",
    ]


def test_files_named_beside_the_code_count(tree):
    checks = tree.root / "checks.py"
    checks.write_text("from inpaintlib import viz\n")
    assert {"checks.py", "viz.py"} <= {name.removeprefix("inpaintlib/") for name in stamp(["1"], tree, [checks])}


def test_other_units_do_not_make_a_notebook_stale(tree):
    for name, text in {"__init__.py": "", "a/__init__.py": "", "a/checks.py": "import course.units.a.cases\n", "a/cases.py": ""}.items():
        path = tree.root / "course" / "units" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    (tree.root / "course/checks/run.py").write_text("def names():\n    import course.units\n", "utf-8")
    code = "from course.checks import check"
    assert "course/units/a/checks.py" not in stamp([code], tree)
    own = stamp([code], tree, [tree.root / "course/units/a/checks.py"])
    assert {"course/units/a/checks.py", "course/units/a/cases.py", "course/checks/run.py"} <= set(own)


def test_the_real_library_can_be_scanned():
    found = stamp(["import inpaintlib\nfrom inpaintlib import masks, viz"], Tree())
    assert {"inpaintlib/masks.py", "inpaintlib/_check.py", "inpaintlib/_device.py"} <= set(found)
