"""Scores, intervals, tests and warnings of a comparison, against independent libraries."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import product
from pathlib import Path

import audmetric
import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import r2_score

from mer_plugins import emotion
from mer_plugins.curves import DIMENSIONS, EmotionCurve, Scale
from mer_plugins.evaluation.checks import (
    lag_warning,
    order_warning,
    reference_scale_warning,
    scale_warning,
)
from mer_plugins.evaluation.comparison import (
    compare,
    match_system,
    warnings_of,
)
from mer_plugins.evaluation.leaks import leak_of, leak_text, unheard
from mer_plugins.evaluation.output import write
from mer_plugins.evaluation.reference import EvaluationError, Song, on_half_seconds
from mer_plugins.evaluation.results import to_dict
from mer_plugins.evaluation.scoring import AGGREGATIONS
from mer_plugins.evaluation.statistics import (
    METRICS,
    bootstrap,
    holm,
    interval,
    moments,
    paired_p,
    scores_of,
    weighted_means,
)
from mer_plugins.evaluation.systems import System, matched, with_unique_names
from mer_plugins.evaluation.tables import latex, markdown
from mer_plugins.fingerprints import audio_digest
from mer_plugins.time_grid import Intervals
from mer_plugins.trained_on import identity, union, write_list

SONGS, FRAMES = 12, 40


def on_cells(values, start=0.0):
    starts = start + 0.5 * np.arange(len(values))
    return Intervals(starts, starts + 0.5, np.asarray(values, dtype=float), 0.5)


@pytest.fixture
def truth():
    rng = np.random.default_rng(1)
    levels = rng.uniform(-0.5, 0.5, (SONGS, 1, 2))
    return levels + 0.05 * rng.standard_normal((SONGS, FRAMES, 2)).cumsum(axis=1)


@pytest.fixture
def songs(truth):
    return [Song(f"{i}.wav", Path(f"{i}.wav"), on_cells(v, 15.0)) for i, v in enumerate(truth)]


def system(values, name="a", start=15.0):
    return System(name, "made here", {f"{i}.wav": on_cells(v, start) for i, v in enumerate(values)})


def compared(songs, *systems):
    return compare("here", songs, systems, [match_system(songs, s) for s in systems])


def oracle(reference, estimate):
    return {
        "ccc": audmetric.concordance_cc(reference, estimate),
        "pcc": np.corrcoef(reference, estimate)[0, 1],
        "rmse": np.sqrt(audmetric.mean_squared_error(reference, estimate)),
        "r2": r2_score(reference, estimate),
    }


def test_scores_in_every_aggregation_equal_those_of_other_libraries(songs, truth):
    rng = np.random.default_rng(2)
    estimate = 0.6 * truth + 0.1 + 0.1 * rng.standard_normal(truth.shape)
    found = compared(songs, system(estimate)).systems[0].scores
    for d, dimension in enumerate(DIMENSIONS):
        r, e = truth[..., d], estimate[..., d]
        each = [oracle(*pair) for pair in zip(r, e, strict=True)]
        expected = {
            "per-song": {m: np.mean([one[m] for one in each]) for m in METRICS},
            "pooled": oracle(r.ravel(), e.ravel()),
            "song-level": oracle(r.mean(axis=1), e.mean(axis=1)),
        }
        for aggregation in AGGREGATIONS:
            for metric in METRICS:
                value = found[aggregation, dimension, metric].value
                assert value == pytest.approx(expected[aggregation][metric], abs=1e-9)


def test_the_estimate_is_averaged_to_half_seconds_and_scored_only_where_labelled(songs, truth):
    fine = np.repeat(truth, 5, axis=1) + np.tile([-0.02, 0.02, 0, 0.01, -0.01], FRAMES)[:, None]
    padded = np.concatenate([np.full((SONGS, 50, 2), 0.9), fine], axis=1)
    curves = {}
    for i, values in enumerate(padded):
        starts = 10.0 + 0.1 * np.arange(len(values))
        curves[f"{i}.wav"] = Intervals(starts, starts + 0.1, values, 0.1)
    found = compared(songs, System("fine", "here", curves)).systems[0]
    assert found.frames == SONGS * FRAMES
    assert found.scores["pooled", "valence", "rmse"].value == pytest.approx(0, abs=1e-9)


def test_an_estimate_that_comes_late_is_scored_as_late(songs, truth):
    found = compared(songs, system(truth, start=17.0)).systems[0]
    expected = np.mean([audmetric.concordance_cc(t[4:, 0], t[:-4, 0]) for t in truth])
    assert found.frames == SONGS * (FRAMES - 4)
    assert found.scores["per-song", "valence", "ccc"].value == pytest.approx(expected, abs=1e-9)


def test_estimates_dealt_to_the_wrong_songs_lose_their_level(songs, truth):
    found = compared(songs, system(truth), system(np.roll(truth, 1, axis=0), "shuffled")).systems
    right, wrong = (s.scores["song-level", "arousal", "ccc"].value for s in found)
    assert right == pytest.approx(1)
    assert wrong < 0.5


def test_a_constant_estimate_has_ccc_0_and_a_counted_undefined_pcc(songs, truth):
    found = compared(songs, system(np.full_like(truth, 0.1))).systems[0]
    for aggregation in AGGREGATIONS:
        ccc, pcc = (found.scores[aggregation, "valence", m] for m in ("ccc", "pcc"))
        assert (ccc.value, ccc.low, ccc.high) == (0, 0, 0)
        assert np.isnan([pcc.value, pcc.low, pcc.high]).all()
    assert found.undefined == {"valence": SONGS, "arousal": SONGS}


def test_a_song_with_a_constant_estimate_is_left_out_of_the_mean_pcc(songs, truth):
    estimate = truth.copy()
    estimate[3, :, 0] = 0.0
    found = compared(songs, system(estimate)).systems[0]
    assert found.scores["per-song", "valence", "pcc"].value == pytest.approx(1)
    assert found.scores["per-song", "valence", "ccc"].value == pytest.approx((SONGS - 1) / SONGS)
    assert found.undefined == {"valence": 1, "arousal": 0}


@pytest.mark.parametrize("centre", [0.0, 0.3])
def test_scores_of_moments_are_those_of_the_series(centre):
    rng = np.random.default_rng(3)
    r, e = rng.uniform(-1, 1, (2, 50, 2))
    found = scores_of(moments(r - centre, e - 2 * centre), centre, 2 * centre)
    for d in (0, 1):
        assert found[d] == pytest.approx(list(oracle(r[:, d], e[:, d]).values()), abs=1e-12)


def test_intervals_are_the_quantiles_of_scores_of_resampled_songs(songs, truth):
    rng = np.random.default_rng(4)
    estimate = 0.7 * truth + 0.1 * rng.standard_normal(truth.shape)
    found = compared(songs, system(estimate)).systems[0].scores
    draws = {key: [] for key in AGGREGATIONS}
    cccs = [oracle(truth[i, :, 1], estimate[i, :, 1])["ccc"] for i in range(SONGS)]
    for counts in bootstrap(lambda counts: counts, SONGS).astype(int):
        drawn = np.repeat(np.arange(SONGS), counts)
        r, e = truth[drawn, :, 1], estimate[drawn, :, 1]
        draws["per-song"].append(np.mean(np.array(cccs)[drawn]))
        draws["pooled"].append(audmetric.concordance_cc(r.ravel(), e.ravel()))
        draws["song-level"].append(audmetric.concordance_cc(r.mean(axis=1), e.mean(axis=1)))
    for aggregation, values in draws.items():
        score = found[aggregation, "arousal", "ccc"]
        expected = np.quantile(values, [0.025, 0.975])
        assert [score.low, score.high] == pytest.approx(list(expected), abs=1e-9)
        assert score.low < score.value < score.high


def test_each_resample_is_scored_as_if_its_songs_were_written_out(truth):
    table = truth.mean(axis=1)
    found = bootstrap(lambda counts: weighted_means(counts, table), SONGS, count=700, seed=5)
    again = bootstrap(lambda counts: counts, SONGS, count=700, seed=5).astype(int)
    assert (again.sum(axis=1) == SONGS).all()
    expected = [table[np.repeat(np.arange(SONGS), counts)].mean(axis=0) for counts in again]
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_an_interval_without_any_score_is_undefined():
    low, high = interval(np.full((10, 2), np.nan))
    assert np.isnan([*low, *high]).all()


def test_paired_tests_are_those_of_scipy(songs, truth):
    rng = np.random.default_rng(6)
    first = system(truth + 0.05 * rng.standard_normal(truth.shape), "first")
    other = system(truth + 0.10 * rng.standard_normal(truth.shape), "other")
    comparison = compared(songs, first, other)
    rows = [
        [
            np.sqrt(((c.values - t) ** 2).mean(axis=0))
            for c, t in zip(s.curves.values(), truth, strict=True)
        ]
        for s in (first, other)
    ]
    a, b = np.array(rows)[:, :, 0]
    test = next(t for t in comparison.tests if (t.dimension, t.metric) == ("valence", "rmse"))
    assert test.wilcoxon_p == pytest.approx(stats.wilcoxon(b, a).pvalue)
    assert test.t_p == pytest.approx(stats.ttest_rel(b, a).pvalue)
    assert test.difference.value == pytest.approx(np.mean(b - a))
    assert 0 < test.difference.low < test.difference.value < test.difference.high
    raw = [t.wilcoxon_p for t in comparison.tests]
    assert [t.wilcoxon_p_holm for t in comparison.tests] == pytest.approx(holm(raw))


def test_identical_systems_do_not_differ(songs, truth):
    for test in compared(songs, system(truth), system(truth, "b")).tests:
        assert (test.difference.value, test.wilcoxon_p, test.t_p) == (0, 1, 1)


def test_paired_p_needs_two_songs():
    assert np.isnan(paired_p(np.array([0.1]), np.array([0.2]))).all()


def test_holm_is_a_step_down_that_never_decreases():
    # By hand: 4 x 0.005, 3 x 0.01, 2 x 0.03, then at least as much as before.
    found = holm([0.01, 0.04, 0.03, 0.005, np.nan])
    assert found == pytest.approx([0.03, 0.06, 0.06, 0.02, np.nan], nan_ok=True)
    assert holm([0.9, 0.8]) == pytest.approx([1, 1])


@pytest.mark.parametrize(
    ("native", "expected"),
    [
        (Scale(1, 9), "Scale(1, 9)"),
        (Scale(1, 5), "Scale(1, 5)"),
        (Scale(0, 1), "Scale(0, 1)"),
        (Scale(-3, 3), "Scale.to_unit"),
    ],
)
def test_another_scale_is_recognised(truth, native, expected):
    reference = truth.reshape(-1, 2).clip(-1, 1)
    text = scale_warning(reference, native.from_unit(reference))
    assert expected in text


@pytest.mark.parametrize("native", [Scale(1, 9), Scale(0, 1)])
def test_a_dimension_of_another_scale_is_told_of_by_its_name(truth, native):
    reference = truth.reshape(-1, 2).clip(-1, 1)
    estimate = reference.copy()
    estimate[:, 1] = native.from_unit(reference)[:, 1]
    text = scale_warning(reference, estimate)
    assert text.startswith("arousal: values ") and f"Scale({native.low:g}, " in text


def test_labels_in_another_scale_are_suspected(songs, truth):
    assert reference_scale_warning(songs) == ""
    moved = [
        replace(s, labels=replace(s.labels, values=s.labels.values.clip(-1, 1) / 2 + 0.5))
        for s in songs
    ]
    assert "if they are in [0, 1], convert" in reference_scale_warning(moved)
    assert reference_scale_warning(moved[:4]) == ""


def test_values_in_the_right_scale_and_order_pass(truth):
    reference = truth.reshape(-1, 2).clip(-1, 1)
    for estimate in (reference, np.full_like(reference, 0.1), 0.3 * reference):
        assert scale_warning(reference, estimate) == ""
        assert order_warning(reference, estimate) == ""


def test_swapped_columns_are_recognised_and_scored_as_they_stand(songs, truth):
    swapped = system(truth[..., ::-1])
    text = warnings_of(songs, swapped, match_system(songs, swapped))[-1]
    assert text.startswith("a: valence and arousal seem swapped")
    found = compared(songs, swapped).systems[0].scores["pooled", "valence", "ccc"].value
    assert found == pytest.approx(
        audmetric.concordance_cc(truth[..., 0].ravel(), truth[..., 1].ravel()), abs=1e-9
    )


def test_an_order_is_recognised_where_both_dimensions_go_together():
    rng = np.random.default_rng(8)
    common = rng.uniform(-0.6, 0.6, (500, 1))
    reference = common + rng.uniform(-0.2, 0.2, (500, 2))
    estimate = 0.7 * reference + rng.uniform(-0.1, 0.1, (500, 2))
    assert order_warning(reference, estimate) == ""
    assert "seem swapped" in order_warning(reference, estimate[:, ::-1])


def test_estimates_that_follow_nothing_are_not_called_swapped(truth):
    reference = truth.reshape(-1, 2)
    for seed in range(20):
        noise = np.random.default_rng(seed).uniform(-1, 1, reference.shape)
        assert order_warning(reference, noise) == ""


@pytest.mark.parametrize("late_s", [-2.0, -0.5, 1.0, 2.5])
def test_a_shift_in_time_is_recognised_with_its_size_and_gain(late_s):
    rng = np.random.default_rng(9)
    steps = 0.1 * rng.standard_normal((SONGS, 62, 2))
    truth = (steps[:, :-2] + steps[:, 1:-1] + steps[:, 2:]) / 3
    songs = [Song(f"{i}.wav", Path(f"{i}.wav"), on_cells(v, 15.0)) for i, v in enumerate(truth)]
    shifted = system(0.5 * truth + 0.3, start=15.0 + late_s)
    text = warnings_of(songs, shifted, match_system(songs, shifted))[-1]
    assert "a: the estimates seem shifted in time" in text
    cells = round(abs(late_s) * 2)
    for d, dimension in enumerate(DIMENSIONS):
        pairs = np.array([[t[cells:, d], t[:-cells, d]] for t in truth])
        centred = pairs - pairs.mean(axis=2, keepdims=True)
        own = np.corrcoef(centred.swapaxes(0, 1).reshape(2, -1))[0, 1]
        how = f"{dimension} by {abs(late_s):g} s {'late' if late_s > 0 else 'early'}"
        assert f"{how} (correlation within songs 1.00 in place of {own:.2f}, a gain of" in text


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.5])
def test_an_estimate_in_time_is_not_called_shifted(noise):
    for seed in range(10):
        rng = np.random.default_rng(seed)
        truth = 0.05 * rng.standard_normal((SONGS, 60, 2)).cumsum(axis=1)
        estimate = truth + noise * rng.standard_normal(truth.shape)
        pairs = [(on_cells(t), on_cells(e)) for t, e in zip(truth, estimate, strict=True)]
        assert lag_warning(pairs) == ""


def test_few_songs_and_constant_curves_tell_nothing_of_a_shift(truth):
    late = [(on_cells(t, 2.0), on_cells(t)) for t in truth]
    assert lag_warning(late) and lag_warning(late[:4]) == ""
    flat = [(on_cells(t), on_cells(np.full_like(t, 0.1))) for t in truth]
    assert lag_warning(flat) == ""


def test_values_of_another_scale_are_scored_as_they_stand(songs, truth):
    native = Scale(1, 9).from_unit(truth)
    found = compared(songs, system(native)).systems[0].scores["pooled", "valence", "rmse"].value
    assert found == pytest.approx(np.sqrt(np.mean((native - truth)[..., 0] ** 2)), abs=1e-9)


def test_missing_songs_are_told_and_the_rest_is_scored(songs, truth):
    part = system(truth[:5])
    pairs = match_system(songs, part)
    assert f"covers 5 of {SONGS} songs" in warnings_of(songs, part, pairs)[0]
    comparison = compared(songs, system(truth, "all"), part)
    assert comparison.systems[1].scores["per-song", "valence", "ccc"].value == pytest.approx(1)
    assert {test.songs for test in comparison.tests} == {5}


def test_tests_are_on_the_half_seconds_that_both_systems_cover(songs, truth):
    # The same errors where both are; the other covers only the first third, where they are small.
    easy = np.where(np.arange(FRAMES)[:, None] < FRAMES // 3, 0.01, 0.2)
    noisy = truth + easy * np.random.default_rng(2).choice([-1, 1], truth.shape)
    part = system(noisy[:, : FRAMES // 3], "part")
    comparison = compared(songs, system(noisy, "whole"), part)
    whole, scored = (s.scores["per-song", "valence", "rmse"].value for s in comparison.systems)
    assert whole > 5 * scored
    for test in comparison.tests:
        assert test.songs == SONGS and test.difference.value == pytest.approx(0, abs=1e-12)
        assert test.t_p == 1
    assert f"{13 * SONGS} of {FRAMES * SONGS} half seconds" in markdown(comparison)


def test_a_song_of_one_half_second_counts_as_it_does_in_the_emotion_module(truth):
    truth = truth.clip(-1, 1)
    lengths = [1, *range(2, SONGS), 1]
    songs = [
        Song(f"{i}.wav", Path(f"{i}.wav"), on_cells(v[:n], 15.0))
        for i, (v, n) in enumerate(zip(truth, lengths, strict=True))
    ]
    noisy = truth + np.random.default_rng(2).normal(0, 0.2, truth.shape)
    noisy = noisy.clip(-1, 1)
    found = compared(songs, system(noisy)).systems[0].scores
    times = 15 + 0.5 * np.arange(FRAMES)
    expected = emotion.aggregate(
        [(times[:n], v[:n], times, e) for v, e, n in zip(truth, noisy, lengths, strict=True)],
        reference_hop_s=0.5,
    )
    for aggregation, dimension, metric in product(AGGREGATIONS, DIMENSIONS, METRICS):
        value = found[aggregation, dimension, metric].value
        assert value == pytest.approx(expected[f"{aggregation} {dimension} {metric}"], abs=1e-9)


def test_one_song_has_no_interval_over_songs(songs, truth):
    noisy = truth + np.random.default_rng(2).normal(0, 0.2, truth.shape)
    comparison = compared(songs[:1], system(noisy[:1]), system(truth[:1] * 0.9, "b"))
    for score in [
        *comparison.systems[0].scores.values(),
        *(t.difference for t in comparison.tests),
    ]:
        assert np.isnan([score.low, score.high]).all()
    assert not np.isnan(comparison.systems[0].scores["per-song", "valence", "ccc"].value)


def test_a_system_without_any_matching_interval_is_an_error(songs, truth):
    with pytest.raises(EvaluationError, match="no song has a labelled half second"):
        compared(songs, system(truth, start=900.0))


def test_labels_are_averaged_within_half_seconds():
    curve = EmotionCurve(np.array([0.0, 0.25, 1.0]), np.array([[0, 0], [1, 0.5], [0.2, 0.4]]), 0.25)
    cells = on_half_seconds(curve)
    np.testing.assert_allclose(cells.starts, [0, 1])
    np.testing.assert_allclose(cells.values, [[0.5, 0.25], [0.2, 0.4]])


def test_recordings_are_matched_by_path_then_by_a_unique_stem(tmp_path):
    for name in ("a/one.jams", "b/one.jams", "elsewhere/two.jams", "three.mp3.jams"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    labels = on_cells(np.zeros((2, 2)))
    names = ["a/one.wav", "two.wav", "three.mp3", "c/one.wav", "none.wav"]
    problems = []
    songs = [Song(name, Path(name), labels) for name in names]
    found = matched(tmp_path, songs, lambda *problem: problems.append(problem))
    assert problems == []
    assert {k: v.relative_to(tmp_path).as_posix() for k, v in found.items()} == {
        "a/one.wav": "a/one.jams",
        "two.wav": "elsewhere/two.jams",
        "three.mp3": "three.mp3.jams",
    }


def test_estimates_in_a_folder_that_cannot_be_listed_are_told_of(tmp_path, unlistable):
    for name in ("a/one.jams", "closed/two.jams"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    unlistable("closed")
    problems = []
    songs = [Song(n, Path(n), on_cells(np.zeros((2, 2)))) for n in ("a/one.wav", "closed/two.wav")]
    assert list(matched(tmp_path, songs, lambda *found: problems.append(found))) == ["a/one.wav"]
    reason = "the folder cannot be read (Permission denied)"
    assert problems == [(str(tmp_path / "closed"), reason)]


def test_systems_of_one_name_are_told_apart(tmp_path):
    (tmp_path / "x").mkdir()
    twice = [System("a", "plugin a 1", {}), *[System("a", str(tmp_path / "x"), {})] * 2]
    assert [s.name for s in with_unique_names(twice)] == ["a", "x/a", "x/a (2)"]


def test_songs_a_checkpoint_was_trained_on_are_found_by_name_bytes_and_artist(tmp_path):
    def known(i, **names):
        (tmp_path / f"{i}.wav").write_bytes(bytes([i]) * 10)
        labels = on_cells(np.zeros((2, 2)))
        return Song(f"{i}.wav", tmp_path / f"{i}.wav", labels, identity=identity(**names))

    def deam(number, artist):
        metadata = {"artist": artist, "identifiers": {"deam": number}}
        return {"jams": {"file_metadata": metadata}}

    songs = [known(0, **deam(5, "a")), known(1, **deam(6, "A")), known(2, **deam(7, "b"))]
    songs += [known(3, jams={}), known(4, jams={"file_metadata": {"identifiers": {"isrc": "x"}}})]
    checkpoint = tmp_path / "model.v2.safetensors"
    assert leak_of(str(checkpoint), songs) is None
    taught = [identity(**deam(5, "a")), *(identity({}, audio_digest(s.audio)) for s in songs[3:])]
    write_list(tmp_path, {"model.v2": union(taught)})
    leak = leak_of(str(checkpoint), songs)
    assert leak.songs == {"0.wav", "3.wav", "4.wav"} and leak.artists == {"1.wav"}
    assert leak_text(leak, 5) == "trained on 3 of 5 songs and on 1 other songs' artists"
    assert [song.name for song in unheard(songs, [leak, None])] == ["1.wav", "2.wav"]
    with pytest.raises(EvaluationError, match="leaves none of the 1 songs"):
        unheard(songs[:1], [leak])


def test_everything_is_written_as_valid_files(songs, truth, tmp_path):
    odd = "50%_$a$|b&\\"
    comparison = compared(songs, system(truth, odd), system(np.zeros_like(truth), "flat"))
    write(comparison, tmp_path / "out")
    results = json.loads((tmp_path / "out/results.json").read_text(), parse_constant=pytest.fail)
    assert results == to_dict(comparison)
    assert results["systems"][1]["scores"]["pooled"]["valence"]["pcc"]["value"] is None
    rows = (tmp_path / "out/per_song.csv").read_text().splitlines()
    assert len(rows) == 1 + 2 * SONGS
    assert (tmp_path / "out/scores.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "out/scores.svg").read_text()
    assert r"50\%\_\$a\$|b\&\textbackslash{}" in latex(comparison)
    assert r"50%_$a$\|b&\ " in markdown(comparison)
