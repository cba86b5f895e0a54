"""What chat templates print, as jinja2 and `transformers` have it.

Made with transformers 5.24.0, jinja2 3.1.6 and Python 3.11: python make_chat.py FOLDER
FOLDER has templates/*.jinja, written for these tests, and gets
- expressions.json: the variables of all small cases, and for every case its template with the text that jinja2, set up
  as `transformers` sets it up, makes of it, or `error` where it refuses;
- renderings.json: the conversations, and for every template and conversation the text of `apply_chat_template`, or
  `error`.
"""

import datetime
import json
import pathlib
import sys

import transformers.utils.chat_template_utils as peer

from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast


class FixedDay(datetime.datetime):
    """The day that templates print."""

    @classmethod
    def now(cls):
        return cls(2025, 11, 2)


peer.datetime = FixedDay

VARIABLES = {
    "s": "Hello, World", "empty": "", "spaces": " \t a b \n ", "quote": "it's \"so\" \\ there", "n": 7, "m": -3, "zero": 0,
    "x": 2.5, "y": -0.5, "big": 1e16, "tiny": 0.00001, "yes": True, "no": False, "nothing": None,
    "l": [3, 1, 2], "names": ["Bob", "alice", "Carol", "bob"], "nested": [[1, 2], [3, [4, None]]], "blank": [],
    "d": {"b": 1, "a": "two", "items": 5, "get": "x"}, "deep": {"a": {"b": [{"c": "d"}]}, "1": "one"}, "none_d": {},
    "unicode": "é\u0301ß ΟΔΟΣ ǆ 日本 🙂 \u2028x\x1f\xa0", "lines": "one\n\ntwo\r\nthree\x0bfour", "tag": "<a href='x'>&</a>",
    "people": [{"name": "Ann", "age": 31, "address": {"city": "Oslo"}}, {"name": "bo", "age": 4},
               {"name": "Cy", "age": 31, "address": {"city": "Bonn"}}],
    "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes"}, {"role": "user", "content": ""}],
    "schema": {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {
        "x": {"type": "number", "default": 1.0, "enum": [1, 2.5, None, True, "é\"\n"]}}, "required": []}}},
}

EXPRESSIONS = r"""
s | s ~ n | 'a' 'b' "c" | 'a\n\t\x41\u00e9\'\\\q\101' | "\
x" | '\é' | 1 | 1_000 | 0x1F | 0b101 | 0o17 | 1.5 | 1e3 | 1.5e-7 | 2_0.5 | true | True | none | None | nothing | false
[] | [1, 'a', none, true, 1.0, [2], (3,)] | [1, 2,] | (1, 2) | (1,) | () | {} | {'a': 1, 2: none, 'b': {'c': []}} | {'a': 1, 'a': 2}
{1: 'x', true: 'y', 1.0: 'z'} | (1) | "it's" | ["it's", 'say "x"', 'both \' and "'] | quote | [quote] | [unicode] | [lines] | ['\x00\x7f\u200b\ue000']
x | y | big | tiny | [1e16, 1e15, 123456789012345678.0, 0.0001, 0.00001, 1e100, 1e-7, 1.0, -0.0, 0.1, 100.0, 1e22, 12345.678]
1 + 2 | 1 - 2 | 2 * 3 | 7 / 2 | 6 / 2 | 7 // 2 | -7 // 2 | 7 // -2 | 7 % 3 | -7 % 3 | 7 % -3 | 7.5 // 2 | -7.5 // 2 | 7.5 % 2 | -7.5 % 2 | 7.5 % -2
2 ** 10 | 2 ** -1 | 2 ** 0.5 | 2 ** 3 ** 2 | -2 ** 2 | (-2) ** 3 | 4 ** 0 | 0 ** 0 | -n | +n | - -n | -x | -true | true + true | 1.0 + 1 | 1 / 3 | 10 // 0.3 | 1 / 0
1 // 0 | 1 % 0 | 's' + 's' | 's' * 3 | 3 * 's' | 's' * -1 | [1] + [2] | [1, 2] * 2 | (1, 2) * 2 | 2 * (1,) | () * 3 | (1,) + (2,) | 's' + 1 | 1 + 's' | none + 1 | {} + {} | [1] - [1]
1 ~ 2 | 'a' ~ none ~ true ~ 1.0 ~ [1] | 1 + 2 ~ 3 * 4 | 'a' ~ 'b' + 'c' | undefined_name | undefined_name ~ 'x' | undefined_name.a | undefined_name['a'] | undefined_name + 1
undefined_name() | s.nope | s.nope.deeper | d.nope | d.nope ~ '!' | none.x | nothing.x.y | n.x | [undefined_name] | {'a': undefined_name} | -undefined_name | undefined_name == nope
undefined_name == none | undefined_name < 1 | undefined_name in [1] | 'a' in undefined_name | not undefined_name | undefined_name or 'x' | undefined_name[1:] | undefined_name|length
1 == 1.0 | 1 == true | 0 == false | 'a' == 'a' | 'é' == 'é' | [1, 2] == [1, 2] | [1] == (1,) | {'a': 1, 'b': 2} == {'b': 2, 'a': 1} | none == false | none == none | '' == false | 1 != 2 | 's' != 1
1 < 2 | 2 <= 2 | 3 > 2 | 2 >= 3 | 'a' < 'b' | 'Z' < 'a' | 'é' > 'z' | 'a' < 1 | none < 1 | [1, 2] < [1, 3] | [1] < [1, 0] | (1, 'a') < (1, 'b') | 1 < 2 < 3 | 1 < 3 < 2 | 1 < 2 > 0 == 0 | true < 2
1 in l | 5 in l | 5 not in l | 'ell' in s | 'z' not in s | '' in s | 'a' in d | 'b' not in d | 1 in {1.0: 0} | 'a' in ('a', 'b') | 1 in 'abc' | 'a' in none | 'a' in 5 | [1] in d | [1, 2] in nested | not 1 in l
yes and no | yes and 'x' | no and 1/0 | no or 'x' | '' or none | 1 or 1/0 | not yes | not not yes | not 1 == 2 | yes and not no | 1 and 2 or 3 | 0 or 0.0 or [] or {} | [] and 1 | (yes or no) and no
'a' if yes else 'b' | 'a' if no else 'b' | 'a' if no | ('a' if no) is defined | 'a' if no else 'b' if no else 'c' | 'a' if yes if no | (1 if yes else 2) + 1 | 'a' ~ ('b' if yes else 'c') ~ 'd'
l[0] | l[-1] | l[5] | l[-4] | l['x'] | l[true] | l[1.0] | l[none] | s[0] | s[-1] | s[100] | unicode[1] | unicode[-4] | d['a'] | d['items'] | d.b | d['get'] | d['keys'] is defined | deep.a.b[0].c
deep['a']['b'].0.c | deep[1] | deep['1'] | d[none] | d[[1]] | nested[1][1][0] | l.0 | s.0 | messages[0].role | messages[0]['content'] | messages[-1].content | messages.0.role | none[0] | n[0]
l[1:] | l[:1] | l[:-1] | l[::-1] | l[::2] | l[-2:] | l[5:] | l[2:1] | l[-100:100] | l[::-2] | l[1::-1] | l[:0:-1] | l[none:none] | s[1:4] | s[::-1] | s[-5:] | s[:-7] | unicode[2:5] | s[::0] | l['a':] | n[1:] | d[1:] | nothing[1:] | (1,2,3)[1:]
l[1:2:] | l[:] | s[9223372036854775807:] | s[::9223372036854775807] | s[::-9223372036854775807] | l[yes:]
""" + r"""
s.upper() | s.lower() | s.title() | s.capitalize() | unicode.upper() | unicode.lower() | unicode.title() | unicode.capitalize() | 'ΑΣ'.lower() | 'ΑΣ.'.lower() | 'Σ'.lower() | 'ΑΣΑ'.lower() | 'ǅx'.title() | "they're bill's".title()
'ﬁx'.upper() | 'ﬁx'.capitalize() | 'İ'.lower() | spaces.strip() | spaces.lstrip() | spaces.rstrip() | 'xxaxx'.strip('x') | 'abcba'.strip('ab') | 'xyx'.lstrip('x') | 'xyx'.rstrip('yx') | s.strip(none) | unicode.strip() | '\x1f\x85\u3000a\u200b'.strip() | s.strip(1)
s.split() | s.split(',') | s.split(', ') | ' a  b '.split() | ' a  b '.split(' ') | 'a,b,c'.split(',', 1) | 'a,b,c'.split(',', 0) | 'a,b,c'.split(',', -1) | 'a b c'.split(none, 1) | ' a b  c '.split(none, 1) | 'a,b,c'.split(',', maxsplit=1) | 'a,b,c'.split(sep=',') | s.split('') | s.split(1) | 'aaa'.split('aa')
'a,b,c'.rsplit(',', 1) | ' a b  c '.rsplit(none, 1) | 'aaa'.rsplit('aa') | 'a,b,c'.rsplit(',') | ''.split() | ''.split(',') | lines.splitlines() | lines.splitlines(true) | 'a\n'.splitlines() | '</think>x</think>y'.split('</think>')[-1] | 'abc'.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n')
s.startswith('Hell') | s.startswith('x') | s.startswith('') | s.startswith(('x', 'He')) | s.endswith('World') | s.endswith(('a', 'd')) | s.endswith('x') | s.startswith(1) | 'e\u0301'.startswith('e') | s.replace('l', 'L') | s.replace('l', 'L', 2) | s.replace('', '-') | s.replace('', '-', 2) | s.replace('zz', '') | s.replace('Hello', '') | 'aaa'.replace('aa', 'b')
s.find('o') | s.rfind('o') | s.find('z') | s.find('') | s.rfind('') | unicode.find('日') | s.index('W') | s.index('z') | s.count('l') | s.count('') | 'aaa'.count('aa') | ','.join(['a', 'b']) | ','.join('abc') | ','.join([1]) | ','.join([]) | ', '.join(d) | s.partition(', ') | s.partition('z') | s.rpartition('o') | s.rpartition('z')
'{} and {}'.format(1, 'a') | '{0} {1} {0}'.format('a', none) | '{x}'.format(x=[1]) | '{{}} {}'.format(1) | '{}'.format() | '%s is %d' % ('a', 3) | '%s' % 'x' | '%s%%' % 5 | '%r' % 'x' | '%.2f' % 3.14159 | '%d' % 3.9 | '%s %s' % ('a',) | '%s' % ('a', 'b') | '%s' | format('x') | '%f' % 1 | '%i' % true
'abc'.isdigit() | '123'.isdigit() | '²'.isdigit() | ''.isdigit() | 'abc'.isalpha() | 'a1'.isalnum() | ' \n'.isspace() | 'abc'.islower() | 'aB'.islower() | 'AB1'.isupper() | '1'.isupper() | 'prefix-x'.removeprefix('prefix-') | 'x.py'.removesuffix('.py') | '42'.zfill(5) | '-42'.zfill(5) | (s.upper)|length
d.items() | d.keys() | d.values() | d.get('a') | d.get('z') | d.get('z', 'def') | d.get('z', default=1) | d.get([1]) | d.items()|list | d.keys()|list | d.values()|list | d.items()|first | d.items()|length | none_d.items() | d.keys()|join(',') | d.copy() | d.update({'a': 1}) | d.pop('a') | l.append(4) | l.index(1) | l.index(9) | l.count(1) | l.pop is defined | s.upper is defined | d.update is defined | d.items() is mapping | d.keys()[0]
range(3) | range(1, 4) | range(0, 10, 3) | range(3, 0, -1) | list(range(3)) | range(3)|list | range(3)|length | range(5)[2] | range(5)[-1] | range(5)[9] | range(0)|list | range(100001) | range(2.0) | range('a') | range(1, 2, 0) | 2 in range(5) | range(3) == range(0, 3) | range(5)[1:] | range(9)[::-2] | range(1, 20, 3)[1:4] | range(3)[2:1]|list | range(9)[::-2]|list | range(0)[1:]|list | range(5)[-2:]|length | range(7)[1:6:4]|list | range(7)[1:5:4]|list | range(3)[5:]
dict(a=1, b=none) | dict({'x': 1}, y=2) | dict([('a', 1), ['b', 2]]) | dict() | dict(1) | dict(a=1)['a'] | dict(a=1).a | namespace(a=1).a | namespace(a=1).b | namespace(a=1)['a'] | namespace({'z': 3}).z | namespace(a=1) | namespace() is defined | namespace(_a=1) | raise_exception('stop') | raise_exception('a' ~ 1)
n(1) | s() | none() | [1]() | range|length | s|nofilter
""" + r"""
s | upper | s|lower | 'hELLO wORLD'|capitalize | 'hello-world (foo) [bar] {x} <y> it\'s ǆ'|title | n|upper | none|upper | [1, 'a']|upper | spaces|trim | 'xxaxx'|trim('x') | n|trim | undefined_name|trim | none|trim | s|trim(none) | '\u00a0a\u3000'|trim
s|length | unicode|length | l|length | d|length | none|length | n|length | ''|count | (1, 2)|count | range(4)|count | l|first | l|last | s|first | s|last | d|first | d|last | blank|first | blank|last | (blank|first) is defined | none|first | range(3)|last | undefined_name|first | undefined_name|last | d.items()|last
l|join | l|join(', ') | names|join('-') | people|join(', ', attribute='name') | s|join('.') | d|join(',') | none|join | undefined_name|join | [none, true, 1.0]|join('|') | l|join(d=';') | nested|join('/') | l|join(1)
s|list | d|list | l|list | undefined_name|list | none|list | (1, 2)|list | n|string | none|string | l|string | s|string|length | 1.0|string | 'x'|int | '12'|int | ' 12 '|int | '12.7'|int | '1_000'|int | '-5'|int | ''|int | none|int | none|int(5) | 'x'|int(default=3) | 3.99|int | -3.99|int | true|int | '1e3'|int | 'inf'|int(1) | l|int | '٣'|length
'1.5'|float | 'x'|float | 'x'|float(2.5) | none|float | 3|float | 'inf'|float | '-nan'|float|string | '1e5'|float | '.5'|float | '5.'|float | '0x10'|float | true|float | '1_0.5'|float | '_1'|float | 'infinit'|float
undefined_name|default('x') | undefined_name|d('x') | none|default('x') | none|default('x', true) | ''|default('x', boolean=true) | ''|default('x') | undefined_name|default | d.zz|default([]) | d.zz|default(none) is none | undefined_name.a|default('x') | 0|d(1, true) | s|default('x', 'y', 'z')
5|abs | -5|abs | -2.5|abs | -1|abs | 'a'|abs | true|abs | 2.5|round | 3.5|round | 2.675|round(2) | 42.55|round | 42.55|round(1, 'floor') | 42.51|round(1, 'ceil') | 42|round | -2.5|round | 1234.5678|round(precision=2) | 0.125|round(2) | -0.4|round | -0.4|round(0, 'ceil') | 42|round(1, 'floor') | 'a'|round | 1e300|round(2) | 2.5|round(1, 'x')
l|sum | []|sum | [1, 2.5]|sum | people|sum(attribute='age') | l|sum(start=10) | ['a']|sum | l|min | l|max | names|min | names|max | names|max(case_sensitive=true) | blank|max | people|max(attribute='age') | [1, 'a']|max | [2.0, 2]|max | s|min
l|sort | l|sort(reverse=true) | names|sort | names|sort(case_sensitive=true) | names|sort(true) | people|sort(attribute='age')|map(attribute='name')|list | people|sort(attribute='age,name', reverse=true)|map(attribute='name')|list | people|sort(attribute='address.city')|list | [1, 'a']|sort | s|sort | d|sort | none|sort | [none, none]|sort | [[2, 1], [1, 5], [1, 2]]|sort
names|unique|list | names|unique(true)|list | [1, 1.0, true, 2]|unique|list | people|unique(attribute='age')|map(attribute='name')|join | [[1]]|unique|list | d|dictsort | d|dictsort(by='value') | {'b': 2, 'A': 1, 'c': 0}|dictsort | {'b': 2, 'A': 1}|dictsort(true) | {'b': 2, 'A': 1}|dictsort(by='value') | {'a': 1, 'b': 2}|dictsort(reverse=true) | l|dictsort | {'a': 1}|dictsort(by='x') | {1: 2, 'a': 3}|dictsort
d|items|list | none_d|items|list | undefined_name|items|list | l|items|list | none|items|list | d|items is defined | (d|items)|length | l|reverse|list | s|reverse | d|reverse|list | (1, 2)|reverse|first | undefined_name|reverse|list | none|reverse|list | l|map('string')|reverse | l|reverse|length | range(3)|reverse|list
l|map('string')|join | names|map('upper')|list | people|map(attribute='name')|list | people|map(attribute='address.city', default='?')|list | people|map(attribute='address.city')|list | people|map(attribute='address')|map('default', 'none')|list | [[1, 2], [3]]|map('first')|list | [[1, 2]]|map(attribute=1)|list | ['a,b']|map('replace', ',', ';')|first | none|map('upper')|list | names|map|list | names|map('nofilter')|list | undefined_name|map('upper')|list | n|map('upper')|list | [1.25, 2.75]|map('round', 1, 'floor')|list | l|map(attribute='x')|list | l|map(attribute='x', foo=1)|list
l|select('odd')|list | l|select('gt', 1)|list | l|select('>', 1)|list | [0, 1, '', 'a', none]|select|list | l|reject('odd')|list | [0, 1]|reject|list | l|select('in', [1, 2])|list | l|select('equalto', 3)|list | l|select('notest')|list | names|select('lower')|list | people|selectattr('address')|map(attribute='name')|list | people|selectattr('address', 'defined')|list|length | people|selectattr('age', 'equalto', 31)|map(attribute='name')|join(',') | people|selectattr('age', '==', 4)|first | people|rejectattr('age', 'gt', 10)|list | people|rejectattr('address')|map(attribute='name')|list | messages|selectattr('role', 'equalto', 'user')|list|length | messages|selectattr('role')|list|length | messages|selectattr|list | people|selectattr('address.city', 'eq', 'Oslo')|map(attribute='name')|list
(l|select('odd'))|length | 'x' if l|select('gt', 100) else 'y' | 'x' if l|select('gt', 100)|list else 'y' | none|select|list | (l|map('string')) is iterable | (l|map('string')) is sequence
'a\nb\n\nc'|indent | 'a\nb\n\nc'|indent(2) | 'a\nb\n\nc'|indent(2, true) | 'a\nb\n\nc'|indent(2, true, true) | 'a\nb'|indent('> ') | 'a\nb\n'|indent(first=true) | ''|indent | n|indent | 'a\r\nb\x0bc'|indent(1) | s|replace('l', 'L') | s|replace('l', 'L', 1) | n|replace(7, 8) | s|replace('o') | none|replace('N', 'n') | s|wordcount | "it's a_b c-d é1"|wordcount | ''|wordcount | tag|safe | tag|safe ~ '<' | tag|safe + tag | tag + tag|safe | (tag|safe) + (tag|safe) + 1 | [tag|safe] | tag|safe == tag | tag|safe|length | tag|safe is string | tag|safe|tojson | '%s-%s'|format(1, 'a') | s|attr('upper') is defined | d|attr('a') is defined | namespace(a=1)|attr('a')
""" + r"""
schema|tojson | schema|tojson(indent=2) | schema|tojson(indent=4) | schema|tojson(indent=0) | l|tojson | l|tojson(indent=none) | d|tojson(sort_keys=true) | unicode|tojson | unicode|tojson(ensure_ascii=true) | tag|tojson | quote|tojson | none|tojson | true|tojson | 1.0|tojson | big|tojson | tiny|tojson | ''|tojson | []|tojson(indent=2) | {}|tojson(indent=2) | [[], {}]|tojson(indent=2) | (1, 2)|tojson | {1: 2, none: 3, true: 4, 1.5: 5}|tojson
undefined_name|tojson | [undefined_name]|tojson | l|map('string')|tojson | d.items()|tojson | range(2)|tojson | l|tojson(separators=(',', ':')) | schema|tojson(separators=(',', ': '), indent=2) | l|tojson(true, 2) | l|tojson(indent='--') | lines|tojson | '\x7f\x00\x1f'|tojson | '\x7f🙂'|tojson(ensure_ascii=true) | {(1, 2): 3}|tojson | 'inf'|float|tojson | 'nan'|float|tojson | s|tojson|length | {'b': 1, 'a': 2}|tojson(sort_keys=true, indent=1) | {1: 0, 'a': 1}|tojson(sort_keys=true)
s is defined | undefined_name is defined | undefined_name is not defined | undefined_name is undefined | d.zz is defined | d['b'] is defined | none is none | nothing is none | s is not none | undefined_name is none | s is string | n is string | d is mapping | l is mapping | l is sequence | s is sequence | d is sequence | n is sequence | undefined_name is sequence | l is iterable | s is iterable | n is iterable | none is iterable | undefined_name is iterable | range(2) is sequence | d.items() is sequence | range is callable | s.upper is callable | s is callable | undefined_name is callable | namespace() is iterable
yes is boolean | n is boolean | n is number | yes is number | x is number | s is number | n is integer | yes is integer | x is float | n is float | yes is true | 1 is true | no is false | 0 is false | yes is not false | none is false | 3 is odd | 4 is odd | 4 is even | -3 is odd | 2.0 is even | 's' is odd | 6 is divisibleby 3 | 6 is divisibleby(4) | 6 is divisibleby 0 | 'abc' is lower | 'Abc' is lower | 'ABC' is upper | '' is lower | 1 is lower
1 is eq 1 | 1 is equalto 2 | 1 is ne 2 | 1 is lt 2 | 2 is gt(1) | 2 is ge 2 | 2 is le 1 | 1 is lessthan 2 | 3 is greaterthan 2 | 1 is in [1, 2] | 's' is in 'xsx' | 5 is not in l | none is sameas none | true is sameas true | 1 is sameas true | s is in(names) | 'a' is string and 1 is number | 'a' is string or 1/0 | 1 is odd is true | (1 is odd) is true | s is string if yes else 'x' | not s is string | l[0] is odd | s is equalto 'Hello,' ~ ' World' | s is notest | 1 is divisibleby | d is defined and d.b is defined and d.b == 1
"""

EXPRESSION_LINES = [line for line in EXPRESSIONS.replace("\\\n", "\\\0").split("\n") if line.strip()]
# A bar with spaces around it separates cases; filters in them are written without.
CASES = ["{{ " + part.replace("\0", "\n").strip() + " }}" for line in EXPRESSION_LINES for part in line.split(" | ")]

CASES += [
    # Conditions and loops.
    "{% if yes %}a{% elif no %}b{% else %}c{% endif %}", "{% if no %}a{% elif yes %}b{% else %}c{% endif %}",
    "{% if no %}a{% elif no %}b{% else %}c{% endif %}|{% if no %}a{% endif %}", "{% if l: %}a{% endif %}",
    "{% for i in l %}{{ i }},{% endfor %}", "{% for i in blank %}{{ i }}{% else %}none{% endfor %}",
    "{% for i in l if i > 1 %}{{ loop.index }}:{{ i }} {% else %}none{% endfor %}", "{% for i in l if i > 9 %}{{ i }}{% else %}none{% endfor %}",
    "{% for i in l %}{{ loop.index }} {{ loop.index0 }} {{ loop.revindex }} {{ loop.revindex0 }} {{ loop.first }} {{ loop.last }} {{ loop.length }} {{ loop.depth }} {{ loop.depth0 }};{% endfor %}",
    "{% for i in l %}{{ loop.previtem }}<{{ i }}<{{ loop.nextitem }};{% endfor %}", "{% for i in l %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }}{% endfor %}",
    "{% for i in l|select('gt', 1) %}{{ i }}{{ loop.last }}{{ loop.length }}{{ loop.revindex }};{% endfor %}",
    "{% for i in l if i != 1 %}{{ loop.length }}{{ loop.last }}{{ loop.previtem }}{{ loop.nextitem }};{% endfor %}",
    "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}", "{% for k in d %}{{ k }}{% endfor %}", "{% for k, v in d|dictsort %}{{ k }}{{ v }}{% endfor %}", "{% for k, v in d|items %}{{ k }}{{ v }}{% endfor %}",
    "{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}", "{% for a, b in [(1, 2, 3)] %}{{ a }}{% endfor %}", "{% for a, b in ['xy', 'zw'] %}{{ a }}-{{ b }};{% endfor %}",
    "{% for c in s %}{{ c }}.{% endfor %}", "{% for i in none %}{% endfor %}", "{% for i in n %}{% endfor %}", "{% for i in undefined_name %}x{% else %}e{% endfor %}", "{% for i in range(3) %}{{ i }}{% endfor %}",
    "{% for i in range(9) %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 5 %}{% break %}{% endif %}{{ i }}{% endfor %}",
    "{% for i in l %}{% for j in l %}{% if j == 1 %}{% break %}{% endif %}{{ i }}{{ j }} {% endfor %}{{ loop.index }};{% endfor %}",
    "{% for i in l %}{% break %}{% else %}e{% endfor %}", "{% for i in l %}{{ loop.cycle('a', 'b') }}{% endfor %}", "{% for i in [1, 1, 2] %}{{ loop.changed(i) }}{% endfor %}", "{% for i in l %}{{ loop.cycle() }}{% endfor %}",
    "{% for i in nested recursive %}{% if i is iterable %}({{ loop(i) }}){% else %}{{ i }}@{{ loop.depth }}{% endif %}{% endfor %}", "{% for i in l %}{{ loop(l) }}{% endfor %}",
    "{% for i in l %}{% for j in l %}{{ loop.index }}{% endfor %}{{ loop.index }}{% endfor %}", "{{ loop is defined }}{{ loop.index }}", "{% for i in l %}{{ loop is defined }}{{ loop is callable }}{{ loop|length }}{% endfor %}",
    "{% for i in l %}{% else %}{{ loop is defined }}{% endfor %}", "{% for i in l %}{{ loop.nope }}{{ loop.nope is defined }}{% endfor %}", "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('order') }}{% endif %}{{ m.role }}{% endfor %}",
    "{% for i in 1, 2 %}{{ i }}{% endfor %}", "{% for i in (l if yes else []) %}{{ i }}{% endfor %}", "{% for m in messages[1:] %}{{ m.role }}{% endfor %}", "{% for m in messages[::-1] %}{{ loop.index0 }}{{ m.role }}{% endfor %}",
    "{% set ns = namespace(stop=false) %}{% for i in range(5) if not ns.stop %}{{ i }}{% if i == 2 %}{% set ns.stop = true %}{% endif %}{% endfor %}",
    "{% set ns = namespace(stop=false) %}{% for i in range(5) if not ns.stop %}{{ i }}{{ loop.last }}{% if i == 2 %}{% set ns.stop = true %}{% endif %}{% endfor %}",
    "{% set g = l|map('string') %}{{ g|list }}{{ g|list }}", "{% set g = l|select('odd') %}{% for i in g %}{{ i }}{% break %}{% endfor %}{{ g|list }}",
    # Scopes.
    "{% set a = 1 %}{{ a }}", "{% set a, b = 1, 2 %}{{ a }}{{ b }}", "{% set a = 1, 2 %}{{ a }}", "{% set (a, b) = [3, 4] %}{{ a }}{{ b }}", "{% set a, b = [1] %}", "{% set a = 1 %}{% for i in l %}{{ a }}{% set a = i %}{{ a }}{% endfor %}{{ a }}",
    "{% for i in l %}{% set z = i %}{% endfor %}{{ z is defined }}", "{% for i in l %}{% if loop.first %}{% set z = 'f' %}{% endif %}{{ z }}{% endfor %}", "{% for i in l %}{{ i }}{% endfor %}{{ i is defined }}",
    "{% if yes %}{% set a = 1 %}{% endif %}{{ a }}", "{% if no %}{% set a = 1 %}{% endif %}{{ a is defined }}", "{% if no %}{% set s = 1 %}{% endif %}{{ s }}", "{% if yes %}{% set s = 1 %}{% endif %}{{ s }}", "{% set s = s ~ '!' %}{{ s }}",
    "{% set ns = namespace(a=0) %}{% for i in l %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }}", "{% set ns = namespace() %}{% set ns.x, ns.y = 1, 2 %}{{ ns.x }}{{ ns.y }}", "{% set d.a = 1 %}", "{% set ns = namespace(a=1) %}{% set ns._b = 1 %}", "{% set nope.a = 1 %}",
    "{% set a %}x{{ n }}y{% endset %}{{ a }}{{ a|length }}", "{% set a | upper | replace('X', 'z') %}x{{ s }}{% endset %}{{ a }}", "{% set a %}{% set b = 1 %}{% endset %}{{ b is defined }}", "{% set ns = namespace() %}{% set ns.a %}t{% endset %}{{ ns.a }}", "{% set a %}{% for i in l %}{{ i }}{% endfor %}{% endset %}[{{ a }}]",
    "{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a is defined }}", "{% with %}{% set q = 1 %}{% endwith %}{{ q is defined }}", "{% set a = 5 %}{% with a = 1, b = a %}{{ b }}{% endwith %}",
    "{% filter upper %}a{{ s }}{% endfilter %}", "{% filter replace('a', 'b')|trim %} aaa {% endfilter %}", "{% print s %}{% print 1, 2 %}", "{% generation %}a{{ s }}{% set q = 1 %}{% endgeneration %}{{ q is defined }}",
    "{%- for m in messages %}{% generation %}{{ m.content }}{{ loop.index }}{% endgeneration %}{% endfor %}",
    # Macros.
    "{% macro f(a, b=2) %}{{ a }}-{{ b }}{% endmacro %}{{ f(1) }} {{ f(1, 3) }} {{ f(b=4, a=5) }} {{ f() }}", "{% macro f(a) %}{% endmacro %}{{ f(1, 2) }}", "{% macro f(a) %}{% endmacro %}{{ f(z=2) }}", "{% macro f(a) %}{% endmacro %}{{ f(1, a=2) }}",
    "{% macro f(a, b=a) %}{{ b }}{% endmacro %}{{ f(7) }}", "{% macro f() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1, 2, x=3) }}", "{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}",
    "{% macro f() %}{{ s }}{{ later }}{% endmacro %}{% set later = 1 %}{{ f() }}", "{% macro f() %}{% set q = 1 %}{{ q }}{% endmacro %}{{ f() }}{{ q is defined }}", "{% macro f(x) %}({{ caller(x) }}){% endmacro %}{% call(y) f(3) %}<{{ y }}{{ s }}>{% endcall %}", "{% macro f() %}{{ caller() }}{% endmacro %}{{ f() }}",
    "{% macro f() %}x{% endmacro %}{% call f() %}y{% endcall %}", "{{ f is defined }}{% macro f() %}{% endmacro %}{{ f is defined }}{{ f is callable }}{{ f.name }}", "{% macro f() %} a {% endmacro %}[{{ f()|trim }}]", "{% macro f() %}{% for i in l %}{% macro g() %}{{ i }}{% endmacro %}{{ g() }}{% endfor %}{% endmacro %}{{ f() }}", "{% macro f() %}{% endmacro %}{{ f }}",
    "{% for i in l %}{% set q = i * 2 %}{% macro g() %}{{ q }}{{ i }}{{ loop.index }}{% endmacro %}{{ g() }} {% endfor %}", "{% macro f(a, b) %}{{ b }}{{ a is defined }}{% endmacro %}{{ f(b=1) }}", "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(*[1]) }}{{ f(**{'a': 2}) }}", "{{ dict(**d)|length }}", "{% macro f(a='x' ~ s) %}{{ a }}{% endmacro %}{{ f() }}",
    "{{ f(2) }}{% macro f(a) %}{{ a }}{% endmacro %}", "{% macro f(x) %}{{ s }}{% set s = 'in' %}{{ s }}{% endmacro %}{{ f() }}{{ s }}",
    # Tags, comments and white space.
    "a{# c #}b", "a{#- c -#} b", "a {#- {{ x }} {% if %} #}b", "{# a\nb #}\nc", "a\n  {# c #}  \nb", "a\n  {#+ c +#}\nb", "{% raw %}{{ x }} {% if %}{% endraw %}", "{%- raw -%}  {{ x }}  {%- endraw -%} z", "a\n  {% raw %}\n x {% endraw %}\nb", "a\n  {% raw +%}x{% endraw %}",
    "{% if yes %}\na\n{% endif %}\nb\n", "  {% if yes %}\n  a\n  {% endif %}\n  b", "a {% if yes %} b {% endif %} c", "a  \n\n {%- if yes -%} \n b \n {%- endif -%} \n c", "  {%+ if yes %} a {%+ endif %}", "{% if yes +%}\na{% endif +%}\n", "a\n {{ s }}\n b", "a\n {{- s -}} \n b", "{{ s }}\n", "{{ s }}\n\n", "\n", "\n\n", "", "  {{ s }}  ",
    "\r\na\r\n{% if yes %}\r\nb\r{% endif %}\r\nc\r\n", "x\n\t {% set a = 1 %}\t\n y", "{% set a = 1 -%}   \n\n  {{ a }}", "{%if yes%}a{%endif%}", "{{s}}{{'}}'}}{{ '{%' }}{{ {'a': {'b': 1}}['a']['b'] }}", "{{ {'a': {}} }}", "{{ '#}' }}{# '#}x", "{ { % } %} }} #}", "{{ '\n' }}|{{ '\r\n' }}|{{ 'a\r\nb' }}",
    "{{ -1 }}{{-1 }}{{- 1 -}}{{+1}}", "a{{ '' -}}\n  \n b", " \n {%- set x = 1 %}\n z", "   {% for i in l %}\n   {{ i }}\n   {% endfor %}\n   end", "{% for i in l -%}\n  {{ i }}\n{%- endfor %}", "é\n  {%- if yes %}\u00a0é{% endif %}", "\u00a0 {% if yes %}a{% endif %}", "a{% if yes %}\n\n  b{% endif %}", "{#- x #}\n  a", "{#--#}a", "{#-#}#}", "a\n\u2028  {% if yes %}b{% endif %}",
    "{% if yes %}a{% endif %}   {% if yes %}b{% endif %}", "{% set x %}\n  a\n{% endset %}[{{ x }}]", "a\n    {%- generation %}\n b\n {%- endgeneration %}\n",
    # What the parser refuses.
    "{{", "{{ }}", "{{ 1 ", "{{ 1 + }}", "{% if %}{% endif %}", "{% if yes %}", "{% endif %}", "{% for %}", "{% for i l %}{% endfor %}", "{% nope %}", "{% if yes %}{% endfor %}", "{% else %}", "{# x", "{% raw %}x", "{{ 'abc }}", "{{ (1 }}", "{{ 1) }}", "{{ [1) }}", "{{ a b }}", "{{ 1..2 }}", "{{ $ }}", "{{ a ! b }}", "{% set %}", "{% set 1 = 2 %}",
    "{% set true = 2 %}", "{% set a = %}", "{% macro %}{% endmacro %}", "{% macro f(a=1, b) %}{% endmacro %}", "{% break %}", "{% call f %}{% endcall %}", "{{ f(a=1, 2) }}", "{{ f(**a, b) }}", "{{ f(,) }}", "{{ x | }}", "{{ x is }}", "{{ x.}}", "{{ 1 if }}", "{{ not }}", "{{ '\\x4' }}", "{{ '\\u12' }}", "{{ 007 }}", "{{ 5a }}",
    "{% for loop in l %}{% endfor %}", "{% for i in l %}{% continue %}x{% endfor %}y", "{% generation %}", "{% if yes %}{% else %}{% elif no %}{% endif %}",
]


TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}

WEATHER = {"type": "function", "function": {
    "name": "weather", "description": "The weather \u201cnow\u201d, <b>here</b> & there", "parameters": {
        "type": "object", "properties": {
            "city": {"type": "string", "description": "Which city"},
            "days": {"type": "integer", "description": "How many", "enum": [1, 2], "default": 1},
            "units": {"type": ["string", "null"]}, "tags": {"type": "array", "items": {"type": "string"}}},
        "required": ["city"]}, "return": {"type": "string"}}}
SUM = {"type": "function", "function": {
    "name": "add", "description": "Adds", "parameters": {"type": "object", "properties": {
        "a": {"type": "number", "description": "x"}, "b": {"type": "number", "description": "y"}}, "required": ["a", "b"]}}}


def said(*turns):
    roles = {"s": "system", "u": "user", "a": "assistant", "t": "tool", "d": "developer"}
    return [{"role": roles[role], "content": text} for role, text in turns]


CALL = {"id": "call12345", "type": "function", "function": {"name": "weather", "arguments": {"city": "\u00c5s", "days": 2, "x": 1.0, "ok": True, "no": None}}}
CALL_TEXT = {"id": "call67890", "type": "function", "function": {"name": "add", "arguments": '{"a": 1, "b": 2.5}'}}
CONVERSATIONS = {
    "question": {"messages": said(("u", "Hi there!"))},
    "system": {"messages": said(("s", "Be kind."), ("u", "  Hello \n"), ("a", " Hi!\n"), ("u", "Why?"))},
    "answered": {"messages": said(("u", "1+1?"), ("a", "2"), ("u", "2+2?"), ("a", "4"))},
    "only system": {"messages": said(("s", "Be kind."))},
    "system late": {"messages": said(("u", "a"), ("s", "b"), ("u", "c"))},
    "two users": {"messages": said(("u", "a"), ("u", "b"), ("a", "c"), ("a", "d"))},
    "assistant first": {"messages": said(("a", "Hello"), ("u", "x"))},
    "developer": {"messages": said(("d", "Be brief."), ("u", "x"), ("a", "y"))},
    "odd texts": {"messages": said(("s", ""), ("u", "<think>\n{{ x }} \u00e9e\u0301 \U0001f642 \\ \"q\" <|im_end|></s>"), ("a", "\n\n"), ("u", "\u3000\tz"))},
    "thoughts in text": {"messages": said(
        ("u", "q"), ("a", "<think>\nfirst\n</think>\n\nA1"), ("u", "r"), ("a", "<think>second</think>A2"))},
    "thoughts": {"messages": [
        {"role": "user", "content": "q"}, {"role": "assistant", "reasoning_content": "hm\n", "content": "A1"},
        {"role": "user", "content": "r"}, {"role": "assistant", "thinking": "so", "content": "A2"}]},
    "no thinking": {"messages": said(("u", "q")), "variables": {"enable_thinking": False}},
    "thinking": {"messages": said(("s", "s"), ("u", "q"), ("a", "a"), ("u", "r")), "variables": {
        "enable_thinking": True, "thinking": True, "reasoning_effort": "high", "date_string": "1 May 2024"}},
    "tools": {"messages": said(("s", "Use tools."), ("u", "Weather?")), "variables": {"tools": [WEATHER, SUM]}},
    "tools without system": {"messages": said(("u", "Weather?"), ("a", "No."), ("u", "Please")), "variables": {
        "tools": [WEATHER], "tools_in_user_message": False}},
    "call": {"messages": [
        {"role": "user", "content": "Weather?"}, {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call12345", "name": "weather", "content": "Rain, 5\u00b0"},
        {"role": "assistant", "content": "It rains."}, {"role": "user", "content": "Thanks"}], "variables": {"tools": [WEATHER]}},
    "two calls": {"messages": [
        {"role": "system", "content": "S"}, {"role": "user", "content": "Both"},
        {"role": "assistant", "content": None, "reasoning_content": "plan", "tool_calls": [CALL, CALL_TEXT]},
        {"role": "tool", "tool_call_id": "call12345", "name": "weather", "content": '{"t": 5}'},
        {"role": "tool", "tool_call_id": "call67890", "name": "add", "content": "3.5"},
        {"role": "assistant", "content": "Done."}], "variables": {"tools": [WEATHER, SUM]}},
    "call at the end": {"messages": [
        {"role": "user", "content": "Sum"}, {"role": "assistant", "tool_calls": [CALL_TEXT], "name": "bot"}]},
    "parts": {"messages": [
        {"role": "system", "content": [{"type": "text", "text": "S"}]},
        {"role": "user", "content": [{"type": "text", "text": "Look "}, {"type": "text", "text": "here"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "I do"}]}]},
    "image": {"messages": [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What is it?"}]}]},
    "documents": {"messages": said(("u", "Find")), "variables": {"documents": [
        {"title": "T1", "text": "x y", "doc_id": 1}, {"title": "T2", "text": "z"}]}},
    "unknown role": {"messages": [{"role": "critic", "content": "c"}, {"role": "user", "content": "u"}]},
}

_TOKENIZER = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()), **TOKENS)


def rendering(template, conversation, prompt):
    """The text of `apply_chat_template`, or why it refuses."""
    try:
        return {"text": _TOKENIZER.apply_chat_template(
            conversation["messages"], chat_template=template, tokenize=False, add_generation_prompt=prompt,
            **conversation.get("variables", {}))}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"[:200]}


def expressions():
    cases = []
    for template in dict.fromkeys(CASES):
        try:
            cases.append({"template": template, "text": peer._compile_jinja_template(template).render(**VARIABLES)})
        except Exception as error:
            cases.append({"template": template, "error": f"{type(error).__name__}: {error}"[:200]})
    return cases


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    with open(folder / "expressions.json", "w", encoding="utf-8") as file:
        json.dump({"variables": VARIABLES, "cases": expressions()}, file, ensure_ascii=True, indent=0)
        file.write("\n")
    renderings = {}
    for file in sorted((folder / "templates").glob("*.jinja")):
        template = file.read_text(encoding="utf-8")
        renderings[file.stem] = {
            name: [rendering(template, conversation, prompt) for prompt in [False, True]]
            for name, conversation in CONVERSATIONS.items()}
    with open(folder / "renderings.json", "w", encoding="utf-8") as file:
        json.dump({"tokens": TOKENS, "conversations": CONVERSATIONS, "renderings": renderings}, file, indent=0)
        file.write("\n")
