"""Who takes part: the course's baselines, every model that has weights, and whatever somebody adds."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from inpaintlib import baselines, models
from inpaintlib._check import describe
from inpaintlib._files import DamagedError, read_safetensors
from inpaintlib.leaderboard import fingerprint
from inpaintlib.models.pretrained import FOLDER, load_pretrained

__all__ = ["Entry", "added", "choose", "limited", "shipped"]

SLOW = {"texture_synthesis": 100, "patch_match": 100}  # images: a tenth of a second each, where the others need a hundredth


@dataclass(frozen=True)
class Entry:
    """One inpainter of the leaderboard.

    Attributes:
        name: in the tables.
        inpainter: (image, mask) -> image.
        about: where it comes from, a few words.
        fingerprint: the SHA-256 of its code and weights.
        parameters: how many numbers it learned; None where nobody can count them.
        at_most: how many images it is measured on, if not on all.
        module: the network, which is moved to where it shall compute.
    """

    name: str
    inpainter: Callable[[Tensor, Tensor], Tensor]
    about: str
    fingerprint: str
    parameters: int | None
    at_most: int | None = None
    module: nn.Module | None = None


def shipped() -> list[Entry]:
    """The baselines, and every model whose weights come with the course."""
    folder = Path(baselines.__file__).parent
    found = []
    for name in baselines.names():
        function = baselines.get(name)
        home = Path(sys.modules[function.__module__].__file__ or folder / "__init__.py")
        code = f"{name} {fingerprint.of_code(home)}"
        found.append(Entry(name, function, "learns nothing", code, 0, SLOW.get(name)))
    paths = [path for path in sorted(FOLDER.glob("*.safetensors")) if _model_name(path) in models.names()]
    return found + [replace(_from_weights(path.stem, path), about="weights that come with the course") for path in paths]


def choose(entries: Iterable[Entry], only: Iterable[str] | None) -> list[Entry]:
    """Those that are named, in the order of the leaderboard; all for None.

    Raises:
        ValueError: an unknown name.
    """
    there = {entry.name: entry for entry in entries}
    if only is None:
        return list(there.values())
    wanted = list(only)
    for name in wanted:
        if name not in there:
            raise ValueError(f"there is no inpainter {name!r}; expected some of {', '.join(there)}.")
    return [entry for name, entry in there.items() if name in wanted]


def limited(entries: Iterable[Entry], words: Iterable[str]) -> list[Entry]:
    """Entries with the numbers of images that words like ``exemplar=300`` give them.

    Raises:
        ValueError: not such a word, or no such inpainter.
    """
    found = {entry.name: entry for entry in entries}
    for word in words:
        name, _, count = word.partition("=")
        if name not in found or not count.isdigit() or int(count) < 1:
            raise ValueError(f"--at-most is {word!r}; expected NAME=IMAGES with a name among {', '.join(found)}.")
        found[name] = replace(found[name], at_most=int(count))
    return list(found.values())


def added(word: str) -> Entry:
    """Anybody's inpainter.

    Args:
        word: ``module:function``, ``path/file.py:function``, or weights ``path/file.safetensors`` that ``inpaintlib.train`` wrote; each
            with ``NAME=`` before it, if it shall have another name in the tables. What stands behind the colon may also be a
            network (an ``nn.Module``, or a class of them that needs no arguments): its ``inpaint`` is called, if it has one.

    Raises:
        ValueError: nothing of the kind is there, or it is no inpainter; the message says what was found instead.
    """
    head, equals, tail = word.partition("=")
    name, where = (head, tail) if equals and head and not {":", "/", "\\"} & set(head) else ("", word)
    if where.endswith(".safetensors"):
        path = Path(where)
        if not path.is_file():
            raise ValueError(f"--add {word}: there is no file {where!r}.")
        return _from_weights(name or path.stem, path)
    home, colon, attribute = where.rpartition(":")
    if not colon or not home or not attribute:
        raise ValueError(f"--add {word}: expected module:function, path/file.py:function or path/weights.safetensors, NAME= before it.")
    module = _import(word, home)
    if not hasattr(module, attribute):
        have = ", ".join(key for key, value in vars(module).items() if callable(value) and not key.startswith("_")) or "no function"
        raise ValueError(f"--add {word}: {home} has no {attribute!r}; it has {have}.")
    thing = getattr(module, attribute)
    if isinstance(thing, type):
        try:
            thing = thing()
        except TypeError as error:
            raise ValueError(f"--add {word}: the class {attribute} needs arguments ({error}). Add an object of it instead.") from None
    return _entry(name or attribute, thing, f"added: {Path(home).name if home.endswith('.py') else home}:{attribute}", module, word)


def _entry(name: str, thing: Any, about: str, module: Any, word: str) -> Entry:
    network = thing if isinstance(thing, nn.Module) else getattr(thing, "__self__", None)
    network = network.eval() if isinstance(network, nn.Module) else None
    call = thing.inpaint if isinstance(thing, nn.Module) and hasattr(thing, "inpaint") else thing
    if not callable(call):
        raise ValueError(f"--add {word}: {about.removeprefix('added: ')} is {describe(thing)}; expected a callable (image, mask) -> image.")
    held = {key: value for key, value in vars(module).items() if isinstance(value, nn.Module)}  # networks that a function may use
    parts = [about, fingerprint.of_code(Path(module.__file__))] if getattr(module, "__file__", None) else [about]
    parts += [f"{key} {fingerprint.of_module(value)}" for key, value in sorted(held.items())]
    if network is not None:
        parts.append(fingerprint.of_module(network))
    return Entry(name, call, about, " ".join(parts), _count(network) if network is not None else None, module=network)


def _import(word: str, home: str) -> Any:
    try:
        if not home.endswith(".py"):
            if "" not in sys.path and str(Path.cwd()) not in sys.path:
                sys.path.insert(0, str(Path.cwd()))
            return importlib.import_module(home)
        path = Path(home)
        if not path.is_file():
            raise ValueError(f"--add {word}: there is no file {home!r}.")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None and spec.loader is not None  # the name ends in .py
        module = importlib.util.module_from_spec(spec)
        if str(path.parent.resolve()) not in sys.path:
            sys.path.insert(0, str(path.parent.resolve()))  # what it imports from beside itself
        spec.loader.exec_module(module)
        return module
    except ValueError as error:
        if str(error).startswith("--add"):
            raise
        raise ValueError(f"--add {word}: importing {home} failed with ValueError: {error}") from error
    except (Exception, SystemExit) as error:
        raise ValueError(f"--add {word}: importing {home} failed with {type(error).__name__}: {error}") from error


def _model_name(path: Path) -> str:
    try:
        return read_safetensors(path)[1].get("name", "")
    except (DamagedError, OSError):
        return ""


def _from_weights(name: str, path: Path) -> Entry:
    options, state, _ = load_pretrained(path)
    kind = _model_name(path)
    if kind not in models.names():
        raise ValueError(f"{path.name} holds the weights of {kind!r}, which is no inpainter; expected one of {', '.join(models.names())}.")
    model = models.create(kind, **options).eval()
    model.load_state_dict(state)
    home = sys.modules[type(model).__module__].__file__
    code = f"{kind} {fingerprint.of_file(path)} {fingerprint.of_code(Path(str(home)))}"
    return Entry(name, model.inpaint, f"added: weights of {kind}", code, _count(model), module=model)


def _count(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())
