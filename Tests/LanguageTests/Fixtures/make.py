"""Small random models of every shape, as `transformers` saves them, adapters and soft prompts of `peft`, and
classifiers, with what they give.

Made with transformers 5.24.0, peft 0.21.2 and torch 2.13.0, seed 0: python make.py FOLDER
Every folder also has reference.safetensors: tokens [3, 20], their logits, and 24 tokens generated greedily from the
first 5 of every row.
"""

import pathlib
import sys

import torch
from peft import LoraConfig, PromptTuningConfig, get_peft_model
from safetensors.torch import save_file
from transformers import (
    GPT2Config, GPT2ForSequenceClassification, GPT2LMHeadModel, GPTNeoXConfig, GPTNeoXForCausalLM, LlamaConfig,
    LlamaForCausalLM, LlamaForSequenceClassification, MistralConfig, MistralForCausalLM, Qwen2Config,
    Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM)

torch.manual_seed(0)
size = dict(vocab_size=61, hidden_size=24, num_hidden_layers=2, num_attention_heads=4, initializer_range=0.3)
gated = dict(size, intermediate_size=36, num_key_value_heads=2, max_position_embeddings=64)
llama3 = dict(rope_type="llama3", rope_theta=1000.0, factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=16)
yarn = dict(rope_type="yarn", rope_theta=1000.0, factor=4.0, original_max_position_embeddings=16)
dynamic = dict(rope_type="dynamic", rope_theta=1000.0, factor=2.0)

models = {
    "gpt2": GPT2LMHeadModel(GPT2Config(
        vocab_size=61, n_embd=24, n_layer=2, n_head=4, n_positions=64, initializer_range=0.3)),
    "gpt_neox": GPTNeoXForCausalLM(GPTNeoXConfig(
        **size, intermediate_size=48, rotary_pct=0.34, max_position_embeddings=64)),
    "gpt_neox_serial": GPTNeoXForCausalLM(GPTNeoXConfig(
        **size, intermediate_size=48, use_parallel_residual=False, rotary_pct=1.0, max_position_embeddings=64)),
    "llama": LlamaForCausalLM(LlamaConfig(**gated)),
    "llama3": LlamaForCausalLM(LlamaConfig(
        **gated, rope_parameters=llama3, attention_bias=True, mlp_bias=True, head_dim=8)),
    "llama_yarn": LlamaForCausalLM(LlamaConfig(**gated, rope_parameters=yarn)),
    "llama_dynamic": LlamaForCausalLM(LlamaConfig(**dict(gated, max_position_embeddings=12), rope_parameters=dynamic)),
    "mistral": MistralForCausalLM(MistralConfig(**gated, sliding_window=6)),
    "qwen2": Qwen2ForCausalLM(Qwen2Config(**gated, tie_word_embeddings=True)),
    "qwen2_window": Qwen2ForCausalLM(Qwen2Config(
        **gated, use_sliding_window=True, sliding_window=5, max_window_layers=1)),
    "qwen3": Qwen3ForCausalLM(Qwen3Config(**gated, head_dim=10)),
}

out = pathlib.Path(sys.argv[1])
for name, model in models.items():
    model.eval()
    # Biases and scales start at 0 and 1: with those, mistakes in them would not be seen.
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if "norm" in key or "ln_" in key or key.endswith("bias"):
                parameter.add_(0.2 * torch.randn_like(parameter))
    model.generation_config.eos_token_id = None
    model.save_pretrained(out / name)
    (out / name / "generation_config.json").unlink()
    tokens = torch.randint(0, 61, (3, 20))
    with torch.no_grad():
        logits = model(tokens).logits
        greedy = model.generate(
            tokens[:, :5], attention_mask=torch.ones(3, 5, dtype=torch.long), do_sample=False, max_new_tokens=24,
            pad_token_id=0)
    save_file(
        {"tokens": tokens, "logits": logits.contiguous(), "greedy": greedy[:, 5:].contiguous()},
        out / name / "reference.safetensors")

adapters = {
    "llama3": ["q_proj", "v_proj", "gate_proj", "down_proj"],
    "gpt2": ["c_attn", "c_proj"],
    "gpt_neox": ["query_key_value", "dense_4h_to_h"],
}
for name, targets in adapters.items():
    adapted = get_peft_model(models[name], LoraConfig(r=3, lora_alpha=6, target_modules=targets, task_type="CAUSAL_LM"))
    with torch.no_grad():
        for key, parameter in adapted.named_parameters():
            if "lora_B" in key:
                parameter.normal_(std=0.3)
    adapted.eval()
    folder = out / name / "adapter"
    adapted.save_pretrained(folder)
    (folder / "README.md").unlink()
    tokens = torch.randint(0, 61, (2, 12))
    with torch.no_grad():
        logits = adapted(tokens).logits
    save_file({"tokens": tokens, "logits": logits.contiguous()}, folder / "reference.safetensors")

for name in ["llama", "gpt2"]:
    # Read anew: low-rank adapters have changed the ones above in place.
    model = type(models[name]).from_pretrained(out / name)
    adapted = get_peft_model(model, PromptTuningConfig(num_virtual_tokens=5, task_type="CAUSAL_LM"))
    adapted.eval()
    folder = out / name / "soft"
    adapted.save_pretrained(folder)
    (folder / "README.md").unlink()
    tokens = torch.randint(0, 61, (2, 12))
    with torch.no_grad():
        logits = adapted(tokens).logits[:, 5:]
    save_file({"tokens": tokens, "logits": logits.contiguous()}, folder / "reference.safetensors")

classifiers = {
    "llama_classifier": LlamaForSequenceClassification(LlamaConfig(**gated, num_labels=3, pad_token_id=0)),
    "gpt2_classifier": GPT2ForSequenceClassification(GPT2Config(
        vocab_size=61, n_embd=24, n_layer=2, n_head=4, n_positions=64, initializer_range=0.3, num_labels=1,
        pad_token_id=0)),
}
for name, model in classifiers.items():
    model.eval()
    if model.num_labels == 3:
        model.config.id2label = {0: "bad", 1: "fair", 2: "good"}
        model.config.label2id = {"bad": 0, "fair": 1, "good": 2}
    model.save_pretrained(out / name)
    tokens = torch.randint(1, 61, (3, 12))
    with torch.no_grad():
        scores = model(tokens).logits
    save_file({"tokens": tokens, "scores": scores.contiguous()}, out / name / "reference.safetensors")
