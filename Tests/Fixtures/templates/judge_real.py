"""Compares this engine with the reference over the chat templates of real models.

Those are other people's text and stay where they are: this script collects them from folders and packages at hand,
renders all conversations with the reference and writes case files for the test `RealTemplateTests`:

    python3 judge_real.py OUT [FOLDER-OF-JINJA-FILES | FILE.gguf | FILE.cpp | PYTHON-PACKAGE-FOLDER | FILE.json]...
    FARTHING_TEMPLATE_JUDGE=OUT swift test --filter RealTemplateTests

Out of C++ and Python files it takes the string literals that are templates over `messages`.
"""
import ast
import json
import pathlib
import re
import sys

from conversations import contexts
from reference import SECONDS, outcome


def from_python(path):
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield f"{path.name}:{node.lineno}", node.value


def from_cpp(path):
    text = path.read_text(encoding="utf-8")
    literal = re.compile(r'(?:\s*(?:R"(?P<tag>[^(\s]*)\((?P<raw>.*?)\)(?P=tag)"|"(?P<plain>(?:[^"\\]|\\.)*)"))+', re.S)
    piece = re.compile(r'R"([^(\s]*)\((.*?)\)\1"|"((?:[^"\\]|\\.)*)"', re.S)
    for match in literal.finditer(text):
        out = ""
        for tag, raw, plain in piece.findall(match.group()):
            if plain:
                out += ast.literal_eval('"' + plain.replace("\n", "\\n").replace("\\?", "?") + '"')
            else:
                out += raw
        yield f"{path.name}:{text.count(chr(10), 0, match.start()) + 1}", out


def from_json(value, name):
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from from_json(item, f"{name}[{index}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from from_json(item, f"{name}.{key}")


def from_gguf(path):
    from gguf import GGUFReader

    for name, field in GGUFReader(path).fields.items():
        if name.startswith("tokenizer.chat_template") and len(field.types) == 1:
            yield f"{path.name}:{name}", bytes(field.parts[field.data[0]]).decode("utf-8")


def collect(path):
    path = pathlib.Path(path)
    if path.suffix == ".gguf":
        yield from from_gguf(path)
    elif path.suffix == ".cpp":
        yield from from_cpp(path)
    elif path.suffix == ".json":
        yield from from_json(json.loads(path.read_text(encoding="utf-8")), path.name)
    elif path.suffix == ".py":
        yield from from_python(path)
    else:
        for file in sorted(path.rglob("*.jinja")):
            yield file.name, file.read_text(encoding="utf-8")
        for file in sorted(path.rglob("*.py")):
            yield from from_python(file)


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("*.json"):
        old.unlink()
    known = dict(contexts())
    (out / "contexts.json").write_text(json.dumps({"now": SECONDS, "contexts": known}))
    seen = {}
    for argument in sys.argv[2:]:
        before = len(seen)
        for name, source in collect(argument):
            if "{%" not in source or "messages" not in source or source in seen:
                continue
            seen[source] = name
        print(f"{argument}: {len(seen) - before} templates", file=sys.stderr)
    for number, (source, name) in enumerate(seen.items()):
        cases = []
        for context_name, context in known.items():
            kind, text = outcome(source, context)
            cases.append([context_name, kind, text])
        (out / f"template-{number:04d}.json").write_text(
            json.dumps({"name": name, "source": source, "cases": cases}))
    print(f"{len(seen)} templates x {len(known)} conversations", file=sys.stderr)


if __name__ == "__main__":
    main()
