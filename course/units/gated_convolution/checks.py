"""The tasks of the unit ``gated_convolution``: what is asked, how far an answer may be off, which mistakes are known, what helps."""

from __future__ import annotations

from course.checks.task import Misconception, OpenTask, Output, Task
from course.checks.tolerance import EXACT, Tolerance
from course.units.gated_convolution import cases, wrong

LIBRARY = ("inpaintlib.layers", "gated_conv2d", "GatedConv2d")

LET_THROUGH = Task(
    id="gated_convolution/let_through",
    points=1,
    signature="let_through(feature, gate)",
    goal="The output of a gated layer from its two raw sums.",
    cases=cases.sums,
    corners=cases.SUMS,
    oracle=cases.mixed,
    tolerance=Tolerance("a product of two smooth functions: a few roundings of the result"),
    positional=2,
    misconceptions=[
        Misconception(
            "activation_after",
            "A gate half open must let half of the activated feature through. Try a feature of -3 and a gate of 0: in which order do you compute?",
            wrong.MIX_AFTER,
        ),
        Misconception("no_sigmoid", "Your gate can be larger than 1, or negative. What squashes it?", wrong.MIX_NO_SIGMOID),
        Misconception("swapped", "One of the two is to be squashed between 0 and 1. Which one have you squashed?", wrong.MIX_SWAPPED),
        Misconception("no_activation", "A feature of -3 behind an open gate comes out as -3. Where is the activation?", wrong.MIX_NO_ACTIVATION),
        Misconception("other_activation", "What comes out for a feature of -3 is another activation than the ELU.", wrong.MIX_OTHER_ACTIVATION),
        Misconception("gate_activated", "Look at negative gates: they shut less than they should. What have you done to the gate before the sigmoid?", wrong.MIX_GATE_ACTIVATED),
        Misconception("inverted", "Your gate opens where it should shut. A large sum means open.", wrong.MIX_INVERTED),
    ],
    hints=(
        "Two steps: make a number between 0 and 1 out of the gate, activate the feature; then one product.",
        "`torch.sigmoid` for the gate, `F.elu` for the feature, each by itself.",
        "`F.elu(feature) * torch.sigmoid(gate)`.",
    ),
    tested="features and gates of both signs, wide open, shut and between",
    forbids=LIBRARY,
)

GATED_LAYER = Task(
    id="gated_convolution/gated_layer",
    points=4,
    signature="gated_layer(x, weight, bias, padding=0, dilation=1)",
    goal="Gated convolution with channels, padding and dilation.",
    kind="find the bug",
    cases=cases.batches,
    corners=cases.LAYERS,
    oracle=cases.library,
    tolerance=Tolerance("sums of products, then smooth functions: an error of the sums times how steep these are", scale=cases.library_scale),
    returns=(Output("y"), Output("the gate")),
    positional=3,
    misconceptions=[
        Misconception(
            "interleaved",
            "You take every other channel for a feature. The task says: first all features, then all gates. With one channel out the two are the same.",
            wrong.LAYER_INTERLEAVED,
        ),
        Misconception("halves_swapped", "Which half of the kernels is for the features, the first or the second?", wrong.LAYER_SWAPPED),
        Misconception("one_gate", "All your channels share one gate. Each feature has its own.", wrong.LAYER_ONE_GATE),
        Misconception("activation_after", "The activation belongs on the feature, before the product: look at a negative feature behind a gate half open.", wrong.LAYER_AFTER),
        Misconception("no_sigmoid", "Gates lie between 0 and 1. What are yours?", wrong.LAYER_NO_SIGMOID),
        Misconception("gate_bias", "The second half of the bias belongs to the gates. What does your layer do with it?", wrong.LAYER_GATE_BIAS),
        Misconception("dilation_ignored", "Your output has the size, or the values, of dilation 1. What do you do with `dilation`?", wrong.LAYER_DILATION),
        Misconception("raw_gate", "Your output is right, but what you return as gate is the sum before it was squashed.", wrong.LAYER_RAW),
    ],
    hints=(
        "Compare each line of `found` with the formula: how the channels are split, how many gates there are, what the activation is applied to.",
        "One `F.conv2d` with padding and dilation, `chunk(2, dim=1)`, a sigmoid for the second part.",
        "`feature, gate = F.conv2d(x, weight, bias, padding=padding, dilation=dilation).chunk(2, dim=1)`, and then as in task 1.",
    ),
    tested="batches of 1 and 2, up to 3 channels, kernels up to 3x3, padding up to 2, dilation 1 and 2",
    forbids=LIBRARY,
)

ATROUS = Task(
    id="gated_convolution/atrous",
    points=3,
    signature="atrous(signal, kernel, rate=1)",
    goal="Atrous convolution in one dimension, from its formula.",
    cases=cases.signals,
    corners=cases.SIGNALS,
    oracle=cases.stretched,
    tolerance=Tolerance("a sum of products in any order: a few roundings of the magnitudes", scale=cases.stretched_scale),
    positional=2,
    misconceptions=[
        Misconception(
            "correlation", "Your kernel comes out mirrored: you take s = p + rate * t. Solve s + rate * t = p for s.", wrong.ATROUS_CORRELATION
        ),
        Misconception("rate_ignored", "Your kernel is not pulled apart. What does your function do with `rate`?", wrong.ATROUS_RATE_IGNORED),
        Misconception("from_start", "Your result is shifted. From where does t count: from the first value of the kernel, or from its middle?", wrong.ATROUS_FROM_START),
        Misconception("wraps", "At one end you read the other end of the signal. (In Python, signal[-1] is the last value.) Outside it is 0.", wrong.ATROUS_WRAPS),
        Misconception("repeated", "At the border you repeat the outermost value. Outside the signal is 0.", wrong.ATROUS_REPEATED),
        Misconception("stride", "You leave out places of the signal, or of the result. That is a stride. A rate pulls the *kernel* apart.", wrong.ATROUS_STRIDE),
    ],
    hints=(
        "Put a single 1 into the signal: what comes out is the kernel itself, its values `rate` places apart.",
        "For each p and each t from -r to r: s = p - rate * t. If s lies inside of the signal, add signal[s] * kernel[t + r].",
        "Two loops, `for p in range(n)` and `for t in range(-r, r + 1)`, with r = len(kernel) // 2, and `if 0 <= s < n`.",
    ),
    tested="signals of 1 to 8, kernels of 1, 3 and 5, rates 1 to 3 and more than the signal is long",
    forbids=(*LIBRARY, "conv1d", "conv2d", "convolve"),
)

LAYERS_NEEDED = Task(
    id="gated_convolution/layers_needed",
    points=2,
    signature="layers_needed(width, size=3, doubled=True)",
    goal="How many layers until every pixel of a hole sees a known one.",
    kind="experiment",
    cases=cases.widths,
    corners=cases.WIDTHS,
    oracle=cases.looked,
    tolerance=EXACT,
    returns=(Output("the number of layers", "number"),),
    misconceptions=[
        Misconception("only_the_rim", "Your innermost pixel stops at the last pixel of the hole. How far is the first *known* one?", wrong.NEEDED_RIM),
        Misconception("one_side", "There are known pixels on both sides of the hole. How far is it from the innermost pixel to the nearer side?", wrong.NEEDED_ONE_SIDE),
        Misconception("whole_field", "The field reaches to both sides. How far to *one* side does a layer see?", wrong.NEEDED_WHOLE_FIELD),
        Misconception("size_ignored", "A wider kernel reaches farther. What does your function do with `size`?", wrong.NEEDED_SIZE_IGNORED),
        Misconception("always_doubled", "What does your function do when `doubled` is False?", wrong.NEEDED_ALWAYS_DOUBLED),
        Misconception("never_doubled", "Your layers all have dilation 1. What if `doubled`?", wrong.NEEDED_NEVER_DOUBLED),
        Misconception("from_two", "The first dilation is 1. Which is yours?", wrong.NEEDED_FROM_TWO),
        Misconception("added", "1, 2, 4, 8: each dilation is twice the one before. Yours grow by the same amount in each layer.", wrong.NEEDED_ADDED),
    ],
    hints=(
        "Two numbers: how far the innermost pixel is from the nearest known one, and how far the layers reach to one side.",
        "The distance is width / 2, rounded up. Each layer adds dilation * (size // 2) to the reach.",
        "Start with layers, reach, dilation = 0, 0, 1, and loop `while reach < (width + 1) // 2`.",
    ),
    tested="holes of 0 to 30 pixels, kernels of 3, 5 and 7, doubled and not",
    forbids=LIBRARY,
)

FAIR = OpenTask(
    id="gated_convolution/fair",
    question="Is a gated network better than a plain one with as many weights? Train both, compare, and say how sure you are.",
    rubric=[
        (1, "Both networks have about equally many weights, and the report prints how many; what else was held equal is named."),
        (1, "The error in the hole is measured on images and holes that were not trained on, and drawn over the training for both."),
        (1, "There are at least two runs of each with different seeds, and the difference between networks is compared with that between runs."),
        (1, "The conclusion says no more than the figures do, and names one thing that could turn it round."),
    ],
    hints=(
        "Choose two widths for which `weights(...)` agrees within a few per cent; a gated layer doubles the kernels.",
        "Write one function that trains a network of a given width, kind and seed and returns its error every few steps; call it four times.",
        "60 steps with batches of 8 are enough to see something on a laptop. Use the frozen box masks for the test, fresh ones for training.",
    ),
)

TASKS = [LET_THROUGH, GATED_LAYER, ATROUS, LAYERS_NEEDED, FAIR]
