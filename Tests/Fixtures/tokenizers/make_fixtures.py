"""Trains small vocabularies of every family and writes them beside the ids that the reference gives.

    python make_fixtures.py TEXT LLAMA_CPP

TEXT is an English text of some 200 KB to train on, LLAMA_CPP a source folder of llama.cpp, whose converter writes the
GGUF files of the SentencePiece vocabularies. (It refuses byte-level vocabularies that it has not been told about; those
are written with the `gguf` package.) Needs tokenizers, sentencepiece, gguf, torch and transformers.

Files: `texts.bin`, the texts (32-bit little-endian lengths before them); for each vocabulary NAME.json (tokenizer.json),
NAME.gguf, and NAME.ids: for each text the number of its ids and the ids, 16-bit little-endian. `normal-forms.bin` has
texts, each followed by its NFC and its NFKC, written like `texts.bin`.
"""

import argparse
import json
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import unicodedata

import gguf
import sentencepiece
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from families import FAMILIES, FIXTURES
from texts import EDGES, SENTENCES, characters, random_texts

HERE = pathlib.Path(__file__).parent
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
USER = ["<tool>", "  ###  "]
SPECIAL_TEXTS = [
    "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n", "a<|endoftext|>b <|endoftext|> c",
    "<tool>x</tool> <tool> y", "a  ###  b", "<|im_start|><|im_end|><|im_star|><|im_end", "<<|im_end|>>",
]


def all_texts():
    return SENTENCES + EDGES + SPECIAL_TEXTS + list(random_texts(350, seed=7, longest=8))


def write_ids(name, encoded):
    with open(HERE / f"{name}.ids", "wb") as out:
        for ids in encoded:
            out.write(struct.pack(f"<{len(ids) + 1}H", len(ids), *ids))


def training_texts(english):
    many = SENTENCES + [t for t in EDGES if len(set(t)) > 3]
    return [english[:120_000]] + many * 4 + list(random_texts(150, seed=3))


def train_byte_level(name, english):
    normalizer, pre_tokenizer, ignore_merges = FAMILIES[name]
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    if normalizer:
        tokenizer.normalizer = normalizer()
    tokenizer.pre_tokenizer = pre_tokenizer()
    tokenizer.decoder = decoders.ByteLevel()
    # Some real vocabularies lack the tokens of bytes that they have not seen.
    alphabet = [] if name in ("smollm", "starcoder", "falcon") else pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=1300, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False, min_frequency=2
    )
    tokenizer.train_from_iterator(training_texts(english), trainer)
    if ignore_merges:
        tokenizer = with_unreachable_words(tokenizer)
    tokenizer.add_tokens([AddedToken(t, normalized=False) for t in USER])
    tokenizer.save(str(HERE / f"{name}.json"), pretty=False)
    write_gguf(name, json.loads((HERE / f"{name}.json").read_text()))
    return tokenizer


def with_unreachable_words(tokenizer):
    """Takes away the merges into some words, so that only looking the whole word up finds them."""
    data = json.loads(tokenizer.to_str())
    words = [t for t in data["model"]["vocab"] if t.startswith("Ġ") and len(t) > 5][:10]
    data["model"]["merges"] = [m for m in data["model"]["merges"] if "".join(m) not in words]
    kept = set(data["model"]["vocab"])
    assert all(m[0] in kept and m[1] in kept for m in data["model"]["merges"])
    return Tokenizer.from_str(json.dumps(data))


def write_gguf(name, data):
    writer = gguf.GGUFWriter(HERE / f"{name}.gguf", "llama")
    count = max([*data["model"]["vocab"].values(), *(a["id"] for a in data["added_tokens"])]) + 1
    tokens, kinds = [f"[PAD{i}]" for i in range(count)], [gguf.TokenType.UNUSED] * count
    for token, i in data["model"]["vocab"].items():
        tokens[i], kinds[i] = token, gguf.TokenType.NORMAL
    for added in data["added_tokens"]:
        tokens[added["id"]] = added["content"]
        kinds[added["id"]] = gguf.TokenType.CONTROL if added["special"] else gguf.TokenType.USER_DEFINED
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(name)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges([" ".join(m) for m in data["model"]["merges"]])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(2)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


def train_sentencepiece(name, english, folder, **options):
    folder.mkdir()
    corpus = folder / "corpus.txt"
    corpus.write_text("\n".join([english[:120_000]] + SENTENCES * 4))
    sentencepiece.SentencePieceTrainer.train(
        input=str(corpus), model_prefix=str(folder / "tokenizer"), vocab_size=1500, model_type="bpe", byte_fallback=True,
        normalization_rule_name="identity", remove_extra_whitespaces=False, character_coverage=0.99, split_digits=True,
        allow_whitespace_only_pieces=True, max_sentence_length=200_000, minloglevel=2, **options,
    )
    return sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))


def convert(name, folder, llama_cpp, config):
    (folder / "config.json").write_text(json.dumps(config))
    command = [sys.executable, llama_cpp / "convert_hf_to_gguf.py", folder, "--vocab-only", "--outfile"]
    subprocess.run([*command, HERE / f"{name}.gguf"], check=True, capture_output=True)


COMMON = {
    "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 2, "head_dim": 32, "vocab_size": 1500, "max_position_embeddings": 128, "rms_norm_eps": 1e-6,
    "sliding_window": 64, "rope_theta": 10000.0,
}


def llama_sentencepiece(english, llama_cpp):
    """The settings of Llama 2: a space is put before the text."""
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name) / "llama"
        processor = train_sentencepiece("llama", english, folder, unk_id=0, bos_id=1, eos_id=2, pad_id=-1)
        convert("llama", folder, llama_cpp, COMMON | {"architectures": ["LlamaForCausalLM"], "model_type": "llama"})
        return processor


def gemma_sentencepiece(english, llama_cpp):
    """The settings of Gemma: no space before the text; runs of newlines and of spaces are user-defined."""
    user = ["\n" * n for n in range(2, 8)] + ["▁" * n for n in range(2, 8)] + ["<table>", "<tr>"]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name) / "gemma"
        processor = train_sentencepiece(
            "gemma", english, folder, pad_id=0, eos_id=1, bos_id=2, unk_id=3, add_dummy_prefix=False,
            control_symbols=["<start_of_turn>", "<end_of_turn>"], user_defined_symbols=user,
        )
        convert("gemma", folder, llama_cpp, COMMON | {"architectures": ["GemmaForCausalLM"], "model_type": "gemma"})
        return processor


def spaced(name, processor, normalizer, pre_tokenizer, decoder, added=()):
    """A tokenizer.json of SentencePiece's vocabulary, its merges ranked as transformers ranks them."""
    vocab = {processor.id_to_piece(i): i for i in range(processor.get_piece_size())}
    scores = {piece: processor.get_score(i) for piece, i in vocab.items()}
    merges = []
    for piece in vocab:
        for cut in range(1, len(piece)):
            left, right = piece[:cut], piece[cut:]
            if left in vocab and right in vocab:
                merges.append((scores[piece], vocab[left], vocab[right], left, right))
    merges.sort(key=lambda m: (-m[0], m[1], m[2]))
    tokenizer = Tokenizer(
        models.BPE(
            vocab=vocab, merges=[(m[3], m[4]) for m in merges], unk_token="<unk>", fuse_unk=True, byte_fallback=True
        )
    )
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoder
    tokenizer.add_special_tokens([AddedToken(t, normalized=False) for t in ("<s>", "</s>", "<unk>", "<bos>") if t in vocab])
    tokenizer.add_tokens(list(added))
    bos = "<s>" if "<s>" in vocab else "<bos>"
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A", pair=f"{bos} $A {bos} $B", special_tokens=[(bos, vocab[bos])]
    )
    tokenizer.save(str(HERE / f"{name}.json"), pretty=False)
    return tokenizer


def write_normal_forms():
    """Texts with their NFC and NFKC, as the library has them: random letters, marks and syllables, and all that change."""
    source = random.Random(11)
    known = characters()
    marks = [c for c in known if unicodedata.combining(c)]
    changing = [c for c in known if unicodedata.normalize("NFKD", c) != c and not "가" <= c <= "힣"]
    jamo = [chr(c) for c in [*range(0x1100, 0x1113), *range(0x1161, 0x1176), *range(0x11A7, 0x11C3)]]
    cases = ["".join(changing[i : i + 400]) for i in range(0, len(changing), 400)]
    cases += [unicodedata.normalize("NFD", c) for c in cases]
    kinds = [marks, changing, jamo, [chr(source.randrange(0xAC00, 0xD7A4)) for _ in range(50)], list("aeioukAOq \n"), known]
    for _ in range(400):
        cases.append("".join(source.choice(source.choice(kinds)) for _ in range(source.randrange(1, 12))))
    with open(HERE / "normal-forms.bin", "wb") as out:
        for case in cases:
            for text in (case, normalizers.NFC().normalize_str(case), normalizers.NFKC().normalize_str(case)):
                raw = text.encode()
                out.write(struct.pack("<I", len(raw)) + raw)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("text", type=pathlib.Path)
    parser.add_argument("llama_cpp", type=pathlib.Path)
    options = parser.parse_args()
    english = options.text.read_text()
    texts = all_texts()
    with open(HERE / "texts.bin", "wb") as out:
        for text in texts:
            raw = text.encode()
            out.write(struct.pack("<I", len(raw)) + raw)

    write_normal_forms()

    def record(name, tokenizer):
        write_ids(name, [e.ids for e in tokenizer.encode_batch(texts, add_special_tokens=False)])

    for name in FIXTURES:
        record(name, train_byte_level(name, english))
    llama = llama_sentencepiece(english, options.llama_cpp)
    gemma = gemma_sentencepiece(english, options.llama_cpp)
    write_ids("llama", [llama.encode(t) for t in texts])
    write_ids("gemma", [gemma.encode(t) for t in texts])

    to_spaces = decoders.Replace("▁", " ")
    llama_decoder = decoders.Sequence([to_spaces, decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    gemma_decoder = decoders.Sequence([to_spaces, decoders.ByteFallback(), decoders.Fuse()])
    marks = [
        AddedToken("<tool>", normalized=False), AddedToken("<|im_start|>", lstrip=True, rstrip=True, normalized=False),
        AddedToken("word", single_word=True, normalized=False), AddedToken("<|im_end|>", rstrip=True, normalized=True),
        AddedToken("fox", single_word=True, normalized=True, lstrip=True),
    ]
    prepend = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    record("llama-prepend", spaced("llama-prepend", llama, prepend, None, llama_decoder, marks))
    first = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="first", split=False)
    record("llama-metaspace", spaced("llama-metaspace", llama, None, first, llama_decoder, marks))
    every = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=True)
    record("metaspace-split", spaced("metaspace-split", llama, normalizers.NFKC(), every, decoders.Metaspace(), marks))
    cut = pre_tokenizers.Split(" ", behavior="merged_with_previous", invert=False)
    runs = [AddedToken(gemma.id_to_piece(i), normalized=False) for i in range(6, 20)]
    record("gemma-replace", spaced("gemma-replace", gemma, normalizers.Replace(" ", "▁"), cut, gemma_decoder, runs))


if __name__ == "__main__":
    main()
