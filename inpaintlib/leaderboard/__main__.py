"""``python -m inpaintlib.leaderboard``, see :mod:`inpaintlib.leaderboard.cli`."""

import sys

try:
    from inpaintlib.leaderboard.cli import main

    status = main()
except KeyboardInterrupt:  # while Python was still importing
    status = 130
sys.exit(status)
