"""Compares Likely's tokenisers with Hugging Face's on real and adversarial lines, token for token.

    .deps/peers/bin/python Benchmarks/peers/tokenizer_parity.py --data $LIKELY_DATA [--lines 10000] [--seed 5]

Half of the lines are from tinyshakespeare and GSM8K in --data, half are made by the fixtures' own generator. Ends with 1
where a line of any kind is encoded differently.
"""

import argparse
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

os.environ["TOKENIZERS_PARALLELISM"] = "false"
root = pathlib.Path(__file__).resolve().parents[2]
fixtures = root / "Tests/LanguageTests/Fixtures/tokenizers"
sys.path.insert(0, str(fixtures))
sys.dont_write_bytecode = True

import make
from tokenizers import Tokenizer

parser = argparse.ArgumentParser()
parser.add_argument("--data", required=True, type=pathlib.Path)
parser.add_argument("--lines", type=int, default=10_000)
parser.add_argument("--seed", type=int, default=5)
options = parser.parse_args()

text = (options.data / "text/tinyshakespeare.txt").read_text(encoding="utf-8")
real = text.split("\n")
for part in ["train", "test"]:
    for line in open(options.data / f"gsm8k/{part}.jsonl", encoding="utf-8"):
        real += [str(value) for value in json.loads(line).values()]
rng = random.Random(options.seed)
lines = rng.sample(real, options.lines // 2) + make.lines(text, options.lines // 2, rng)

different = 0
with tempfile.TemporaryDirectory() as folder:
    path = f"{folder}/lines.json"
    json.dump(lines, open(path, "w"))
    for kind in make.KINDS:
        file = str(fixtures / f"{kind}.json")
        found = subprocess.run(
            [str(root / ".build/release/LikelyBenchmarks"), "tokens", "--tokenizer", file, "--lines", path],
            capture_output=True, encoding="utf-8", check=True).stdout.split("\n")[:-1]
        peer = Tokenizer.from_file(file)
        wrong = decoded = restored = 0
        for line, answer in zip(lines, found, strict=True):
            answer = json.loads(answer)
            bare = peer.encode(line, add_special_tokens=False).ids
            wrong += answer["tokens"] != peer.encode(line).ids or answer["bare"] != bare
            decoded += answer["text"] != peer.decode(bare, skip_special_tokens=False)
            restored += answer["text"] == line
        different += wrong
        print(f"{kind}: {len(lines)} lines, {wrong} encoded differently, {decoded} decoded differently, "
              f"{restored} restored by decoding")
sys.exit(different > 0)
