"""Prompts as tokens: the border of context and target, the first token, what goes where it is too long."""

import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from junkdna.tasks.encode_prompts import encode, encode_pair, encode_question, first_token, shared_prefix

TEXTS = ["Q: Who is it?\n\nA: Mark Twain", "Answer: yes", "no\n\n", "a b c d e f", "the the"] * 3


def make_tokenizer(bos: bool) -> PreTrainedTokenizerFast:
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=340,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(TEXTS, trainer)
    if bos:
        made.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        bos_token=AddedToken("<s>", special=True),
        eos_token=AddedToken("</s>", special=True),
    )


@pytest.fixture(scope="module", params=[True, False], ids=["bos", "plain"])
def tokenizer(request):
    return make_tokenizer(request.param)


def test_context_and_target_are_the_tokens_of_the_whole(tokenizer):
    first = first_token(tokenizer)
    before, after = encode_pair(tokenizer, "Q: Who is it?\n\nA:", " Mark Twain", first)
    assert list(before + after)[first is not None :] == encode(tokenizer, "Q: Who is it?\n\nA: Mark Twain")
    assert tokenizer.decode(list(after)) == " Mark Twain"
    assert (before[0] == tokenizer.bos_token_id) == (first is not None)


def test_spaces_at_the_end_of_a_context_belong_to_the_target(tokenizer):
    first = first_token(tokenizer)
    assert encode_pair(tokenizer, "Answer: ", "yes", first) == encode_pair(
        tokenizer, "Answer:", " yes", first
    )
    assert encode_pair(tokenizer, "Answer:", "yes", first) != encode_pair(tokenizer, "Answer:", " yes", first)


def test_a_token_that_spans_the_border_is_cut_there():
    tokenizer = make_tokenizer(bos=False)
    assert len(encode(tokenizer, "\n\n")) == 1, "the case that this test is about"
    before, after = encode_pair(tokenizer, "no\n", "\n", None)
    assert list(before) == encode(tokenizer, "no\n") and list(after) == encode(tokenizer, "\n")


def test_line_breaks_before_a_word_are_other_tokens_than_at_the_end_of_a_text():
    tokenizer = make_tokenizer(bos=False)
    before, after = encode_pair(tokenizer, "Who is it?\n\n", "Mark", None)
    whole = encode(tokenizer, "Who is it?\n\nMark")
    assert whole[: len(before)] != list(before), "the case that this test is about"
    # No token is lost or counted for both, as it were by the number of tokens of the context alone.
    assert list(before) == encode(tokenizer, "Who is it?\n\n") and list(after) == encode(tokenizer, "Mark")
    assert whole[len(before) :] != list(after)
    # Between two examples they stand inside the context, and are what they are there.
    shown = encode_question(
        tokenizer, instruction="", shots=["no\n\n"], context="Q:", targets=[" yes"], first=None, room=99
    )
    assert list(shown.context) == encode(tokenizer, "no\n\nQ:")


def test_the_first_token_is_there_once():
    tokenizer = make_tokenizer(bos=True)
    assert first_token(tokenizer) == 0 and first_token(tokenizer, False) is None
    assert (
        first_token(make_tokenizer(bos=False)) is None and first_token(make_tokenizer(bos=False), True) == 0
    )
    before, _ = encode_pair(tokenizer, "<s>no", " yes", 0)
    assert before.count(0) == 1 and before == encode_pair(tokenizer, "no", " yes", 0)[0]
    without = make_tokenizer(bos=False)
    without.bos_token = None
    with pytest.raises(ValueError, match="add_bos: found true; legal: false"):
        first_token(without, True)


def test_an_empty_context_becomes_the_token_that_begins_or_ends_a_text():
    tokenizer = make_tokenizer(bos=True)
    assert encode_pair(tokenizer, "", "yes", 0) == ((0,), tuple(encode(tokenizer, "yes")))
    assert encode_pair(tokenizer, "", "yes", None)[0] == (tokenizer.eos_token_id,)


def test_what_is_too_long_loses_whole_shots_first_ones_first(tokenizer):
    shots = ["a b a\n\n", "c d c\n\n", "e f e\n\n"]
    given = {"instruction": "the the\n\n", "shots": shots, "context": "Q:", "targets": [" yes", " no no"]}
    given["first"] = first_token(tokenizer)
    whole = encode_question(tokenizer, **given, room=1000)
    assert whole.lost_shots == 0 and len(whole.targets) == 2
    size = len(whole.context) + max(map(len, whole.targets))
    cut = encode_question(tokenizer, **given, room=size - 1)
    assert cut.lost_shots == 1
    kept = list(cut.context)[given["first"] is not None :]
    assert tokenizer.decode(kept) == "the the\n\nc d c\n\ne f e\n\nQ:"
    least = len(encode_question(tokenizer, **{**given, "shots": []}, room=1000).context)
    with pytest.raises(ValueError, match=r"a question takes \d+ tokens without any shot; legal: up to 3"):
        encode_question(tokenizer, **given, room=3)
    assert encode_question(tokenizer, **given, room=least + max(map(len, whole.targets))).lost_shots == 3


def test_the_shared_beginning_leaves_each_context_a_token():
    assert shared_prefix([(1, 2, 3, 4), (1, 2, 5)]) == 2
    assert shared_prefix([(1, 2), (1, 2, 3)]) == 1, "the last token of the shorter one predicts"
    assert shared_prefix([(1,), (2,)]) == 0 and shared_prefix([]) == 0
    assert shared_prefix([(4, 4, 4)]) == 2
