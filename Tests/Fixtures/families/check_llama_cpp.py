"""Hold the golden logits against llama.cpp, as a second judge that shares no code with the first.

    check_llama_cpp.py --logits-program PROGRAM --fixtures FOLDER [--float-files FOLDER]

PROGRAM MODEL IDS OUT evaluates the ids of the text file IDS in one batch with an F32 cache and writes the logits of
every position to OUT as raw F32. F32 models must agree to rounding (Gemma's only if llama.cpp was built without
GGML_GELU_FP16, which rounds GELU to F16 and moves these logits by up to 0.05). On other types llama.cpp also rounds
activations, to F16 or to 8 bits: there the figures inform and do not judge. With --float-files, NAME.F32.gguf of that
folder stands in for every fixture and is judged by transformers anew.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from judge import logits, model_for, weights_from_gguf
from specs import SPECS


def evaluate(program: Path, model: Path, ids, folder: Path):
    listing, out = folder / "ids.txt", folder / "logits.f32"
    listing.write_text(" ".join(map(str, ids)))
    done = subprocess.run([str(program), str(model), str(listing), str(out)], capture_output=True, text=True)
    if done.returncode != 0:
        print(f"{model.name:28} refused: {done.stderr.strip().splitlines()[0] if done.stderr.strip() else '?'}")
        return None
    return np.fromfile(out, "<f4").reshape(len(ids), -1)


def transformers_logits(options, entry, model: Path):
    spec = next(s for s in SPECS if s.name == entry["name"])
    base = {} if spec.window_in_gguf else {"sliding_window": None}
    judge = model_for(options.float_files / spec.name / "judge_config.json", spec.architecture, base)
    return logits(judge, weights_from_gguf(model, judge), entry["prompt"])


def report(label, ours, golden):
    if ours is None:
        return
    error = np.abs(ours.astype(np.float64) - golden).max(axis=1)
    same = np.mean(ours.argmax(axis=1) == golden.argmax(axis=1))
    print(f"{label:28} max difference {error.max():.2e}, median over positions {np.median(error):.2e}, "
          f"same top token {same:.0%}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--logits-program", required=True, type=Path)
    parser.add_argument("--fixtures", required=True, type=Path)
    parser.add_argument("--float-files", type=Path, help="the --work folder of make_families.py")
    options = parser.parse_args()
    seen = set()
    with tempfile.TemporaryDirectory() as folder:
        for entry in json.loads((options.fixtures / "families.json").read_text())["fixtures"]:
            if options.float_files is None:
                model = options.fixtures / entry["model"]
                golden = np.fromfile(options.fixtures / entry["logits"], "<f4").reshape(-1, entry["vocab"])
                ours = evaluate(options.logits_program, model, entry["prompt"], Path(folder))
                report(entry["model"], None if ours is None else ours[entry["positions"]], golden)
            elif entry["name"] not in seen:
                seen.add(entry["name"])
                model = options.float_files / f"{entry['name']}.F32.gguf"
                ours = evaluate(options.logits_program, model, entry["prompt"], Path(folder))
                report(model.name, ours, transformers_logits(options, entry, model))


if __name__ == "__main__":
    main()
