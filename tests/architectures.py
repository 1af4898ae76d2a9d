"""Tiny checkpoints of the architectures that every method must take."""

from pathlib import Path

import numpy as np
import torch
import transformers

from junkdna.tasks.tokens import Tokens

SMALL = {"vocab_size": 61, "max_position_embeddings": 16}
ENCODER = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 40}
DEBERTA = {
    "relative_attention": True,
    "position_buckets": 4,
    "pos_att_type": ["p2c", "c2p"],
    "norm_rel_ebd": "layer_norm",
}
EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2, "num_key_value_heads": 1}
# Configuration, class that saves the checkpoint, and how many weights of its body are prunable.
ARCHITECTURES = {
    "bert": (transformers.BertConfig(**SMALL, **ENCODER), "BertForMaskedLM", 12),
    "bert-base": (transformers.BertConfig(**SMALL, **ENCODER), "BertModel", 12),
    "roberta": (transformers.RobertaConfig(**SMALL, **ENCODER), "RobertaModel", 12),
    "distilbert": (
        transformers.DistilBertConfig(**SMALL, dim=24, n_layers=2, n_heads=2, hidden_dim=40),
        "DistilBertForMaskedLM",
        12,
    ),
    "deberta-v2": (transformers.DebertaV2Config(**SMALL, **ENCODER, **DEBERTA), "DebertaV2Model", 16),
    "gpt2": (
        transformers.GPT2Config(vocab_size=61, n_positions=16, n_embd=24, n_layer=2, n_head=2, n_inner=40),
        "GPT2LMHeadModel",
        8,
    ),
    "gpt-neox": (transformers.GPTNeoXConfig(**SMALL, **ENCODER), "GPTNeoXForCausalLM", 8),
    "opt": (
        transformers.OPTConfig(
            **SMALL, hidden_size=24, num_hidden_layers=2, num_attention_heads=2, ffn_dim=40
        ),
        "OPTForCausalLM",
        12,
    ),
    "llama": (transformers.LlamaConfig(**SMALL, **ENCODER, num_key_value_heads=1), "LlamaForCausalLM", 14),
    # Fused experts: two layers of 4 matrices of attention and 4 experts of two; gpt-oss keeps them turned.
    "mixtral": (transformers.MixtralConfig(**SMALL, **ENCODER, **EXPERTS), "MixtralForCausalLM", 24),
    "gpt-oss": (
        transformers.GptOssConfig(**SMALL, **ENCODER, **EXPERTS, head_dim=12, sliding_window=4),
        "GptOssForCausalLM",
        24,
    ),
    # Attention by head, [model, heads, width]: five parameters a layer; it reads the last place of a batch.
    "xlnet": (
        transformers.XLNetConfig(vocab_size=61, d_model=24, n_layer=2, n_head=2, d_inner=40),
        "XLNetLMHeadModel",
        14,
    ),
    "t5": (
        transformers.T5Config(
            vocab_size=61, d_model=24, d_kv=12, d_ff=40, num_layers=1, num_heads=2, decoder_start_token_id=0
        ),
        "T5ForConditionalGeneration",
        16,
    ),
}


# Dimensions along which inputs lie; of the others 1 alone.
INPUT_DIMS = {"gpt2": {0}, "gpt-oss": {0, 1}, "xlnet": {0, 1}}
# What keeps matrices as other than the weights of linear layers.
FUSED = ("mixtral", "gpt-oss", "xlnet")


def save_checkpoint(folder: Path, architecture: str, tied: bool) -> None:
    config, name, _ = ARCHITECTURES[architecture]
    torch.manual_seed(0)
    model = getattr(transformers, name)(config)
    if tied:
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_((parameter * 50).round() / 50)
        model = model.bfloat16()
    model.save_pretrained(folder)


# DeBERTa's relative positions make an input of 8 rows, so no sequence here has 8 tokens.
LENGTHS = (5, 13, 3, 11, 6, 9)


def make_tokens(pad: int, lengths=LENGTHS) -> Tokens:
    draw = np.random.default_rng(3)
    # T5 looks for the end token 1 in every sequence.
    ids = np.concatenate([np.append(draw.integers(5, 60, length - 1), 1) for length in lengths])
    return Tokens(
        input_ids=torch.from_numpy(ids).int(),
        offsets=torch.from_numpy(np.cumsum([0, *lengths])),
        segments=None,
        example_id=torch.arange(len(lengths)),
        label=torch.zeros(len(lengths), dtype=torch.int64),
        options=None,
        format="classification",
        num_labels=2,
        pad_id=pad,
    )
