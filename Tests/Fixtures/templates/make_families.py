"""Writes families.json: the templates of our own under families/ over conversations.py, as the reference renders them.

    python3 make_families.py > families.json

Equal texts are written once: a case is [template, context, outcome, index into texts]. Variables that a template
does not mention are left alone, and most conversations come with the generation prompt only: the file stays small, and
`judge_real.py` takes all combinations.
"""
import json
import pathlib

from conversations import contexts
from reference import SECONDS, outcome


def tells(source, context_name):
    conversation, tools, extra, prompt = context_name.split("/")
    if tools != "-" and "tools" not in source:
        return False
    if extra in ("think", "no-think") and "enable_thinking" not in source:
        return False
    if extra == "more" and not any(word in source for word in ("documents", "controls", "effort", "date_string")):
        return False
    if extra == "more" and conversation in ("system-turns", "thought", "thought-call", "long"):
        return False
    if tools != "-" and conversation not in ("user", "system", "call-result", "two-calls", "thought-call"):
        return False
    return prompt == "prompt" or conversation in ("turns", "answered", "call-answer", "thought")


def main():
    sources = {path.stem: path.read_text(encoding="utf-8") for path in sorted(pathlib.Path("families").glob("*.jinja"))}
    known = {name: context for name, context in contexts()
             if any(tells(source, name) for source in sources.values())}
    texts, cases = {}, []
    for name, source in sources.items():
        for context_name, context in known.items():
            if not tells(source, context_name):
                continue
            kind, text = outcome(source, context)
            index = texts.setdefault(text if kind in ("out", "raised") else "", len(texts))
            cases.append([name, context_name, kind, index])
    print('{"now": %d,\n"contexts": %s,\n"texts": [' % (SECONDS, json.dumps(known, ensure_ascii=False)))
    print(",\n".join(json.dumps(text, ensure_ascii=False) for text in texts))
    print('],\n"cases": [')
    print(",\n".join(json.dumps(case) for case in cases))
    print("]}")


if __name__ == "__main__":
    main()
