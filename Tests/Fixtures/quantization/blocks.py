"""Blocks to decode: where the fields of each weight type lie, and blocks with each field at its extremes."""

import zlib

import numpy as np

# Field = (first byte, number of bytes). "half" fields hold F16 scales or minima; all others hold codes or sub-scales.
LAYOUTS = {
    "Q4_0": dict(half=[0], codes=(2, 16)),
    "Q4_1": dict(half=[0, 2], codes=(4, 16)),
    "Q5_0": dict(half=[0], high=(2, 4), codes=(6, 16)),
    "Q5_1": dict(half=[0, 2], high=(4, 4), codes=(8, 16)),
    "Q8_0": dict(half=[0], codes=(2, 32)),
    "Q2_K": dict(half=[80, 82], scales=(0, 16), codes=(16, 64)),
    "Q3_K": dict(half=[108], high=(0, 32), codes=(32, 64), scales=(96, 12)),
    "Q4_K": dict(half=[0, 2], scales=(4, 12), codes=(16, 128)),
    "Q5_K": dict(half=[0, 2], scales=(4, 12), high=(16, 32), codes=(48, 128)),
    "Q6_K": dict(half=[208], codes=(0, 128), high=(128, 64), scales=(192, 16)),
    "IQ4_NL": dict(half=[0], codes=(2, 16)),
    "IQ4_XS": dict(half=[0], scales=(2, 6), codes=(8, 128)),
}

# Zero of both signs, the smallest and largest subnormal, the smallest normal, one, and the largest, of both signs.
SCALES = [0x0000, 0x8000, 0x0001, 0x8001, 0x03ff, 0x0400, 0x3c00, 0xbc00, 0x7bff, 0xfbff]
BYTES = [0x00, 0xff, 0x0f, 0xf0, 0x55, 0xaa, 0x80, 0x7f]
RANDOM = {True: 8, False: 16}


def cases(name: str, size: int):
    """(labels, blocks [count, size]) of one type."""
    layout = LAYOUTS[name]
    generator = np.random.Generator(np.random.Philox(zlib.crc32(name.encode())))
    fields = {k: v for k, v in layout.items() if k != "half"}
    labels, blocks = [], []

    def random_block():
        block = generator.integers(0, 256, size, dtype=np.uint8)
        for offset in layout["half"]:
            value = generator.normal(0, 1) * 10.0 ** generator.uniform(-4, 0)
            set_half(block, offset, np.float16(value).view(np.uint16))
        return block

    def add(label, block):
        labels.append(label)
        blocks.append(block)

    for number in range(RANDOM[size > 64]):
        add(f"random {number}", random_block())
    for field, (first, count) in fields.items():
        for value in BYTES:
            block = random_block()
            block[first:first + count] = value
            add(f"{field} all {value:#04x}", block)
    for value in (0x00, 0xff):
        block = random_block()
        for first, count in fields.values():
            block[first:first + count] = value
        add(f"everything {value:#04x}", block)
    for offset in layout["half"]:
        for value in SCALES:
            block = random_block()
            set_half(block, offset, value)
            add(f"half at {offset} = {value:#06x}", block)
    return labels, np.stack(blocks)


def set_half(block: np.ndarray, offset: int, bits: int):
    block[offset:offset + 2] = np.array([bits], dtype="<u2").view(np.uint8)
