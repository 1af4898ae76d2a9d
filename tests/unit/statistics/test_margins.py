"""What margins foretell, against draws of the noise, and what is compared at the same margins."""

import numpy as np
import pytest

from junkdna.statistics.margins import expected_at, foretold, gap_at_same_margins, noise_of, pooled


def questions(
    rng: np.random.Generator, number: int, options: int, lead: float
) -> tuple[np.ndarray, np.ndarray]:
    right = rng.integers(options, size=number)
    scores = rng.standard_normal((number, options))
    scores[np.arange(number), right] += lead
    return scores, right


def test_foretold_is_the_share_of_draws_in_which_the_right_option_stays_first():
    rng = np.random.default_rng(0)
    scores, right = questions(rng, 12, 4, 0.7)
    scores[3, 2:] = np.nan
    right[3] = 1
    noise = np.sort(rng.standard_normal(20_000) * 0.8)
    drawn = scores + rng.choice(noise, size=(40_000, *scores.shape))
    stays = (np.nanargmax(drawn, axis=2) == right).mean(axis=0)
    np.testing.assert_allclose(foretold(scores, right, noise), stays, atol=0.012)


def test_without_noise_what_was_right_stays_right():
    scores = np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 2.0]])
    still = np.zeros(50)
    np.testing.assert_array_equal(foretold(scores, np.array([0, 0, 0]), still), [1.0, 0.0, 0.5])


def test_noise_is_found_whatever_all_options_share():
    rng = np.random.default_rng(1)
    before = rng.standard_normal((4000, 3))
    after = before + 0.5 * rng.standard_normal(before.shape) + 7 * rng.standard_normal((4000, 1))
    after[:1000, 2] = np.nan
    found = noise_of(before, after)
    assert len(found) == 11_000 and (np.diff(found) >= 0).all()
    assert found.std() == pytest.approx(0.5, rel=0.03)
    both = pooled([found, np.zeros(5)])
    assert both.std() == pytest.approx(0.5 / np.sqrt(2), rel=0.03), "each has the same share"


def test_an_expectation_is_a_weighted_line_through_the_questions_near_by():
    rng = np.random.default_rng(2)
    chances, hits = rng.random(60), (rng.random(60) < 0.5).astype(float)
    weights = rng.integers(0, 3, size=(4, 60)).astype(float)
    places = np.array([0.2, 0.7])
    found, _ = expected_at(places, chances, hits, weights)
    for row, weight in enumerate(weights):
        for column, place in enumerate(places):
            near = weight * np.exp(-0.5 * ((chances - place) / 0.08) ** 2)
            root = np.sqrt(near)
            line = np.stack([np.ones(60), chances - place], axis=1)
            fitted = np.linalg.lstsq(line * root[:, None], hits * root, rcond=None)[0][0]
            assert found[row, column] == pytest.approx(fitted, abs=1e-3)


@pytest.mark.parametrize("options", [(4, 4), (2, 5), (5, 2)])
def test_noise_of_one_size_leaves_no_gap_though_margins_differ(options):
    """Over studies the gap is zero on average."""
    gaps = []
    rng = np.random.default_rng(3)
    for _ in range(60):
        parts = []
        for lead, number in zip((2.5, 1.2), options, strict=True):
            scores, right = questions(rng, 400, number, lead)
            parts.append((scores, scores + rng.standard_normal(scores.shape), right))
        noise = pooled([noise_of(before, after) for before, after, _ in parts])
        easy, hard = (
            (foretold(before, right, noise), (after.argmax(axis=1) == right).astype(float))
            for before, after, right in parts
        )
        gap, _ = gap_at_same_margins(easy, hard, (np.ones((1, 400)), np.ones((1, 400))))
        gaps.append(gap[0])
    error = np.std(gaps) / np.sqrt(len(gaps))
    assert abs(np.mean(gaps)) < 3.5 * error < 0.04


def test_what_has_nothing_like_it_is_not_compared():
    ones = np.ones((1, 50))
    surely, never = (np.full(50, value) for value in (1.0, 0.0))
    gap, compared = gap_at_same_margins((surely, surely), (never, never), (ones, ones))
    assert np.isnan(gap).all() and compared == 0
    gap, compared = gap_at_same_margins((surely, surely), (surely, surely), (ones, ones))
    assert (gap[0], compared) == (pytest.approx(0, abs=1e-9), 1.0)
    gap, compared = gap_at_same_margins((surely, surely), (surely, never), (ones, ones))
    assert gap[0] == pytest.approx(1, abs=1e-9)
