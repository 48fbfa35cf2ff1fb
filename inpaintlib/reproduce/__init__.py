"""The course's five seeds, run again: what each published, what that means once its trap is undone, and what ours reaches.

    python -m inpaintlib.reproduce s4 --budget small      on one CPU core, minutes
    python -m inpaintlib.reproduce s4 --budget full       as the seed trained; wants a GPU

Each writes a page, ``docs/results/s4.md``, whose every number comes from that run or from ``published.toml``, and the numbers once more
as JSON beside it. A run is made of parts, one training each with a folder of its own; ``--resume`` keeps those that are finished.

``arms`` says what is trained, ``parts`` trains it, ``measure`` measures it, ``page`` writes it down, and ``s0`` ... ``s4`` say what is
compared with what.
"""
