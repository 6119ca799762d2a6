"""The structure of each family's Hugging Face tokenizer.json: normaliser, pre-tokeniser, and the flags of its model.

Written down from the published tokenizer.json files; the patterns are facts. Keys are the names that GGUF files use
(`tokenizer.ggml.pre`).
"""

from tokenizers import Regex, normalizers, pre_tokenizers
from tokenizers.pre_tokenizers import ByteLevel, Digits, Punctuation, Sequence, Split

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
QWEN2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)


def byte_level(use_regex):
    return ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=use_regex)


def split(pattern):
    return Split(Regex(pattern), behavior="isolated", invert=False)


def split_then_bytes(*patterns):
    return lambda: Sequence([split(p) for p in patterns] + [byte_level(False)])


def gpt2():
    return byte_level(True)


def digits_then_gpt2():
    return Sequence([Digits(individual_digits=True), byte_level(True)])


# name -> (normaliser or None, pre-tokeniser, ignore_merges)
FAMILIES = {
    "gpt-2": (None, gpt2, False),
    "smollm": (None, digits_then_gpt2, False),
    "llama-bpe": (None, split_then_bytes(LLAMA3), True),
    "qwen2": (normalizers.NFC, split_then_bytes(QWEN2), False),
}
