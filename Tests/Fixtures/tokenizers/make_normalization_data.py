"""Writes Sources/Tokenization/Normalization/NormalizationData.swift.

    python make_normalization_data.py > ../../../Sources/Tokenization/Normalization/NormalizationData.swift

The data is Unicode 14's (Python 3.11's `unicodedata`), less the characters that the Hugging Face `tokenizers` library
does not know: its tables are older, and ids must equal the library's.
"""

import unicodedata

from tokenizers import normalizers

assert unicodedata.unidata_version == "14.0.0"
NFC, NFD, NFKD = normalizers.NFC(), normalizers.NFD(), normalizers.NFKD()
POINTS = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF and not 0xAC00 <= c <= 0xD7A3]


def combining(point):
    """The combining class as the library has it: seen by what it does beside marks of classes 230, 202 and 7."""
    value = unicodedata.combining(chr(point))
    if value:
        for other in "\u0301\u0327\u093c":
            for text in (chr(point) + other, other + chr(point)):
                if NFD.normalize_str("x" + text) != unicodedata.normalize("NFD", "x" + text):
                    return 0
    return value


def decomposition(point, form, normalizer):
    text = chr(point)
    found = normalizer.normalize_str(text)
    assert found in (text, unicodedata.normalize(form, text)), hex(point)
    return None if found == text else found


def composes(point):
    """Whether the canonical pair of a character composes to it again."""
    parts = unicodedata.decomposition(chr(point)).split()
    if len(parts) != 2 or parts[0].startswith("<"):
        return None
    pair = "".join(chr(int(p, 16)) for p in parts)
    if NFC.normalize_str(chr(point)) != chr(point) or NFD.normalize_str(chr(point)) == chr(point):
        return None
    return pair


def code(text):
    return ".".join(f"{ord(c):X}" for c in text)


def literal(name, doc, records):
    print(f"\n  /// {doc}")
    print(f"  static let {name} = \"\"\"")
    line = ""
    for record in records:
        if len(line) + len(record) + 1 > 110:
            print("    " + line + " \\")
            line = ""
        line += (" " if line else "") + record
    print("    " + line)
    print('    """')


def ranges():
    found = []
    for point in POINTS:
        value = combining(point)
        if value == 0:
            continue
        if found and found[-1][1] == point - 1 and found[-1][2] == value:
            found[-1][1] = point
        else:
            found.append([point, point, value])
    return found


def main():
    classes = [f"{a:X}-{b:X}={v}" if a != b else f"{a:X}={v}" for a, b, v in ranges()]
    canonical, compatibility, pairs = [], [], []
    for point in POINTS:
        full = decomposition(point, "NFD", NFD)
        if full:
            canonical.append(f"{point:X}={code(full)}")
        wide = decomposition(point, "NFKD", NFKD)
        if wide and wide != full:
            compatibility.append(f"{point:X}={code(wide)}")
        pair = composes(point)
        if pair:
            pairs.append(f"{code(pair)}={point:X}")
    print("// Long because it is a table. Made by Tests/Fixtures/tokenizers/make_normalization_data.py.")
    print("// Numbers are hexadecimal code points, but for the combining classes, which are decimal.")
    print()
    print("/// Unicode's normalisation data, as text that is read when the first text needs it.")
    print("enum NormalizationData {", end="")
    literal("combiningClasses", "Ranges of marks and their canonical combining class; all else has class 0.", classes)
    literal("canonical", "Full canonical decompositions, Hangul syllables excepted.", canonical)
    literal("compatibility", "Full compatibility decompositions where they differ from the canonical ones.", compatibility)
    literal("pairs", "Pairs that compose, Hangul excepted.", pairs)
    print("}")


main()
