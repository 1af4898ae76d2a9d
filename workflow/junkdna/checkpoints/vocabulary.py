"""Whether a model that someone else compressed reads the tokens of the checkpoint that it was made from."""

from pathlib import Path

from junkdna.tasks.tokens import load_tokenizer


def check_vocabulary(checkpoint: Path, folder: Path, key: str) -> None:
    """Raise ValueError if the tokenizers of two checkpoint folders have not the same vocabulary.

    Every run of a study reads the tokens of the checkpoint, so that runs are paired. key: of the model in the config.
    """
    own, theirs = (load_tokenizer(each).get_vocab() for each in (checkpoint, folder))
    if own == theirs:
        return
    differ = sorted(token for token in {**own, **theirs} if own.get(token) != theirs.get(token))
    raise ValueError(
        f"{key}: found a tokenizer that differs from that of the checkpoint in {len(differ)} tokens, such as "
        f"{differ[0]!r}; legal: a model with the vocabulary of {checkpoint.name}, from which it was made"
    )
