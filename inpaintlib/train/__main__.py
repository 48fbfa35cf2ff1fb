from inpaintlib.train.cli import main

raise SystemExit(main())
