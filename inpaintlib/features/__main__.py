"""``python -m inpaintlib.features``, see :mod:`inpaintlib.features.train`."""

import sys

from inpaintlib.features.train import main

sys.exit(main())
