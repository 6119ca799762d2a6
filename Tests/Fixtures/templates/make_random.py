"""Writes random.json: expressions and statements drawn from a grammar, and what the reference makes of each.

    python3 make_random.py [SEED] [COUNT] > random.json

Entries are as in expressions.json, over the same context.
"""
import json
import random
import sys

from make_expressions import CONTEXT
from reference import SECONDS, outcome

NAMES = ["a", "b", "neg", "f", "t", "n", "s", "e", "sp", "u", "q", "lst", "words", "empty", "mixed", "nested", "d", "ed",
         "dd", "objs", "nums", "multi", "messages", "missing", "html"]
STRINGS = ["''", "'a'", "'b c'", "\"x\"", "'é'", "'l'", "', '", "'\\n'", "'0'", "'12'", "'A-b'", "' p '", "'\U0001F600'"]
NUMBERS = ["0", "1", "2", "3", "7", "-1", "1.5", "0.1", "10", "2.0", "100"]
FILTERS = ["upper", "lower", "title", "capitalize", "trim", "length", "list", "first", "last", "join", "join(', ')",
           "string", "int", "float", "abs", "round", "round(1)", "sort", "sort(reverse=true)", "unique|list", "reverse|list",
           "min", "max", "sum", "tojson", "tojson(indent=2)", "items|list", "dictsort", "default('D')",
           "default('D', true)", "replace('a', 'Z')", "replace('l', '')", "map('upper')|list", "map('string')|join('+')",
           "map(attribute='name')|list", "map(attribute='x', default=0)|list", "select|list", "reject|list",
           "select('string')|list", "select('number')|list", "reject('none')|list", "selectattr('n')|list",
           "selectattr('role', 'equalto', 'user')|list", "batch(2)|list", "indent(2)", "escape", "safe", "count",
           "map('length')|list", "map('first')|list", "map('default', '?', true)|join(',')", "sort(attribute='n')"]
TESTS = ["defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "true", "false", "mapping",
         "sequence", "iterable", "odd", "even", "lower", "upper", "callable", "divisibleby 2", "eq 1", "in [1, 'a', none]",
         "sameas true", "gt 1", "in 'abc'", "ne 'a'"]
METHODS = ["upper()", "lower()", "title()", "capitalize()", "strip()", "lstrip('a ')", "rstrip('x')", "split()",
           "split(' ')", "split('l', 1)", "rsplit('o', 1)", "splitlines()", "replace('a', 'b')", "startswith('a')",
           "endswith('c')", "find('l')", "rfind('o')", "count('l')", "isdigit()", "isalpha()", "isupper()", "islower()",
           "items()", "keys()|list", "values()|list", "get('x')", "get('q', 9)", "index(1)", "join(['p', 'q'])", "zfill(6)",
           "partition('l')", "swapcase()", "istitle()", "center(9, '*')", "removeprefix('H')", "x", "y", "name", "k.v"]
SLICES = ["[0]", "[-1]", "[1:]", "[:-1]", "[::-1]", "[1:3]", "[::2]", "['x']", "['k']", "[5]", "[-2:]", "[:2][0]", "[none:1]"]
BINARY = ["+", "-", "*", "/", "//", "%", "~", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or"]


class Grammar:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def pick(self, options):
        return self.random.choice(options)

    def expression(self, depth):
        if depth <= 0:
            return self.pick([self.pick(NAMES), self.pick(STRINGS), self.pick(NUMBERS), self.pick(["true", "false", "none"])])
        kind = self.random.randrange(14)
        inner = lambda: self.expression(depth - 1 - self.random.randrange(2))
        if kind < 3:
            return f"({inner()} {self.pick(BINARY)} {inner()})"
        if kind == 3:
            return f"{inner()}|{self.pick(FILTERS)}"
        if kind == 4:
            return f"({inner()})|{self.pick(FILTERS)}|{self.pick(FILTERS)}"
        if kind == 5:
            return f"({inner()}).{self.pick(METHODS)}"
        if kind == 6:
            # Of names only: Jinja folds constants when it reads a template, and a slice of a constant that cannot be
            # sliced is then undefined instead of an error.
            return f"{self.pick(NAMES)}{self.pick(SLICES)}"
        if kind == 7:
            return f"({inner()} is {self.pick(['', 'not '])}{self.pick(TESTS)})"
        if kind == 8:
            return f"({inner()} if {inner()} else {inner()})"
        if kind == 9:
            return "[" + ", ".join(inner() for _ in range(self.random.randrange(4))) + "]"
        if kind == 10:
            return "{" + ", ".join(f"{self.pick(STRINGS + NUMBERS)}: {inner()}" for _ in range(self.random.randrange(3))) + "}"
        if kind == 11:
            return f"(not {inner()})"
        if kind == 12:
            return f"({inner()},)" if self.random.random() < 0.3 else f"({inner()}, {inner()})"
        return f"{self.pick(NAMES)}.{self.pick(METHODS)}"

    def statement(self, depth):
        sign = lambda: self.pick(["", "", "-", "+"])
        space = self.pick(["", " ", "\n", "\n  ", "  \n\n", "x", "é\n"])
        tag = lambda text: "{%" + sign() + " " + text + " " + sign() + "%}"
        kind = self.random.randrange(9) if depth > 0 else 0
        if kind <= 1:
            opened = self.pick(["", "-"])
            return space + "{{" + opened + " " + self.expression(2) + " " + self.pick(["", "-"]) + "}}" + space
        body = lambda: "".join(self.statement(depth - 1) for _ in range(1 + self.random.randrange(2)))
        if kind == 2:
            return tag(f"if {self.expression(1)}") + body() + tag("else") + body() + tag("endif")
        if kind == 3:
            extra = self.pick(["", "{{ loop.index }}", "{{ loop.last }}", "{{ loop.length }}", "{{ loop.previtem }}"])
            test = self.pick(["", "", f" if {self.expression(1)}"])
            name = self.pick(["a", "b", "x", "s"])
            return tag(f"for {name} in {self.expression(1)}{test}") + extra + body() + tag("endfor")
        if kind == 4:
            return space + tag(f"set {self.pick(['a', 'b', 'x', 's'])} = {self.expression(2)}") + space
        if kind == 5:
            return tag(f"set {self.pick(['a', 'b', 'x'])}") + body() + tag("endset") + "{{ x }}"
        if kind == 6:
            name = self.pick(["m", "g"])
            return tag(f"macro {name}(a, x={self.expression(1)})") + body() + tag("endmacro") + "{{ " + name + "(" + self.expression(1) + ") }}"
        if kind == 7:
            return tag(f"filter {self.pick(['upper', 'trim', 'string', 'tojson'])}") + body() + tag("endfilter")
        return space + "{#" + sign() + " c " + sign() + "#}" + tag(f"with a = {self.expression(1)}") + body() + tag("endwith")


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 20260726
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1600
    grammar = Grammar(seed)
    table, kinds = [], {}
    while len(table) < count:
        source = "{{ " + grammar.expression(3) + " }}" if grammar.random.random() < 0.7 else grammar.statement(3)
        kind, text = outcome(source, CONTEXT)
        # Left out: addresses of objects, numbers beyond 64 bits, and more failures than are worth their space.
        if " at 0x" in text or len(text) > 400 or any(len(word) > 17 and word.isdigit() for word in text.replace(".", " ").split()):
            continue
        if kind != "out" and kinds.get(kind, 0) > count // 5:
            continue
        kinds[kind] = kinds.get(kind, 0) + 1
        table.append([source, kind, text if kind in ("out", "raised") else ""])
    print('{"now": %d, "seed": %d, "context": %s,\n"cases": [' % (SECONDS, seed, json.dumps(CONTEXT)))
    print(",\n".join(json.dumps(row, ensure_ascii=True) for row in table))
    print("]}")


if __name__ == "__main__":
    main()
