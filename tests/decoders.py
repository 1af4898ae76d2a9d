"""A tiny decoder with random weights and a tokenizer of characters, as a checkpoint folder."""

from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

ALPHABET = sorted(pre_tokenizers.ByteLevel.alphabet())


def tokenizer_of_characters() -> PreTrainedTokenizerFast:
    """A token a byte, after the two special ones."""
    made = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(["<s>", "</s>", *ALPHABET])}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    special = {"bos_token": AddedToken("<s>", special=True), "eos_token": AddedToken("</s>", special=True)}
    return PreTrainedTokenizerFast(tokenizer_object=made, **special)


def save_decoder(folder: Path) -> Path:
    """Write it; its weights are large enough to prefer some options to others."""
    tokenizer_of_characters().save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(ALPHABET) + 2, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=4, bos_token_id=0, eos_token_id=1,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    for parameter in model.parameters():
        parameter.data *= 3
    model.save_pretrained(folder)
    return folder
