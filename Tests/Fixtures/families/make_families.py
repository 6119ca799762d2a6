"""Make the family fixtures: tiny random models of transformers, GGUF files by llama.cpp's converter and quantiser,
and golden logits by transformers from the weights in each file.

    make_families.py --converter .../convert_hf_to_gguf.py --llama-quantize .../llama-quantize \
        --llama-gguf-split .../llama-gguf-split --text ENGLISH.txt --work EMPTY_FOLDER --out FOLDER [--only NAME ...]

Every model is seeded. The manifest, families.json, lists each GGUF with its prompt ids, the positions kept and the
file of logits: raw little-endian F32, [positions, vocab] row-major. For each fixture it also states how far the logits
move between F32 and F64 arithmetic (the noise) and under planted mistakes of convention (the signal).
"""

import argparse
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import gguf
import numpy as np
import torch
import transformers

from judge import logits, model_for, weights_from_gguf
from mistakes import mistakes
from specs import EVERY, PROMPT_LENGTH, SELECTED, SPECS
from tokenizers_for_fixtures import SIZES, special_ids, write_tokenizer

CONVERTER_TYPES = ("F32", "F16", "BF16")


def fill(model, spec):
    """Random weights under which every part of the model matters: scores of a few units, norm weights from 0.3 to 3,
    biases and embeddings of the order of one."""
    generator = np.random.Generator(np.random.Philox(spec.seed))
    gemma = model.config.model_type.startswith("gemma")
    state = model.state_dict()
    tied = model.config.tie_word_embeddings
    for name in sorted(state):
        tensor = state[name]
        shape = tuple(tensor.shape)
        if name.endswith("norm.weight"):
            after = gemma and ("post_attention" in name or "post_feedforward" in name)
            low, high = spec.post_norms if after else (0.3, 3.0)
            values = np.exp(generator.uniform(np.log(low), np.log(high), shape)) - (1 if gemma else 0)
        elif name.endswith(".bias"):
            values = generator.normal(0, 0.7, shape)
        elif "embed_tokens" in name:
            values = generator.normal(0, 0.25 if tied else 1.0, shape)
        elif name == "lm_head.weight":
            if tied:
                continue
            values = generator.normal(0, 1.5 / np.sqrt(shape[1]), shape)
        else:
            values = generator.normal(0, 1.2 / np.sqrt(shape[1]), shape)
        tensor.copy_(torch.from_numpy(values.astype(np.float32)))


def write_model(spec, folder: Path, text: Path):
    folder.mkdir(parents=True)
    vocab = spec.vocab or SIZES[spec.tokenizer]
    write_tokenizer(folder, text, spec.tokenizer, vocab)
    bos, eos = special_ids(spec.tokenizer, vocab)
    cls = getattr(transformers, spec.architecture)
    configuration = cls.config_class(**spec.config, vocab_size=vocab, bos_token_id=bos, eos_token_id=eos,
                                     pad_token_id=None)
    model = cls(configuration)
    fill(model, spec)
    model.save_pretrained(folder)
    path = folder / "config.json"
    full = json.loads(path.read_text())
    (folder / "judge_config.json").write_text(json.dumps(full))
    path.write_text(json.dumps({k: v for k, v in full.items() if k not in spec.drop}, indent=1))


def convert(options, spec, folder: Path, kind: str, out: Path, *extra):
    command = [sys.executable, str(Path(__file__).parent / "convert.py"), "--converter", str(options.converter)]
    if spec.tokenizer != "sentencepiece":
        command += ["--pre", spec.tokenizer]
    command += ["--", str(folder), "--outfile", str(out), "--outtype", kind.lower(),
                "--model-name", f"farthing fixture {spec.name}", *extra]
    run(command)


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout[-2000:]}{done.stderr[-4000:]}")


def float_source(options, spec) -> Path:
    """The F32 file that the quantised variants are made from."""
    source = options.work / f"{spec.name}.F32.gguf"
    if not source.exists():
        convert(options, spec, options.work / spec.name, "F32", source)
        if spec.drop_metadata:
            whole = source.with_suffix(".whole.gguf")
            source.rename(whole)
            removed = [part for key in spec.drop_metadata for part in ("--remove-metadata", key)]
            run([sys.executable, "-m", "gguf.scripts.gguf_new_metadata", "--force", *removed, str(whole), str(source)])
    return source


def variant(options, spec, kind: str) -> Path:
    folder = options.work / spec.name
    target = options.out / f"{spec.name}.{kind}.gguf"
    if kind in CONVERTER_TYPES:
        convert(options, spec, folder, kind, target)
    else:
        source = float_source(options, spec)
        run([str(options.llama_quantize), "--pure", str(source), str(target), kind, "1"])
    return target


def prompt(spec, vocab: int):
    """Ids over the whole vocabulary, beginning with BOS; id 0 and the last id are among them."""
    generator = np.random.Generator(np.random.Philox(1000 + spec.seed))
    ids = generator.integers(0, vocab, PROMPT_LENGTH)
    ids[0] = special_ids(spec.tokenizer, vocab)[0]
    ids[5], ids[6] = 0, vocab - 1
    return [int(i) for i in ids]


def difference(a, b) -> float:
    return float(np.max(np.abs(a.astype(np.float64) - b.astype(np.float64))))


def number(value: float) -> float:
    return float(f"{value:.3g}")


def golden(options, spec, kind: str, path: Path) -> dict:
    configuration = options.work / spec.name / "judge_config.json"
    base = {} if spec.window_in_gguf else {"sliding_window": None}
    model = model_for(configuration, spec.architecture, base)
    weights = weights_from_gguf(path, model)
    if kind == "F32":
        check_exact(options, spec, weights)
    ids = prompt(spec, model.config.vocab_size)
    right = logits(model, weights, ids)
    noise = difference(logits(model, weights, ids, torch.float64), right)
    positions = list(range(PROMPT_LENGTH)) if (spec.name, kind) in EVERY else SELECTED
    out = options.out / f"{spec.name}.{kind}.logits.f32"
    np.ascontiguousarray(right[positions]).astype("<f4").tofile(out)
    entry = dict(name=spec.name, type=kind, model=path.name, sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
                 prompt=ids, positions=positions, vocab=model.config.vocab_size, logits=out.name,
                 logits_standard_deviation=number(float(right.std())), f32_against_f64=number(noise))
    if kind == spec.types[0]:
        entry["mistakes"] = {name: number(difference(wrong, right))
                             for name, wrong in mistakes(spec, configuration, base, weights, ids)}
    return entry


def check_exact(options, spec, weights):
    """An F32 file must give back the weights that were saved, bit for bit (norms of Gemma to a rounding)."""
    from safetensors.torch import load_file
    saved = load_file(options.work / spec.name / "model.safetensors")
    for name, values in saved.items():
        worst = (values - weights[name]).abs().max().item()
        assert worst <= (2e-7 if "norm" in name else 0), (name, worst)


def write_manifest(path: Path, entries, replace: bool):
    import tokenizers
    known = json.loads(path.read_text())["fixtures"] if replace and path.exists() else []
    made = {(e["name"], e["type"]) for e in entries}
    order = {(s.name, kind): (i, j) for i, s in enumerate(SPECS) for j, kind in enumerate(s.types)}
    merged = [e for e in known if (e["name"], e["type"]) not in made] + entries
    merged.sort(key=lambda e: order[e["name"], e["type"]])
    head = dict(judge="transformers, eager attention, F32, weights dequantised from the GGUF by gguf",
                versions=dict(transformers=transformers.__version__, torch=torch.__version__.split("+")[0],
                              gguf=gguf_version(), tokenizers=tokenizers.__version__, numpy=np.__version__))
    lines = ",\n  ".join(json.dumps(e) for e in merged)
    path.write_text(json.dumps(head)[:-1] + ',\n "fixtures": [\n  ' + lines + "\n ]}\n")


def gguf_version() -> str:
    from importlib.metadata import version
    return version("gguf")


def make_reader_files(options):
    """The llama fixture in Q4_0 split in three parts, and a file with a vocabulary and no tensors."""
    run([str(options.llama_gguf_split), "--split", "--split-max-tensors", "25",
         str(options.out / "llama.Q4_0.gguf"), str(options.out / "llama.Q4_0.split")])
    spec = next(s for s in SPECS if s.name == "llama3")
    convert(options, spec, options.work / spec.name, "F16", options.out / "llama3.vocab.gguf", "--vocab-only")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--converter", required=True, type=Path)
    parser.add_argument("--llama-quantize", type=Path, help="needed for the quantised types")
    parser.add_argument("--llama-gguf-split", type=Path, help="given: also make the split and the vocabulary-only file")
    parser.add_argument("--text", required=True, type=Path, help="English text to train the small tokenizers on")
    parser.add_argument("--work", required=True, type=Path)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--only", nargs="*", help="names of fixtures; the others stay as they are")
    parser.add_argument("--types", nargs="*", help="types to make; the others stay as they are")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    entries = []
    for spec in SPECS:
        if options.only and spec.name not in options.only:
            continue
        if not (options.work / spec.name).exists():
            write_model(spec, options.work / spec.name, options.text)
        for kind in spec.types:
            if options.types and kind not in options.types:
                continue
            entry = golden(options, spec, kind, variant(options, spec, kind))
            entries.append(entry)
            print(f"{entry['model']}: noise {entry['f32_against_f64']}, deviation "
                  f"{entry['logits_standard_deviation']}, mistakes {entry.get('mistakes', '-')}", flush=True)
    if options.llama_gguf_split:
        make_reader_files(options)
    write_manifest(options.out / "families.json", entries, replace=True)


if __name__ == "__main__":
    main()
