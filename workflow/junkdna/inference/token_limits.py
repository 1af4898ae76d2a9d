"""Whether tokens fit the tables of a model, so that none is looked up beyond the end of one.

On a CPU such a look-up is an IndexError without a word of the cause, on a GPU it ends the process.
"""

from torch import nn
from transformers import PreTrainedModel

from junkdna.tasks.tokens import Tokens

# What tables of positions are called that are looked up by number, whatever follows.
POSITIONS = ("position_embeddings", "wpe", "embed_positions")
SEGMENTS = "token_type_embeddings"


def token_rows(model: PreTrainedModel) -> int | None:
    """How many tokens the model has a row of its embedding for; None of a model without such a table."""
    try:
        return len(model.get_input_embeddings().get_parameter("weight"))
    except (NotImplementedError, AttributeError):
        return None


def check_tokens(model: PreTrainedModel, tokens: Tokens) -> None:
    """Raise ValueError for a token, the padding, a segment or a length beyond the tables of the model."""
    where = f"checkpoint {model.name_or_path}: {type(model).__name__}"
    rows = token_rows(model)
    lengths = tokens.offsets.diff()
    largest, longest = int(tokens.input_ids.max()), int(lengths.max())
    mixed = (
        "the tokenizer and the weights are not of one checkpoint, or tokens were added to the tokenizer alone"
    )
    if rows is not None and largest >= rows:
        raise ValueError(f"{where} has {rows} tokens, 0 to {rows - 1}; found token {largest}: {mixed}")
    if rows is not None and tokens.pad_id >= rows and int(lengths.min()) < longest:
        raise ValueError(
            f"{where} has {rows} tokens, 0 to {rows - 1}; padding is token {tokens.pad_id}: {mixed}"
        )
    for name, module in model.base_model.named_modules():
        part = name.rpartition(".")[2]
        if part == SEGMENTS and tokens.segments is not None:
            kinds, found = module.num_embeddings, int(tokens.segments.max())
            if found >= kinds:
                raise ValueError(
                    f"{where} tells {kinds} kinds of segments apart; found segment {found}: {mixed}"
                )
        limit = _positions(module) if part in POSITIONS else None
        if limit is not None and longest > limit:
            raise ValueError(
                f"{where} takes sequences of up to {limit} tokens; found one of {longest}: set max_length of the "
                f"task to {limit} or less"
            )


def _positions(module: nn.Module) -> int | None:
    """How many positions a table has for tokens; None where that cannot be told, or positions are computed."""
    if not isinstance(module, nn.Embedding):
        return None
    offset = getattr(module, "offset", None)
    if isinstance(offset, int):  # OPT, BART: the first rows are of no position
        return module.num_embeddings - offset
    if type(module) is not nn.Embedding:
        return None
    # RoBERTa counts from behind the padding token.
    return module.num_embeddings - (0 if module.padding_idx is None else module.padding_idx + 1)
