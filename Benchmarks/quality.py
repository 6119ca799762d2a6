"""The quality ladder: one model, quantised by farthing and by llama.cpp to the same types, scored by the same programs.

    quality.py --farthing BIN --llama FOLDER --model FOLDER --work FOLDER --calibration TEXT --text NAME=FILE:CHUNKS ...
               [--levels Q4_0,...] [--kinds llama,search,...] [--judges farthing,llama]

For each level: llama-quantize without and with importance (llama-imatrix over the calibration text, its head included);
farthing by default (`compensate`) and with `search`, each without anything and with the importance, and by default with the
calibration text. The types of all tensors must be the same as llama-quantize's with the same knowledge, and so the bytes.
Scores: `farthing eval --reference` (8-bit activations against F32), whose divergence of each chunk goes into a paired
bootstrap against llama.cpp's file; and llama-perplexity --kl-divergence. Writes WORK/ladder.json as it goes, and skips what
is there already; `--tables` prints what is there as the tables of QUALITY.md. Needs Python's standard library only.
"""

import argparse
import json
import random
import re
import subprocess
from pathlib import Path

LEVELS = "Q4_K_M,Q4_0,Q4_1,IQ4_NL,Q4_K_S,Q5_K_M,Q5_0,Q5_1,Q5_K_S,Q6_K,Q8_0"
PLAIN, INFORMED = ["llama", "search", "compensate"], ["llama-im", "search-im", "compensate-im", "compensate-cal"]
CHUNK = "256"


def run(command, log=None):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    output = done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")
    if log:
        log.write_text(output)
    if done.returncode:
        raise SystemExit(f"{' '.join(str(word) for word in command)}\n{output[-2000:]}")
    return done.stdout.decode(errors="replace"), output


def commands(options, level, out):
    """The command that makes each file of a level."""
    source, importance = options.work / "F32.gguf", options.work / "importance.gguf"
    ours = [options.farthing, "quantize", source, out, "--type", level]
    theirs = [options.llama / "llama-quantize"]
    return {
        "llama": theirs + [source, out, level],
        "llama-im": theirs + ["--imatrix", importance, source, out, level],
        "search": ours + ["--method", "search"],
        "search-im": ours + ["--method", "search", "--importance", importance],
        "compensate": ours,
        "compensate-im": ours + ["--importance", importance],
        "compensate-cal": ours + ["--calibration", options.calibration, "--calibration-tokens", "65536"],
    }


def types(options, path):
    shown = json.loads(run([options.farthing, "inspect", path, "--json"])[0])
    return sorted([tensor["name"], tensor["type"]] for tensor in shown["tensors"])


def score_farthing(options, path, text, chunks):
    shown = run([options.farthing, "eval", "-m", path, "--reference", options.work / "F32.gguf", "-f", text, "-c", CHUNK,
                 "--chunks", chunks, "--json"])[0]
    return json.loads(shown)


def score_llama(options, path, name, text, chunks):
    base = options.work / f"base-{name}.logits"
    common = ["-f", text, "-c", CHUNK, "--chunks", chunks, "-t", "2", "--kl-divergence-base", base]
    if not base.exists():
        run([options.llama / "llama-perplexity", "-m", options.work / "F32.gguf"] + common)
    # It now and then ends before its last lines are out, with status 0.
    for _ in range(5):
        output = run([options.llama / "llama-perplexity", "-m", path, "--kl-divergence"] + common)[1]
        if "Same top p" in output:
            break

    def figure(label):
        found = re.search(label + r"\s*:\s*(-?[\d.]+)\s*(?:±|\+/-)?\s*([\d.]+)?", output)
        return [float(found[1]), float(found[2] or 0)] if found else None

    if not figure(r"Mean\s+KLD"):
        raise SystemExit(f"llama-perplexity said nothing of {path}:\n{output[-3000:]}")
    return {"kl": figure(r"Mean\s+KLD"), "p99": figure(r"99\.0%\s+KLD"), "ppl": figure(r"Mean PPL\(Q\)"),
            "top": figure(r"Same top p")}


def bootstrap(ours, theirs, rounds=10_000):
    """95 % interval of the mean difference of paired chunks, as a share of their mean."""
    generator, differences = random.Random(1), [a - b for a, b in zip(ours, theirs)]
    count, base = len(differences), sum(theirs) / len(theirs)
    means = sorted(sum(generator.choices(differences, k=count)) / count for _ in range(rounds))
    return [means[int(rounds * share)] / base for share in (0.025, 0.975)]


NAMES = {"llama": "llama.cpp", "search": "search", "compensate": "default", "llama-im": "llama.cpp, importance",
         "search-im": "search, importance", "compensate-im": "default, importance", "compensate-cal": "default, text"}


def tables(options, ladder):
    """The two tables of QUALITY.md: each figure by this program's judge, and the means by llama.cpp's."""
    names = [text.split("=", 1)[0] for text in options.text]
    rows = [(level, kind) for level in options.levels.split(",") for kind in NAMES if kind in ladder.get(level, {})]
    print("| level | method | bytes | text | mean KL | 99th percentile | same top token | perplexity | against llama.cpp |")
    print("|---|---|---|---|---|---|---|---|---|")
    for level, kind in rows:
        for name in names:
            mine, rival = (ladder[level].get(k, {}).get(f"farthing {name}") for k in (kind, rival_of(kind)))
            if not mine:
                continue
            interval = "" if kind == rival_of(kind) or not rival else "{:+.1f} to {:+.1f} %".format(
                *(100 * share for share in bootstrap(mine["kl_chunk_means"], rival["kl_chunk_means"])))
            print(f"| {level} | {NAMES[kind]} | {ladder[level][kind]['bytes']:,} | {name} | {mine['kl_mean']:.6f} +/- "
                  f"{mine['kl_standard_error']:.6f} | {mine['kl_p99']:.4f} | {100 * mine['top_token_agreement']:.2f} % | "
                  f"{mine['perplexity']:.2f} +/- {mine['standard_error']:.2f} | {interval} |")
    print()
    print("| level | method | " + " | ".join(f"{name}, its judge | ours" for name in names) + " |")
    print("|---|---|" + "---|---|" * len(names))
    for level, kind in rows:
        cells = []
        for name in names:
            theirs, mine = (ladder[level][kind].get(f"{judge} {name}") for judge in ("llama", "farthing"))
            cells.append(f"{theirs['kl'][0]:.6f} +/- {theirs['kl'][1]:.6f}" if theirs and theirs["kl"] else "")
            cells.append(f"{mine['kl_mean']:.6f}" if mine else "")
        print(f"| {level} | {NAMES[kind]} | " + " | ".join(cells) + " |")


def rival_of(kind):
    """llama.cpp's file that knew as much."""
    return "llama" if kind in PLAIN else "llama-im"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("farthing", "llama", "model", "work", "calibration"):
        parser.add_argument("--" + name, required=True, type=Path)
    parser.add_argument("--text", action="append", required=True)
    parser.add_argument("--levels", default=LEVELS)
    parser.add_argument("--kinds", default=",".join(PLAIN + INFORMED))
    parser.add_argument("--judges", default="farthing,llama")
    parser.add_argument("--tables", action="store_true")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    book = options.work / "ladder.json"
    ladder = json.loads(book.read_text()) if book.exists() else {}
    if options.tables:
        tables(options, ladder)
        return
    if not (options.work / "F32.gguf").exists():
        run([options.farthing, "quantize", options.model, options.work / "F32.gguf", "--type", "F32"])
    if not (options.work / "importance.gguf").exists():
        run([options.llama / "llama-imatrix", "-m", options.work / "F32.gguf", "-f", options.calibration, "-c", CHUNK,
             "--process-output", "-t", "2", "-o", options.work / "importance.gguf"])
    for level in options.levels.split(","):
        for kind in options.kinds.split(","):
            path = options.work / f"{level}-{kind}.gguf"
            entry = ladder.setdefault(level, {}).setdefault(kind, {})
            command = commands(options, level, path)[kind]
            if not path.exists():
                run(command, options.work / f"{level}-{kind}.log")
            if "bytes" not in entry:
                entry["command"] = " ".join(str(word) for word in command)
                entry["bytes"] = path.stat().st_size
                entry["types"] = types(options, path)
            if entry["types"] != ladder[level][rival_of(kind)]["types"]:
                print(f"{level} {kind}: other types than llama.cpp's")
            for text in options.text:
                name, rest = text.split("=", 1)
                source, chunks = rest.rsplit(":", 1)
                for judge in options.judges.split(","):
                    key = f"{judge} {name}"
                    if key in entry:
                        continue
                    entry[key] = (score_farthing(options, path, source, chunks) if judge == "farthing"
                                  else score_llama(options, path, name, source, chunks))
                    book.write_text(json.dumps(ladder))
                if f"farthing {name}" in entry:
                    rival = ladder[level][rival_of(kind)][f"farthing {name}"]
                    mine = entry[f"farthing {name}"]
                    interval = bootstrap(mine["kl_chunk_means"], rival["kl_chunk_means"])
                    print(f"{level:8} {kind:14} {name:10} {entry['bytes']:>9} KL {mine['kl_mean']:.6f} +/- "
                          f"{mine['kl_standard_error']:.6f} p99 {mine['kl_p99']:.5f} same top "
                          f"{100 * mine['top_token_agreement']:.2f} ppl {mine['perplexity']:.4f} against llama.cpp "
                          f"{100 * interval[0]:+.1f} ... {100 * interval[1]:+.1f} %  "
                          f"its judge {entry.get(f'llama {name}', {}).get('kl')}", flush=True)


if __name__ == "__main__":
    main()
