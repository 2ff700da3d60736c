"""Figures of agreement against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from focus.eyestate.scoring import (
    bootstrap,
    calibration_error,
    class_f1,
    confusion,
    error_of_reliability,
    event_f1,
    kappa,
    match_events,
    reliability,
)


def test_kappa_is_that_of_a_textbook_table() -> None:
    # Cohen's own kind of table: 20 + 15 of 50 agree, 0.5 is expected by chance: kappa = (0.7 - 0.5) / 0.5.
    assert kappa(np.array([[20, 5], [10, 15]])) == pytest.approx(0.4)


def test_kappa_is_one_for_the_same_and_unknown_for_a_single_class() -> None:
    assert kappa(np.diag([3, 4, 5])) == 1.0
    assert np.isnan(kappa(np.array([[7, 0], [0, 0]])))


def test_frames_without_a_label_are_left_out_of_the_confusion() -> None:
    counts = confusion(np.array([0, 1, -1, 1]), np.array([0, 0, 1, 1]), 2)

    np.testing.assert_array_equal(counts, [[1, 0], [1, 1]])


def test_f1_of_a_class_is_worked_out_from_its_row_and_column() -> None:
    # Precision 8/10, recall 8/12: F1 = 16/22.
    assert class_f1(np.array([[90, 2], [4, 8]]), 1) == pytest.approx(16 / 22)


@pytest.mark.parametrize(
    ("truth", "predicted", "counts"),
    [
        ([(0, 10), (20, 30)], [(5, 8), (22, 40)], (2, 0, 0)),
        ([(0, 10)], [(1, 3), (5, 8)], (1, 0, 1)),  # the second piece of one event is false
        ([(0, 10), (12, 20)], [(5, 18)], (1, 1, 0)),  # one answer for two events leaves one missed
        ([(0, 10)], [(10, 20)], (0, 1, 1)),  # touching is not overlapping
        ([], [(1, 2)], (0, 0, 1)),
    ],
)
def test_events_are_matched_one_to_one(
    truth: list[tuple[int, int]], predicted: list[tuple[int, int]], counts: tuple[int, int, int]
) -> None:
    assert match_events(truth, predicted) == counts


def test_a_minimum_overlap_and_a_tolerance_change_what_matches() -> None:
    assert match_events([(0, 10)], [(6, 12)], min_iou=0.5) == (0, 1, 1)
    assert match_events([(0, 10)], [(4, 12)], min_iou=0.49) == (1, 0, 0)
    assert match_events([(0, 10)], [(11, 12)], tolerance_us=2) == (1, 0, 0)


def test_event_f1_counts_misses_and_false_ones_alike() -> None:
    assert event_f1(np.array([8, 2, 1])) == pytest.approx(16 / 19)
    assert np.isnan(event_f1(np.array([0, 0, 0])))


def test_the_interval_holds_the_value_and_is_unknown_for_two_recordings() -> None:
    parts = [np.array([9, 1, 1]), np.array([5, 5, 0]), np.array([7, 1, 2]), np.array([8, 0, 0])]

    value, low, high = bootstrap(parts, event_f1, rng=np.random.default_rng(1))
    _, unknown, _ = bootstrap(parts[:2], event_f1, rng=np.random.default_rng(1))

    assert value == pytest.approx(58 / (58 + 7 + 3))
    assert 0.66 < low < value < high <= 1.0
    assert np.isnan(unknown)


def test_reliability_adds_up_over_recordings() -> None:
    rng = np.random.default_rng(4)
    probabilities = rng.dirichlet([1, 1, 1], 200)
    truth = rng.integers(-1, 3, 200)

    whole = reliability(probabilities, truth)
    parts = [reliability(probabilities[part], truth[part]) for part in (slice(0, 70), slice(70, 200))]

    np.testing.assert_allclose(sum(parts), whole)
    assert whole[0].sum() == (truth >= 0).sum()
    assert whole[2].sum() == (probabilities.argmax(axis=1) == truth)[truth >= 0].sum()
    assert error_of_reliability(whole) == pytest.approx(calibration_error(probabilities, truth))
    assert np.isnan(error_of_reliability(np.zeros((3, 15))))


def test_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    # Ten frames at 0.8, seven of them right.
    probabilities = np.tile([0.8, 0.2], (10, 1))
    truth = np.array([0] * 7 + [1] * 3)

    assert calibration_error(probabilities, truth) == pytest.approx(0.1)
