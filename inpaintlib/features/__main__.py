import sys

from inpaintlib.features.train import main

sys.exit(main())
