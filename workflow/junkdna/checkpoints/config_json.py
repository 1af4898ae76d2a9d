"""What a checkpoint's config.json says of it, as far as that decides whether its weights are worth a download."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from junkdna.files.hub import nearest

# Keys of config.json, and files beside it, by which quantizers tell of themselves.
QUANTIZED = ("quantization_config", "compression_config")
QUANTIZERS = {
    "quantize_config.json": "GPTQ",
    "quant_config.json": "AWQ",
    "hf_quant_config.json": "ModelOpt",
    "quantization_config.json": "a quantizer",
}
NESTED = ("text", "vision", "audio")
# Tokenizers of characters or bytes, which have no vocabulary and no fast form.
PLAIN_TOKENIZERS = ("CanineTokenizer", "ByT5Tokenizer", "PerceiverTokenizer")


def check_config(here: Mapping[str, Path], where: str) -> None:
    """Refuse what is no model of text of transformers, is quantized already, or reads characters or bytes.

    here: name -> path of the files of the checkpoint, config.json among them. where: how an error starts. Raises
    ValueError.
    """
    try:
        config = json.loads(here["config.json"].read_text(encoding="utf-8"))
        model_type = config["model_type"]
    except (ValueError, KeyError, TypeError):
        raise ValueError(
            f"{where}: config.json names no model_type, so transformers cannot tell its architecture; add it "
            "(such as 'bert') to the config of a local copy, or choose another checkpoint"
        ) from None
    _check_model_type(model_type, where)
    _check_not_quantized(config, here, where)
    _check_not_nested(config, model_type, where)
    _check_tokenizer(here, model_type, where)


def _check_model_type(model_type: Any, where: str) -> None:
    from transformers import __version__
    from transformers.models.auto import modeling_auto

    legal = {
        *modeling_auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
        *modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
        *modeling_auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
    }
    if model_type not in legal:
        raise ValueError(
            f"{where}: config.json names the model_type {model_type!r}, for which transformers {__version__} "
            f"has no model of text{nearest(model_type, sorted(legal))}. Code in a checkpoint is never run."
        )


def _check_not_quantized(config: Mapping[str, Any], here: Mapping[str, Path], where: str) -> None:
    parts = [config, *(value for value in config.values() if isinstance(value, dict))]
    found = [(key, part[key]) for part in parts for key in QUANTIZED if part.get(key)]
    if found:
        key, value = found[0]
        held = value if isinstance(value, dict) else {}
        method = held.get("quant_method") or held.get("quant_type") or "unnamed"
        bits = 4 if held.get("load_in_4bit") else 8 if held.get("load_in_8bit") else held.get("bits")
        told = f"config.json has a {key} (method {method}{f', {bits} bits' if bits else ''})"
    else:
        named = [file for file in QUANTIZERS if file in here]
        if not named:
            return
        told = f"it has {named[0]}, as {QUANTIZERS[named[0]]} writes it"
    raise ValueError(
        f"{where} is quantized already: {told}. Its weights are codes, and what is measured is what quantization does "
        "to the weights before. Take the checkpoint that it was made from"
    )


def _check_not_nested(config: Mapping[str, Any], model_type: str, where: str) -> None:
    """Models of text and something else keep the config of the language model inside their own."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    try:
        known = CONFIG_MAPPING[model_type].sub_configs
    except (KeyError, AttributeError, ImportError):
        known = {}
    held = {key for key, value in config.items() if isinstance(value, dict) and key.endswith("config")}
    nested = sorted(key for key in held | set(known) if any(kind in key for kind in NESTED))
    if nested:
        text = config.get("text_config")
        inner = text.get("model_type") if isinstance(text, dict) else None
        raise ValueError(
            f"{where}: config.json describes a {model_type!r} of several models ({', '.join(nested)}), of which only "
            "one is of text. Take a checkpoint of the language model alone"
            + (f", of model_type {inner!r}" if inner else "")
        )


def _check_tokenizer(here: Mapping[str, Path], model_type: str, where: str) -> None:
    try:
        named = json.loads(here["tokenizer_config.json"].read_text(encoding="utf-8")).get("tokenizer_class")
    except (KeyError, ValueError, AttributeError):
        named = None
    named = "CanineTokenizer" if model_type == "canine" else named
    if named in PLAIN_TOKENIZERS:
        raise ValueError(
            f"{where}: its {named} reads characters or bytes without a vocabulary and has no fast form "
            "(tokenizer.json), which is needed here; choose a checkpoint with a vocabulary"
        )
