"""Make the folder fixtures: tiny random models as transformers writes them, and what llama.cpp's converter and
transformers make of them.

    make_folders.py --converter .../convert_hf_to_gguf.py --text ENGLISH.txt --work EMPTY_FOLDER --out FOLDER

Each NAME/ is a model folder. NAME.json holds, from the converter's output in F32, F16 and BF16, all metadata and for each
tensor type, dimensions and SHA-256 of its bytes; and the prompt whose logits (transformers, eager attention, F32, last
positions) are in NAME.logits.f32, raw little-endian F32, [positions, vocab] row-major.
"""

import argparse
import hashlib
import json
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "families"))

import gguf
import numpy as np
import torch
import transformers

from make_families import fill, run
from specs import LLAMA3_SCALING, Spec, default_rope, gemma_rope
from tokenizers_for_fixtures import SIZES, special_ids, write_byte_level, write_sentencepiece

TYPES = ("F32", "F16", "BF16")
POSITIONS = [0, 1, 30, 31, 32, 47]
SHAPE = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             head_dim=16, max_position_embeddings=256)
CHAT = "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}\n{% endfor %}"

# (specification, type of the weights, largest shard, how the configuration is spelt)
FOLDERS = [
    (Spec("llama", "LlamaForCausalLM",
          dict(SHAPE, rope_parameters=dict(rope_type="linear", rope_theta=10000.0, factor=2.0), rms_norm_eps=1e-5,
               tie_word_embeddings=False), "sentencepiece", 111), torch.float32, "60KB", 5),
    (Spec("llama3", "LlamaForCausalLM",
          dict(SHAPE, rope_parameters=dict(LLAMA3_SCALING, original_max_position_embeddings=24), rms_norm_eps=1e-5,
               tie_word_embeddings=True, attention_bias=True), "llama-bpe", 112), torch.bfloat16, "10GB", 4),
    (Spec("qwen2", "Qwen2ForCausalLM",
          dict({k: v for k, v in SHAPE.items() if k != "head_dim"}, rope_parameters=default_rope(1000000.0),
               rms_norm_eps=1e-6, tie_word_embeddings=False), "qwen2", 113), torch.float16, "10GB", 4),
    (Spec("qwen3", "Qwen3ForCausalLM",
          dict(SHAPE, head_dim=24, rope_parameters=default_rope(1000000.0), rms_norm_eps=1e-6,
               tie_word_embeddings=True), "qwen2", 114), torch.bfloat16, "10GB", 5),
    (Spec("gemma3", "Gemma3ForCausalLM",
          dict(SHAPE, num_hidden_layers=7, intermediate_size=32,
               rope_parameters=gemma_rope(1000000.0, 10000.0, factor=8.0), rms_norm_eps=1e-6, sliding_window=16,
               query_pre_attn_scalar=16, tie_word_embeddings=True), "sentencepiece", 115), torch.bfloat16, "90KB", 5),
]


def tokenizer_json_from_sentencepiece(folder: Path, prefix: bool):
    """The tokenizer.json of the same vocabulary: merges in the order of the scores of what they make."""
    import sentencepiece
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, processors
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    vocab = {pieces.id_to_piece(i): i for i in range(pieces.get_piece_size())}
    merges = []
    for piece, index in vocab.items():
        if pieces.is_control(index) or pieces.is_unknown(index) or pieces.is_byte(index):
            continue
        splits = [(piece[:i], piece[i:]) for i in range(1, len(piece))]
        splits = [s for s in splits if s[0] in vocab and s[1] in vocab]
        splits.sort(key=lambda s: (vocab[s[0]], vocab[s[1]]))
        merges += [(-pieces.get_score(index), s) for s in splits]
    merges.sort(key=lambda m: m[0])
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[m[1] for m in merges], unk_token="<unk>", fuse_unk=True,
                                     byte_fallback=True))
    steps = [normalizers.Prepend("▁")] if prefix else []
    tokenizer.normalizer = normalizers.Sequence(steps + [normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
        + ([decoders.Strip(" ", 1, 0)] if prefix else []))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)])
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in ("<unk>", "<s>", "</s>")])
    tokenizer.save(str(folder / "tokenizer.json"))


def write_tokenizer(folder: Path, spec, text: Path):
    size = SIZES[spec.tokenizer]
    if spec.tokenizer == "sentencepiece":
        write_sentencepiece(folder, text, size)
        tokenizer_json_from_sentencepiece(folder, prefix=not spec.name.startswith("gemma"))
        return
    write_byte_level(folder, text, size - 2, spec.tokenizer)
    # A token that the file does not call special, though it looks so, and one that is text; two rows of the embedding
    # stay without a token.
    from tokenizers import AddedToken, Tokenizer, processors
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.add_tokens([AddedToken("<|fim_middle|>", special=False, normalized=False)])
    if spec.tokenizer == "llama-bpe":
        bos = "<|begin_of_text|>"
        tokenizer.post_processor = processors.Sequence([
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(single=f"{bos} $A", pair=f"{bos} $A {bos}:1 $B:1",
                                          special_tokens=[(bos, tokenizer.token_to_id(bos))])])
    tokenizer.save(str(folder / "tokenizer.json"))
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text())
    if spec.name == "qwen3":
        (folder / "chat_template.jinja").write_text(CHAT)
    else:
        config["chat_template"] = CHAT
    path.write_text(json.dumps(config, indent=1))


def spell_as_4(config: dict) -> dict:
    """The configuration as transformers 4 wrote it."""
    rope = config.pop("rope_parameters")
    config["rope_theta"] = rope.pop("rope_theta")
    config["rope_scaling"] = None if rope["rope_type"] == "default" else rope
    config["torch_dtype"] = config.pop("dtype")
    config["transformers_version"] = "4.51.0"
    return config


def write_folder(spec, dtype, shard, spelling, folder: Path, text: Path):
    folder.mkdir(parents=True)
    write_tokenizer(folder, spec, text)
    vocab = SIZES[spec.tokenizer]
    bos, eos = special_ids(spec.tokenizer, vocab if spec.tokenizer == "sentencepiece" else vocab - 2)
    cls = getattr(transformers, spec.architecture)
    configuration = cls.config_class(**spec.config, vocab_size=vocab, bos_token_id=bos, eos_token_id=eos,
                                     pad_token_id=None)
    model = cls(configuration)
    fill(model, spec)
    model.to(dtype).save_pretrained(folder, max_shard_size=shard)
    path = folder / "config.json"
    config = json.loads(path.read_text())
    if spelling == 4:
        config = spell_as_4(config)
    path.write_text(json.dumps(config, indent=1, sort_keys=True) + "\n")
    (folder / "generation_config.json").write_text(json.dumps(
        dict(bos_token_id=bos, eos_token_id=[eos], temperature=0.6, top_p=0.9, top_k=40, do_sample=True)) + "\n")


def converted(options, spec, folder: Path, kind: str):
    out = options.work / f"{spec.name}.{kind}.gguf"
    command = [sys.executable, str(Path(__file__).parent.parent / "families" / "convert.py"),
               "--converter", str(options.converter)]
    if spec.tokenizer != "sentencepiece":
        command += ["--pre", spec.tokenizer]
    run(command + ["--", str(folder), "--outfile", str(out), "--outtype", kind.lower(), "--model-name", spec.name])
    return gguf.GGUFReader(out)


def metadata(reader) -> dict:
    def value(field):
        found = field.contents()
        name = field.types[-1].name.lower()
        return dict(type=name if len(field.types) == 1 else f"array of {name}", value=found)
    return {key: value(field) for key, field in reader.fields.items() if not key.startswith("GGUF.")}


def tensors(reader) -> dict:
    return {t.name: [t.tensor_type.name, t.shape.tolist(), hashlib.sha256(t.data.tobytes()).hexdigest()]
            for t in reader.tensors}


def golden_logits(spec, folder: Path, out: Path):
    model = getattr(transformers, spec.architecture).from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager")
    generator = np.random.Generator(np.random.Philox(2000 + spec.seed))
    ids = [int(i) for i in generator.integers(0, model.config.vocab_size, POSITIONS[-1] + 1)]
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0].numpy()
    np.ascontiguousarray(logits[POSITIONS]).astype("<f4").tofile(out)
    return ids


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--converter", required=True, type=Path)
    parser.add_argument("--text", required=True, type=Path, help="English text to train the small tokenizers on")
    parser.add_argument("--work", required=True, type=Path)
    parser.add_argument("--out", required=True, type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    for spec, dtype, shard, spelling in FOLDERS:
        folder = options.work / spec.name
        write_folder(spec, dtype, shard, spelling, folder, options.text)
        readers = {kind: converted(options, spec, folder, kind) for kind in TYPES}
        manifest = dict(versions=dict(transformers=transformers.__version__, torch=torch.__version__.split("+")[0]),
                        metadata=metadata(readers["F16"]), tensors={kind: tensors(r) for kind, r in readers.items()})
        manifest["prompt"] = golden_logits(spec, folder, options.out / f"{spec.name}.logits.f32")
        manifest["positions"] = POSITIONS
        target = options.out / spec.name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(folder, target, ignore=shutil.ignore_patterns("tokenizer.model", "*.vocab", ".gitattributes"))
        (options.out / f"{spec.name}.json").write_text(json.dumps(manifest, ensure_ascii=False) + "\n")
        print(spec.name, sum(f.stat().st_size for f in target.iterdir()), flush=True)


if __name__ == "__main__":
    main()
