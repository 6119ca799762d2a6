"""Golden data of gguf (Python) for decoding every weight type and for encoding the round-to-nearest types.

    make_quantization.py --out FOLDER [--ggml-base libggml-base.so]

Files, all little-endian; quantization.json lists them with their shapes and names each case:

    decode.TYPE.blocks   bytes of whole blocks: random ones, and fields at their extremes
    decode.TYPE.f32      what they decode to, to be met bit for bit
    encode.rows.f32      [rows, 256]: rows to encode
    encode.TYPE.blocks   their blocks, in order, to be met bit for bit; except in the rows that a type lists under
                         "undefined": there 1/scale overflows, the codes are conversions of a NaN, which mean nothing,
                         and only what the block decodes to counts (the scale is zero)

The judge multiplies and adds in F32 without fused operations. Blocks with infinite or NaN scales are left out, since
the bits of a NaN are nobody's promise. With --ggml-base the same blocks and rows also go through ggml's own C
functions and the differences are printed.
"""

import argparse
import ctypes
import json
from importlib.metadata import version
from pathlib import Path

import gguf
import numpy as np

from blocks import LAYOUTS, cases

ENCODED = ["F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"]
COLUMNS = 256


def kind_of(name: str):
    return gguf.GGMLQuantizationType[name]


def decode(name: str, blocks: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return gguf.quants.dequantize(blocks, kind_of(name)).astype("<f4").reshape(len(blocks), -1)


def make_decode(options, manifest):
    for name in LAYOUTS:
        elements, size = gguf.GGML_QUANT_SIZES[kind_of(name)]
        labels, blocks = cases(name, size)
        values = decode(name, blocks)
        assert values.shape == (len(blocks), elements) and np.isfinite(values).all(), name
        blocks.tofile(options.out / f"decode.{name}.blocks")
        values.tofile(options.out / f"decode.{name}.f32")
        manifest.append(dict(type=name, blocks=len(blocks), bytes_per_block=size, elements_per_block=elements,
                             cases=labels))
        if options.ggml_base:
            check_decode(options, name, blocks, values)


def float_patterns(name: str) -> np.ndarray:
    """16-bit patterns: the edges of every range, both signs, and random ones; no infinity, no NaN."""
    edges = [0, 1, 2, 0x3ff, 0x400, 0x401, 0x7bfe, 0x7bff] if name == "F16" else [0, 1, 0x7f, 0x80, 0x81, 0x7f7f]
    generator = np.random.Generator(np.random.Philox(7))
    limit = 0x7c00 if name == "F16" else 0x7f80
    patterns = np.concatenate([edges, generator.integers(0, limit, 250)])
    return np.concatenate([patterns, patterns | 0x8000]).astype("<u2")


def make_float_decode(options, manifest):
    for name in ("F16", "BF16"):
        patterns = float_patterns(name)
        values = decode(name, patterns.view(np.uint8).reshape(1, -1) if name == "BF16" else
                        patterns.view(np.float16).reshape(1, -1))
        patterns.tofile(options.out / f"decode.{name}.blocks")
        values.tofile(options.out / f"decode.{name}.f32")
        manifest.append(dict(type=name, blocks=len(patterns), bytes_per_block=2, elements_per_block=1, cases=[]))


def rows():
    """(label, row) of everything that rounding to nearest must survive."""
    generator = np.random.Generator(np.random.Philox(8))
    smallest = np.float32(1.4e-45)
    place = np.arange(COLUMNS) % 32
    alternating = np.where(np.arange(COLUMNS) % 2, -1.0, 1.0)
    yield "zeros", np.zeros(COLUMNS)
    for value in (1.0, -1.0, 0.1, -3.7e4, 1e-6):
        yield f"constant {value}", np.full(COLUMNS, value)
    for number in range(12):
        yield f"gaussian {number}", generator.normal(0, 0.02 * (number + 1), COLUMNS)
    for number in range(8):
        yield f"heavy-tailed {number}", 0.05 * generator.standard_t(2, COLUMNS)
    for number in range(4):
        yield f"uniform positive {number}", generator.uniform(1, 2, COLUMNS)
    yield "alternating", alternating
    yield "alternating, one larger", alternating * np.where(place == 9, 1.0078125, 1)
    yield "both extremes equal", np.where(place == 3, -1, np.where(place == 20, 1, 0))
    yield "ramp", np.linspace(-1, 1, COLUMNS)
    yield "halves of steps", (np.arange(COLUMNS) % 33 - 16) / 2
    yield "halves of 255 steps", (np.arange(COLUMNS) - 127.5) / 2
    yield "one outlier", np.where(place == 17, 50.0, generator.normal(0, 0.01, COLUMNS))
    yield "last of each block only", np.where(place == 31, -0.25, 0)
    yield "F16 subnormal scales", generator.normal(0, 1e-6, COLUMNS)
    yield "F16 scales rounding to zero", generator.normal(0, 1e-9, COLUMNS)
    yield "F32 subnormal", generator.integers(-1000, 1000, COLUMNS) * smallest
    yield "smallest F32", alternating * smallest
    yield "large", generator.normal(0, 1.2e4, COLUMNS)


def undefined(name: str, row: np.ndarray) -> bool:
    """Whether the judge converts a NaN to an integer on this row."""
    try:
        with np.errstate(all="ignore", invalid="raise"):
            gguf.quants.quantize(row[None], kind_of(name))
        return False
    except FloatingPointError:
        return True


def make_encode(options, manifest):
    labels, values = zip(*rows())
    values = np.stack(values).astype("<f4")
    values.tofile(options.out / "encode.rows.f32")
    manifest["rows"] = dict(file="encode.rows.f32", rows=len(values), columns=COLUMNS, cases=list(labels))
    manifest["types"] = []
    for name in ENCODED:
        with np.errstate(all="ignore"):
            blocks = gguf.quants.quantize(values, kind_of(name))
        blocks = np.ascontiguousarray(blocks).view(np.uint8).reshape(len(values), -1)
        blocks.tofile(options.out / f"encode.{name}.blocks")
        manifest["types"].append(dict(type=name, bytes_per_row=blocks.shape[1],
                                      undefined=[n for n, row in enumerate(values) if undefined(name, row)]))
        if options.ggml_base and name.startswith("Q"):
            check_encode(options, name, values, labels, blocks)


def c_name(name: str) -> str:
    return name.lower().replace("_k", "_K")


def check_decode(options, name, blocks, values):
    function = getattr(ctypes.CDLL(str(options.ggml_base)), f"dequantize_row_{c_name(name)}")
    out = np.zeros_like(values)
    function(ctypes.c_void_p(blocks.ctypes.data), ctypes.c_void_p(out.ctypes.data), ctypes.c_int64(out.size))
    other = np.flatnonzero((out.view(np.uint32) != values.view(np.uint32)).any(axis=1))
    print(f"decode {name}: {len(blocks)} blocks, {len(other)} differ from C {other[:5].tolist()}")


def check_encode(options, name, values, labels, blocks):
    function = getattr(ctypes.CDLL(str(options.ggml_base)), f"quantize_row_{c_name(name)}_ref")
    out = np.zeros_like(blocks)
    function(ctypes.c_void_p(values.ctypes.data), ctypes.c_void_p(out.ctypes.data), ctypes.c_int64(values.size))
    other = [labels[i] for i in np.flatnonzero((out != blocks).any(axis=1))]
    print(f"encode {name}: {len(values)} rows, {len(other)} differ from C: {other}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--ggml-base", type=Path, help="libggml-base.so of llama.cpp, for a second opinion")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    manifest = dict(judge="gguf.quants", versions=dict(gguf=version("gguf"), numpy=version("numpy")), decode=[],
                    encode={})
    make_decode(options, manifest["decode"])
    make_float_decode(options, manifest["decode"])
    make_encode(options, manifest["encode"])
    (options.out / "quantization.json").write_text(json.dumps(manifest, indent=1) + "\n")


if __name__ == "__main__":
    main()
