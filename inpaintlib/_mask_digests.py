"""The SHA-256 of the frozen masks: for each kind, of the first and of the second 5,000, each mask 32x32 bytes of 0 and 1, row by row."""

__all__ = ["DIGESTS"]

DIGESTS: dict[str, tuple[str, str]] = {
    "lines": (
        "1d0cb1e0439c095b3315df117a73b161aa2e0208e743b370eccaef5a56850d94",
        "46d2ef4422825bd3c750552713b543d6538684ce0511d4a25442543b00d8e5fb",
    ),
    "strokes": (
        "31002b2a2dc70c88fa4ea1000864240687008cf458133cc53c1c18e4971e0f6b",
        "a0f50dcacfa01da1a915c9d2d1149756eb994a2eb63a163171dc57cdc6cc5f4f",
    ),
    "circles": (
        "dca9c852ecbc3bc45a0eed50dccac4837012ba6967619f39774fc3aa75b3ba22",
        "1f817f1690d7d6d6bda03cfced4266d2150936b9ed1953af986c7c1ab7d461ab",
    ),
    "boxes": (
        "7cefeb096eb52cfe0507ddd61f97f117180f72354d927498902da19e95855729",
        "875482665f080665bb015e105eb19f864abeea4045eef437d96d5007414be6d0",
    ),
    "center": (
        "f4bdd9408ffd67806272a694298a094bfa6a497c1a4b22222a4d71849868e2a1",
        "f4bdd9408ffd67806272a694298a094bfa6a497c1a4b22222a4d71849868e2a1",
    ),
    "irregular": (
        "bc147dd467f54b3ab98bbb618fdb3bc099ee3820aa1c0f1803bf10d4644feb6a",
        "6b058285b8f3c00d8ec2d2b799250ccabba9ec2f40979018729a4d644e318a5e",
    ),
    "irregular-01-10": (
        "68565ae13cc3c8e7feddca2e94bb364a7db52049451c2066346053e21e070209",
        "79988e7b2d570bd661a6dc24f4df9c2a68d09f9f6bb8ee07f98dd88574e50117",
    ),
    "irregular-10-20": (
        "26a5f9ca1541a6520e2bcd4af549630d06d0f94682af3bb7ab4a20e01befcd62",
        "22fd0f8be8740b11ff34941af3e8aec99c74bef1bfdd008ffb918fbc31f0d840",
    ),
    "irregular-20-30": (
        "7f77ae83a591af5b6725a56c830eee9294bc4ea5392193f81d2e5dc8479a24b6",
        "d2f2b60e9db5777a22c4f2c46e5c0035ae9b4edde6c50734d6938808365a00f6",
    ),
    "irregular-30-40": (
        "40fefa269209b0da69eaa3120c6f979b804731d591cdecb6daca63981015598a",
        "a454c21a6a30edd292ce983810c68119dccf1b1dc9c70c3071d1464b68f9e039",
    ),
    "irregular-40-50": (
        "1057bfb03f7251646d4d329f062e9d3d6f03971b4d9f414d2ac86f8664fd7c23",
        "edc1b0969f38db73dbe7d917b9c594d24ea5f1b387cc28121ee86c6895cac3a1",
    ),
    "irregular-50-60": (
        "d152171f3dbcfa4c00b04d0c4e1b4346a02cb47fcd13f880b61194cefa552100",
        "115735eaccfbe0498d214ed065ee0dad9289b031db904b3d4ac2f8ca18f3f947",
    ),
}
