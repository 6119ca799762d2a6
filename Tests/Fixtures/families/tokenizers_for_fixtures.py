"""Small tokenizers for the fixtures, trained on any English text: the converter wants one in every model folder."""

import json
from pathlib import Path

SIZES = {"sentencepiece": 363, "llama-bpe": 291, "qwen2": 285}

# Special tokens by kind, in id order; for byte-level kinds they come last, as in the real vocabularies.
SPECIALS = {
    "llama-bpe": ["<|begin_of_text|>", "<|eot_id|>"],
    "qwen2": ["<|endoftext|>", "<|im_end|>"],
}


def special_ids(kind, size):
    """Identifiers for config.json: (bos, eos)."""
    if kind == "sentencepiece":
        return 1, 2
    if kind == "llama-bpe":
        return size - 2, size - 1
    return size - 2, size - 1


def write_sentencepiece(folder: Path, text: Path, size: int):
    """BPE with byte fallback and score order, ids 0..2 being <unk>, <s>, </s>."""
    import sentencepiece
    sentencepiece.SentencePieceTrainer.train(
        input=str(text), model_prefix=str(folder / "tokenizer"), vocab_size=size, model_type="bpe",
        byte_fallback=True, character_coverage=0.995, unk_id=0, bos_id=1, eos_id=2, pad_id=-1,
        normalization_rule_name="identity", remove_extra_whitespaces=False, num_threads=1, minloglevel=2,
        max_sentence_length=100000)
    (folder / "tokenizer.vocab").unlink()
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>",
         "add_bos_token": True, "add_eos_token": False}))


# The split patterns of the two byte-level kinds, as their published tokenizer.json files state them.
PATTERNS = {
    "llama-bpe": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
                 r"|\s*[\r\n]+|\s+(?!\S)|\s+",
    "qwen2": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
             r"|\s*[\r\n]+|\s+(?!\S)|\s+",
}


def write_byte_level(folder: Path, text: Path, size: int, kind: str):
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    tokenizer = Tokenizer(models.BPE())
    if kind == "qwen2":
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(PATTERNS[kind]), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    specials = SPECIALS[kind]
    trainer = trainers.BpeTrainer(vocab_size=size - len(specials), show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train([str(text)], trainer)
    tokenizer.add_special_tokens([AddedToken(s, special=True, normalized=False) for s in specials])
    assert tokenizer.get_vocab_size() == size, tokenizer.get_vocab_size()
    tokenizer.save(str(folder / "tokenizer.json"))
    bos = specials[0] if kind == "llama-bpe" else None
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": bos, "eos_token": specials[-1]}))


def write_tokenizer(folder: Path, text: Path, kind: str, size: int):
    if kind == "sentencepiece":
        write_sentencepiece(folder, text, size)
    else:
        write_byte_level(folder, text, size, kind)
