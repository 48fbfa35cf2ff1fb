"""The critic on the command line: ``--adversarial hinge --critic sn_patch``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from inpaintlib import models
from inpaintlib.train.players import GAMES

__all__ = ["add_arguments", "from_arguments", "in_words"]

# the critics that each game is played with in its source
_USUAL = {"bce": "context", "hinge": "sn_patch", "wgan_gp": "global+local"}


def add_arguments(p: argparse.ArgumentParser) -> None:
    """The group of options about the critic."""
    group = p.add_argument_group("with a critic")
    usual = ", ".join(f"{critic} for {game}" for game, critic in _USUAL.items())
    group.add_argument("--adversarial", choices=list(GAMES), metavar="LOSS", help=f"train against a critic too, by {', '.join(GAMES)}")
    group.add_argument("--adversarial-weight", type=float, default=1e-3, metavar="W", help="of the critic's say (default: 0.001)")
    group.add_argument(
        "--critic", metavar="NAME", help=f"{', '.join(models.critic_names())}, or several, such as global+local (default: {usual})"
    )
    group.add_argument("--critic-option", action="append", default=[], metavar="KEY=VALUE", help="of the critics, such as width=16")
    group.add_argument("--critic-lr", type=float, default=1e-4, metavar="LR", help="the critic's highest learning rate (default: 0.0001)")
    group.add_argument("--critic-steps", type=int, default=1, metavar="N", help="steps of the critic for each of the model (default: 1)")


def from_arguments(args: argparse.Namespace, size: Any, parse_options: Callable[[list[str]], dict[str, Any]]) -> dict[str, Any]:
    """What ``fit_adversarial`` takes beyond ``fit``; empty without ``--adversarial``.

    Args:
        args: the command line.
        size: of the images, a side or (height, width).
        parse_options: what makes options of KEY=VALUE words.

    Raises:
        ValueError: an unknown critic or option, images that are not square, or a critic without ``--adversarial``.
    """
    if args.adversarial is None:
        if args.critic or args.critic_option:
            raise ValueError(f"a critic was named, but no loss to train it with; expected --adversarial with one of {', '.join(GAMES)}.")
        return {}
    if not isinstance(size, int):
        raise ValueError(f"the images are {size[0]} x {size[1]}; expected square ones, which the critics are made for.")
    names = [name.strip() for name in (args.critic or _USUAL[args.adversarial]).split("+")]
    options = {"size": size} | parse_options(args.critic_option)
    critics = {name: models.critic(name, **options) for name in names}
    return {
        "critic": critics if len(critics) > 1 else critics[names[0]],
        "adversarial": args.adversarial, "adversarial_weight": args.adversarial_weight,
        "critic_lr": args.critic_lr, "critic_steps": args.critic_steps,
    }  # fmt: skip


def in_words(args: argparse.Namespace) -> dict[str, Any]:
    """The settings as they stand in a card."""
    if args.adversarial is None:
        return {}
    return {
        "adversary": f"{args.adversarial}, weight {args.adversarial_weight:g}",
        "critic": " ".join([args.critic or _USUAL[args.adversarial], *args.critic_option]),
        "critic's learning rate": args.critic_lr, "critic's steps for each of the model": args.critic_steps,
    }  # fmt: skip
