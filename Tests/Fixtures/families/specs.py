"""What each family fixture is: a tiny transformers configuration, a tokenizer and the types to make of it.

The shapes are chosen so that a wrong convention cannot pass: the head size is never hidden/heads (except where a
fixture is there for that), key-value heads are fewer than heads, columns of different matrices differ, and the prompt
(72 positions) is longer than every window and every original context below.
"""

from dataclasses import dataclass, field

PROMPT_LENGTH = 72
# Positions kept for a quantised variant: the first ones, both sides of the window, of the original context and of a
# 64-position boundary, and the last one. The variants in EVERY keep all positions, to find the first wrong one.
SELECTED = [0, 1, 2, 15, 16, 17, 31, 32, 33, 47, 48, 63, 64, 71]
EVERY = {("llama", "F32"), ("llama3", "F16"), ("qwen2", "F16"), ("qwen3", "F16"), ("gemma3", "F16")}


@dataclass(frozen=True)
class Spec:
    name: str
    """File stem."""
    architecture: str
    """Class name in transformers."""
    config: dict
    """Arguments of that class's configuration."""
    tokenizer: str
    """"sentencepiece", or the GGUF name of a byte-level pre-tokeniser."""
    seed: int
    types: tuple = ("F16",)
    """GGUF variants: F32, F16, BF16 by the converter, all others by llama-quantize from the F32 file."""
    drop: tuple = ()
    """Keys removed from config.json before conversion, as real checkpoints of the family lack them."""
    drop_metadata: tuple = ()
    """Keys removed from the GGUF after conversion (by gguf's own tool), as files of early converters lack them."""
    window_in_gguf: bool = True
    """False where the converter does not write the window: the golden logits then come from full attention."""
    mistakes: dict = field(default_factory=dict)
    """Wrong conventions, as changes of the configuration: each must move the logits (see mistakes.py)."""
    post_norms: tuple = (0.3, 3.0)
    """Range of the weights of the norms before a residual addition: smaller in a deep model, which otherwise would
    amplify rounding until nothing could be told from it."""
    vocab: int = 0
    """Size of the vocabulary; 0 takes the tokenizer kind's usual size."""


SHAPE = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=7, num_attention_heads=4,
             num_key_value_heads=2, head_dim=16, max_position_embeddings=256)

LLAMA3_SCALING = dict(rope_type="llama3", rope_theta=500000.0, factor=8.0, low_freq_factor=1.0,
                      high_freq_factor=4.0, original_max_position_embeddings=48)


def default_rope(theta):
    return dict(rope_type="default", rope_theta=theta)


def gemma_rope(theta, local_theta, factor=None):
    full = default_rope(theta) if factor is None else dict(rope_type="linear", rope_theta=theta, factor=factor)
    return dict(full_attention=full, sliding_attention=default_rope(local_theta))


SPECS = [
    Spec("llama", "LlamaForCausalLM",
         dict(SHAPE, rope_parameters=default_rope(10000.0), rms_norm_eps=1e-5, tie_word_embeddings=False),
         "sentencepiece", 11,
         types=("F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "IQ4_NL"),
         mistakes={"rope base": dict(rope_parameters=default_rope(20000.0)),
                    "norm epsilon": dict(rms_norm_eps=1e-2)}),
    Spec("llama-old", "LlamaForCausalLM",
         dict(SHAPE, head_dim=8, num_key_value_heads=4, rope_parameters=default_rope(10000.0),
              rms_norm_eps=1e-6, tie_word_embeddings=False),
         "sentencepiece", 12, types=("Q8_0",),
         drop_metadata=("llama.attention.key_length", "llama.attention.value_length", "llama.rope.freq_base",
                        "llama.vocab_size"),
         mistakes={"rope base": dict(rope_parameters=default_rope(20000.0))}),
    # Columns of 24, 40 and 48: a float matrix need not have whole blocks of 32.
    Spec("llama-narrow", "LlamaForCausalLM",
         dict(SHAPE, hidden_size=24, intermediate_size=40, num_attention_heads=3, num_key_value_heads=1,
              rope_parameters=default_rope(10000.0), rms_norm_eps=1e-5, tie_word_embeddings=False),
         "sentencepiece", 16, types=("F32",),
         mistakes={"rope base": dict(rope_parameters=default_rope(20000.0))}),
    Spec("llama-linear", "LlamaForCausalLM",
         dict(SHAPE, rope_parameters=dict(rope_type="linear", rope_theta=10000.0, factor=4.0),
              rms_norm_eps=1e-5, tie_word_embeddings=False),
         "sentencepiece", 13, types=("Q8_0",),
         mistakes={"no scaling": dict(rope_parameters=default_rope(10000.0))}),
    Spec("llama3", "LlamaForCausalLM",
         dict(SHAPE, rope_parameters=LLAMA3_SCALING, rms_norm_eps=1e-5, tie_word_embeddings=True),
         "llama-bpe", 14, types=("F16", "Q4_0"),
         mistakes={"no scaling": dict(rope_parameters=default_rope(500000.0)),
                    "linear scaling": dict(
                        rope_parameters=dict(rope_type="linear", rope_theta=500000.0, factor=8.0))}),
    Spec("mistral", "MistralForCausalLM",
         dict(SHAPE, head_dim=24, num_attention_heads=4, num_key_value_heads=1, sliding_window=16,
              rope_parameters=default_rope(1000000.0), rms_norm_eps=1e-5, tie_word_embeddings=False),
         "sentencepiece", 15, types=("F16", "Q4_1"), window_in_gguf=False,
         mistakes={"window": dict(sliding_window=16)}),
    Spec("qwen2", "Qwen2ForCausalLM",
         dict(SHAPE, rope_parameters=default_rope(1000000.0), rms_norm_eps=1e-6, tie_word_embeddings=False),
         "qwen2", 21, types=("F16", "Q5_1"),
         mistakes={"rope base": dict(rope_parameters=default_rope(10000.0))}),
    Spec("qwen2-tied", "Qwen2ForCausalLM",
         dict(SHAPE, num_attention_heads=2, num_key_value_heads=1, rope_parameters=default_rope(1000000.0),
              rms_norm_eps=1e-6, tie_word_embeddings=True),
         "qwen2", 22, types=("Q8_0",), drop=("head_dim",),
         mistakes={"rope base": dict(rope_parameters=default_rope(10000.0))}),
    Spec("qwen3", "Qwen3ForCausalLM",
         dict(SHAPE, rope_parameters=default_rope(1000000.0), rms_norm_eps=1e-6, tie_word_embeddings=True),
         "qwen2", 31, types=("F16", "Q5_0"),
         mistakes={"rope base": dict(rope_parameters=default_rope(10000.0))}),
    Spec("qwen3-untied", "Qwen3ForCausalLM",
         dict(SHAPE, head_dim=24, num_key_value_heads=1, rope_parameters=default_rope(1000000.0), rms_norm_eps=1e-6,
              tie_word_embeddings=False),
         "qwen2", 32, types=("Q8_0",),
         mistakes={"rope base": dict(rope_parameters=default_rope(10000.0))}),
    Spec("gemma3", "Gemma3ForCausalLM",
         dict(SHAPE, rope_parameters=gemma_rope(1000000.0, 10000.0, factor=8.0), rms_norm_eps=1e-6,
              sliding_window=16, query_pre_attn_scalar=16, tie_word_embeddings=True),
         "sentencepiece", 41, types=("F16", "Q4_0", "IQ4_NL"),
         mistakes={"window + 1": dict(sliding_window=17),
                    "window - 1": dict(sliding_window=15),
                    "pattern of 7": dict(layer_types=["sliding_attention"] * 6 + ["full_attention"]),
                    "no scaling": dict(rope_parameters=gemma_rope(1000000.0, 10000.0)),
                    "scaling of local layers": dict(rope_parameters=dict(
                        gemma_rope(1000000.0, 10000.0, factor=8.0),
                        sliding_attention=dict(rope_type="linear", rope_theta=10000.0, factor=8.0))),
                    "local base": dict(rope_parameters=gemma_rope(1000000.0, 1000000.0, factor=8.0)),
                    "scale 1/sqrt(hidden/heads)": dict(query_pre_attn_scalar=8)}),
    Spec("gemma3-local", "Gemma3ForCausalLM",
         dict(SHAPE, num_hidden_layers=12, num_key_value_heads=1, head_dim=24, intermediate_size=32,
              rope_parameters=gemma_rope(1000000.0, 300.0), rms_norm_eps=1e-6, sliding_window=20,
              query_pre_attn_scalar=24, tie_word_embeddings=True),
         "sentencepiece", 42, types=("Q8_0",),
         mistakes={"window + 1": dict(sliding_window=21),
                    "local base": dict(rope_parameters=gemma_rope(1000000.0, 10000.0))}),
    Spec("gemma3-27b", "Gemma3ForCausalLM",
         dict(hidden_size=16, intermediate_size=16, num_hidden_layers=62, num_attention_heads=2,
              num_key_value_heads=1, head_dim=16, max_position_embeddings=256,
              rope_parameters=gemma_rope(1000000.0, 10000.0, factor=8.0), rms_norm_eps=1e-6, sliding_window=16,
              query_pre_attn_scalar=8, tie_word_embeddings=True),
         "sentencepiece", 43, types=("F16",), post_norms=(0.05, 0.5),
         mistakes={"scale 1/sqrt(head size)": dict(query_pre_attn_scalar=16)}),
    Spec("llama-256", "LlamaForCausalLM",
         dict(hidden_size=256, intermediate_size=512, num_hidden_layers=1, num_attention_heads=4,
              num_key_value_heads=1, head_dim=64, max_position_embeddings=256,
              rope_parameters=default_rope(10000.0), rms_norm_eps=1e-5, tie_word_embeddings=True),
         "llama-bpe", 51, types=("Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_XS"), vocab=261),
]
