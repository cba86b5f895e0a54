"""The usual way with transformers and tokenizers: generate, a training step, scoring of whole texts, encoding."""

import os
import resource

os.environ["TOKENIZERS_PARALLELISM"] = "false"

import torch
from common import Timer, answer, arguments
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast, logging

logging.set_verbosity_error()
logging.disable_progress_bar()
options = arguments(task="greedy")
folder = f"{options.folder}/language"
low = options.precision == "bf16-mixed"


def tokens(row, count):
    return [(row * 7919 + i * 104729 + 13) % 8192 for i in range(count)]


def finish(timer, value, **extra):
    answer(timer, value=float(value), megabytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, **extra)


def load():
    dtype = torch.bfloat16 if low and options.task != "train" else torch.float32
    return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)


def generate(rows, count, sample):
    model = load().eval()
    prompts = torch.tensor([tokens(row, 16) for row in range(rows)])
    mask = torch.ones_like(prompts)

    def run(count):
        with torch.no_grad():
            return model.generate(prompts, attention_mask=mask, do_sample=sample, top_k=0, max_new_tokens=count,
                                  min_new_tokens=count, pad_token_id=0)

    run(8)
    with Timer() as timer:
        found = run(count)
    finish(timer, found[:, 16:].numel())


def train():
    model = load().train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.01)
    rows = torch.tensor([tokens(row, 257) for row in range(8)])

    def step():
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=low):
            # The model shifts the labels itself.
            loss = model(input_ids=rows, labels=rows).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.item()

    for _ in range(2):
        step()
    with Timer() as timer:
        for _ in range(10):
            loss = step()
    finish(timer, loss)


def score():
    model = load().eval()

    def run(prompts):
        total = 0.0
        with torch.no_grad():
            for row in range(prompts):
                prompt = tokens(row, 200)
                batch = torch.tensor([prompt + tokens(1000 + 8 * row + i, 30) for i in range(8)])
                logits = model(batch).logits[:, 199:-1]
                logs = torch.log_softmax(logits.float(), -1)
                total += logs.gather(2, batch[:, 200:, None]).sum().item()
        return total

    run(2)
    with Timer() as timer:
        total = run(64)
    finish(timer, total)


def tokenize():
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=f"{folder}/tokenizer.json").backend_tokenizer
    with open(f"{options.folder}/text.txt") as file:
        lines = file.read().split("\n")
    tokenizer.encode_batch(lines[:100])
    with Timer() as timer:
        found = tokenizer.encode_batch(lines)
    finish(timer, sum(len(encoding.ids) for encoding in found))


if options.task == "greedy":
    generate(1, 256, False)
elif options.task == "batch":
    generate(16, 128, True)
else:
    {"train": train, "score": score, "tokenize": tokenize}[options.task]()
