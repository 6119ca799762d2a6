/// Small valid `tokenizer.json` files that between them have every part.
public enum TokenizerFiles {
  /// Byte-level, with every part.
  public static let byteLevel = #"""
    {"version": "1.0", "truncation": null, "padding": null,
     "added_tokens": [
       {"id": 0, "content": "<s>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true},
       {"id": 9, "content": "<tool>", "single_word": true, "lstrip": true, "rstrip": true, "normalized": true, "special": false}],
     "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}]},
     "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
       {"type": "Split", "pattern": {"Regex": "\\p{N}{1,3}"}, "behavior": "Isolated", "invert": false},
       {"type": "Digits", "individual_digits": true},
       {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}]},
     "post_processor": {"type": "Sequence", "processors": [{"type": "ByteLevel"},
       {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [], "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}}}]},
     "decoder": {"type": "ByteLevel"},
     "model": {"type": "BPE", "dropout": null, "unk_token": "<s>", "continuing_subword_prefix": null,
       "end_of_word_suffix": "", "fuse_unk": true, "byte_fallback": false, "ignore_merges": true,
       "vocab": {"<s>": 0, "a": 1, "b": 2, "c": 3, "ab": 4, "Ġ": 5, "Ġa": 6, "abc": 7, "Ġab": 8},
       "merges": ["a b", ["Ġ", "a"], "ab c"]}}
    """#

  public static let spaced = #"""
    {"added_tokens": [
       {"id": 0, "content": "<unk>", "special": true}, {"id": 1, "content": "<s>", "special": true, "rstrip": true},
       {"id": 2, "content": "ab", "special": false, "normalized": true, "single_word": true}],
     "normalizer": {"type": "Sequence", "normalizers": [
       {"type": "NFKC"}, {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
     "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": true},
     "post_processor": {"type": "RobertaProcessing", "sep": ["<unk>", 0], "cls": ["<s>", 1], "trim_offsets": true, "add_prefix_space": true},
     "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
       {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
     "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": false, "byte_fallback": true, "ignore_merges": false,
       "vocab": {"<unk>": 0, "<s>": 1, "ab": 2, "▁": 3, "a": 4, "b": 5, "▁a": 6, "<0xFF>": 7, "<0x0A>": 8, "▁ab": 9},
       "merges": [["▁", "a"], ["a", "b"], ["▁a", "b"]]}}
    """#

  public static let config = #"""
    {"bos_token": {"content": "<s>", "lstrip": false}, "eos_token": "b", "unk_token": null, "pad_token": "nowhere",
     "add_bos_token": true, "chat_template": [{"name": "tool_use", "template": "x"}, {"name": "default", "template": "y"}]}
    """#
}
