"""Checkpoints as models: load a classifier, and say which of its weights a recipe may touch."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open

from junkdna.fit import check_body, clear_conversion
from junkdna.matrices import PrunableWeight, find_matrices
from junkdna.quiet import quiet_transformers

if TYPE_CHECKING:
    # At run time transformers is imported where a model is built: it takes longer than making a mask.
    from transformers import PretrainedConfig, PreTrainedModel

WEIGHTS = "model.safetensors"
SHARDS = "model.safetensors.index.json"
OUTPUT = "lm_head.weight"
# Parts of a name by which the code of Yin et al. leaves a parameter alone, told apart by case.
SPARED = ("embed", "bias", "norm")
# Floating dtypes by their safetensors code.
FLOATS = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16, "F64": torch.float64}


def load_classifier(
    checkpoint_dir: str | Path,
    num_labels: int,
    seed: int,
    *,
    regression: bool = False,
    dtype: torch.dtype = torch.float32,
) -> "PreTrainedModel":
    """Load a checkpoint folder as a sequence classifier, its weights in `dtype`.

    What the checkpoint lacks, as a rule the head, is initialised from `seed` alone and so the same for every
    recipe; the caller's random state stays as it is. A head that the checkpoint carries is kept if it has
    `num_labels` outputs, else initialised too. The names of all initialised parameters are left on the model
    as `missing_from_checkpoint`. A decoder without a padding token pads with its end token.

    Raises FileNotFoundError without config.json or safetensors files, ValueError for a file that cannot be
    read, an architecture without a sequence classifier and weights that do not belong to the configuration.
    """
    from transformers import AutoModelForSequenceClassification

    checkpoint_dir = Path(checkpoint_dir)
    assert not regression or num_labels == 1, num_labels
    config = read_config(checkpoint_dir, num_labels=num_labels)
    if not has_classifier(config):
        takes = "take an encoder such as bert or roberta, a decoder such as gpt2 or llama, or t5"
        raise unfit(checkpoint_dir, config, "sequence classifier", takes)
    config.problem_type = "regression" if regression else None
    model = load_weights(AutoModelForSequenceClassification, checkpoint_dir, config, seed, dtype)
    text = model.config.get_text_config()
    # Not every configuration knows these tokens (Funnel's does not).
    if getattr(text, "pad_token_id", None) is None:
        end = getattr(text, "eos_token_id", None)
        set_padding(model, (end[0] if isinstance(end, list) else end) or 0)
    return model


def set_padding(model: "PreTrainedModel", token: int) -> None:
    """Tell a model which token pads; models of several modalities ask the configuration of their text part."""
    for config in {id(each): each for each in (model.config, model.config.get_text_config())}.values():
        config.pad_token_id = token


def load_body(checkpoint_dir: str | Path, dtype: torch.dtype = torch.float32) -> "PreTrainedModel":
    """Load a checkpoint folder as whatever has its body: a classifier of two classes, else a language model.

    Raises what `load_classifier` raises, and ValueError for an architecture that is neither.
    """
    from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AutoModelForCausalLM

    config = read_config(Path(checkpoint_dir))
    if type(config) in MODEL_FOR_CAUSAL_LM_MAPPING and not has_classifier(config):
        return load_weights(AutoModelForCausalLM, Path(checkpoint_dir), config, 0, dtype)
    return load_classifier(checkpoint_dir, num_labels=2, seed=0, dtype=dtype)


def has_classifier(config: "PretrainedConfig") -> bool:
    """Whether transformers has a sequence classifier of this architecture."""
    from transformers import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING

    return type(config) in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING


def prunable_weights(model: "PreTrainedModel", scope: str) -> dict[str, PrunableWeight]:
    """Find the weights that a recipe may touch, in the order of the model.

    scope `body`: the matrices of the base model, as far as the checkpoint carries them; see `junkdna.matrices` for
    what is one and what is left out. Named relative to the base model, so that a name does not hang on the head.
    ValueError for an architecture with more than TOLERANCE of its weights in parameters of no known kind.
    scope `paper`: every 2-D parameter without "embed", "bias" or "norm" in its name, the head included, as the
    code of Yin et al. (ICML 2024) does; names of parameters outside the base model start with "head:".
    """
    if scope == "paper":
        from transformers.pytorch_utils import Conv1D

        prefix = f"{model.base_model_prefix}."
        transposed = {id(layer.weight) for layer in model.modules() if isinstance(layer, Conv1D)}
        return {
            name.removeprefix(prefix) if name.startswith(prefix) else f"head:{name}": PrunableWeight(
                parameter, 0 if id(parameter) in transposed else 1
            )
            for name, parameter in model.named_parameters()
            if parameter.ndim == 2 and not any(part in name for part in SPARED)
        }
    assert scope == "body", scope
    return find_matrices(model, getattr(model, "missing_from_checkpoint", frozenset()))


def read_body(checkpoint_dir: str | Path) -> dict[str, PrunableWeight]:
    """Read the prunable weights of scope `body`, as in `prunable_weights`, in the dtype of the files.

    Building the model maps the files into memory and copies nothing, so there is no cheaper way that
    knows the kinds of the layers; in another dtype than the files' it would copy, or round.
    """
    stored = set()
    for path in find_weight_files(Path(checkpoint_dir)):
        with safe_open(path, "pt") as tensors:
            stored |= {tensors.get_slice(key).get_dtype() for key in tensors.keys()}  # noqa: SIM118
    dtypes = [dtype for code, dtype in FLOATS.items() if code in stored]
    dtype = dtypes[0] if len(dtypes) == 1 else torch.float32
    return prunable_weights(load_body(checkpoint_dir, dtype), "body")


def find_weight_files(checkpoint_dir: Path) -> list[Path]:
    """Return the safetensors files of a checkpoint folder: `model.safetensors`, or the shards of its index.

    Raises FileNotFoundError when there is none or a shard is missing, ValueError for one that is broken.
    """
    if (checkpoint_dir / WEIGHTS).is_file():
        names = [WEIGHTS]
    elif (checkpoint_dir / SHARDS).is_file():
        index = json.loads((checkpoint_dir / SHARDS).read_text(encoding="utf-8"))
        names = sorted(set(index["weight_map"].values()))
    else:
        found = ", ".join(sorted(path.name for path in checkpoint_dir.glob("*"))) or "nothing"
        raise FileNotFoundError(
            f"checkpoint {checkpoint_dir}: neither {WEIGHTS} nor {SHARDS} is there, but {found}; "
            "weights of another format are to be converted to safetensors first"
        )
    files = [checkpoint_dir / name for name in names]
    for path in files:
        if not path.is_file():
            raise FileNotFoundError(f"checkpoint {checkpoint_dir}: {SHARDS} names {path.name}, not there")
        try:
            with safe_open(path, "pt"):
                pass
        except SafetensorError as error:
            raise ValueError(f"{path}: not a readable safetensors file ({error})") from error
    return files


def load_weights(
    kind: Any, checkpoint_dir: Path, config: "PretrainedConfig", seed: int, dtype: torch.dtype
) -> "PreTrainedModel":
    """Load the weights into a model of an automatic class; what is missing is initialised from `seed`."""
    files = find_weight_files(checkpoint_dir)
    with torch.random.fork_rng(devices=[]), quiet_transformers(), clear_conversion(checkpoint_dir, files):
        torch.default_generator.manual_seed(seed)
        model, info = kind.from_pretrained(
            checkpoint_dir,
            config=config,
            dtype=dtype,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    _take_tied_embedding(checkpoint_dir, model, info)
    check_body(checkpoint_dir, model, info)
    model.missing_from_checkpoint = frozenset(
        info["missing_keys"] | {key[0] for key in info["mismatched_keys"]}
    )
    return model


def _take_tied_embedding(checkpoint_dir: Path, model: "PreTrainedModel", info: Mapping[str, Any]) -> None:
    """Some decoders with tied weights store them as the output layer alone, which a classifier has not."""
    if not getattr(model.config, "tie_word_embeddings", False):
        return
    embedding = model.get_input_embeddings().weight
    names = [name for name, parameter in model.named_parameters() if parameter is embedding]
    if not set(names) & info["missing_keys"]:
        return
    for path in find_weight_files(checkpoint_dir):
        with safe_open(path, "pt") as tensors:
            if OUTPUT in tensors.keys() and tensors.get_slice(OUTPUT).get_shape() == list(embedding.shape):  # noqa: SIM118
                embedding.data.copy_(tensors.get_tensor(OUTPUT))
                info["missing_keys"].difference_update(names)


def unfit(checkpoint_dir: Path, config: "PretrainedConfig", lacks: str, takes: str) -> ValueError:
    """The error that an architecture lacks something; takes: what does not."""
    from transformers import __version__

    architecture = ", ".join(config.architectures or [type(config).__name__])
    return ValueError(
        f"{checkpoint_dir / 'config.json'}: architecture {architecture} (model_type {config.model_type!r}) has no "
        f"{lacks} in transformers {__version__}; {takes}"
    )


def read_config(checkpoint_dir: Path, **changes: Any) -> "PretrainedConfig":
    """Read config.json, with some of it changed."""
    from transformers import AutoConfig, __version__

    path = checkpoint_dir / "config.json"
    if not path.is_file():
        raise FileNotFoundError(f"checkpoint {checkpoint_dir}: config.json is missing")
    try:
        config = AutoConfig.from_pretrained(
            checkpoint_dir, **changes, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"{path}: transformers {__version__} cannot read it: {error}") from error
    return config
