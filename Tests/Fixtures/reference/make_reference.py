"""Golden data of transformers for SmolLM2-135M-Instruct from its GGUF file: logits, greedy continuations, perplexity.

    make_reference.py --model SmolLM2-135M-Instruct.Q4_1.gguf --text wikitext-2-test.txt --out FOLDER [--full FOLDER]

The judge loads the GGUF itself (gguf_file=), in F32, with eager attention. Files, all little-endian; smollm2.json holds
the shapes, the settings and the versions:

    smollm2.ids.u16         ids of the text's first 40 chunks of 512; the first 200 are the positions judged
    smollm2.columns.f32     [200, columns]: logits of every STRIDE-th vocabulary entry
    smollm2.top.ids.i32     [200, 16]: ids of the sixteen largest logits, largest first
    smollm2.top.f32         [200, 16]: their logits
    smollm2.logsumexp.f64   [200]: log of the sum of exponentials over the vocabulary
    smollm2.chunks.f64      [40]: summed negative log-likelihood of each chunk (255 tokens)
    smollm2.greedy.json     conversations, rendered text, ids, 128 greedy ids, gap between the two largest logits

Greedy decoding goes on past the end of the turn, as under --ignore-eos. --full also writes all logits of the 200
positions, smollm2_logits_200.f32 with a .json beside it: 39 MB, not for the repository.
"""

import argparse
import hashlib
import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
import transformers
from tokenizers import pre_tokenizers

from prompts import CONVERSATIONS

POSITIONS, STRIDE, TOP = 200, 191, 16
CHUNK, CHUNKS = 512, 40
NEW_TOKENS = 128


def load(path: Path):
    place = dict(pretrained_model_name_or_path=str(path.parent), gguf_file=path.name)
    tokenizer = transformers.AutoTokenizer.from_pretrained(**place)
    # From a GGUF transformers takes GPT-2's split for every byte-level vocabulary. The file says "smollm", whose
    # published tokenizer takes digits apart first.
    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    model = transformers.AutoModelForCausalLM.from_pretrained(
        **place, dtype=torch.float32, attn_implementation="eager").eval()
    return tokenizer, model


def logits_of(model, ids) -> torch.Tensor:
    """[positions, vocab] of one pass without a cache."""
    return model(input_ids=torch.tensor([list(ids)]), use_cache=False).logits[0]


def text_ids(tokenizer, path: Path):
    """Ids of the text less one trailing newline; control tokens in it are plain text."""
    text = path.read_bytes().decode()
    text = text.removesuffix("\n")
    return tokenizer(text, add_special_tokens=False, split_special_tokens=True).input_ids


def write_logits(options, model, ids, summary):
    logits = logits_of(model, ids[:POSITIONS])
    double = logits_of(model.to(torch.float64), ids[:POSITIONS])
    model.to(torch.float32)
    noise = (double - logits.double()).abs().max().item()
    top = logits.topk(TOP, dim=1)
    columns = torch.arange(0, logits.shape[1], STRIDE)
    save(options.out / "smollm2.columns.f32", logits[:, columns], "<f4")
    save(options.out / "smollm2.top.ids.i32", top.indices, "<i4")
    save(options.out / "smollm2.top.f32", top.values, "<f4")
    save(options.out / "smollm2.logsumexp.f64", double.logsumexp(dim=1), "<f8")
    summary["logits"] = dict(positions=POSITIONS, vocab=logits.shape[1], stride=STRIDE, columns=len(columns), top=TOP,
                             f32_against_f64=float(f"{noise:.3g}"))
    if options.full:
        options.full.mkdir(parents=True, exist_ok=True)
        save(options.full / "smollm2_logits_200.f32", logits, "<f4")
        (options.full / "smollm2_logits_200.json").write_text(json.dumps(
            dict(positions=POSITIONS, vocab=logits.shape[1], ids=ids[:POSITIONS])))
    print("logits:", summary["logits"], flush=True)


def save(path: Path, values, kind: str):
    np.ascontiguousarray(values.numpy()).astype(kind).tofile(path)


def greedy(model, prompt):
    """128 ids with a cache, and for each the gap between the two largest logits, checked by one pass without it."""
    ids, cache, step = list(prompt), None, torch.tensor([prompt])
    for _ in range(NEW_TOKENS):
        out = model(input_ids=step, past_key_values=cache, use_cache=True)
        cache = out.past_key_values
        ids.append(int(out.logits[0, -1].argmax()))
        step = torch.tensor([[ids[-1]]])
    whole = logits_of(model, ids[:-1])[len(prompt) - 1:]
    best = whole.topk(2, dim=1)
    gaps = (best.values[:, 0] - best.values[:, 1]).tolist()
    for made, judged, gap in zip(ids[len(prompt):], best.indices[:, 0].tolist(), gaps, strict=True):
        assert made == judged or gap < 1e-3, (made, judged, gap)
    return ids[len(prompt):], [float(f"{g:.5g}") for g in gaps]


def write_greedy(options, tokenizer, model, summary):
    conversations = []
    for messages in CONVERSATIONS:
        text = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        prompt = tokenizer(text, add_special_tokens=False).input_ids
        ids, gaps = greedy(model, prompt)
        conversations.append(dict(messages=messages, rendered=text, prompt=prompt, greedy=ids, gaps=gaps,
                                  text=tokenizer.decode(ids)))
        print(f"greedy {len(conversations)}: {len(prompt)} ids, smallest gap {min(gaps):.4f}", flush=True)
    lines = ",\n ".join(json.dumps(c, ensure_ascii=False) for c in conversations)
    (options.out / "smollm2.greedy.json").write_text("[\n " + lines + "\n]\n")
    gaps = [g for c in conversations for g in c["gaps"]]
    summary["greedy"] = dict(conversations=len(conversations), tokens=NEW_TOKENS,
                             steps_with_gap_below_0_01=sum(g < 0.01 for g in gaps))


def write_perplexity(options, model, ids, summary):
    """Logits CHUNK/2 to CHUNK-2 of each chunk against the tokens that follow them."""
    losses = []
    for chunk in range(CHUNKS):
        part = ids[chunk * CHUNK:(chunk + 1) * CHUNK]
        scored = logits_of(model, part)[CHUNK // 2:-1].double().log_softmax(dim=1)
        target = torch.tensor(part[CHUNK // 2 + 1:])
        losses.append(-scored.gather(1, target[:, None])[:, 0])
    sums = torch.stack([chunk.sum() for chunk in losses])
    save(options.out / "smollm2.chunks.f64", sums, "<f8")
    losses = torch.cat(losses)
    count, mean = len(losses), losses.mean().item()
    variance = (losses * losses).mean().item() - mean * mean
    perplexity = float(np.exp(mean))
    summary["perplexity"] = dict(chunks=CHUNKS, context=CHUNK, tokens=count, nll=mean, perplexity=perplexity,
                                 standard_error=perplexity * float(np.sqrt(variance / (count - 1))))
    print("perplexity:", summary["perplexity"], flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, type=Path)
    parser.add_argument("--text", required=True, type=Path)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--full", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    tokenizer, model = load(options.model)
    ids = text_ids(tokenizer, options.text)
    summary = dict(judge="transformers, gguf_file=, F32, eager attention", model=options.model.name,
                   model_sha256=hashlib.sha256(options.model.read_bytes()).hexdigest(),
                   text=options.text.name, text_sha256=hashlib.sha256(options.text.read_bytes()).hexdigest(),
                   text_ids=len(ids),
                   versions={p: version(p) for p in ("transformers", "torch", "tokenizers", "gguf", "numpy")})
    np.array(ids[:CHUNK * CHUNKS]).astype("<u2").tofile(options.out / "smollm2.ids.u16")
    with torch.inference_mode():
        write_logits(options, model, ids, summary)
        write_perplexity(options, model, ids, summary)
        write_greedy(options, tokenizer, model, summary)
    (options.out / "smollm2.json").write_text(json.dumps(summary, indent=1) + "\n")


if __name__ == "__main__":
    main()
