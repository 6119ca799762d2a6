#!/usr/bin/env python3
"""Writes a GGUF file of random weights with the exact shapes of a known model, for measuring speed.

    shape_files.py NAME TYPE FILE      NAME: one of --list; TYPE: Q4_K_M, Q4_0, Q4_1, Q8_0 or F16

The text that such a file generates means nothing; its speed is the model's. Needs Python alone. Q4_K_M is mixed as people
mix it: Q4_K, with Q6_K for the output head and half of the value and down matrices; where rows are no multiple of 256
columns, Q5_0 instead of Q4_K and Q8_0 instead of Q6_K.
"""

import random
import struct
import sys

# architecture, layers, hidden, feed-forward, heads, KV heads, head size, vocabulary, rope base, tied head
SHAPES = {
    "smollm2-135m": ("llama", 30, 576, 1536, 9, 3, 64, 49152, 100000.0, True),
    "qwen2.5-0.5b": ("qwen2", 24, 896, 4864, 14, 2, 64, 151936, 1000000.0, True),
    "qwen3-0.6b": ("qwen3", 28, 1024, 3072, 16, 8, 128, 151936, 1000000.0, True),
    "gemma-3-1b": ("gemma3", 26, 1152, 6912, 4, 1, 256, 262144, 1000000.0, True),
    "llama-3.2-1b": ("llama", 16, 2048, 8192, 32, 8, 64, 128256, 500000.0, True),
    "llama-3.2-3b": ("llama", 28, 3072, 8192, 24, 8, 128, 128256, 500000.0, True),
}
CONTEXT = 8192
ALIGNMENT = 32

# code, numbers of a block, bytes of a block, where its F16 scales are
TYPES = {
    "F32": (0, 1, 4, ()),
    "F16": (1, 1, 2, (0,)),
    "Q4_0": (2, 32, 18, (0,)),
    "Q4_1": (3, 32, 20, (0, 2)),
    "Q5_0": (6, 32, 22, (0,)),
    "Q8_0": (8, 32, 34, (0,)),
    "Q4_K": (12, 256, 144, (0, 2)),
    "Q6_K": (14, 256, 210, (208,)),
}


def text(value):
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(data)) + data


def entry(key, value):
    """A key with its value: int as uint32, float as float32, bool, str, or a list of str or int."""
    if isinstance(value, bool):
        body = struct.pack("<I?", 7, value)
    elif isinstance(value, int):
        body = struct.pack("<II", 4, value)
    elif isinstance(value, float):
        body = struct.pack("<If", 6, value)
    elif isinstance(value, str):
        body = struct.pack("<I", 8) + text(value)
    elif isinstance(value[0], str):
        body = struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(text, value))
    else:
        body = struct.pack("<IIQ", 9, 5, len(value)) + struct.pack(f"<{len(value)}i", *value)
    return text(key) + body


def byte_alphabet():
    """The characters that stand for the 256 bytes in a byte-level vocabulary."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters, extra = {}, 0
    for byte in range(256):
        if byte in plain:
            letters[byte] = chr(byte)
        else:
            letters[byte] = chr(256 + extra)
            extra += 1
    return [letters[byte] for byte in range(256)]


def vocabulary(size):
    alphabet = byte_alphabet()
    tokens = alphabet + [alphabet[ord("a")] + alphabet[ord("b")]]
    tokens += [f"<|{index}|>" for index in range(len(tokens), size)]
    kinds = [1] * 257 + [3] * (size - 257)
    return tokens, kinds, ["a b"]


def metadata(name, shape):
    architecture, layers, hidden, feed_forward, heads, kv_heads, head, vocab, base, _ = shape
    tokens, kinds, merges = vocabulary(vocab)
    values = {
        "general.architecture": architecture,
        "general.name": name + " (random weights)",
        f"{architecture}.block_count": layers,
        f"{architecture}.context_length": CONTEXT,
        f"{architecture}.embedding_length": hidden,
        f"{architecture}.feed_forward_length": feed_forward,
        f"{architecture}.attention.head_count": heads,
        f"{architecture}.attention.head_count_kv": kv_heads,
        f"{architecture}.attention.key_length": head,
        f"{architecture}.attention.value_length": head,
        f"{architecture}.attention.layer_norm_rms_epsilon": 1e-6,
        f"{architecture}.rope.freq_base": base,
        f"{architecture}.rope.dimension_count": head,
        f"{architecture}.vocab_size": vocab,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "qwen2",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": kinds,
        "tokenizer.ggml.merges": merges,
        "tokenizer.ggml.eos_token_id": vocab - 1,
        "tokenizer.ggml.bos_token_id": vocab - 2,
        "tokenizer.ggml.add_bos_token": False,
    }
    if architecture == "gemma3":
        values["gemma3.attention.sliding_window"] = 512
    return values


def tensors(shape, mix):
    """Name, dimensions and type of each tensor; dimensions from the fastest on."""
    architecture, layers, hidden, feed_forward, heads, kv_heads, head, vocab, _, tied = shape

    def matrix(name, rows, columns, better=False):
        kind = mix
        if mix == "Q4_K_M":
            fits = columns % 256 == 0
            kind = ("Q6_K" if fits else "Q8_0") if better else ("Q4_K" if fits else "Q5_0")
        return name + ".weight", (columns, rows), kind

    yield matrix("token_embd", vocab, hidden, better=True)
    if not tied:
        yield matrix("output", vocab, hidden, better=True)
    yield "output_norm.weight", (hidden,), "F32"
    for layer in range(layers):
        prefix = f"blk.{layer}."
        more = layer < layers // 8 or layer >= 7 * layers // 8 or layer % 3 == 2
        for name in ["attn_norm", "ffn_norm"]:
            yield f"{prefix}{name}.weight", (hidden,), "F32"
        if architecture == "gemma3":
            for name in ["post_attention_norm", "post_ffw_norm"]:
                yield f"{prefix}{name}.weight", (hidden,), "F32"
        if architecture in ("gemma3", "qwen3"):
            for name in ["attn_q_norm", "attn_k_norm"]:
                yield f"{prefix}{name}.weight", (head,), "F32"
        if architecture == "qwen2":
            for name, rows in [("attn_q", heads), ("attn_k", kv_heads), ("attn_v", kv_heads)]:
                yield f"{prefix}{name}.bias", (rows * head,), "F32"
        yield matrix(prefix + "attn_q", heads * head, hidden)
        yield matrix(prefix + "attn_k", kv_heads * head, hidden)
        yield matrix(prefix + "attn_v", kv_heads * head, hidden, better=more)
        yield matrix(prefix + "attn_output", hidden, heads * head)
        yield matrix(prefix + "ffn_gate", feed_forward, hidden)
        yield matrix(prefix + "ffn_up", feed_forward, hidden)
        yield matrix(prefix + "ffn_down", hidden, feed_forward, better=more)


def random_blocks(kind, source):
    """About a megabyte of blocks with codes at random and scales that keep activations small."""
    _, _, size, scales = TYPES[kind]
    count = (1 << 20) // size
    if kind == "F16":
        return struct.pack(f"<{count}e", *(source.uniform(-0.05, 0.05) for _ in range(count)))
    data = bytearray(source.randbytes(count * size))
    scale = struct.pack("<e", 0.002 if kind != "Q4_K" else 0.0002)
    for at in scales:
        data[at::size] = scale[:1] * count
        data[at + 1 :: size] = scale[1:] * count
    return bytes(data)


def byte_count(dimensions, kind):
    _, block, size, _ = TYPES[kind]
    numbers = 1
    for extent in dimensions:
        numbers *= extent
    assert dimensions[0] % block == 0, f"{dimensions} in {kind}"
    return numbers // block * size


def write(name, mix, path):
    shape = SHAPES[name]
    source = random.Random(1)
    listed = list(tensors(shape, mix))
    entries = metadata(name, shape)
    header = struct.pack("<4sIQQ", b"GGUF", 3, len(listed), len(entries))
    header += b"".join(entry(key, value) for key, value in entries.items())
    offset = 0
    for tensor, dimensions, kind in listed:
        header += text(tensor) + struct.pack(f"<I{len(dimensions)}Q", len(dimensions), *dimensions)
        header += struct.pack("<IQ", TYPES[kind][0], offset)
        offset += (byte_count(dimensions, kind) + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT
    pools = {}
    with open(path, "wb") as file:
        file.write(header + bytes(-len(header) % ALIGNMENT))
        for _, dimensions, kind in listed:
            left = byte_count(dimensions, kind)
            padding = -left % ALIGNMENT
            if kind == "F32":
                file.write(struct.pack("<f", 1.0) * (left // 4) + bytes(padding))
                continue
            if kind not in pools:
                pools[kind] = random_blocks(kind, source)
            while left > 0:
                left -= file.write(pools[kind][:left])
            file.write(bytes(padding))


def main():
    if sys.argv[1:] == ["--list"]:
        print("\n".join(SHAPES))
    elif len(sys.argv) == 4 and sys.argv[1] in SHAPES and sys.argv[2] in ["Q4_K_M", *TYPES]:
        write(*sys.argv[1:])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
