"""Logits of transformers for the weights that stand in a GGUF file.

The configuration is the one that the model was made from, the weights are the file's, dequantised by `gguf`, and the
names are mapped by `gguf`'s own table. Two conventions of the converter are undone: the row order of Q and K in the
llama architecture, and the +1 in Gemma's norm weights.
"""

import json
from pathlib import Path

import gguf
import numpy as np
import torch
import transformers


def model_for(configuration_json: Path, architecture: str, changes: dict):
    """A model of the class `architecture` without weights, with eager attention."""
    stored = json.loads(configuration_json.read_text())
    cls = getattr(transformers, architecture)
    if "layer_types" not in changes and "layer_types" in stored and stored["layer_types"] is None:
        del stored["layer_types"]
    configuration = cls.config_class(**{**stored, **changes})
    configuration._attn_implementation = "eager"
    return cls(configuration).eval()


def split_permutation(rows: np.ndarray, heads: int) -> np.ndarray:
    """GGUF's llama order, pairs (2i, 2i+1), to transformers' order, pairs (i, i + d/2), within each head."""
    half = rows.shape[0] // heads // 2
    paired = rows.reshape(heads, half, 2, *rows.shape[1:])
    return np.swapaxes(paired, 1, 2).reshape(rows.shape)


def weights_from_gguf(path: Path, model) -> dict:
    """State dictionary in F32."""
    reader = gguf.GGUFReader(str(path))
    architecture = bytes(reader.fields["general.architecture"].parts[-1]).decode()
    arch = next(a for a, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture)
    names = gguf.get_tensor_name_map(arch, model.config.num_hidden_layers)
    stored = {t.name: t for t in reader.tensors}
    result, used = {}, set()
    for name, parameter in model.state_dict().items():
        mapped = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if mapped == "output.weight" and mapped not in stored:
            mapped = "token_embd.weight"
        tensor = stored[mapped]
        used.add(mapped)
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        values = values.reshape([int(n) for n in reversed(tensor.shape)])
        if architecture == "llama":
            if ".attn_q." in mapped:
                values = split_permutation(values, model.config.num_attention_heads)
            elif ".attn_k." in mapped:
                values = split_permutation(values, model.config.num_key_value_heads)
        if architecture.startswith("gemma") and mapped.endswith("norm.weight"):
            values = values - np.float32(1)
        assert tuple(values.shape) == tuple(parameter.shape), (mapped, values.shape, parameter.shape)
        result[name] = torch.from_numpy(np.ascontiguousarray(values))
    unused = set(stored) - used - {"rope_freqs.weight"}
    assert not unused, f"tensors that transformers has no place for: {unused}"
    return result


def logits(model, weights: dict, ids, dtype=torch.float32) -> np.ndarray:
    """[positions, vocab] for the whole prompt in one pass."""
    model.load_state_dict(weights, strict=True)
    model = model.to(dtype)
    with torch.inference_mode():
        out = model(input_ids=torch.tensor([list(ids)]), use_cache=False).logits[0]
    model.to(torch.float32)
    return out.to(torch.float64 if dtype == torch.float64 else torch.float32).numpy()
