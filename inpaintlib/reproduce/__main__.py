"""``python -m inpaintlib.reproduce``, see :mod:`inpaintlib.reproduce.cli`."""

import sys

try:
    from inpaintlib.reproduce.cli import main

    status = main()
except KeyboardInterrupt:  # while Python was still importing
    status = 130
sys.exit(status)
