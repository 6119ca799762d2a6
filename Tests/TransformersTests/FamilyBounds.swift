/// How far the integer path is from the reference path on each fixture: mean KL divergence in nats, and at how many
/// positions at least the likeliest token is the same.
///
/// The bounds are what was measured in the worst of the instruction sets baseline, avx2 and avx512vnni, and a tenth more;
/// of disagreements two more, since a near tie may fall either way when a sum is made in another order. These models
/// are random and small, so that 8-bit activations move them more than any real model.
enum FamilyBounds {
  static let positions = 256
  static let all: [String: (divergence: Double, agreements: Int)] = [
    "llama F32": (7.2e-6, 254),
    "llama F16": (6.6e-6, 254),
    "llama BF16": (8.0e-6, 252),
    "llama Q4_0": (2.3e-2, 219),
    "llama Q4_1": (2.4e-2, 202),
    "llama Q5_0": (2.1e-2, 212),
    "llama Q5_1": (2.2e-2, 216),
    "llama Q8_0": (2.3e-2, 210),
    "llama IQ4_NL": (3.6e-2, 218),
    "llama-old Q8_0": (2.6e-2, 219),
    "llama-narrow F32": (6.6e-6, 252),
    "llama-linear Q8_0": (6.6e-3, 228),
    "llama3 F16": (6.9e-6, 254),
    "llama3 Q4_0": (2.2e-2, 221),
    "mistral F16": (4.3e-6, 254),
    "mistral Q4_1": (1.4e-2, 225),
    "qwen2 F16": (1.6e-6, 254),
    "qwen2 Q5_1": (4.0e-3, 229),
    "qwen2-tied Q8_0": (6.0e-3, 230),
    "qwen3 F16": (4.5e-6, 254),
    "qwen3 Q5_0": (9.4e-3, 232),
    "qwen3-untied Q8_0": (4.7e-3, 237),
    "gemma3 F16": (1.4e-6, 254),
    "gemma3 Q4_0": (3.8e-3, 227),
    "gemma3 IQ4_NL": (5.4e-3, 235),
    "gemma3-local Q8_0": (2.7e-2, 214),
    "gemma3-27b F16": (1.1e-4, 252),
    "llama-256 Q2_K": (7.6e-3, 233),
    "llama-256 Q3_K": (5.7e-3, 239),
    "llama-256 Q4_K": (7.0e-3, 241),
    "llama-256 Q5_K": (6.3e-3, 243),
    "llama-256 Q6_K": (8.0e-3, 249),
    "llama-256 IQ4_XS": (6.4e-3, 238),
  ]
}
