"""The workshop behind :mod:`inpaintlib.data`: finding, decoding, checking, downloading and caching images.

    imageset  what comes of it: bytes, batches, splits
    listing   the files of a folder, a zip or a tar, read without unpacking      decode   files to one uint8 array
    layout    which of them are images, of which class and split                 cache    decoded sets on disk
    cifar     the official CIFAR-10 batches                                      photos   the photographs inside scikit-image
    download  one file over HTTP: resumed, timed, checked                        progress a line on stderr, for people only
"""
