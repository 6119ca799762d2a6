"""Planted mistakes of convention: what the logits would be if an engine got one thing wrong.

A fixture is of use only if each mistake that its family invites moves the logits far beyond rounding; the manifest
states by how much.
"""

import torch

from judge import logits, model_for


def mistakes(spec, configuration, base: dict, weights: dict, ids):
    """Yields (name, logits) for every mistake that applies to this model."""
    for name, changes in spec.mistakes.items():
        model = model_for(configuration, spec.architecture, {**base, **changes})
        yield name, logits(model, weights, ids)
    model = model_for(configuration, spec.architecture, base)
    for name, edit in EDITS:
        changed = {key: edit(model.config, key, value) for key, value in weights.items()}
        if any(changed[key] is not weights[key] for key in weights):
            yield name, logits(model, changed, ids)


def by_head(value, config, heads):
    return value.reshape(heads, config_head_size(config), *value.shape[1:])


def config_head_size(config) -> int:
    return getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads


def other_rope_pairs(config, key, value):
    """Rope over pairs (2i, 2i+1) where (i, i + d/2) is right, or the reverse (the rows of the file permuted)."""
    if ".q_proj." in key or ".k_proj." in key:
        heads = config.num_attention_heads if ".q_proj." in key else config.num_key_value_heads
    elif ".q_norm." in key or ".k_norm." in key:
        heads = 1
    else:
        return value
    split = by_head(value, config, heads)
    half = split.shape[1] // 2
    order = torch.arange(split.shape[1]).reshape(2, half).T.flatten()
    return split[:, order].reshape(value.shape)


def other_grouping(config, key, value):
    """Query head h reading key-value head h mod kvHeads instead of h / (heads / kvHeads)."""
    heads, kv_heads = config.num_attention_heads, config.num_key_value_heads
    if kv_heads in (1, heads):
        return value
    order = sorted(range(heads), key=lambda h: (h % kv_heads, h))
    if ".q_proj." in key:
        return by_head(value, config, heads)[order].reshape(value.shape)
    if ".o_proj.weight" in key:
        return by_head(value.T, config, heads)[order].reshape(value.T.shape).T.contiguous()
    return value


def no_biases(config, key, value):
    return torch.zeros_like(value) if key.endswith(".bias") else value


def no_head_norms(config, key, value):
    if ".q_norm." not in key and ".k_norm." not in key:
        return value
    return torch.zeros_like(value) if config.model_type.startswith("gemma") else torch.ones_like(value)


def norms_shifted_twice(config, key, value):
    return value + 1 if config.model_type.startswith("gemma") and key.endswith("norm.weight") else value


EDITS = [
    ("other rope pairs", other_rope_pairs),
    ("other grouping of heads", other_grouping),
    ("no biases", no_biases),
    ("no norms of Q and K (weights of 1)", no_head_norms),
    ("1 added to norms twice", norms_shifted_twice),
]
