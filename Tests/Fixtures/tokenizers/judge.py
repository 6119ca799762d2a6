"""Judges Farthing's tokeniser against the Hugging Face `tokenizers` library on real vocabularies.

    python judge.py OUT_FOLDER [--text FILE]... VOCABULARY...

A VOCABULARY is a GGUF file or a tokenizer.json. For each one the reference encodes the given texts, whole and line by
line, and random texts of every script, and writes texts and ids to OUT_FOLDER. `FARTHING_JUDGE=OUT_FOLDER swift test -c
release --filter JudgeTests` then compares. Numbers in a case file are little-endian: for each case the length of its
text, the text, the number of ids, the ids, all 32-bit.
"""

import argparse
import pathlib
import random
import struct
import unicodedata

import gguf
from tokenizers import AddedToken, Tokenizer, models

from families import FAMILIES


def field(reader, key):
    found = reader.get_field(key)
    return None if found is None else found.contents()


def from_gguf(path):
    """The tokeniser that a GGUF's vocabulary and `pre` describe, in the library's own parts."""
    reader = gguf.GGUFReader(path)
    kind = field(reader, "tokenizer.ggml.model")
    if kind != "gpt2":
        raise SystemExit(f"{path}: a vocabulary of kind {kind} has no reference here")
    normalizer, pre_tokenizer, ignore_merges = FAMILIES[field(reader, "tokenizer.ggml.pre")]
    tokens = field(reader, "tokenizer.ggml.tokens")
    kinds = field(reader, "tokenizer.ggml.token_type") or [1] * len(tokens)
    merges = [tuple(m.split(" ", 1)) for m in field(reader, "tokenizer.ggml.merges")]
    vocab = {token: i for i, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, ignore_merges=ignore_merges))
    if normalizer:
        tokenizer.normalizer = normalizer()
    tokenizer.pre_tokenizer = pre_tokenizer()
    tokenizer.add_tokens([AddedToken(t, normalized=False) for t, k in zip(tokens, kinds) if k == 4])
    tokenizer.add_special_tokens([AddedToken(t, normalized=False) for t, k in zip(tokens, kinds) if k in (2, 3)])
    return tokenizer


def random_texts(count, seed):
    """Random characters that Unicode 14 knows, in runs, among words, spaces and digits."""
    known = [c for c in map(chr, range(0x110000)) if unicodedata.category(c) not in ("Cn", "Cs", "Co")]
    source = random.Random(seed)
    parts = [" ", "  ", "\n", "\r\n", "\t", "'s", "'LL", "don't", "word", "12", "3456", "é", "e\u0301", "👩‍👩‍👧", "🇩🇪"]
    for _ in range(count):
        text = ""
        for _ in range(source.randrange(1, 12)):
            if source.random() < 0.5:
                text += source.choice(parts)
            else:
                start = source.randrange(len(known))
                text += "".join(source.choice(known[start : start + 60]) for _ in range(source.randrange(1, 8)))
        yield text


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("vocabularies", nargs="+", type=pathlib.Path)
    parser.add_argument("--text", action="append", default=[], type=pathlib.Path)
    parser.add_argument("--random", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    texts = []
    for path in options.text:
        text = path.read_bytes().decode("utf-8", "strict")
        texts += [text] + text.splitlines(keepends=True)
    texts += list(random_texts(options.random, options.seed))
    for path in options.vocabularies:
        tokenizer = from_gguf(path) if path.suffix == ".gguf" else Tokenizer.from_file(str(path))
        with open(options.out / (path.name + ".cases"), "wb") as out:
            name = str(path.resolve()).encode()
            out.write(struct.pack("<I", len(name)) + name)
            for text, result in zip(texts, tokenizer.encode_batch(texts, add_special_tokens=False)):
                raw = text.encode()
                out.write(struct.pack("<I", len(raw)) + raw)
                out.write(struct.pack(f"<{len(result.ids) + 1}I", len(result.ids), *result.ids))
        print(f"{path.name}: {len(texts)} texts, seed {options.seed}")


if __name__ == "__main__":
    main()
