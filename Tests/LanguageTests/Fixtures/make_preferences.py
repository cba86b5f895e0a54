"""Losses of preference objectives on one fixed batch, as trl finds them with the small Llama model of these tests.

Made with trl 1.16.0, transformers 5.24.0 and torch 2.13.0: python make_preferences.py FOLDER
FOLDER has models/llama and gets preferences.json: four pairs as tokens, log-probabilities that a reference has of their
responses, and the mean loss of every objective with its parameters.
"""

import json
import pathlib
import sys
import tempfile
import types

import torch
import torch.nn.functional as F
from datasets import Dataset
from tokenizers import Tokenizer, models
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast
from trl import DPOConfig, DPOTrainer
from trl.experimental.cpo import CPOTrainer
from trl.experimental.orpo import ORPOTrainer

folder = pathlib.Path(sys.argv[1])
model = LlamaForCausalLM.from_pretrained(folder / "models" / "llama", dtype=torch.float32)
generator = torch.Generator().manual_seed(0)


def tokens(count):
    return torch.randint(0, 61, (count,), generator=generator).tolist()


pairs = [{"prompt_ids": tokens(p), "chosen_ids": tokens(c), "rejected_ids": tokens(r)}
         for p, c, r in [(5, 4, 7), (9, 6, 3), (2, 1, 5), (7, 8, 8)]]
tokenizer = PreTrainedTokenizerFast(
    tokenizer_object=Tokenizer(models.WordLevel({f"w{i}": i for i in range(61)}, unk_token="w0")), eos_token="w1",
    pad_token="w2")
rows = Dataset.from_list([{"prompt": "w5", "chosen": "w6", "rejected": "w7"}] * 4)
with tempfile.TemporaryDirectory() as work:
    trainer = DPOTrainer(
        model, args=DPOConfig(output_dir=work, use_cpu=True, report_to=[], bf16=False, precompute_ref_log_probs=True),
        train_dataset=rows, processing_class=tokenizer)
    batch = trainer.data_collator(pairs)
    with torch.no_grad():
        chosen, rejected = trainer.compute_ref_log_probs(model, batch)
    offsets = torch.tensor([[0.7, -0.4], [-1.1, 0.3], [0.2, 0.9], [-0.5, -0.8]])
    batch["ref_chosen_logps"], batch["ref_rejected_logps"] = chosen + offsets[:, 0], rejected + offsets[:, 1]
    losses = []
    for name, beta in [("sigmoid", 0.1), ("sigmoid", 0.7), ("hinge", 0.1), ("ipo", 0.1), ("nca_pair", 0.1),
                       ("bco_pair", 0.1), ("sppo_hard", 0.1), ("apo_zero", 0.1), ("apo_down", 0.1),
                       ("sigmoid_norm", 0.1)]:
        trainer.loss_types, trainer.loss_weights, trainer.beta = [name], [1.0], beta
        with torch.no_grad():
            loss = trainer._compute_loss(model, batch, return_outputs=False)
        losses.append({"objective": name, "beta": beta, "loss": loss.item()})
    lengths = [torch.tensor([len(pair[key]) for pair in pairs]) for key in ("chosen_ids", "rejected_ids")]
    means = chosen / lengths[0], rejected / lengths[1]
    device = types.SimpleNamespace(device=torch.device("cpu"))
    orpo = ORPOTrainer.odds_ratio_loss(types.SimpleNamespace(beta=1.0, accelerator=device), *means)[0]
    losses.append({"objective": "orpo", "beta": 1.0, "loss": -orpo.mean().item()})
    for name, beta, of in [("sigmoid", 0.1, (chosen, rejected)), ("simpo", 2.0, means)]:
        own = types.SimpleNamespace(
            beta=beta, accelerator=device, alpha=0.0, loss_type=name, simpo_gamma=0.5, label_smoothing=0.0)
        loss = CPOTrainer.cpo_loss(own, *of)[0].mean().item()
        losses.append({"objective": "cpo" if name == "sigmoid" else name, "beta": beta, "loss": loss})
reference = torch.stack([batch["ref_chosen_logps"], batch["ref_rejected_logps"]], 1).tolist()
text = json.dumps({"made with": "make_preferences.py, trl 1.16.0", "pairs": pairs, "reference": reference,
                   "losses": losses}, indent=1)
(folder / "preferences.json").write_text(text + "\n")
