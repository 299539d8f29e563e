"""The files that are sent."""

import os
import random

from bench.scale import TEXT_MB

LINE = b"x" * 199 + b"\n"
BLOCK = 1 << 20
"""Bytes of random data that are repeated: nothing on the way compresses."""


class Files:
    """In DIRECTORY: a text, and binary data of TRANSFER_MB."""

    def __init__(self, directory: str, transfer_mb: int) -> None:
        self.directory = directory
        self.text = os.path.join(directory, "text")
        self.data = os.path.join(directory, "data")
        self.size = transfer_mb * 1_000_000
        with open(self.text, "wb") as text:
            text.writelines(LINE * (1_000_000 // len(LINE)) for _ in range(TEXT_MB))
        block = random.Random(7).randbytes(BLOCK)
        with open(self.data, "wb") as data:
            while data.tell() < self.size:
                data.write(block[: self.size - data.tell()])
