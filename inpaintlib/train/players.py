"""The second player: what a run has besides when a critic judges what the network fills in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from inpaintlib import losses
from inpaintlib._check import describe
from inpaintlib.models.base import composite
from inpaintlib.train.run import Player, Run
from inpaintlib.train.settings import check_forward

__all__ = ["GAMES", "AdversarialRun", "Critics", "Game", "by_name", "frozen", "right", "seen", "variety"]


@dataclass(frozen=True)
class Game:
    """What the two players minimise; the formulas are in :mod:`inpaintlib.losses`.

    Attributes:
        critic: ``(scores of real pictures, scores of filled ones)`` -> scalar.
        generator: ``(scores of filled pictures)`` -> scalar.
        penalty: weight of the critic's gradient penalty; 0 for none.
        relative: whether only differences of scores mean anything, as in a Wasserstein distance, where the same number added to all scores
            changes no loss; else a score above 0 says "real".
    """

    critic: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]
    penalty: float = 0.0
    relative: bool = False


GAMES: dict[str, Game] = {
    "bce": Game(losses.bce_critic, losses.bce_generator),
    # between -1 and 1, where spectral norm keeps the scores, the hinge is a straight line: nothing ties them to 0
    "hinge": Game(losses.hinge_critic, losses.hinge_generator, relative=True),
    "wgan_gp": Game(losses.wgan_critic, losses.wgan_generator, penalty=10.0, relative=True),
}


def by_name(adversarial: Any, penalty: float | None) -> Game:
    """The game of that name, or of that pair of losses; ``penalty`` (if not None) instead of its own."""
    if isinstance(adversarial, tuple) and len(adversarial) == 2 and all(callable(part) for part in adversarial):
        game = Game(*adversarial)
    elif isinstance(adversarial, str) and adversarial in GAMES:
        game = GAMES[adversarial]
    else:
        what = repr(adversarial) if isinstance(adversarial, str) else describe(adversarial)
        raise ValueError(
            f"adversarial is {what}; expected {', '.join(GAMES)}, or a pair of functions "
            "(critic_loss(real_scores, fake_scores), generator_loss(fake_scores))."
        )
    return game if penalty is None else replace(game, penalty=penalty)


class Critics(nn.ModuleDict):
    """The critics of a run, by name.

    Args:
        critics: one of ``models.critic``, any module that is called as ``critic(image, mask)`` -> scores (B, ...), or several by name.
    """

    def __init__(self, critics: nn.Module | Mapping[str, nn.Module]) -> None:
        named = {_name(critics): critics} if isinstance(critics, nn.Module) else critics
        if not isinstance(named, Mapping) or not named or not all(isinstance(critic, nn.Module) for critic in named.values()):
            raise TypeError(
                f"critic is {describe(critics)}; expected a network such as models.critic('sn_patch', size=32), or {{name: network}}."
            )
        for critic in named.values():
            check_forward("critic", critic)
        super().__init__()
        self.name = " and ".join(_name(critic) for critic in named.values())
        self.options = {name: getattr(critic, "options", {}) for name, critic in named.items()}
        for name in named:
            if not isinstance(name, str) or not name or "." in name or hasattr(self, name):
                raise ValueError(f"a critic is called {name!r}; expected a name without a dot that torch's modules do not use themselves.")
        self.update(named)

    def tails(self) -> Iterator[tuple[str, nn.Module]]:
        """Each critic with what follows the names of its columns in the history: nothing for a single one, else a dot and its name."""
        for name, critic in self.items():
            yield ("" if len(self) == 1 else f".{name}"), critic


def _name(critic: nn.Module) -> str:
    return getattr(critic, "name", "") or type(critic).__name__


def check_penalty(game: Game, critics: Critics) -> None:
    """A gradient penalty needs a critic that judges each sample by itself."""
    for name, critic in critics.items():
        norm = next((layer for layer, part in critic.named_modules() if isinstance(part, _BatchNorm)), None)
        if game.penalty and norm is not None:
            raise ValueError(
                f"the gradient penalty holds the critic's slope sample by sample, but batch norm ({norm} of the critic {name}) mixes the "
                "samples of a batch. Use a critic without it, such as models.critic('global', ...), or another adversarial loss."
            )


@dataclass(kw_only=True)
class AdversarialRun(Run):
    """A run with a second player. ``model`` is the generator; the critics, one or several, share an optimizer."""

    critics: Critics
    critic_optimizer: torch.optim.Optimizer
    critic_lr: float
    critic_steps: int
    game: Game
    weight: float
    penalty_in_hole: bool

    @property
    def players(self) -> dict[str, Player]:
        return super().players | {"critic": Player(self.critics, self.critic_optimizer, self.critic_lr)}

    @property
    def last_player(self) -> str:
        return "model" if self.generator_moves else "critic"

    @property
    def generator_moves(self) -> bool:
        """Whether this step is one of those, one in ``critic_steps``, in which the generator moves too."""
        return (self.step + 1) % self.critic_steps == 0

    def passes(self, image: Tensor, mask: Tensor) -> Iterator[tuple[str, nn.Module, tuple[Tensor, Tensor]]]:
        yield from super().passes(image, mask)
        with torch.no_grad():
            prediction = self.model(image * mask, mask)
        for critic in self.critics.values():
            yield "critic", critic, (image, mask)
            yield "critic", critic, (seen(critic, prediction, image, mask), mask)


def seen(critic: nn.Module, prediction: Tensor, image: Tensor, mask: Tensor) -> Tensor:
    """What a critic is shown, (B, 3, H, W): the filled picture, so that all that can give it away is in the hole.

    A critic whose ``composited`` is False gets the raw prediction: the Context Encoder's patch reaches over the rim of the hole, and its
    critic judges the whole patch.
    """
    return composite(prediction, image, mask) if getattr(critic, "composited", True) else prediction


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """Within the block no gradient reaches the module's weights, though it passes through them to the input."""
    learning = [p for p in module.parameters() if p.requires_grad]
    for p in learning:
        p.requires_grad_(False)
    try:
        yield
    finally:
        for p in learning:
            p.requires_grad_(True)


@torch.no_grad()
def right(real: Tensor, fake: Tensor, relative: bool = False) -> tuple[Tensor, Tensor]:
    """The share of real pictures that a critic takes for real, and of filled ones that it sees through; two scalars in [0, 1].

    A picture is judged by the mean of its scores: real if that is above 0, or, where scores are only relative, above the middle between
    the mean of the real and the mean of the filled pictures. A critic that knows nothing is right in half of the cases, in sum.

    Args:
        real, fake: scores (B, ...).

    >>> right(torch.tensor([2.0, -1.0]), torch.tensor([-3.0, -1.0]))
    (tensor(0.5000), tensor(1.))
    """
    real, fake = (scores.float().reshape(len(scores), -1).mean(1) for scores in (real, fake))  # (B,)
    line = (real.mean() + fake.mean()) / 2 if relative else 0
    return (real > line).float().mean(), (fake <= line).float().mean()


@torch.no_grad()
def variety(prediction: Tensor, image: Tensor, mask: Tensor) -> Tensor:
    """How much what is painted into holes varies from picture to picture, as a share of how much the truth does; a scalar.

    The variance over the pictures of a batch, taken at each pixel over those pictures that have a hole there, and summed. 1 is as varied as
    the truth; a blurred prediction lies below, since it leaves out what cannot be known; a generator that paints the same into every hole
    scores 0: it has collapsed.

    Args:
        prediction, image: float (B, C, H, W), B at least 2.
        mask: (B, 1, H, W), 1 = known, 0 = hole.
    """
    hole = 1 - mask.to(image.dtype)
    count = hole.sum(0).clamp(min=1)  # (1, H, W)

    def spread(x: Tensor) -> Tensor:
        mean = (x * hole).sum(0) / count  # (C, H, W)
        return ((x - mean).square() * hole).sum()

    return (spread(prediction) + 1e-8) / (spread(image) + 1e-8)
