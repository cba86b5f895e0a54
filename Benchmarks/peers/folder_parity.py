"""Whether transformers loads the folders that `likely lm convert` writes, to the same logits: every stored model of the
tests, in float32, in shards, and in bfloat16. Prints the largest difference of each; ends with 1 where one is too large.

python folder_parity.py --likely PATH --models Tests/LanguageTests/Fixtures/models
"""

import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile

import torch
from tokenizers import Tokenizer, models
from transformers import AutoModelForCausalLM, logging

logging.set_verbosity_error()
logging.disable_progress_bar()
parser = argparse.ArgumentParser()
parser.add_argument("--likely", required=True)
parser.add_argument("--models", required=True, type=pathlib.Path)
options = parser.parse_args()
failed = False
with tempfile.TemporaryDirectory() as work:
    work = pathlib.Path(work)
    for source in sorted(options.models.iterdir()):
        if not (source / "config.json").exists() or source.name.endswith("_classifier"):
            continue
        # The stored models have no tokeniser, which a folder needs.
        own = work / source.name
        shutil.copytree(source, own)
        Tokenizer(models.WordLevel({f"w{i}": i for i in range(61)}, unk_token="w0")).save(str(own / "tokenizer.json"))
        tokens = torch.randint(0, 61, (2, 20), generator=torch.Generator().manual_seed(1))
        found = {}
        for name, flags in [("float32", []), ("shards", ["--shard", "0.02"]), ("bfloat16", ["--dtype", "bfloat16"])]:
            out = work / f"{source.name}-{name}"
            subprocess.run([options.likely, "lm", "convert", str(own), *flags, "--out", str(out)], check=True,
                           capture_output=True)
            low = name == "bfloat16"
            dtype = torch.bfloat16 if low else torch.float32
            with torch.no_grad():
                expected = AutoModelForCausalLM.from_pretrained(own, dtype=dtype).eval()(tokens).logits
                logits = AutoModelForCausalLM.from_pretrained(out, dtype=dtype).eval()(tokens).logits
            found[name] = (logits - expected).abs().max().item()
            failed |= found[name] > 1e-6
        print(source.name, ", ".join(f"{name} {value:.1e}" for name, value in found.items()))
sys.exit(failed)
