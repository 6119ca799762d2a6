"""Run llama.cpp's convert_hf_to_gguf.py with the pre-tokeniser's name given instead of looked up.

The converter recognises a byte-level pre-tokeniser by a hash over the ids of a test string, which only the published
vocabularies meet. A small vocabulary has other ids, so the name is stated here; nothing else of the converter changes.

    convert.py --converter PATH --pre NAME -- ARGUMENTS OF THE CONVERTER
"""

import argparse
import runpy
import sys
from pathlib import Path


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--converter", required=True, type=Path, help="convert_hf_to_gguf.py of llama.cpp")
    parser.add_argument("--pre", help="GGUF name of the pre-tokeniser, for byte-level vocabularies")
    parser.add_argument("arguments", nargs="+")
    options = parser.parse_args()

    root = options.converter.resolve().parent
    sys.path.insert(0, str(root))
    sys.path.insert(1, str(root / "gguf-py"))
    if options.pre is not None:
        from conversion.base import TextModel
        TextModel.get_vocab_base_pre = lambda self, tokenizer: options.pre
    sys.argv = [str(options.converter), *options.arguments]
    runpy.run_path(str(options.converter), run_name="__main__")


if __name__ == "__main__":
    main()
