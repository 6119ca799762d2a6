"""The structure of each family's Hugging Face tokenizer.json: normaliser, pre-tokeniser, and the flags of its model.

Written down from the published tokenizer.json files; the patterns are facts. Keys are the names that GGUF files use
(`tokenizer.ggml.pre`).
"""

from tokenizers import Regex, normalizers
from tokenizers.pre_tokenizers import ByteLevel, Digits, Punctuation, Sequence, Split

CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
LEAD = r"[^\r\n\p{L}\p{N}]?"
TAIL = r"\s*[\r\n]+|\s+(?!\S)|\s+"
SIGNS = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|"
UPPER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
LOWER = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"

LLAMA3 = CONTRACTIONS + "|" + LEAD + r"\p{L}+|\p{N}{1,3}" + SIGNS + TAIL
QWEN2 = CONTRACTIONS + "|" + LEAD + r"\p{L}+|\p{N}" + SIGNS + TAIL
QWEN35 = CONTRACTIONS + "|" + LEAD + r"[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|" + TAIL
TEKKEN = (
    LEAD + UPPER + "*" + LOWER + "+|" + LEAD + UPPER + "+" + LOWER + r"*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + TAIL
)
GPT4O = (
    LEAD + UPPER + "*" + LOWER + "+" + CONTRACTIONS + "?|" + LEAD + UPPER + "+" + LOWER + "*" + CONTRACTIONS
    + r"?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + TAIL
)
DEEPSEEK_LETTERS = (
    r"\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚ"
    "Ḁ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-\u1f7dᾀ-ᾴᾶ-ᾼ\u1fbeῂ-ῄῆ-ῌῐ-\u1fd3ῖ-\u1fdbῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤ\u2126ℨ\u212a-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎ"
    "ↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+"
)
EAST_ASIAN = "[一-龥ࠀ-一가-퟿]+"
DEEPSEEK_V3 = (
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
    "| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"
)
SPARK = (
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
    "| ?[\\p{P}\\p{S}]+|[\r\n]|\\s+(?!\\S)|\\s+"
)
BLOOM = r" ?[^(\s|[.,!?…。，、।۔،])]+"
BAILING = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
)
SEED_CODER = (
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1}| ?[^\\s\\p{L}\\p{N}\r\n]+|\\s*[\r\n]+"
    "|\\s+(?!\\S)|\\s+"
)
EXAONE_MOE = (
    CONTRACTIONS + "|" + LEAD + r"(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]"
    r"|\s+(?!\S)|\s+"
)
JAIS2 = (
    CONTRACTIONS + "|" + LEAD + r"\p{L}+|\p{N}{1,3}" + SIGNS + r"\s*[\r\n]+|"
    + "|".join(r"\s{%d}(?!\S)" % n for n in (512, 256, 128, 64, 32, 16, 8, 4)) + r"|\s{1,2}(?!\S)|\s{1}"
)
MINICPM5 = CONTRACTIONS + "|" + LEAD + r"\p{L}+|\p{N}+" + SIGNS + TAIL
UFAKZEKA = LEAD + r"\p{L}+|\p{N}" + SIGNS + TAIL


def byte_level(use_regex):
    return ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=use_regex)


def isolated(pattern):
    return Split(Regex(pattern), behavior="isolated", invert=False)


def splits(*patterns, then=()):
    return Sequence([isolated(p) for p in patterns] + list(then) + [byte_level(False)])


def gpt2():
    return byte_level(True)


def digits_then_gpt2():
    return Sequence([Digits(individual_digits=True), byte_level(True)])


def falcon():
    return Sequence(
        [Punctuation(behavior="contiguous"), byte_level(True), Digits(individual_digits=False), isolated("[0-9][0-9][0-9]")]
    )


DIGITS = Digits(individual_digits=True)

# name -> (normaliser or None, pre-tokeniser, ignore_merges)
FAMILIES = {
    "gpt-2": (None, gpt2, False),
    "mpt": (normalizers.NFC, gpt2, False),
    "smollm": (None, digits_then_gpt2, False),
    "starcoder": (None, digits_then_gpt2, False),
    "refact": (None, digits_then_gpt2, False),
    "command-r": (normalizers.NFC, digits_then_gpt2, False),
    "llama-bpe": (None, lambda: splits(LLAMA3), True),
    "qwen2": (normalizers.NFC, lambda: splits(QWEN2), False),
    "qwen35": (None, lambda: splits(QWEN35), False),
    "deepseek-llm": (
        None,
        lambda: splits(
            "[\r\n]", DEEPSEEK_LETTERS, r"\s?[!-/:-~！-／：-～‘-‟　-。]+", r"\s+$", EAST_ASIAN, then=[DIGITS]
        ),
        False,
    ),
    "deepseek-coder": (None, lambda: splits("[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", EAST_ASIAN, then=[DIGITS]), False),
    "deepseek-v3": (None, lambda: splits(r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+", DEEPSEEK_V3), False),
    "falcon": (None, falcon, False),
    "gpt-4o": (None, lambda: splits(GPT4O), False),
    "tekken": (None, lambda: splits(TEKKEN), True),
    # Further names, without fixtures of their own; `judge.py --patterns` tries them.
    "dbrx": (None, lambda: splits(LLAMA3), False),
    "stablelm2": (None, lambda: splits(QWEN2), False),
    "bloom": (None, lambda: splits(BLOOM), False),
    "viking": (None, lambda: splits(BLOOM, then=[DIGITS]), False),
    "jais-2": (None, lambda: splits(JAIS2), False),
    "bailingmoe": (None, lambda: splits(BAILING), False),
    "seed-coder": (None, lambda: splits(SEED_CODER), False),
    "exaone-moe": (None, lambda: splits(EXAONE_MOE), False),
    "minicpm5": (None, lambda: splits(r"\p{N}{1,3}", MINICPM5), True),
    "ufakzeka": (None, lambda: splits(UFAKZEKA), False),
    "spark2_5": (None, lambda: splits(r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+", SPARK, then=[DIGITS]), False),
}

# Those that come with a vocabulary and ids in this folder.
FIXTURES = [
    "gpt-2", "mpt", "smollm", "starcoder", "refact", "command-r", "llama-bpe", "qwen2", "deepseek-llm",
    "deepseek-coder", "deepseek-v3", "falcon", "gpt-4o", "tekken",
]
