"""Writes expressions.json: small templates over one context, and what the reference makes of each.

    python3 make_expressions.py > expressions.json

An entry is [template, outcome, text]. Outcomes: "out" with the rendered text; "parse" and "render" where the
reference fails at that stage; "raised" with the message of `raise_exception`.
"""
import json

from reference import SECONDS, outcome

CONTEXT = {
    "a": 1, "b": 2, "neg": -7, "big": 9007199254740993, "f": 2.5, "t": True, "n": None,
    "s": "Hello, World", "e": "", "sp": "  padded\t\n", "u": "Grüße, \u4e16\u754c \U0001f600 e\u0301",
    "q": "it's", "qq": "say \"hi\"", "both": "'\"", "html": "<a href='x'>&</a>", "ctl": "a\x00\x1f\x7f\x85\u200b\u00a0z",
    "lst": [3, 1, 2], "words": ["banana", "Apple", "cherry", "apple"], "empty": [], "mixed": [1, "a", None, True, 2.5],
    "nested": [[1, 2], [3, [4, 5]]],
    "d": {"x": 1, "y": "two", "z": None}, "ed": {}, "dd": {"k": {"v": [1, {"w": "deep"}]}, "items": "an item", "2": "s"},
    "objs": [{"name": "b", "n": 2, "on": True}, {"name": "A", "n": 1, "on": False}, {"name": "c", "n": 3}],
    "nums": [1, 2.0, True, -3], "floats": [0.1, 1e16, 1e15, 123456789.125, 1e-4, 1e-5, -0.0, 5e-324, 1.7976931348623157e308],
    "multi": "one\ntwo\r\nthree\n\nfive",
    "messages": [
        {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello!", "tool_calls": [
            {"type": "function", "function": {"name": "f", "arguments": {"p": 1, "q": ["ü", 2.0]}}}]},
    ],
}

# Expressions, each put between `{{` and `}}`. A broken bar separates them, since a bar is the filter operator.
OUTPUT = """
1 ¦ 1.0 ¦ -1 ¦ +1 ¦ 1_000 ¦ 0x1F ¦ 0b101 ¦ 0o17 ¦ 1e3 ¦ 1.5e-3 ¦ 1E5 ¦ 2. ¦ .5 ¦ 007 ¦ 00 ¦ 0_0 ¦ 1__0 ¦ 12abc ¦ 1.2.3
true ¦ True ¦ TRUE ¦ none ¦ None ¦ null ¦ false
'a' 'b' ¦ 'a' "b" 'c' ¦ "tab\\there" ¦ 'new\\nline' ¦ 'q\\'q' ¦ "\\u00e9\\x41\\101\\0" ¦ '\\U0001F600' ¦ '\\q\\é' ¦ '\\ud800' ¦ '\\x4' ¦ '\\N{BULLET}'
a ¦ missing ¦ missing.x ¦ missing['x'] ¦ n.x ¦ n['x'] ¦ a.x ¦ s.x ¦ d.x ¦ d.missing ¦ d['x'] ¦ d['missing'] ¦ dd.k.v[1].w ¦ dd['k']['v'][0] ¦ dd.items ¦ dd['items'] ¦ dd.2 ¦ dd[2]
d.keys ¦ lst.0 ¦ lst[0] ¦ lst[-1] ¦ lst[3] ¦ lst[-4] ¦ lst['0'] ¦ lst[1.0] ¦ lst[true] ¦ s[0] ¦ s[-1] ¦ s[99] ¦ u[1] ¦ u[8] ¦ u[-1] ¦ u[-2] ¦ missing[0] ¦ lst[missing]
d[none] ¦ d[[1]] ¦ {1:'a'}[true] ¦ {1:'a'}[1.0] ¦ {(1,2):'t'}[(1,2)] ¦ {none:1} ¦ {[1]:2} ¦ {'a':1,'a':2} ¦ {1:1,true:2,1.0:3}
lst[:2] ¦ lst[1:] ¦ lst[::-1] ¦ lst[::2] ¦ lst[-2:] ¦ lst[:-1] ¦ lst[5:] ¦ lst[-9:9] ¦ lst[2:0:-1] ¦ lst[::0] ¦ lst[1:'a'] ¦ lst[none:2] ¦ lst[true:]
s[:5] ¦ s[-5:] ¦ s[::-1] ¦ s[1:8:2] ¦ u[7:9] ¦ u[::-1] ¦ u[:6] ¦ u[-1:] ¦ u[2:-2:3] ¦ e[:1] ¦ d[:1] ¦ n[:1] ¦ missing[:1] ¦ (1,2,3)[1:] ¦ range(10)[2:8:2] ¦ range(10)[::-1] ¦ range(5)[1] ¦ range(5)[9]
a + b ¦ a - b ¦ a * b ¦ a / b ¦ 7 // 2 ¦ neg // 2 ¦ neg % 3 ¦ 7 % -3 ¦ -7 // -2 ¦ 7.5 // 2 ¦ -7.5 // 2 ¦ 7.5 % 2 ¦ -7.5 % 2 ¦ 7.5 % -2 ¦ 2 ** 10 ¦ 2 ** -1 ¦ 2.0 ** 3 ¦ (-8) ** 2 ¦ -2 ** 2 ¦ 2 ** 3 ** 2 ¦ 2 ** 0.5 ¦ 0 ** 0
1/0 ¦ 1//0 ¦ 1%0 ¦ 1.0/0 ¦ 1.0//0 ¦ 1.0%0 ¦ 0.0 ** -1 ¦ (-1) ** 0.5 ¦ 10.0 ** 400 ¦ 1 / 3 ¦ 4 / 2 ¦ 1e300 * 1e10 ¦ -0.0 ¦ 0.0 ¦ 0.1 + 0.2 ¦ 1 - 0.9 ¦ a + f ¦ t + t ¦ t + 1 ¦ -t ¦ +t ¦ -'a' ¦ -n ¦ not a ¦ not e ¦ not missing
9223372036854775807 ¦ 9223372036854775807 - 1 ¦ big ¦ big + 1 ¦ big == 9007199254740993.0 ¦ big > 9007199254740992.0
'a' + 'b' ¦ 'a' + 1 ¦ 1 + 'a' ¦ 'a' * 3 ¦ 3 * 'ab' ¦ 'a' * -1 ¦ 'a' * 2.0 ¦ [1] + [2] ¦ (1,) + (2,) ¦ [1] + (2,) ¦ [1,2] * 2 ¦ 2 * [0] ¦ (1,2) * 2 ¦ [1] - [1] ¦ 'a' - 'b' ¦ n + 1 ¦ missing + 1 ¦ 1 + missing ¦ 'a' + missing ¦ missing ~ 'a' ¦ lst + missing
'a' ~ 1 ~ none ~ true ~ 2.0 ~ lst ~ d ¦ 1 ~ 2 + 3 ¦ 1 + 2 ~ 3 ¦ 'x' ~ missing ~ 'y' ¦ a ~ b * 2
1 < 2 ¦ 1 < 2 < 3 ¦ 1 < 3 < 2 ¦ 1 == 1.0 ¦ 1 == true ¦ 'a' == 'a' ¦ 'a' != 'b' ¦ [1] == [1.0] ¦ (1,) == [1] ¦ {'a':1} == {'a':true} ¦ {'a':1,'b':2} == {'b':2,'a':1} ¦ n == none ¦ n == false ¦ missing == missing2 ¦ missing == none ¦ missing != 1 ¦ '1' == 1
'a' < 'b' ¦ 'B' < 'a' ¦ 'é' > 'z' ¦ 'a' < 1 ¦ [1,2] < [1,3] ¦ [1] < [1,0] ¦ (1,'a') < (1,'b') ¦ n < 1 ¦ missing < 1 ¦ 1 <= 1.0 ¦ 2 >= 3 ¦ true > false ¦ d < d ¦ '' < 'a' ¦ 1 in lst ¦ 4 not in lst ¦ 'a' in 'cat' ¦ '' in '' ¦ 1 in 'a' ¦ 'x' in d ¦ 'q' not in d ¦ 1 in missing ¦ 1 in n ¦ 1 in 5 ¦ 'a' in words ¦ (1,2) in [(1,2)] ¦ true in [1] ¦ missing in lst ¦ lst in [[3,1,2]] ¦ 2 in range(3) ¦ 2.0 in range(3) ¦ [1] in d
a and b ¦ a and e ¦ e or 'x' ¦ e or missing ¦ missing or 'z' ¦ n and 1 ¦ not a and b ¦ not (a and e) ¦ a or 1/0 ¦ e and 1/0 ¦ a == 1 and b == 2 or false ¦ not not a ¦ 1 and 2 and 3 ¦ 0 or '' or none
1 if true ¦ 1 if false ¦ 1 if a else 2 ¦ 1 if e else 2 if n else 3 ¦ (1 if false) is defined ¦ 'x' if a == 1 and b ¦ ('a' if true else 'b') ~ 'c' ¦ 1 if missing else 'm' ¦ (1 if false).x
[] ¦ [1,] ¦ [1,2,] ¦ (1,) ¦ () ¦ (1,2) ¦ 1,2 ¦ 1, ¦ {} ¦ {'a':1,} ¦ {'a': 1, 'b': [1, (2,)]} ¦ [[]] ¦ [none, true, 1.0, 'x'] ¦ {1: 2, none: 3, true: 4} ¦ [missing] ¦ {'m': missing} ¦ nested ¦ mixed ¦ d ¦ dd ¦ objs
[q] ¦ [qq] ¦ [both] ¦ [ctl] ¦ [u] ¦ ['\\n\\t\\r\\\\'] ¦ ['\\x1b\\u2028\\U000e0001'] ¦ [sp] ¦ {'k': q} ¦ q ¦ ctl
floats ¦ floats[0] ¦ floats[1] ¦ floats[2] ¦ [1e22, 1e21, 123456789012345680.0, 1.5e-7, 100.0, 1e2] ¦ 1e400 ¦ 3.0 ¦ 3.10 ¦ 0.1 ¦ 12345678.9 ¦ [2.5e-310]
s.upper() ¦ s.lower() ¦ s.title() ¦ s.capitalize() ¦ s.swapcase() ¦ u.upper() ¦ u.title() ¦ 'ß'.upper() ¦ 'ßa'.title() ¦ 'ǆ'.title() ¦ 'ΑΣ'.lower() ¦ 'ΑΣ Σ ΣΑ'.lower() ¦ 'İ'.lower() ¦ 'ŉ'.upper() ¦ "they're bill's".title() ¦ 'hELLO wORLD'.capitalize() ¦ 'ﬁn'.capitalize()
sp.strip() ¦ sp.lstrip() ¦ sp.rstrip() ¦ 'xxaxx'.strip('x') ¦ 'abcba'.strip('ab') ¦ 'abc'.strip('') ¦ 'abc'.strip(none) ¦ '\\u3000\\x1ca\\x85'.strip() ¦ 'éaé'.strip('é') ¦ 'abc'.lstrip('ab') ¦ 'abc'.rstrip('bc') ¦ 'a'.strip(1) ¦ '  '.strip() ¦ 'a'.strip('a')
s.split() ¦ s.split(',') ¦ s.split(', ') ¦ 'a,b,c'.split(',', 1) ¦ 'a,b,c'.split(',', maxsplit=1) ¦ 'a,b,c'.split(sep=',') ¦ 'a b  c '.split() ¦ 'a b c'.split(none, 1) ¦ ' a b c '.split(maxsplit=1) ¦ ''.split() ¦ ''.split(',') ¦ 'a'.split('') ¦ 'aXbXc'.rsplit('X', 1) ¦ 'a b c'.rsplit(none, 1) ¦ 'a b c'.rsplit() ¦ '</think>x</think>y'.split('</think>')[-1] ¦ 'aaa'.split('aa') ¦ 'aaa'.rsplit('aa') ¦ 'a,b'.split(',', 0) ¦ 'a\\u2003b'.split() ¦ 'x'.split(',', -1)
multi.splitlines() ¦ multi.splitlines(true) ¦ multi.splitlines(keepends=true) ¦ ''.splitlines() ¦ 'a\\u2028b\\x1cc'.splitlines() ¦ '\\n'.splitlines() ¦ 'a=b=c'.partition('=') ¦ 'a=b=c'.rpartition('=') ¦ 'abc'.partition('=') ¦ 'abc'.rpartition('=') ¦ 'a'.partition('')
s.startswith('Hell') ¦ s.startswith('hell') ¦ s.endswith('World') ¦ s.startswith(('x','H')) ¦ s.endswith(('x',)) ¦ s.startswith('') ¦ s.startswith(1) ¦ s.startswith(['H']) ¦ s.startswith('ello', 1) ¦ s.endswith('Hell', 0, 4) ¦ ''.startswith('a') ¦ s.removeprefix('Hello') ¦ s.removesuffix('World') ¦ s.removeprefix('x') ¦ u.endswith('\\u0301') ¦ 'é' == 'e\\u0301' ¦ 'é' in u
s.replace('l', 'L') ¦ s.replace('l', 'L', 2) ¦ s.replace('', '-') ¦ 'ab'.replace('', '-', 2) ¦ 'aaa'.replace('aa', 'b') ¦ s.replace('x', 'y') ¦ s.replace('l', '') ¦ 'é'.replace('', '.') ¦ ''.replace('', 'x') ¦ ''.replace('', 'x', 0) ¦ s.replace('l') ¦ s.replace(1, 2) ¦ s.replace('l','L',-1)
','.join(['a','b']) ¦ ','.join('abc') ¦ ','.join([1]) ¦ ''.join([]) ¦ ', '.join(d) ¦ 'é'.join(('a','b')) ¦ s.find('o') ¦ s.find('zz') ¦ s.rfind('o') ¦ s.find('o', 5) ¦ s.find('o', 5, 6) ¦ s.index('W') ¦ s.index('zz') ¦ s.rindex('l') ¦ s.count('l') ¦ s.count('') ¦ u.find('界') ¦ u.rfind('e') ¦ 'aaaa'.count('aa') ¦ s.find('') ¦ s.rfind('') ¦ 'abc'.find('', 9) ¦ 'abc'.count('a', 1)
'abc'.isalpha() ¦ 'ab1'.isalpha() ¦ '123'.isdigit() ¦ '²'.isdigit() ¦ '²'.isdecimal() ¦ '½'.isnumeric() ¦ '½'.isdigit() ¦ 'a1'.isalnum() ¦ ' \\t'.isspace() ¦ ''.isspace() ¦ 'ABC'.isupper() ¦ 'aBC'.isupper() ¦ 'abc'.islower() ¦ 'a1'.islower() ¦ '1'.islower() ¦ 'Hello World'.istitle() ¦ 'Hello world'.istitle() ¦ 'abc'.isascii() ¦ 'é'.isascii() ¦ ''.isascii() ¦ 'a_1'.isidentifier() ¦ '1a'.isidentifier() ¦ 'ª'.isalpha() ¦ 'Ⅷ'.isnumeric() ¦ 'ǅ'.isupper() ¦ 'ª'.islower()
'42'.zfill(5) ¦ '-42'.zfill(5) ¦ '+4'.zfill(4) ¦ 'abc'.zfill(2) ¦ 'ab'.ljust(4) ~ '|' ¦ 'ab'.rjust(4, '.') ¦ 'ab'.center(5, '*') ¦ 'abc'.center(6, '*') ¦ 'abc'.center(8,'*') ¦ 'ab'.ljust(4, 'xy') ¦ 'é'.rjust(3,'ü')
'{} {}'.format(1, 'a') ¦ '{1} {0}'.format(1, 2) ¦ '{x}'.format(x=3) ¦ '{{}}'.format() ¦ '{:>5}|{:<5}|{:^5}'.format(1,2,3) ¦ '{:05d}'.format(42) ¦ '{:.2f}'.format(3.14159) ¦ '{!r}'.format('a') ¦ '{0.x}'.format(d) ¦ '{0[x]}'.format(d) ¦ '{[0]}'.format(lst) ¦ '{:,}'.format(1234567) ¦ '{:x}'.format(255) ¦ '{:#x}'.format(255) ¦ '{}'.format() ¦ '{0} {}'.format(1,2) ¦ '{'.format() ¦ '}'.format() ¦ '{:+d}'.format(5) ¦ '{:e}'.format(12345.678) ¦ '{:.3g}'.format(1234.5) ¦ '{:%}'.format(0.25) ¦ '{:10.3}|'.format('abcdef') ¦ '{:*^9}'.format('mid') ¦ '{:b}'.format(5) ¦ '{:d}'.format(1.5) ¦ '{:s}'.format(1) ¦ '{}'.format(none) ¦ '{:5}'.format(none) ¦ '{:_}'.format(1234567) ¦ '{:>5}'.format(true) ¦ '{}'.format(true) ¦ '<{}>'.format('ü')
'%s and %s' % ('a', 1) ¦ '%d%%' % 5 ¦ '%05.1f' % 3.14159 ¦ '%(x)s' % d ¦ '%s' % lst ¦ '%s' % (lst,) ¦ '%r' % 'a' ¦ '%x' % 255 ¦ '%5s|%-5s|' % ('a','b') ¦ '%s' % () ¦ '%s %s' % 'a' ¦ 'a' % 1 ¦ 'a' % d ¦ '%d' % 'x' ¦ '%d' % 2.9 ¦ '%s' % missing ¦ '%c' % 65 ¦ '%c' % 'z' ¦ '%e' % 1.5 ¦ '%g' % 0.0001 ¦ '%+d' % 3 ¦ '%.3s' % 'abcdef' ¦ '%03d' % -5 ¦ '%#x' % 10 ¦ '%*d' % (5, 3) ¦ '%.3d' % 7 ¦ '%i' % true ¦ '%q' % 1 ¦ '100%' % ()
d.items() ¦ d.keys() ¦ d.values() ¦ d.items()|list ¦ d.get('x') ¦ d.get('q') ¦ d.get('q', 5) ¦ d.get('z', 5) ¦ d.get() ¦ d.copy() ¦ d.items|list ¦ d.keys()|list ¦ d.values()|join(',') ¦ ed.items() ¦ d.items()[0] ¦ d.keys()[0] ¦ d.items()|length ¦ d.get(key='x') ¦ d.get([1]) ¦ d.pop('x') ¦ d.update({}) ¦ d.clear() ¦ d.setdefault('x', 1) ¦ 'x' in d.keys() ¦ 1 in d.values() ¦ ('x', 1) in d.items() ¦ d.items() is iterable ¦ d.items() is sequence ¦ d.items() is mapping
lst.index(1) ¦ lst.index(9) ¦ lst.count(3) ¦ lst.copy() ¦ lst.sort() ¦ lst.reverse() ¦ lst.clear() ¦ lst.remove(3) ¦ (1,2,1).count(1) ¦ (1,2).index(2) ¦ (1,2).append(3) ¦ range(3).index(2) ¦ lst.foo() ¦ s.foo() ¦ d.foo() ¦ missing() ¦ a() ¦ s() ¦ lst() ¦ none()
range(3) ¦ range(3)|list ¦ range(1,4)|list ¦ range(5,0,-2)|list ¦ range(0)|list ¦ range() ¦ range(1,2,0) ¦ range('a') ¦ range(1.0) ¦ range(100000)|length ¦ range(100001) ¦ range(3) is iterable ¦ range(3) is sequence ¦ range(true)|list ¦ range(-5)|list ¦ range(1,4) == range(1,4) ¦ range(2,8,3)
namespace(x=1) ¦ namespace(x=1).x ¦ namespace().y ¦ namespace(d).y ¦ namespace([('a',1)]).a ¦ namespace(x=1, y='a') ¦ namespace(_x=1) ¦ namespace(x=1)['x'] ¦ namespace(x=1)|length ¦ namespace(x=1) == namespace(x=1) ¦ dict(a=1, b=2) ¦ dict(d, w=3) ¦ dict([['a',1],['b',2]]) ¦ dict() ¦ dict(1) ¦ dict('ab') ¦ dict(**d) ¦ dict([(1,2)])
raise_exception('no ' ~ a) ¦ raise_exception(1) ¦ raise_exception() ¦ strftime_now('%Y-%m-%d') ¦ strftime_now('%d %b %Y') ¦ strftime_now('%B %-d, %Y %H:%M:%S %p %I %j %a %A %y %%') ¦ strftime_now('%e|%k|%l|%_d|%F %T|%D|%u%w') ¦ strftime_now('%x %X %c %h %R %r %C %P') ¦ strftime_now('plain ü') ¦ strftime_now
a|abs ¦ neg|abs ¦ (-2.5)|abs ¦ 'a'|abs ¦ true|abs ¦ s|upper ¦ s|lower ¦ s|title ¦ s|capitalize ¦ 5|upper ¦ none|lower ¦ true|title ¦ 'foo-bar (baz) {x} <y'|title ¦ "it's ok"|title ¦ 'ÉCOLE élève'|title ¦ u|upper ¦ missing|upper
sp|trim ¦ 'xxaxx'|trim('x') ¦ 'xxaxx'|trim(chars='x') ¦ 5|trim ¦ missing|trim ¦ none|trim ¦ s|length ¦ u|length ¦ lst|length ¦ d|length ¦ 5|length ¦ none|length ¦ missing|length ¦ lst|count ¦ 'e\\u0301'|length ¦ lst|map('string')|length ¦ d|items|length
s|replace('l','L') ¦ s|replace('l','L',1) ¦ 5|replace('5','6') ¦ s|replace('l', 1) ¦ s|replace('l','L',count=2) ¦ s|replace(none,'x') ¦ none|replace('N','n') ¦ s|replace('l') ¦ 'aaa'|replace('a','b',none)
lst|first ¦ lst|last ¦ empty|first ¦ empty|last ¦ s|first ¦ s|last ¦ d|first ¦ d|last ¦ u|first ¦ u|last ¦ missing|first ¦ missing|last ¦ (lst|map('string'))|first ¦ (lst|map('string'))|last ¦ range(3)|last ¦ d.items()|last ¦ none|first ¦ 5|last
lst|join ¦ lst|join(',') ¦ lst|join(d=',') ¦ words|join('-') ¦ objs|join(',', attribute='name') ¦ 'abc'|join('.') ¦ mixed|join(' ') ¦ d|join ¦ missing|join(',') ¦ none|join ¦ lst|join(1) ¦ objs|join(',', 'n') ¦ [missing]|join('x') ¦ 5|join
lst|sort ¦ words|sort ¦ words|sort(case_sensitive=true) ¦ lst|sort(reverse=true) ¦ lst|sort(true) ¦ objs|map(attribute='name')|sort ¦ objs|sort(attribute='n')|map(attribute='name')|list ¦ mixed|sort ¦ nums|sort ¦ 'cab'|sort ¦ d|sort ¦ objs|sort(attribute='on') ¦ objs|sort(attribute='name,n')|map(attribute='n')|list ¦ [(2,'a'),(1,'b')]|sort ¦ missing|sort ¦ [[2],[1,5]]|sort ¦ objs|sort(attribute='missing') ¦ ['b','B','a','A']|sort ¦ ['b','B','a','A']|sort(reverse=true)
words|unique|list ¦ words|unique(true)|list ¦ [1,1.0,true,2]|unique|list ¦ objs|unique(attribute='on')|list ¦ [[1],[1]]|unique|list ¦ empty|unique|list ¦ [none,none]|unique|list
lst|min ¦ lst|max ¦ words|min ¦ words|max(case_sensitive=true) ¦ empty|min ¦ objs|max(attribute='n') ¦ mixed|min ¦ [1,1.0]|max ¦ [1.0,1]|max ¦ [1,true]|min ¦ missing|max ¦ ['b','A']|min ¦ lst|sum ¦ [0.1,0.2,0.3]|sum ¦ objs|sum(attribute='n') ¦ objs|sum('n') ¦ lst|sum(start=10) ¦ words|sum ¦ empty|sum ¦ [[1],[2]]|sum(start=[]) ¦ [1,none]|sum ¦ missing|sum ¦ nums|sum
lst|reverse ¦ lst|reverse|list ¦ s|reverse ¦ u|reverse ¦ d|reverse|list ¦ (lst|map('string')|reverse)|list ¦ 5|reverse ¦ range(3)|reverse|list ¦ missing|reverse|list ¦ d.items()|reverse|list
lst|list ¦ s|list ¦ u|list ¦ d|list ¦ missing|list ¦ none|list ¦ (1,2)|list ¦ range(3)|list ¦ lst|string ¦ 5|string ¦ none|string ¦ 2.0|string ¦ d|string ¦ missing|string ¦ s|string
'42'|int ¦ ' 42 '|int ¦ '42.9'|int ¦ 'x'|int ¦ 'x'|int(7) ¦ 'x'|int(default=none) ¦ 'ff'|int(base=16) ¦ '0xff'|int(base=16) ¦ '0x1f'|int(0, 0) ¦ '0b11'|int(base=2) ¦ 'z'|int(base=36) ¦ 2.9|int ¦ -2.9|int ¦ true|int ¦ none|int ¦ missing|int ¦ lst|int ¦ '1_000'|int ¦ '_1'|int ¦ ''|int ¦ '-5'|int ¦ '+5'|int ¦ '1e3'|int ¦ 'inf'|int ¦ 'nan'|int ¦ '٣'|int ¦ '012'|int ¦ '12'|int(base=99) ¦ '0o17'|int(base=8) ¦ '1.5e300'|int(base=3)
'2.5'|float ¦ ' 2.5e3 '|float ¦ 'x'|float ¦ 'x'|float(1.5) ¦ 5|float ¦ true|float ¦ none|float ¦ 'inf'|float ¦ '-Infinity'|float ¦ 'nan'|float ¦ '1_0.5'|float ¦ '.5'|float ¦ '5.'|float ¦ '1e400'|float ¦ '0x10'|float ¦ ''|float ¦ missing|float ¦ '1e'|float ¦ '1.5.2'|float ¦ lst|float
42.55|round ¦ 42.55|round(1) ¦ 42.55|round(1,'floor') ¦ 42.55|round(1,'ceil') ¦ 2.5|round ¦ 3.5|round ¦ -2.5|round ¦ 2.675|round(2) ¦ 1.005|round(2) ¦ 5|round ¦ 5|round(2) ¦ 1234|round(-2) ¦ 1250|round(-2) ¦ 1350|round(-2) ¦ -1250|round(-2) ¦ 1234.5|round(-2) ¦ 42|round(0,'ceil') ¦ 42.1|round(method='ceil') ¦ 42.9|round(method='floor') ¦ 2.5|round(method='x') ¦ 'a'|round ¦ true|round ¦ 1e300|round(2) ¦ 0.5|round ¦ 1.5|round ¦ none|round ¦ missing|round ¦ 1e22|round(1) ¦ 2.5|round(0) ¦ 123.456|round(2) ¦ 0.1|round(20)
missing|default('x') ¦ missing|d('x') ¦ e|default('x') ¦ e|default('x', true) ¦ n|default('x') ¦ n|default('x', boolean=true) ¦ missing|default ¦ a|default('x') ¦ missing.x|default('y') ¦ d.q|default('y') ¦ missing|default(default_value=3) ¦ false|default(1, true) ¦ d.q.r|default('x')
lst|map('string')|list ¦ words|map('upper')|list ¦ words|map('replace','a','4')|join(' ') ¦ objs|map(attribute='name')|list ¦ objs|map(attribute='on')|list ¦ objs|map(attribute='on', default='?')|list ¦ objs|map(attribute='x.y')|list ¦ dd|map('upper')|list ¦ lst|map|list ¦ lst|map('nofilter')|list ¦ lst|map(attribute='x', foo=1)|list ¦ nested|map('first')|list ¦ nested|map(attribute=0)|list ¦ nested|map('map','string')|list ¦ [d]|map(attribute='x')|first ¦ [dd]|map(attribute='k.v.0')|list ¦ missing|map('upper')|list ¦ 'ab'|map('upper')|list ¦ none|map('upper')|list ¦ 5|map('abs')|list ¦ words|map('length')|sum ¦ objs|map('attr','name')|list
lst|select|list ¦ [0,1,'',none]|select|list ¦ lst|select('odd')|list ¦ lst|select('gt', 1)|list ¦ lst|select('>', 1)|list ¦ lst|reject('odd')|list ¦ mixed|select('string')|list ¦ mixed|select('none')|list ¦ words|select('in', ['Apple'])|list ¦ lst|select('divisibleby', 3)|list ¦ lst|select('notest')|list ¦ words|reject('equalto','Apple')|join(',') ¦ lst|select('==', 3)|first ¦ mixed|select('defined')|list ¦ lst|reject|list ¦ lst|select('odd', 1)|list
objs|selectattr('on')|map(attribute='name')|list ¦ objs|rejectattr('on')|map(attribute='name')|list ¦ objs|selectattr('n','gt',1)|map(attribute='name')|list ¦ objs|selectattr('name','equalto','A')|list ¦ objs|selectattr('on','defined')|list|length ¦ objs|selectattr('on','undefined')|map(attribute='n')|list ¦ objs|rejectattr('n','in',[1,2])|map(attribute='n')|list ¦ objs|selectattr|list ¦ messages|selectattr('role','equalto','user')|map(attribute='content')|first ¦ messages|selectattr('tool_calls')|list|length ¦ messages|rejectattr('role','==','system')|list|length ¦ [dd]|selectattr('k.v')|list|length
lst|batch(2)|list ¦ lst|batch(2,'-')|list ¦ lst|batch(2, none)|list ¦ lst|batch(0)|list ¦ empty|batch(2)|list ¦ lst|batch|list ¦ lst|batch(9)|list
d|items|list ¦ d|items ¦ missing|items|list ¦ lst|items|list ¦ d|dictsort ¦ {'b':1,'A':2,'a':0}|dictsort ¦ {'b':1,'A':2,'a':0}|dictsort(true) ¦ {'b':1,'A':2,'c':0}|dictsort(by='value') ¦ {'b':1,'A':2}|dictsort(reverse=true) ¦ d|dictsort(by='x') ¦ {1:1,'a':2}|dictsort ¦ lst|dictsort ¦ missing|dictsort ¦ {'b':'x','A':'X'}|dictsort(false,'value')
multi|indent ¦ multi|indent(2) ¦ multi|indent(2, true) ¦ multi|indent(2, first=true, blank=true) ¦ multi|indent('> ') ¦ 'a'|indent ¦ ''|indent ¦ ''|indent(first=true) ¦ 5|indent ¦ missing|indent ¦ 'a\\n'|indent ¦ 'a\\n\\nb'|indent(width=1) ¦ 'a\\nb'|indent(0)
html|safe ¦ html|escape ¦ html|e ¦ (html|e)|e ¦ html|forceescape ¦ 5|escape ¦ none|e ¦ html|safe ~ '<' ¦ (html|safe) + '<b>' ¦ '<b>' + (html|safe) ¦ (html|safe)|length ¦ (html|safe) is escaped ¦ html is escaped ¦ (html|safe)|upper is escaped ¦ [html|safe] ¦ (html|safe).upper() ¦ (html|safe)[0:2] + '&' ¦ (html|safe)|replace('<','<<') ~ '' ¦ (html|safe).replace('a','<') ¦ ('<' | safe).join(['<','>']) ¦ (html|safe)|string is escaped ¦ (html|safe) % () ¦ ('%s<'|safe) % '<' ¦ ('%s'|safe) % ('<'|safe) ¦ ('{}<'|safe).format('<') ¦ (html|safe).split('=') ¦ (html|safe)|trim is escaped ¦ ('a'|safe) * 2 + '<' ¦ ('a'|safe) == 'a' ¦ {'a':1}['a'|safe] ¦ (1|safe) + '<' ¦ lst|tojson|safe ¦ (lst|join('<'|safe)) + '<'
'%s-%s'|format('a', 1) ¦ '%(a)s'|format(a=1) ¦ '%s'|format ¦ '%s'|format('a', b=1) ¦ 5|format
d|tojson ¦ lst|tojson ¦ s|tojson ¦ u|tojson ¦ html|tojson ¦ n|tojson ¦ true|tojson ¦ 2.0|tojson ¦ [1,(2,3)]|tojson ¦ ed|tojson ¦ empty|tojson ¦ ctl|tojson ¦ both|tojson ¦ '\\\\/'|tojson ¦ '\\b\\f\\n\\r\\t\\v'|tojson ¦ floats|tojson ¦ dd|tojson ¦ {1:1,none:2,true:3,1.5:4}|tojson ¦ {(1,2):3}|tojson ¦ missing|tojson ¦ [missing]|tojson ¦ namespace()|tojson ¦ d.items()|tojson ¦ (lst|map('string'))|tojson ¦ range(2)|tojson
d|tojson(indent=2) ¦ dd|tojson(indent=4) ¦ [[],{},[1]]|tojson(indent=2) ¦ d|tojson(indent=0) ¦ d|tojson(indent='--') ¦ d|tojson(indent=-1) ¦ u|tojson(ensure_ascii=true) ¦ u|tojson(true) ¦ u|tojson(4) ¦ d|tojson(separators=(',',':')) ¦ d|tojson(separators=(',',':'), indent=1) ¦ d|tojson(indent=none) ¦ {'b':1,'a':2}|tojson(sort_keys=true) ¦ {'b':1,2:2}|tojson(sort_keys=true) ¦ d|tojson(foo=1) ¦ d|tojson(indent=true) ¦ ('inf'|float)|tojson ¦ [1.0,1e16,1e-7]|tojson ¦ messages|tojson ¦ messages|tojson(indent=2, ensure_ascii=false) ¦ '😀'|tojson(ensure_ascii=true)
d|attr('x') ¦ d|attr('items') is defined ¦ namespace(x=1)|attr('x') ¦ s|attr('foo') ¦ missing|attr('x')
a is defined ¦ missing is defined ¦ missing is not defined ¦ missing is undefined ¦ d.q is defined ¦ d.x is defined ¦ missing.x is defined ¦ n is none ¦ n is not none ¦ missing is none ¦ a is none ¦ n is defined ¦ s is string ¦ a is string ¦ d is mapping ¦ lst is mapping ¦ lst is sequence ¦ s is sequence ¦ d is sequence ¦ a is sequence ¦ missing is sequence ¦ lst is iterable ¦ s is iterable ¦ d is iterable ¦ a is iterable ¦ n is iterable ¦ missing is iterable ¦ a is number ¦ t is number ¦ f is number ¦ s is number ¦ a is integer ¦ t is integer ¦ f is integer ¦ f is float ¦ a is float ¦ t is boolean ¦ a is boolean ¦ n is boolean ¦ t is true ¦ a is true ¦ false is false ¦ 0 is false ¦ t is false
3 is odd ¦ 4 is even ¦ 3 is even ¦ 3.0 is odd ¦ 'a' is odd ¦ 9 is divisibleby 3 ¦ 9 is divisibleby(2) ¦ 9 is divisibleby ¦ a is eq 1 ¦ a is equalto(1) ¦ a is equalto 1 ¦ a is sameas 1 ¦ t is sameas true ¦ t is sameas 1 ¦ n is sameas none ¦ a is in lst ¦ 9 is in(lst) ¦ 9 is not in lst ¦ a is lt 2 ¦ a is gt(5) ¦ a is ge 1 ¦ a is le 0 ¦ a is ne 1 ¦ a is lessthan 2 ¦ a is greaterthan 0 ¦ 'abc' is lower ¦ 'ABC' is upper ¦ 'Abc' is lower ¦ 5 is lower ¦ 'upper' is filter ¦ 'nofilter' is filter ¦ 'odd' is test ¦ 'notest' is test ¦ raise_exception is callable ¦ s is callable ¦ s.upper is callable ¦ missing is callable ¦ a is nosuchtest ¦ 'x' is string and a is number ¦ not a is none ¦ a is defined and b is defined ¦ a is string or a is integer ¦ a is not string ¦ lst is string ¦ a + 1 is odd ¦ (a + 1) is odd ¦ -1 is number ¦ 'a' ~ 'b' is string ¦ a is defined is true ¦ a is defined == true ¦ s is in ['Hello, World'] ¦ a is eq(1) and true
a|nosuchfilter ¦ (1 if a else b|nosuchfilter) ¦ ('x'|nosuchfilter if false else 'ok') ¦ ('x'|nosuchfilter if true else 'ok') ¦ a is nosuch ¦ (false if true else (a is nosuch))
s|upper|lower ¦ s|upper ~ 'x' ¦ -5|abs ¦ (-5)|abs ¦ - 5|abs ¦ 2 + 3|string ¦ 'a' 'b'|upper ¦ [1,2]|first + 1 ¦ s|replace('l','L')|upper|length ¦ lst|sort|first ¦ d.items()|list|first|first
lst[0](1) ¦ (a) ¦ ((a)) ¦ (a, b)[1] ¦ {'f': 1}.f ¦ 'abc'.upper().lower()[0] ¦ 'a'.join ¦ lst|join(',')|upper
[1,2,3][1:][0] ¦ 'abc'[1:].upper() ¦ {'a': {'b': 1}}.a.b ¦ {'a': {'b': 1}}['a']['b'] ¦ [{'a': 1}][0].a
a if ¦ a b ¦ a + ¦ * a ¦ a..b ¦ a. ¦ [1 ¦ (1 ¦ {1 ¦ {1: ¦ 1 2 ¦ 'a ¦ "a ¦ a;b ¦ a$b ¦ a?b ¦ a@b ¦ a&b ¦ a`b ¦ @ ¦ a! ¦ !a ¦ } ¦ ] ¦ ) ¦ a] ¦ (a] ¦ [a) ¦ {'a' 1} ¦ a is ¦ a| ¦ |a ¦ a is not ¦ a.1.2 ¦ a.'b' ¦ f(a=) ¦ f(a=1, 2) ¦ f(*a, *b) ¦ f(**a, b) ¦ f(a, a=1, a=2) ¦ f(,) ¦ not ¦ in ¦ and ¦ if ¦ else ¦ a not b ¦ a in ¦ a is in ¦ lst[ ¦ lst[] ¦ lst[1,2] ¦ lst[::] ¦ lst[:::] ¦ lst[1:2:3:4] ¦ lambda x: x ¦ a = 1 ¦ a := 1 ¦ a ? b : c ¦ a ==  ¦ == a ¦ ~a ¦ a ~ ¦ 1.a ¦ 1 .a ¦ a . x ¦ d . x ¦ d .x
"""

STATEMENTS = [
    "{{ 'a\\\nb' }}",
    # Loops and `loop`
    "{% for x in lst %}{{ x }},{% endfor %}",
    "{% for x in lst %}{{ loop.index }}/{{ loop.index0 }}/{{ loop.revindex }}/{{ loop.revindex0 }}/{{ loop.first }}/{{ loop.last }}/{{ loop.length }}/{{ loop.depth }}/{{ loop.depth0 }} {% endfor %}",
    "{% for x in lst %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }};{% endfor %}",
    "{% for x in lst %}{{ loop.previtem is defined }}{{ loop.nextitem is undefined }}{% endfor %}",
    "{% for x in lst %}{{ loop.previtem.y }}{% endfor %}",
    "{% for x in lst %}{{ loop.cycle('a', 'b') }}{{ loop.changed(x % 2) }} {% endfor %}",
    "{% for x in [1,1,2,2,1] %}{% if loop.changed(x) %}{{ x }}{% endif %}{% endfor %}",
    "{% for x in lst %}{{ loop }}{% endfor %}", "{% for x in lst %}{{ loop.foo is defined }}{{ loop['index'] }}{% endfor %}",
    "{% for x in lst %}{{ loop.cycle() }}{% endfor %}", "{% for x in lst %}{{ loop(lst) }}{% endfor %}",
    "{% for x in empty %}{{ x }}{% else %}none{% endfor %}", "{% for x in lst %}{{ x }}{% else %}none{% endfor %}",
    "{% for x in missing %}{{ x }}{% else %}none{% endfor %}", "{% for x in none %}{% endfor %}", "{% for x in 5 %}{% endfor %}",
    "{% for c in u %}[{{ c }}]{% endfor %}", "{% for k in d %}{{ k }}{% endfor %}", "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}",
    "{% for k, v in d|items %}{{ k }}={{ v }};{{ loop.length }}{% endfor %}", "{% for k, v in d %}{% endfor %}",
    "{% for a, (b, c) in [[1, [2, 3]]] %}{{ a }}{{ b }}{{ c }}{% endfor %}", "{% for a, b in [[1]] %}{% endfor %}", "{% for a, b in [[1,2,3]] %}{% endfor %}",
    "{% for a, b in [5] %}{% endfor %}", "{% for (a, b) in [(1, 2)] %}{{ a }}{{ b }}{% endfor %}", "{% for a, in [[7]] %}{{ a }}{% endfor %}", "{% for a, b in ['xy'] %}{{ a }}-{{ b }}{% endfor %}",
    "{% for x in lst if x > 1 %}{{ x }}:{{ loop.index }}/{{ loop.length }} {% endfor %}", "{% for x in lst if x > 9 %}{{ x }}{% else %}none{% endfor %}",
    "{% for x in lst if x is odd %}{{ loop.last }}{{ loop.nextitem }}{% endfor %}", "{% for k, v in d.items() if v %}{{ k }}{% endfor %}",
    "{% for x in lst if loop.index > 1 %}{{ x }}{% endfor %}", "{% set ns = namespace(k=9) %}{% for x in [1,2,3] if x < ns.k %}{{ x }}{% set ns.k = 2 %}{% endfor %}",
    "{% set ns = namespace(k=9) %}{% for x in [1,2,3] if x < ns.k %}{{ x }}{{ loop.last }}{% set ns.k = 3 %}{% endfor %}",
    "{% for x in [1,2,3] %}{% if x == 2 %}{% break %}{% endif %}{{ x }}{% endfor %}", "{% for x in [1,2,3] %}{% if x == 2 %}{% continue %}{% endif %}{{ x }}{% endfor %}",
    "{% for x in [1] %}{% continue %}{% else %}E{% endfor %}", "{% for x in [1,2] %}{{ x }}{% break %}{% else %}E{% endfor %}", "{% for x in [1,2] %}{% if x == 2 %}{% break %}{% endif %}{% else %}E{% endfor %}",
    "{% for x in [1,2] %}{% for y in [1,2] %}{% if y == 2 %}{% break %}{% endif %}{{ x }}{{ y }} {% endfor %}{% endfor %}",
    "{% for x in [1,2] %}{% for y in 'ab' %}{{ loop.index }}{% endfor %}{{ loop.index }};{% endfor %}", "{% for x in [1,2] %}{% set outer = loop %}{% for y in 'ab' %}{{ outer.index }}{{ loop.index }} {% endfor %}{% endfor %}",
    "{% break %}", "{% if true %}{% continue %}{% endif %}", "{% for x in lst %}{% macro m() %}{% break %}{% endmacro %}{% endfor %}",
    "{{ loop }}", "{{ loop.index }}", "{% for x in lst %}{% endfor %}{{ loop is defined }}{{ x is defined }}",
    "{% for loop in lst %}{% endfor %}", "{% for x in lst %}{% set loop = 1 %}{% endfor %}", "{% for x in lst %}{% for loop in lst %}{% endfor %}{% endfor %}",
    "{% for x in (1, 2) %}{{ x }}{% endfor %}", "{% for x in 1, 2 %}{{ x }}{% endfor %}", "{% for x in lst[::-1] %}{{ x }}{% endfor %}", "{% for x in range(3) %}{{ x }}{% endfor %}", "{% for i in range(lst|length - 1, -1, -1) %}{{ lst[i] }}{% endfor %}",
    "{% for x in lst|sort %}{{ x }}{% endfor %}", "{% for x in lst|map('string') %}{{ x }}{{ loop.length }}{{ loop.revindex }}{% endfor %}", "{% set g = lst|map('string') %}{% for x in g %}{{ x }}{% endfor %}{% for x in g %}{{ x }}{% else %}spent{% endfor %}",
    "{% for x in lst %}{% if loop.index == 2 %}{{ loop.length }}{{ loop.revindex }}{% endif %}{% endfor %}", "{% for true in lst %}{% endfor %}", "{% for x.y in lst %}{% endfor %}", "{% for x lst %}{% endfor %}", "{% for in lst %}{% endfor %}", "{% for x in %}{% endfor %}",
    "{% for x in lst %}", "{% for x in lst %}{% endif %}", "{% endfor %}", "{% for x in lst if %}{% endfor %}", "{% for x in a if b else c %}{% endfor %}", "{% for m in messages if m.role == 'user' and m.content %}{{ m.content }}{% endfor %}",
    "{% for x in lst %}{% if x == 1 %}one{% elif x == 2 %}two{% else %}{{ x }}{% endif %} {% endfor %}",
    # Conditions
    "{% if a %}A{% endif %}", "{% if e %}A{% else %}B{% endif %}", "{% if e %}A{% elif a %}B{% elif x %}C{% else %}D{% endif %}", "{% if missing %}A{% else %}B{% endif %}", "{% if missing.x %}{% endif %}", "{% if a %}", "{% if %}{% endif %}", "{% if a %}{% else %}{% else %}{% endif %}",
    "{% if a: %}A{% endif %}", "{% else %}", "{% elif a %}", "{% if a, b %}T{% endif %}", "{% if a %}{% elif %}{% endif %}", "{% if 1 if a else b %}{% endif %}", "{% if (1 if a else b) %}y{% endif %}",
    "{% if messages[0]['role'] == 'system' %}{{ messages[0].content }}{% set loop_messages = messages[1:] %}{% else %}{% set loop_messages = messages %}{% endif %}{{ loop_messages|length }}",
    # Assignment and scope
    "{% set x = 1 %}{{ x }}", "{% set x, y = 1, 2 %}{{ x }}{{ y }}", "{% set x = 1, 2 %}{{ x }}", "{% set (x, y) = [1, 2] %}{{ x }}{{ y }}", "{% set x %}b{{ a }}{% endset %}[{{ x }}]", "{% set x | upper %}abc{% endset %}{{ x }}", "{% set x | replace('a','b') | upper %}abc{% endset %}{{ x }}",
    "{% set x %}{{ x }}{% endset %}{{ x }}", "{% set a %}[{{ a }}]{% endset %}{{ a }}", "{% set a = a + 1 %}{{ a }}", "{% set x = 1 %}{% for i in lst %}{% set x = i %}{% endfor %}{{ x }}", "{% set x = 1 %}{% if true %}{% set x = 2 %}{% endif %}{{ x }}",
    "{% for i in lst %}{% set a = a + i %}{{ a }} {% endfor %}{{ a }}", "{% for i in [1] %}{{ a }}{% endfor %}{% set a = 2 %}", "{% for i in [1] %}{{ zz }}{% endfor %}{% set zz = 2 %}{{ zz }}", "{% if false %}{% set a = 5 %}{% endif %}{{ a }}{% for i in [1] %}{{ a }}{% endfor %}",
    "{% if false %}{% set a = 5 %}{% else %}{% set b = 6 %}{% endif %}{{ a }}{{ b }}", "{% for i in [1,2] %}{% if i == 1 %}{% set a = 9 %}{% endif %}{{ a }}{% endfor %}", "{% for i in [1,2] %}{% if i == 1 %}{% set y = 9 %}{% endif %}{{ y }}|{% endfor %}",
    "{% macro m() %}{{ a }}{% endmacro %}{{ m() }}{% set a = 7 %}{{ m() }}", "{% macro m() %}{{ zz }}{% endmacro %}{{ m() }}{% set zz = 7 %}{{ m() }}", "{% set a = 3 %}{% macro m() %}{{ a }}{% set a = 4 %}{{ a }}{% endmacro %}{{ m() }}{{ a }}", "{% macro m() %}{% set a = 4 %}{{ a }}{% endmacro %}{{ m() }}{{ a }}",
    "{% set ns = namespace(x=1) %}{% for i in lst %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}", "{% set ns = namespace() %}{% set ns.y = 'a' %}{{ ns.y }}{{ ns }}", "{% set d.x = 1 %}", "{% set missing.x = 1 %}", "{% set ns = namespace() %}{% set ns._x = 1 %}", "{% set ns = namespace(a=1) %}{% set ns.a, ns.b = 2, 3 %}{{ ns.a }}{{ ns.b }}",
    "{% set ns = namespace(a=1) %}{% set ns.a %}x{% endset %}{{ ns.a }}", "{% set x %}", "{% set %}", "{% set 1 = 2 %}", "{% set true = 2 %}", "{% set x.y.z = 1 %}", "{% set x['y'] = 1 %}", "{% set x = %}", "{% set x == 1 %}", "{% set f() = 1 %}", "{% set x = y = 1 %}", "{% set a, b = 1 %}", "{% set x, x = 1, 2 %}{{ x }}",
    "{% set x = missing %}{{ x is defined }}{{ x }}", "{% set x = missing %}{{ x.y }}", "{% set x = [] %}{% set y = x %}{{ y is sameas x }}", "{% set _ = a %}{{ _ }}", "{% set x = 'a' if false %}{{ x is defined }}{{ x }}",
    "{% with x = 1, y = 2 %}{{ x }}{{ y }}{% endwith %}{{ x }}", "{% with a = 5, z = a %}{{ a }}{{ z }}{% endwith %}{{ a }}", "{% with %}{% set q9 = 1 %}{{ q9 }}{% endwith %}{{ q9 }}", "{% with x = 1 %}", "{% with 1 = x %}{% endwith %}", "{% with x %}{% endwith %}", "{% for i in lst %}{% with y = i %}{% if y == 1 %}{% continue %}{% endif %}{{ y }}{% endwith %}{% endfor %}",
    # Macros and calls
    "{% macro m(x, y=2, z='q') %}{{ x }}-{{ y }}-{{ z }}{% endmacro %}{{ m(1) }} {{ m(1, 3) }} {{ m(1, z=4) }} {{ m(y=1, x=2) }} {{ m() }}", "{% macro m(x) %}{{ x is defined }}{{ x }}{% endmacro %}{{ m() }}", "{% macro m(x) %}{{ x.y }}{% endmacro %}{{ m() }}",
    "{% macro m(x) %}{% endmacro %}{{ m(1, 2) }}", "{% macro m(x) %}{% endmacro %}{{ m(y=2) }}", "{% macro m(x) %}{% endmacro %}{{ m(1, x=2) }}", "{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, a=3) }}", "{% macro m(x) %}{{ varargs }}{% endmacro %}{{ m(1, 2, 3) }}{{ m(1) }}", "{% macro m(kwargs) %}{{ kwargs }}{% endmacro %}{{ m(1) }}{{ m(b=2) }}",
    "{% macro m(x=a) %}{{ x }}{% endmacro %}{{ m() }}", "{% macro m(x, y=x) %}{{ y }}{% endmacro %}{{ m(5) }}", "{% macro m(x=y, y=1) %}{{ x }}{% endmacro %}[{{ m() }}]", "{% macro m(x=1, y) %}{% endmacro %}", "{% macro m(x, x) %}{% endmacro %}", "{% macro m(true) %}{% endmacro %}", "{% macro m %}{% endmacro %}", "{% macro 1() %}{% endmacro %}", "{% macro m() %}",
    "{% macro f(n) %}{% if n > 0 %}{{ n }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(5) }}", "{{ m() }}{% macro m() %}x{% endmacro %}", "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}B{% endmacro %}{{ a() }}", "{% macro m() %}{% macro n() %}N{% endmacro %}{{ n() }}{% endmacro %}{{ m() }}{{ n is defined }}", "{% for i in lst %}{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{% endfor %}",
    "{% macro m() %}x{% endmacro %}{{ m }}", "{% macro m(a, b=1) %}x{% endmacro %}{{ m.name }}{{ m.arguments }}", "{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}", "{% macro m() %}<{{ caller() }}>{% endmacro %}{% call m() %}body {{ a }}{% endcall %}", "{% macro m() %}<{{ caller(1, 2) }}>{% endmacro %}{% call(x, y=3, z=4) m() %}{{ x }}{{ y }}{{ z }}{% endcall %}",
    "{% macro m(x) %}{{ x }}{{ caller is defined }}{% endmacro %}{{ m(1) }}", "{% macro m(x) %}{{ x }}{% endmacro %}{% call m(1) %}b{% endcall %}", "{% call m() %}{% endcall %}", "{% call 5 %}{% endcall %}", "{% call s.upper() %}{% endcall %}", "{% macro m() %}{{ caller() }}{{ caller() }}{% endmacro %}{% for i in lst %}{% call m() %}{{ i }}{{ loop.index }}{% endcall %}{% endfor %}",
    "{% macro m(x) %}{{ x|upper }}{% endmacro %}{{ m('a') ~ m('b') }}{{ m('c')|lower }}{{ m('d')|length }}", "{% set ns = namespace(n=0) %}{% macro m() %}{% set ns.n = ns.n + 1 %}{% endmacro %}{{ m() }}{{ m() }}{{ ns.n }}", "{% macro m(**k) %}{% endmacro %}", "{% macro m(x) %}{{ x }}{% endmacro %}{{ m(*[1]) }}{{ m(**{'x': 2}) }}{{ m(*'z') }}", "{{ range(*[1, 4])|list }}{{ dict(**{'a': 1}) }}", "{% macro m(x) %}{{ x }}{% endmacro %}{{ m(*5) }}", "{% macro m(x) %}{{ x }}{% endmacro %}{{ m(**[1]) }}", "{% macro m(x, y) %}{{ x }}{{ y }}{% endmacro %}{{ m(1, *[2]) }}{{ m(x=1, **{'y': 2}) }}{{ m(1, x=1, **{'y': 2}) }}",
    "{% macro m(x) %}{{ x }}{% endmacro %}{% set f = m %}{{ f(1) }}{% set ns = namespace(g=m) %}{{ ns.g(2) }}{{ {'h': m}.h(3) }}{{ [m][0](4) }}", "{% macro m(items) %}{% for i in items %}{% if i is sequence %}[{{ m(i) }}]{% else %}{{ i }}{% endif %}{% endfor %}{% endmacro %}{{ m(nested) }}",
    # Filter blocks, printing, generation
    "{% filter upper %}abc {{ a }} {{ s }}{% endfilter %}", "{% filter replace('a', 'b')|upper %}aca{% endfilter %}", "{% filter trim %}  x  {% endfilter %}|", "{% filter nosuch %}{% endfilter %}", "{% filter %}{% endfilter %}", "{% filter upper %}", "{% print a %}{% print a, b %}", "{% print %}", "{% generation %}x{{ a }}{% endgeneration %}y", "{% for m in messages %}{% generation %}{{ m.content }}{{ loop.index }}{% endgeneration %}{% endfor %}", "{% generation %}{% set gg = 1 %}{% endgeneration %}{{ gg is defined }}", "{% generation %}", "{%- generation -%} x {%- endgeneration -%} y",
    # Guards for what other engines have
    "{% if false %}{{ a|nosuch }}{% endif %}ok", "{% if true %}{{ a|nosuch }}{% endif %}", "{% if false %}{{ a is nosuch }}{% endif %}ok", "{% if false %}{% for x in a|nosuch %}{% endfor %}{% endif %}ok", "{% if false %}{% for x in lst %}{{ x|nosuch }}{% endfor %}{% endif %}ok", "{% if a|nosuch %}{% endif %}", "{% if false %}{% set x = a|nosuch %}{% endif %}ok", "{% if false %}{% macro m() %}{{ a|nosuch }}{% endmacro %}{% endif %}ok", "{% if false %}{% set x %}{{ a|nosuch }}{% endset %}{% endif %}ok",
    # Unknown or unwanted tags
    "{% do a %}", "{% nosuch %}", "{% %}", "{% 1 %}", "{% endmacro %}", "{% trans %}{% endtrans %}", "{%", "{{", "{#", "{{ a", "{{ a %}", "{% if a }}", "{{ }}", "{% if a %}{{ b %}{% endif %}", "{% raw %}", "{% endraw %}", "{% set x = 1 }}", "{{ {{ a }} }}", "{{ '}}' }}", "{{ '%}' }}{% if '%}' %}x{% endif %}", "{{ {'a': {'b': 1}} }}", "{{ {} }}", "{{ {'a': {}} }}x}}", "}} %} #}", "{ { a } }", "{{{'a':1}}}", "{", "{a}", "a{", "#}", "{{ [{}] }}", "{{ {'a':{'b':{}}}['a'] }}",
    # White space, comments, raw
    "a\n{% if true %}\nb\n{% endif %}\nc\n", "a\n  {% if true %}  \n  b\n  {% endif %}  \nc", "a\n  {%- if true -%}  \n  b\n  {%- endif -%}  \nc", "a\n  {%+ if true +%}\n  b\n  {%+ endif +%}\nc", "  {% if true %}x{% endif %}", "x  {% if true %}y{% endif %}  z", "x\n\t{% set y = 1 %}\nz", "{{ a }}\n{{ b }}\n", "a {{- a -}} b", "a\n {{- a -}} \n b", "a {{+ a }} b", "{{ a +}}", "a\n  {{ a }}\n  b", "{{- a -}}", "  {{-1}}", "{{--1}}",
    "a{# c #}b", "a\n  {# c #}\nb", "a\n  {#- c -#}\n  b", "{# {{ a }} {% if %} #}x", "{# a #} b {# c #}", "{#-#}x", "{##}x", "{# a\n#}\nb", "a {#+ c +#}\n b", "a\n{#- c #}\n\nb", "{#}#}x", "{# - #}x", "{#--#} x", "a{#\n\n#}\n\nb",
    "{% raw %}{{ a }}{% if %}{% endraw %}", "{%- raw -%} x {%- endraw -%} y", "a\n  {% raw %}\n  b\n  {% endraw %}\nc", "{% raw %}{# c #}{% endraw %}", "{% raw -%}\n  x {% endraw %}\n y", "{% raw %}a\n  {%+ endraw %}b", "{%raw%}{{{%endraw%}", "{% raw %}{% raw %}{% endraw %}", "{% raw x %}{% endraw %}",
    "a\r\nb\rc\nd", "a\r\n", "a\n\n", "\n", "\r\n\r\n", "a\n{% if true %}\r\nb{% endif %}", "{{ 'a\r\nb' }}", "{% if true %}\n\nx{% endif %}\n\n", "{% set x = 1 -%}\n\n  a", "a  \n\n  {%- set x = 1 %}\nb", "\u00a0{%- set x = 1 -%}\u2003b", "\u00a0{% set x = 1 %}b", "\t\t{% set x = 1 %}\t\tb", "a\u2028  {% set x = 1 %}b", "{% set x = 1 %}\n{% set y = 2 %}\n\n{{ x }}", "{%\n set\n x\n=\n1\n%}{{\nx\n}}", "{% if true -%} \n a {%- else -%} b {%- endif %}", "x\n{%- if true %}\ny\n{%- endif %}\n", "{{ a }}  \n  {% if true %}\n  z\n  {% endif %}", "{% for x in lst %}\n  - {{ x }}\n{% endfor %}\nend", "{%- for x in lst %}\n  - {{ x }}\n{%- endfor %}\nend", "  {% for x in lst -%}\n  {{ x }}\n  {%- endfor %}  end",
    "{{ a }}{# c #}\n{{ b }}", "{{ a }} {# c #} \n{{ b }}", "   {# c #}\n   {% set x = 1 %}\n   y", "{% set x = 1 %} {% set y = 2 %}\nz", "  {% set x = 1 %}  {% set y = 2 %}\nz", "{{ 'x' }}\n  {% set x = 1 %}\n", "{% if true %}  {% if true %}\n  y{% endif %}{% endif %}",
    # Names
    "{% set é = 1 %}{{ é }}", "{% set 变量 = 'v' %}{{ 变量 }}", "{% set _x1 = 1 %}{{ _x1 }}", "{% set x-y = 1 %}", "{{ a.é is defined }}", "{% set x\u0301 = 2 %}{{ x\u0301 }}", "{{ a\u00b2 }}", "{% set loop = 3 %}{{ loop }}", "{% set range = 5 %}{{ range }}",
    # The shapes of real templates
    "{% for message in messages %}{{ '<|' + message['role'] + '|>\\n' + message['content'] + '\\n' }}{% if loop.last and add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}{% endfor %}",
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles must alternate: ' + m['role']) }}{% endif %}{% endfor %}",
    "{%- for tc in messages[-1].tool_calls %}{{- '{\"name\": \"' ~ tc.function.name ~ '\", \"arguments\": ' ~ (tc.function.arguments|tojson) ~ '}' }}{%- endfor %}",
    "{%- set ns = namespace(multi_step=true, last=messages|length - 1) %}{%- for message in messages[::-1] %}{%- set index = (messages|length - 1) - loop.index0 %}{%- if ns.multi_step and message.role == 'user' %}{%- set ns.multi_step = false %}{%- set ns.last = index %}{%- endif %}{%- endfor %}{{ ns.last }}{{ ns.multi_step }}",
    "{%- if tools is defined and tools is not none %}T{% else %}N{% endif %}", "{{ bos_token }}{{ (messages|first).content|trim }}", "{%- set content = messages[1].content if messages[1].content is string else '' %}{{ content.split('</think>')[-1].lstrip('\\n') }}",
    "{{ messages[0]['content'] | default('You are', true) | trim }}", "{% set system = messages | selectattr('role', 'equalto', 'system') | map(attribute='content') | join('\\n') %}{{ system }}", "{% set rest = messages | rejectattr('role', 'equalto', 'system') | list %}{{ rest|length }}{{ rest[0].role }}",
]


def main():
    table = []
    seen = set()
    lines = OUTPUT.strip("\n").split("\n")
    sources = [f"{{{{ {expression} }}}}" for line in lines for expression in line.split(" ¦ ")]
    for source in sources + STATEMENTS:
        if source in seen:
            continue
        seen.add(source)
        kind, text = outcome(source, CONTEXT)
        if kind == "out" and " at 0x" in text:
            continue  # addresses of objects
        table.append([source, kind, text if kind in ("out", "raised") else ""])
    print('{"now": %d, "context": %s,\n"cases": [' % (SECONDS, json.dumps(CONTEXT)))
    print(",\n".join(json.dumps(row, ensure_ascii=True) for row in table))
    print("]}")


if __name__ == "__main__":
    main()
