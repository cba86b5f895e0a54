"""Compares Likely's rendering of chat templates with that of `transformers`, text for text.

    .deps/peers/bin/python Benchmarks/peers/chat_template_parity.py FOLDER [--program PATH] [--verbose]

FOLDER has .jinja files, at any depth: templates of published models, which packages such as trl, vllm or llama.cpp
carry. Every one is given the conversations of the tests' fixtures, with and without the generation prompt, on a fixed
day. Prints how many renderings are equal, refused by both, refused by one, or different; ends with 1 where one is
different, or where Likely renders what `transformers` refuses. What only Likely refuses is counted by its reason.
"""

import argparse
import collections
import json
import pathlib
import re
import subprocess
import sys
import tempfile

root = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(root / "Tests/LanguageTests/Fixtures"))
sys.dont_write_bytecode = True

import make_chat

parser = argparse.ArgumentParser()
parser.add_argument("folder", type=pathlib.Path)
parser.add_argument("--program", default=str(root / ".build/release/LikelyBenchmarks"))
parser.add_argument("--verbose", action="store_true", help="print every difference")
options = parser.parse_args()

files = sorted(options.folder.rglob("*.jinja"))
cases, expected, names = [], [], []
for file in files:
    template = file.read_text(encoding="utf-8")
    for name, conversation in make_chat.CONVERSATIONS.items():
        for prompt in [False, True]:
            variables = conversation.get("variables", {})
            cases.append({"template": template, "tokens": make_chat.TOKENS, "messages": conversation["messages"],
                          "variables": variables, "prompt": prompt})
            expected.append(make_chat.rendering(template, conversation, prompt))
            names.append((str(file.relative_to(options.folder)), name, prompt))

with tempfile.TemporaryDirectory() as folder:
    path = f"{folder}/cases.json"
    json.dump(cases, open(path, "w"))
    answers = subprocess.run([options.program, "chat", "--cases", path, "--date", "2025-11-02"],
                             capture_output=True, encoding="utf-8", check=True).stdout.split("\n")[:-1]

counts = collections.Counter()
reasons = collections.defaultdict(set)
differing = set()
for name, ours, theirs in zip(names, answers, expected, strict=True):
    ours = json.loads(ours)
    if "error" in ours and "error" in theirs:
        kind = "refused by both"
    elif "error" in ours:
        kind = "refused by Likely only"
        reasons[re.sub(r"^template, line \d+: |, expected one of.*", "", ours["error"])].add(name[0])
    elif "error" in theirs:
        kind = "refused by transformers only"
    else:
        kind = "equal" if ours["text"] == theirs["text"] else "different"
    counts[kind] += 1
    if kind in ["different", "refused by transformers only"]:
        differing.add(name[0])
        if options.verbose:
            print(kind, name, json.dumps(ours), json.dumps(theirs), sep="\n  ")
for reason, where in sorted(reasons.items()):
    print(f"refused by Likely only: {reason} ({', '.join(sorted(where))})")
print(f"{len(files)} templates, {len(cases)} renderings: " + ", ".join(f"{n} {kind}" for kind, n in counts.most_common()))
print(f"{len(differing)} templates differ" + "".join(f"\n  {name}" for name in sorted(differing)))
sys.exit(len(differing) > 0)
