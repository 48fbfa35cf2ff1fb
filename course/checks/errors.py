"""What an exception means, in the words of the course: the errors of PyTorch and NumPy that students meet, and what mends them."""

from __future__ import annotations

import re

import torch

from course.checks.task import Case, Task

__all__ = ["explain", "first_look", "unwritten"]

NAME = re.compile(r"[\w/]*")  # a stub names its task; the errors of PyTorch are sentences
SIZES = re.compile(r"size of tensor a \((\d+)\) must match the size of tensor b \((\d+)\) at non-singleton dimension (\d+)")

#: (what the message says, what it means); the first that is found.
KNOWN = (
    (
        r"not implemented for 'Bool'|with a bool tensor|Input dtype must be .*Got: Bool",
        "Your mask is bool (True and False), and PyTorch does not calculate with that here. Write `.float()`: `(count > 0).float()`.",
    ),
    (
        r"Expected 3D \(unbatched\) or 4D|weight should have at least three dimensions",
        "`F.conv2d` takes an image with batch and channels, (B, Cin, H, W), and a kernel (Cout, Cin, kh, kw). Write `mask[None, None]` and "
        "`kernel[None, None]`, and take `[0, 0]` of what comes out.",
    ),
    (
        r"expected input.* to have \d+ channels",
        "The kernel's second number must be the number of channels of the image. What is the shape of each of the two?",
    ),
    (
        r"expected scalar type|should be the same",
        "Image and kernel are of different kinds: whole numbers (Long) and floats, or double and float. Write `.float()` behind both; "
        "in a kernel one dot makes all numbers floats: `torch.tensor([[1.0, 0, -1]])`.",
    ),
    (
        r"Kernel size can't be greater than actual input size",
        "The window is larger than the image under it. Is the padding around the image already?",
    ),
    (
        r"step must be greater than zero",
        "A tensor, unlike a NumPy array, cannot be read backwards by `[::-1]`. `kernel.flip(0, 1)` turns rows and columns round; "
        "of a kernel with channels it is `kernel.flip(-2, -1)`.",
    ),
    (
        r"builtin_function_or_method",
        "A function stands there without its brackets. How many numbers a tensor holds says `mask.numel()`; `size` is a function there.",
    ),
    (
        r"must be Tensor, not numpy|got \(numpy\.ndarray|numpy\.ndarray, Tensor",
        "A NumPy array was given to PyTorch. `torch.from_numpy(array)` makes a tensor of it.",
    ),
    (r"'Tensor' object has no attribute 'astype'", "A tensor has no `astype`: `x.float()`, `x.long()` or `x.to(torch.float64)` do that."),
    (r"'Tensor' object has no attribute 'copy'", "A tensor has no `copy`: `x.clone()` does that."),
)

#: (type of the exception, where to look first); the first that it is a kind of.
FIRST_LOOK: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    ((NameError,), "A name there is not known. Is it spelled as where you set it, and is it set in the function or in a cell above it?"),
    ((IndexError,), "An index there leads over the end. Print the index and the length, or `.shape`, in front of that line."),
    ((KeyError,), "What is looked up there is not in it. Print what is looked up, and the keys that there are."),
    ((ZeroDivisionError,), "Something is divided by 0 there. For which input can that be, and what should the answer be then?"),
    ((ImportError,), "What is imported there was not found. Is it spelled right? Only what comes with the course is everywhere."),
    ((AttributeError,), "What stands in front of the dot has no such name. Print its type."),
    ((RecursionError,), "The function calls itself, and that has no end. Which call should be the last?"),
    ((SystemExit, KeyboardInterrupt), "A function gives its answer back by `return`; `exit()` and `quit()` end Python."),
    ((MemoryError,), "How large is what is made there? Print its `.shape`, and how often that line is reached."),
    ((AssertionError,), "An `assert` of yours says no. Is it right for every input that the task allows?"),
    ((TypeError,), "Something there is of another kind than the line needs. Print the type of each part of it."),
)
ELSEWHERE = "Call your function with this input, and print the values and the `.shape` of what stands in that line just before it."


def first_look(error: BaseException) -> str:
    """What to look at first after an exception: a sentence or two, whatever it is.

    >>> first_look(IndexError("list index out of range"))
    'An index there leads over the end. Print the index and the length, or `.shape`, in front of that line.'
    """
    return next((sentence for kinds, sentence in FIRST_LOOK if isinstance(error, kinds)), ELSEWHERE)


def unwritten(error: BaseException) -> str | None:
    """The name in a stub's NotImplementedError (perhaps empty), or None for any other error, such as PyTorch's own of that kind.

    >>> unwritten(NotImplementedError("correlate"))
    'correlate'
    >>> unwritten(NotImplementedError("\\"slow_conv2d_cpu\\" not implemented for 'Bool'"))
    """
    text = str(error).strip()
    return text if type(error) is NotImplementedError and NAME.fullmatch(text) else None


def explain(task: Task, case: Case, error: BaseException) -> str:
    """One or two sentences about an exception, or an empty string where there is nothing to add to what it says."""
    text = " ".join(str(error).split())
    if sizes := SIZES.search(text):
        return _sizes(task, case, int(sizes[1]), int(sizes[2]))
    return next((sentence for pattern, sentence in KNOWN if re.search(pattern, text)), "")


def _sizes(task: Task, case: Case, a: int, b: int) -> str:
    bias = case.arguments.get("bias")
    if isinstance(bias, torch.Tensor) and bias.ndim == 1 and len(bias) in (a, b):
        return (
            f"If one of the two is the bias: it has shape {tuple(bias.shape)}, one number for each output channel, and lines up with the "
            "last dimension, the columns. `bias[:, None, None]` lines it up with the channels."
        )
    if "padding" in case.arguments or "times" in case.arguments or "size" in case.arguments:
        return (
            f"Two tensors of {a} and {b} numbers on a side were combined. A window at the border is smaller than the kernel if there is "
            "no padding around the image: pad first, and cut the windows out of the padded image."
        )
    return f"Two tensors of {a} and {b} numbers on a side were combined: print the `.shape` of both in the line above."
