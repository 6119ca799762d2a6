"""Record which type llama.cpp's own quantiser gives each tensor at each level, and how many bytes the tensors take.

    make_levels.py --llama-quantize .../llama-quantize --gutenberg gutenberg-4m.F32.gguf --work FOLDER --out levels.json

The models are gutenberg-4m (converted to F32; widths that are whole super-blocks) and two of the family fixtures, whose
rows are not: there every level falls back.
"""

import argparse
import json
import subprocess
from pathlib import Path

import gguf

LEVELS = ["Q8_0", "Q6_K", "Q5_K_M", "Q5_K_S", "Q5_1", "Q5_0", "Q4_K_M", "Q4_K_S", "Q4_1", "Q4_0", "IQ4_NL"]
FAMILIES = Path(__file__).resolve().parent.parent / "families"


def types(options, model: Path, level: str) -> dict:
    target = options.work / "level.gguf"
    subprocess.run([str(options.llama_quantize), str(model), str(target), level, "1"], check=True, capture_output=True)
    reader = gguf.GGUFReader(target)
    return dict(bytes=sum(int(t.n_bytes) for t in reader.tensors),
                types={t.name: t.tensor_type.name for t in reader.tensors})


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--llama-quantize", required=True, type=Path)
    parser.add_argument("--gutenberg", required=True, type=Path)
    parser.add_argument("--work", required=True, type=Path)
    parser.add_argument("--out", required=True, type=Path)
    options = parser.parse_args()
    models = {"weights/gutenberg-4m": options.gutenberg}
    for name in ("llama.F32.gguf", "gemma3.F16.gguf"):
        models["Tests/Fixtures/families/" + name] = FAMILIES / name
    found = {name: {level: types(options, path, level) for level in LEVELS} for name, path in models.items()}
    options.out.write_text(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
