# %% [markdown]
# {{ head }}

# %% [markdown]
# You count a network, mend an optimiser, decide when to stop, and train a network of your own. `look` draws an example, `check` tries your function on
# some forty inputs and shows the smallest one that fails, `hint("autoencoder/unet_parameters", 2)` says more.

# %%
import time

import torch

from course.checks import check, hint, look, predict, score
from inpaintlib import baselines, data, evaluation, losses, masks, models, train

# %% [markdown]
# ## 1. Count a convolution (1 point)
#
# A convolution from `cin` to `cout` channels with a kernel of `kernel` x `kernel` pixels: how many numbers does it learn?

# %% name="conv_parameters"
def conv_parameters(cin, cout, kernel, bias=True):
    """Weights and biases of a convolution, one number."""
    # solution:
    return cout * (cin * kernel**2 + (1 if bias else 0))
    # end of solution


# %% tags=["expected"]
look("autoencoder/conv_parameters", conv_parameters)

# %%
check("autoencoder/conv_parameters", conv_parameters)

# %%
hint("autoencoder/conv_parameters", 1)

# %% [markdown]
# ## 2. Count a U-Net (3 points)
#
# The U-Net of the lesson, for any width and depth. `depth` is the number of resolutions. **Encoder**: at each resolution a double convolution (3 x 3 twice, the second from as many channels to as many), `width` channels at full
# resolution and twice as many at each coarser one; pooling in between. **Decoder**: for each step back a transposed convolution of 2 x 2 that halves the channels, the skip laid beside it, a double convolution. **Head**: 3 x 3, to three colours. All have biases. A
# transposed convolution has as many parameters as an ordinary one of the same size. You may not ask `inpaintlib.models`.

# %%
predict("autoencoder/exercise_wider")

# %% name="unet_parameters"
def unet_parameters(width, depth):
    """Parameters of the U-Net, one number. Input: three colours."""
    # solution:
    def double(cin, cout):
        return conv_parameters(cin, cout, 3) + conv_parameters(cout, cout, 3)

    total = double(3, width)
    for level in range(1, depth):
        fine, coarse = width * 2 ** (level - 1), width * 2**level
        total += double(fine, coarse)  # down
        total += conv_parameters(coarse, fine, 2) + double(2 * fine, fine)  # and up again, beside the skip
    return total + conv_parameters(width, 3, 3)
    # end of solution


# %% tags=["expected"]
look("autoencoder/unet_parameters", unet_parameters)

# %%
check("autoencoder/unet_parameters", unet_parameters)

# %% [markdown]
# ## 3. Find the bugs: a step of Adam (3 points)
#
# Adam keeps two running means for each weight: `m` of its derivatives (0.9 of the past), `v` of their squares (0.999 of the past). Both start at 0 and are therefore too small at first; step number $t$ makes up for
# that by dividing them by $1 - 0.9^t$ and $1 - 0.999^t$, for use in this step only. The weight then moves by `lr` times the first divided by (the root of the second, plus $10^{-8}$).
#
# This version was found in a notebook. It even trains, somehow. It has **three bugs**. You may not call `torch.optim`.

# %%
def found(weight, gradient, m, v, t, lr):
    """One step: the new weight, m and v."""
    m = 0.9 * m + 0.1 * gradient
    v = 0.999 * v + 0.001 * gradient.abs()
    weight = weight - lr * m / (v + 1e-8)
    return weight, m, v


# %% [markdown]
# What should the very first step do? Work it out for a derivative $g$: $m = 0.1\,g$, corrected $g$; $v = 0.001\,g^2$, corrected $g^2$, its root $|g|$. So the weight moves by `lr`, however large $g$ is.

# %%
zero = torch.zeros(1)
for g in (2.0, 0.01):
    moved = -found(zero, torch.tensor([g]), zero, zero, t=1, lr=0.5)[0].item()
    print(f"first step with derivative {g:4}: expected 0.5, found {moved:.2f}")

# %% name="adam_step"
def adam_step(weight, gradient, m, v, t, lr):
    """One step of Adam: the new weight, the new m and v (uncorrected, as the next step needs them).

    weight, gradient, m, v: tensors of one shape; t: number of this step, from 1; lr: learning rate.
    """
    # solution:
    m = 0.9 * m + 0.1 * gradient
    v = 0.999 * v + 0.001 * gradient**2
    mean, square = m / (1 - 0.9**t), v / (1 - 0.999**t)
    return weight - lr * mean / (square.sqrt() + 1e-8), m, v
    # end of solution


# %% tags=["expected"]
look("autoencoder/adam_step", adam_step)

# %%
check("autoencoder/adam_step", adam_step)

# %% [markdown]
# ## 4. Experiment: when to stop (3 points)
#
# After each epoch you measure the loss on validation images. You stop when `patience` epochs in a row have brought nothing better than the best so far, and keep the weights of the best. Given the losses of epochs 0, 1, 2, ..., which is the
# **best epoch** up to the stop, and at which epoch is the **stop**? (If it never comes, the stop is the last epoch.)

# %%
predict("autoencoder/exercise_patience")

# %% name="best_epoch"
def best_epoch(losses, patience):
    """(best epoch, epoch of the stop), counted from 0.

    losses: (E,) validation losses in the order of the epochs; patience: epochs.
    """
    # solution:
    best = 0
    for epoch in range(len(losses)):
        if losses[epoch] < losses[best]:
            best = epoch
        elif epoch - best >= patience:
            return best, epoch
    return best, len(losses) - 1
    # end of solution


# %% tags=["expected"]
look("autoencoder/best_epoch", best_epoch)

# %% [markdown]
# Once the check passes: a noisy curve that falls and then rises, and what patience costs and saves.

# %% tags=["experiment"]
result = check("autoencoder/best_epoch", best_epoch)
if result.passed:
    epochs = torch.arange(60)
    noise = torch.randn(60, generator=torch.Generator().manual_seed(3))
    curve = 1 / (1 + 0.3 * epochs) + 0.004 * epochs + 0.02 * noise
    print("patience   best epoch   stop   loss kept   lowest of all")
    for patience in (1, 2, 4, 8, 16):
        best, stop = best_epoch(curve, patience)
        print(f"{patience:8d} {int(best):12d} {int(stop):6d} {curve[int(best)]:11.3f} {curve.min():15.3f}")

# %% [markdown]
# ## 5. Open: small and good (4 points)
#
# Train the best network you can with **at most 200,000 parameters and about one minute** of training, to fill lines. Every choice that you report must be backed by a measurement. A reader marks this task; the table says what counts.

# %%
check("autoencoder/small_and_good")

# %% [markdown] tags=["student"]
# *What I varied, and what each change was worth:*
#
# *What did not help:*

# %% name="small_and_good" tags=["student"]
images = data.load_images("auto", split="train")
torch.manual_seed(0)
network = models.create("vanilla_unet", depth=3, width=16)
print(f"{models.summary(network).total:,} parameters")
# train.fit(network, images, masks.lines, losses.hole_l1, minutes=1)

# %% [markdown] tags=["solution"]
# One answer of many, with a very short training, so that this notebook runs quickly. With a minute for each row the differences are larger.

# %% tags=["solution"]
images = data.load_images("auto", split="train", limit=3500)
learn_from = data.ImageSet(images.images[:3000], images.labels[:3000], images.classes, images.source)
choose_by = data.ImageSet(images.images[3000:3300], images.labels[3000:3300], images.classes, images.source)
choosing = masks.lines(len(choose_by), 32, generator=torch.Generator().manual_seed(1))
epochs = 0.75  # a fixed number of steps: then a busy computer changes no result
seconds = {}  # that each training took


def trained(loss=losses.hole_l1, **options):
    torch.manual_seed(0)
    network = models.create(**options)
    plan = {"epochs": epochs, "batch_size": 8, "lr": 4e-3, "ema": 0.99}
    begin = time.perf_counter()
    train.fit(network, learn_from, masks.lines, loss, **plan, progress=False)
    seconds[network] = time.perf_counter() - begin
    return network


plan = {
    "start: depth 3, width 16": trained(name="vanilla_unet", depth=3, width=16),
    "loss over the whole image": trained(losses.l1, name="vanilla_unet", depth=3, width=16),
    "depth 2, width 32": trained(name="vanilla_unet", depth=2, width=32),
    "corrects a first filling": trained(name="course_unet", width=16, blocks=1),
}
for name, network in plan.items():
    print(
        f"{name:28} {models.summary(network).total:>8,} parameters, {seconds[network]:3.0f} s of training"
    )
chosen = evaluation.compare({k: n.inpaint for k, n in plan.items()}, choose_by, choosing, metrics=["psnr"])
chosen

# %% tags=["solution"]
best = plan["corrects a first filling"]
final = {"no training: biharmonic": baselines.biharmonic, "my network": best.inpaint}
test = data.load_images("auto", split="test", limit=300)
evaluation.compare(final, test, masks.benchmark("lines")[:300], metrics=["psnr", "psnr_hole"])

# %% [markdown] tags=["solution"]
# *How this was computed: parameters counted from the networks; each trained on three quarters of 3,000 images, once.* Three things were varied, each against the start, on 300 images kept aside; the shape means depth and width together, and the network that corrects also has twice the parameters. **The loss**, over the hole alone or over the whole image: no difference that could be told from chance. Errors elsewhere vanish anyway once the known pixels are put back. **The shape**: two
# resolutions with more channels come out a little higher than three with fewer. One training each, and intervals that overlap: a hint at most. **What is to be predicted**: a network that only *corrects* a first filling starts where that filling ends, and nothing
# else comes near. What did not help was changing the loss. The test images were looked at once, in the last cell, and they say: after so few steps the network is still behind a method that needs no training at all. Worth knowing before anybody
# boasts of a network.

# %% [markdown]
# ## What you have so far
#
# The points of what was checked since this notebook was started. Checks run again count again: `Run > Run All Cells` brings the table up to
# date.

# %%
score("autoencoder")

# %% [markdown]
# To start a task afresh, run `python -m course reset autoencoder/adam_step` in a terminal (or the name of another task, or of the
# whole unit); your version is kept beside it. A worked solution of every task is in the folder `solutions` of the course's repository, in the notebook of the same name.
# Look at it when your check passes: it may do the same in another way.
