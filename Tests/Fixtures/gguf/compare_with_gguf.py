"""Holds Farthing's GGUF reader against the `gguf` package: all metadata, all tensors with their bytes.

    FARTHING_GGUF_DUMP=model.gguf FARTHING_GGUF_DUMP_TO=dump.txt swift test --filter DumpTests
    python3 compare_with_gguf.py model.gguf dump.txt
"""
import struct
import sys

import gguf
import numpy as np

path, dump = sys.argv[1:]
reader = gguf.GGUFReader(path)
seen = {"key": {}, "tensor": {}, "unreadable": {}}
for line in open(dump):
    kind, rest = line.rstrip("\n").split(" ", 1)
    name, *fields = rest.split("\t")
    assert name not in seen[kind], name
    seen[kind][name] = fields

NAMES = {
    "UINT8": "u8", "INT8": "i8", "UINT16": "u16", "INT16": "i16", "UINT32": "u32", "INT32": "i32",
    "FLOAT32": "f32", "BOOL": "bool", "STRING": "string", "ARRAY": "array", "UINT64": "u64", "INT64": "i64",
    "FLOAT64": "f64",
}


def one(value, kind):
    if kind == "STRING":
        return bytes(value).hex()
    value = value[0]
    if kind.startswith("FLOAT"):
        return str(struct.unpack("<Q", struct.pack("<d", float(value)))[0])
    if kind == "BOOL":
        return "true" if value else "false"
    return str(int(value))


keys = 0
for name, field in reader.fields.items():
    if name.startswith("GGUF."):
        continue
    keys += 1
    kinds = [t.name for t in field.types]
    found = seen["key"].pop(name)
    if kinds[0] == "ARRAY":
        assert found[0] == "array of " + NAMES[kinds[-1]], (name, found[0], kinds)
        wanted = f"{len(field.data)} " + ",".join(one(field.parts[i], kinds[-1]) for i in field.data)
    else:
        assert found[0] == NAMES[kinds[0]], (name, found[0], kinds)
        wanted = one(field.parts[field.data[0]], kinds[0])
    assert found[1] == wanted, (name, found[1][:200], wanted[:200])
assert not seen["key"], seen["key"].keys()

for tensor in reader.tensors:
    data = np.asarray(tensor.data).reshape(-1).view(np.uint8)
    first = np.cumsum(data.astype(np.uint64), dtype=np.uint64)
    sums = f"{int(first[-1])} {int(first.sum(dtype=np.uint64))}"
    wanted = [tensor.tensor_type.name, str([int(x) for x in tensor.shape]), str(tensor.n_bytes),
              str(tensor.data_offset), sums]
    found = seen["tensor"].pop(tensor.name, None) or seen["unreadable"].pop(tensor.name) + [sums]
    assert found == wanted, (tensor.name, found, wanted)
assert not seen["tensor"] and not seen["unreadable"]
print(f"{path}: {keys} keys, {len(reader.tensors)} tensors: the same")
