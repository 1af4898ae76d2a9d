"""What a model is asked, as text."""

import numpy as np
import pytest

from junkdna.tasks.prompts import (
    PromptSpec,
    check_template,
    choose_shots,
    question_of,
    render,
    shot_of,
)

ASKED = {"text": "Where is the sun?", "options": ["up", "down", "left"], "label": 0}


def test_a_choice_has_one_context_and_a_target_an_option():
    spec = PromptSpec(prompt="Q: {{ text }}\nA:")
    asked = question_of(ASKED, spec)
    assert asked.contexts == ("Q: Where is the sun?\nA:",)
    assert asked.targets == ("up", "down", "left") and asked.right == 0
    assert not spec.asks_by_option
    assert shot_of(ASKED, spec) == "Q: Where is the sun?\nA: up\n\n"


def test_options_may_be_shown_with_letters():
    spec = PromptSpec(
        prompt="{{ text }}\n{% for each in options %}{{ 'ABC'[loop.index0] }}. {{ each }}\n{% endfor %}Answer:",
        answer="{{ 'ABC'[place] }}",
    )
    asked = question_of({**ASKED, "label": 2}, spec)
    assert asked.contexts == ("Where is the sun?\nA. up\nB. down\nC. left\nAnswer:",)
    assert asked.targets == ("A", "B", "C")
    assert shot_of({**ASKED, "label": 2}, spec).endswith("Answer: C\n\n")


def test_two_options_with_the_same_text_stay_two():
    asked = question_of({**ASKED, "options": ["up", "up"], "label": 1}, PromptSpec(prompt="{{ text }}"))
    assert asked.targets == ("up", "up") and asked.right == 1
    lettered = PromptSpec(prompt="{{ text }}", answer="{{ 'AB'[place] }}")
    assert question_of({**ASKED, "options": ["up", "up"], "label": 1}, lettered).targets == ("A", "B")


def test_partial_scoring_asks_once_an_option_and_the_rest_is_the_same():
    blank = {"text": "The cup is in the bag because _ is small.", "options": ["cup", "bag"], "label": 1}
    spec = PromptSpec(
        prompt="{{ text.split('_')[0] }}{{ option }}", answer="{{ text.split('_')[1].strip() }}"
    )
    asked = question_of(blank, spec)
    assert asked.contexts == ("The cup is in the bag because cup", "The cup is in the bag because bag")
    assert asked.targets == ("is small.", "is small.")
    assert shot_of(blank, spec) == "The cup is in the bag because bag is small.\n\n"


def test_a_free_answer_has_all_its_aliases_and_shows_the_first():
    free = {"text": "Who?", "answers": ["Mark Twain", "Samuel Clemens"]}
    spec = PromptSpec(prompt="Q: {{ text }}\nA:", answer="{{ answer }}")
    assert question_of(free, spec).targets == ("Mark Twain", "Samuel Clemens")
    assert shot_of(free, spec) == "Q: Who?\nA: Mark Twain\n\n"


def test_a_template_is_checked_before_any_job():
    names = ["text", "options", "option"]
    assert check_template("tasks.x.prompt", "{{ text }}", names) == []
    (line,) = check_template("tasks.x.prompt", "{{ txt }}", names)
    assert line.startswith("tasks.x.prompt: found the name 'txt'; legal: ") and "did you mean 'text'?" in line
    (line,) = check_template("tasks.x.prompt", "{{ text", names)
    assert line.startswith("tasks.x.prompt: found a template that Jinja2 cannot read")


@pytest.mark.parametrize(
    "template",
    [
        "{{ text.__class__.__mro__ }}",
        "{{ options.append('x') }}",
        "{{ text.split('?')[5] }}",
        "{{ missing }}",
    ],
)
def test_a_template_cannot_leave_its_sandbox(template):
    with pytest.raises(ValueError, match="cannot be filled in"):
        render(template, ASKED)


def test_line_breaks_at_the_end_of_a_template_are_kept():
    assert render("{{ text }}\n", ASKED) == "Where is the sun?\n"


def test_shots_are_nested_drawn_by_seed_and_never_a_question():
    ids = np.arange(50) * 7 + 1
    texts = [f"question {i}" for i in range(50)]
    measured = [" question 3 ", "question 9"]
    one, eight = (choose_shots(ids, texts, measured, 1, count) for count in (1, 8))
    assert list(eight[:1]) == list(one) and len(set(eight)) == 8
    assert list(choose_shots(ids, texts, measured, 2, 8)) != list(eight)
    assert not {3, 9} & set(choose_shots(ids, texts, measured, 1, 48))
    # Another order of the source changes nothing.
    turned = choose_shots(ids[::-1], texts[::-1], measured, 1, 8)
    assert [texts[::-1][i] for i in turned] == [texts[i] for i in eight]
    with pytest.raises(ValueError, match=r"shots: found 49; legal: up to 48.*\(50 with those that are\)"):
        choose_shots(ids, texts, measured, 1, 49)
    assert len(choose_shots(ids, texts, measured, 1, 0)) == 0
