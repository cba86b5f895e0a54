"""Preferences the usual way: steps of trl's trainers, its log-probabilities of the reference, similarities of pairs from
two full passes each, and follow-ups read one by one."""

import logging as messages
import os
import resource
import tempfile
import warnings

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["TQDM_DISABLE"] = "1"
os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"
warnings.filterwarnings("ignore")

import torch
from common import Timer, answer, arguments
from datasets import Dataset, disable_progress_bars
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast, logging

messages.disable(messages.WARNING)
logging.set_verbosity_error()
logging.disable_progress_bar()
disable_progress_bars()
options = arguments(task="dpo")
folder = f"{options.folder}/language"
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


def tokens(row, count):
    return [(row * 7919 + i * 104729 + 13) % 8192 for i in range(count)]


def pairs(count):
    return [{"prompt_ids": tokens(row, 200), "chosen_ids": tokens(1000 + 2 * row, 60),
             "rejected_ids": tokens(1001 + 2 * row, 60)} for row in range(count)]


def finish(timer, value):
    answer(timer, value=float(value), megabytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def step(trainer, inputs):
    """A step as the trainer makes it, without its logging."""
    # What `train` sets before the first step.
    trainer.current_gradient_accumulation_steps = 1
    optimizer = torch.optim.AdamW(trainer.model.parameters(), lr=1e-5, betas=(0.9, 0.95), weight_decay=0.0)

    def run():
        loss = trainer.training_step(trainer.model, inputs)
        torch.nn.utils.clip_grad_norm_(trainer.model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        return loss.item()

    trainer.model.train()
    for _ in range(2):
        run()
    with Timer() as timer:
        for _ in range(5):
            loss = run()
    finish(timer, loss)


def dpo(work, kept):
    from trl import DPOConfig, DPOTrainer

    tokenizer = PreTrainedTokenizerFast(tokenizer_file=f"{folder}/tokenizer.json", eos_token="<|endoftext|>",
                                        pad_token="<|endoftext|>")
    rows = Dataset.from_list([{"prompt": "a", "chosen": "b", "rejected": "c"}] * 8)
    trainer = DPOTrainer(
        model,
        args=DPOConfig(output_dir=work, use_cpu=True, report_to=[], per_device_train_batch_size=8, bf16=False,
                       gradient_checkpointing=False, precompute_ref_log_probs=kept),
        train_dataset=rows, processing_class=tokenizer)
    if options.task == "reference":
        data = Dataset.from_list(pairs(64))
        with Timer() as timer:
            found = trainer._precompute_ref_logps(data, "train", 8)
        return finish(timer, sum(found["ref_chosen_logps"]))
    inputs = trainer.data_collator(pairs(8))
    if kept:
        inputs["ref_chosen_logps"], inputs["ref_rejected_logps"] = trainer.compute_ref_log_probs(model, inputs)
    step(trainer, inputs)


def orpo(work):
    from trl.experimental.orpo import ORPOConfig, ORPOTrainer

    tokenizer = PreTrainedTokenizerFast(tokenizer_file=f"{folder}/tokenizer.json", eos_token="<|endoftext|>",
                                        pad_token="<|endoftext|>")
    rows = Dataset.from_list([{"prompt": "a", "chosen": "b", "rejected": "c"}] * 8)
    trainer = ORPOTrainer(
        model,
        args=ORPOConfig(output_dir=work, use_cpu=True, report_to=[], per_device_train_batch_size=8, bf16=False,
                        gradient_checkpointing=False, max_length=512),
        train_dataset=rows, processing_class=tokenizer)
    inputs = {}
    for name in ("chosen", "rejected"):
        ids = [pair["prompt_ids"] + pair[f"{name}_ids"] for pair in pairs(8)]
        inputs[f"{name}_input_ids"] = torch.tensor(ids)
        inputs[f"{name}_attention_mask"] = torch.ones(8, 260, dtype=torch.long)
        labels = torch.tensor(ids)
        labels[:, :200] = -100
        inputs[f"{name}_labels"] = labels
    step(trainer, inputs)


def ches():
    """Two passes a pair, one text at a time, with all layers' states, as the authors score."""
    model.eval()

    def similarity(pair):
        sums = []
        for name in ("chosen_ids", "rejected_ids"):
            text = torch.tensor([pair["prompt_ids"] + pair[name]])
            with torch.no_grad():
                hidden = model(text, output_hidden_states=True).hidden_states[-1][0]
            sums.append(hidden[199:-1].sum(0))
        return (sums[0] @ sums[1] - sums[0] @ sums[0]).item()

    similarity(pairs(1)[0])
    with Timer() as timer:
        total = sum(similarity(pair) for pair in pairs(64))
    finish(timer, total)


def follow_up():
    """One pass a follow-up, one text at a time."""
    model.eval()

    def reward(dialogue):
        means = []
        for row in range(120):
            follow = tokens(5000 + row, 8)
            text = torch.tensor([dialogue + follow])
            with torch.no_grad():
                logits = model(text).logits[0, len(dialogue) - 1:-1]
            logs = torch.log_softmax(logits.float(), -1)
            means.append(logs.gather(1, torch.tensor(follow)[:, None]).mean().item())
        return sum(means[:60]) / 60 - sum(means[60:]) / 60

    with Timer() as timer:
        total = sum(reward(tokens(row, 300)) for row in range(3))
    finish(timer, total)


with tempfile.TemporaryDirectory() as work:
    if options.task == "ches":
        ches()
    elif options.task == "follow-up":
        follow_up()
    elif options.task == "orpo":
        orpo(work)
    else:
        dpo(work, options.task in ("dpo-kept", "reference"))
