"""Judges Farthing's tokenisers against their references on real vocabularies.

    python judge.py OUT_FOLDER [--text FILE]... [--patterns] VOCABULARY...

A VOCABULARY is a GGUF file or a tokenizer.json. The reference of a tokenizer.json and of a byte-level GGUF is the Hugging
Face `tokenizers` library; of a SentencePiece GGUF, the `sentencepiece` library with a model made of the file's pieces and
scores. The reference encodes the given texts, whole and line by line, and random texts of all scripts. Beside a GGUF,
files with the endings `.inp` and `.out` (llama.cpp has some) are cases too. With --patterns, every known
pre-tokeniser is tried on the first byte-level vocabulary. Then

    FARTHING_JUDGE=OUT_FOLDER swift test -c release --filter JudgeTests

compares, and prints the mismatches. A case file has the length and the bytes of the vocabulary's path, of the name of
its pre-tokeniser (if it is to be another than the file's), 1 or 0 for whether special tokens are parsed, and then for each
case the length of its text, the text, the number of ids, the ids; all numbers 32-bit little-endian.
"""

import argparse
import pathlib
import re
import struct

import gguf
import sentencepiece
from sentencepiece import sentencepiece_model_pb2 as schema
from tokenizers import AddedToken, Tokenizer, models, normalizers

from families import FAMILIES
from texts import EDGES, SENTENCES, random_texts


class Vocabulary:
    def __init__(self, path):
        reader = gguf.GGUFReader(path)

        def field(key):
            found = reader.get_field("tokenizer.ggml." + key)
            return None if found is None else found.contents()

        self.model, self.pre = field("model"), field("pre")
        self.tokens = field("tokens")
        self.kinds = field("token_type") or [1] * len(self.tokens)
        self.scores = field("scores")
        self.merges = [tuple(m.split(" ", 1)) for m in field("merges") or []]
        self.space_prefix = field("add_space_prefix")

    def with_added(self, tokenizer):
        pairs = list(zip(self.tokens, self.kinds))
        tokenizer.add_tokens([AddedToken(t, normalized=False) for t, k in pairs if k == 4])
        tokenizer.add_special_tokens([AddedToken(t, normalized=False) for t, k in pairs if k in (2, 3)])
        return tokenizer

    def byte_level(self, pre):
        normalizer, pre_tokenizer, ignore_merges = FAMILIES[pre]
        vocab = {token: i for i, token in enumerate(self.tokens)}
        tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=self.merges, ignore_merges=ignore_merges))
        if normalizer:
            tokenizer.normalizer = normalizer()
        tokenizer.pre_tokenizer = pre_tokenizer()
        return self.with_added(tokenizer)

    def spaced_by_rank(self):
        vocab = {token: i for i, token in enumerate(self.tokens)}
        tokenizer = Tokenizer(
            models.BPE(vocab=vocab, merges=self.merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
        )
        tokenizer.normalizer = normalizers.Replace(" ", "▁")
        return self.with_added(tokenizer)

    def sentencepiece(self):
        proto = schema.ModelProto()
        proto.trainer_spec.model_type = schema.TrainerSpec.BPE
        proto.trainer_spec.byte_fallback = 6 in self.kinds
        proto.normalizer_spec.name = "identity"
        proto.normalizer_spec.add_dummy_prefix = self.space_prefix is not False
        proto.normalizer_spec.remove_extra_whitespaces = False
        seen_unknown = False
        for token, kind, score in zip(self.tokens, self.kinds, self.scores):
            # The library allows one unknown piece; further ones are never produced.
            if kind == 2 and seen_unknown:
                kind = 3
            seen_unknown = seen_unknown or kind == 2
            proto.pieces.add(piece=token, score=score, type=kind)
        processor = sentencepiece.SentencePieceProcessor(model_proto=proto.SerializeToString())
        user = [t for t, k in zip(self.tokens, self.kinds) if k == 4]
        if not user or self.space_prefix is False:
            return processor.encode
        # In GGUF a space goes before each stretch between special tokens, user-defined ones too; the library puts one
        # before the text only. So it is given the stretches.
        pattern = re.compile("(" + "|".join(re.escape(t) for t in sorted(user, key=len, reverse=True)) + ")")

        def encode(text):
            ids = []
            for number, part in enumerate(pattern.split(text)):
                ids += [self.tokens.index(part)] if number % 2 else processor.encode(part)
            return ids

        return encode


def write(path, vocabulary, pre, parse_special, cases):
    count = 0
    with open(path, "wb") as out:
        for text in (str(vocabulary.resolve()), pre):
            out.write(struct.pack("<I", len(text.encode())) + text.encode())
        out.write(struct.pack("<I", parse_special))
        for text, ids in cases:
            raw = text.encode()
            out.write(struct.pack("<I", len(raw)) + raw)
            out.write(struct.pack(f"<{len(ids) + 1}I", len(ids), *ids))
            count += 1
    print(f"{path.name}: {count} texts")


def hugging_face(tokenizer, texts):
    return zip(texts, (e.ids for e in tokenizer.encode_batch(texts, add_special_tokens=False)))


def llama_cpp_cases(path):
    texts = pathlib.Path(f"{path}.inp").read_bytes().decode().split("\n__ggml_vocab_test__\n")
    lines = pathlib.Path(f"{path}.out").read_text().split("\n")
    return [(text, [int(i) for i in line.split()]) for text, line in zip(texts, lines[: len(texts) - 1])]


def judge(path, texts, out):
    if path.suffix != ".gguf":
        name = path.parent.name + "-" + path.name
        write(out / (name + ".cases"), path, "", 1, hugging_face(Tokenizer.from_file(str(path)), texts))
        return
    vocabulary = Vocabulary(path)
    if vocabulary.model == "gpt2" and vocabulary.pre in FAMILIES:
        cases = hugging_face(vocabulary.byte_level(vocabulary.pre), texts)
        write(out / (path.name + ".cases"), path, "", 1, cases)
    elif vocabulary.model == "gemma4":
        write(out / (path.name + ".cases"), path, "", 1, hugging_face(vocabulary.spaced_by_rank(), texts))
    elif vocabulary.model == "llama":
        encode = vocabulary.sentencepiece()
        write(out / (path.name + ".cases"), path, "", 0, ((t, encode(t)) for t in texts))
    else:
        print(f"{path.name}: {vocabulary.model}, {vocabulary.pre}: no reference here")
        return
    if pathlib.Path(f"{path}.inp").exists():
        write(out / (path.name + ".out.cases"), path, "", 0, llama_cpp_cases(path))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("vocabularies", nargs="+", type=pathlib.Path)
    parser.add_argument("--text", action="append", default=[], type=pathlib.Path)
    parser.add_argument("--random", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--patterns", action="store_true")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    texts = SENTENCES + EDGES
    for path in options.text:
        text = path.read_bytes().decode("utf-8", "strict")
        texts += [text] + text.splitlines(keepends=True)
    texts += list(random_texts(options.random, options.seed))
    for path in options.vocabularies:
        judge(path, texts, options.out)
    if options.patterns:
        path = next(p for p in options.vocabularies if p.suffix == ".gguf" and Vocabulary(p).model == "gpt2")
        vocabulary = Vocabulary(path)
        for pre in FAMILIES:
            cases = hugging_face(vocabulary.byte_level(pre), texts)
            write(options.out / f"{path.name}.as.{pre}.cases", path, pre, 1, cases)


if __name__ == "__main__":
    main()
