"""The SHA-256 of the frozen masks: for each kind, of the first and of the second 5,000, each mask 32x32 bytes of 0 and 1, row by row."""

__all__ = ["DIGESTS"]

DIGESTS: dict[str, tuple[str, str]] = {
    "lines": (
        "35aa2ac1bd6b5a26d5ea3a8341dfd2310795f62251bc30a24de2fe0f60cdcaf0",
        "0c91834ff67144a5736b0506265e72f89f947fb3993ac22a8c9e4617172d1c25",
    ),
    "strokes": (
        "31fab3a8358b1df24c09471311b8f600bb12d1b2fde02f634cc2399d39d63771",
        "b47e14a0060d026c2bcd9c20124dff69c69c2de28b49a941080d1950be69cbc5",
    ),
    "boxes": (
        "8aa4c3402e416d0959aa7687f9471911780bb820204b0acdf5c42067d67f6071",
        "f566e67399643a0b1180dc470d409cf0377b4f87609a495806169cfbd02d896d",
    ),
    "center": (
        "f4bdd9408ffd67806272a694298a094bfa6a497c1a4b22222a4d71849868e2a1",
        "f4bdd9408ffd67806272a694298a094bfa6a497c1a4b22222a4d71849868e2a1",
    ),
    "irregular-01-10": (
        "f07a142095fb08dbf856589da280f67b50101aa8db0bde9c426ad5fad5eb436f",
        "e6d1808c73498312418c15346bc81e0cf7396f77294ad2cfa95d94e055147d1b",
    ),
    "irregular-10-20": (
        "80efabf73a1cda8e241f9d174c961b8b915c1a257a8eb9ff7804c78445cdd3da",
        "a40c1171aad7247a947bb04a5541b89e7c28de45aa72897fdd92191d4c83d8cc",
    ),
    "irregular-20-30": (
        "3ee7c855dcfb9cc2b651436dc0b9fb1e555743bad374d15af4c4ba91b14d85f1",
        "208fa5495e3515ea8c378dd3bd149b7882321ba0619a555edbc022ef30e22d70",
    ),
    "irregular-30-40": (
        "60887c79c10f87e8c9e4ddbc8ab5e1a292439bc872cf7389b8d56d2dc45c5066",
        "6942acee6d460150114288287d2359d5b5af147c86400ec222247030e6f0bc47",
    ),
    "irregular-40-50": (
        "a5d5469d6dc19b616362fc1baa6e8a282c7f499c3b7bbfec256fd619dfc2bf37",
        "48041a02c48d0e8971b6b54f5d1c32738765635e0e74ddf1975c8b91d6529adb",
    ),
    "irregular-50-60": (
        "4178988538371fa2cc0abe711db7738d01e53e3ce0782210ffe020af9f2cf123",
        "2e12b046d074852ec20c15883f30127a4d1fec705cd38ccf478b78d59d0723ba",
    ),
}
