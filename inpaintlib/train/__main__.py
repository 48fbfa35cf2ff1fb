"""``python -m inpaintlib.train``, see :mod:`inpaintlib.train.cli`."""

import sys

try:
    from inpaintlib.train.cli import main

    status = main()
except KeyboardInterrupt:  # while Python was still importing
    status = 130
sys.exit(status)
