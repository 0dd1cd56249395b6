"""Rows beside plugins: raters against each other, quadrants, what was made without its song."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import audmetric
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from mer_plugins.agreement import area_under_curve
from mer_plugins.baselines.fit_trivial import fit_global_mean
from mer_plugins.curves import DIMENSIONS, EmotionCurve
from mer_plugins.evaluation.comparison import compare, match_system
from mer_plugins.evaluation.held_out import fitted_by_folds, is_run, read_run
from mer_plugins.evaluation.output import write
from mer_plugins.evaluation.reference import EvaluationError, Song
from mer_plugins.evaluation.results import to_dict
from mer_plugins.evaluation.statistics import bootstrap, weighted_areas
from mer_plugins.evaluation.systems import System
from mer_plugins.evaluation.tables import caption, headings, markdown, rows
from mer_plugins.ratings import QUADRANTS
from mer_plugins.sequence.folds import FoldTable
from mer_plugins.time_grid import Intervals

SONGS, RATERS, FRAMES = 6, 4, 30


def on_cells(values, start=0.0):
    starts = start + 0.5 * np.arange(len(values))
    return Intervals(starts, starts + 0.5, np.asarray(values, dtype=float), 0.5)


NOTHING = on_cells(np.empty((0, 2)))


@pytest.fixture
def ratings():
    rng = np.random.default_rng(1)
    common = rng.uniform(-0.5, 0.5, (SONGS, 1, 1, 2))
    common = common + 0.05 * rng.standard_normal((SONGS, 1, FRAMES, 2)).cumsum(axis=2)
    return common + 0.1 * rng.standard_normal((SONGS, RATERS, FRAMES, 2))


@pytest.fixture
def rated(ratings):
    return [
        Song(f"{i}.wav", Path(f"{i}.wav"), on_cells(table.mean(axis=0), 15.0))
        for i, table in enumerate(ratings)
    ]


def with_raters(songs, ratings):
    curves = [[on_cells(curve, 15.0) for curve in table] for table in ratings]
    return [replace(s, raters=[group]) for s, group in zip(songs, curves, strict=True)]


def compared(songs, *systems):
    return compare("here", songs, systems, [match_system(songs, s) for s in systems])


def perfect(songs, name="a"):
    return System(name, "here", {song.name: song.labels for song in songs})


def test_raters_are_scored_each_against_the_mean_of_the_others(rated, ratings):
    comparison = compared(with_raters(rated, ratings), perfect(rated))
    raters = comparison.systems[-1]
    assert raters.system.name == "raters" and "mean of the others; 4 a song" in raters.note
    assert not comparison.tests, "there is no system but the first to test"
    for d, dimension in enumerate(DIMENSIONS):
        pairs = [
            (np.delete(table, i, axis=0).mean(axis=0)[:, d], table[i, :, d])
            for table in ratings
            for i in range(RATERS)
        ]
        each = np.array([audmetric.concordance_cc(*pair) for pair in pairs])
        rmse = [np.sqrt(audmetric.mean_squared_error(*pair)) for pair in pairs]
        found = raters.scores
        expected = each.reshape(SONGS, RATERS).mean(axis=1).mean()
        assert found["per-song", dimension, "ccc"].value == pytest.approx(expected, abs=1e-9)
        assert found["per-song", dimension, "rmse"].value == pytest.approx(np.mean(rmse), abs=1e-9)
        whole = audmetric.concordance_cc(*map(np.concatenate, zip(*pairs, strict=True)))
        assert found["pooled", dimension, "ccc"].value == pytest.approx(whole, abs=1e-9)
        means = np.array([[r.mean(), e.mean()] for r, e in pairs]).T
        assert found["song-level", dimension, "ccc"].value == pytest.approx(
            audmetric.concordance_cc(*means), abs=1e-9
        )


def test_the_interval_of_the_raters_is_over_songs_not_over_curves(rated, ratings):
    score = compared(with_raters(rated, ratings), perfect(rated)).systems[-1].scores
    draws = []
    for counts in bootstrap(lambda counts: counts, SONGS).astype(int):
        drawn = ratings[np.repeat(np.arange(SONGS), counts)]
        others = (drawn.sum(axis=1, keepdims=True) - drawn) / (RATERS - 1)
        draws.append(audmetric.concordance_cc(others[..., 0].ravel(), drawn[..., 0].ravel()))
    pooled = score["pooled", "valence", "ccc"]
    assert [pooled.low, pooled.high] == pytest.approx(
        list(np.quantile(draws, [0.025, 0.975])), abs=1e-9
    )


def test_a_rater_counts_where_he_and_another_have_labels(rated, ratings):
    song = rated[0]
    late = on_cells(ratings[0, 1, 10:], 20.0)
    songs = [replace(song, raters=[[on_cells(ratings[0, 0], 15.0), late]])]
    raters = compared(songs, perfect(songs)).systems[-1]
    assert (raters.curves, raters.frames) == (2, 2 * (FRAMES - 10))
    expected = audmetric.concordance_cc(ratings[0, 1, 10:, 0], ratings[0, 0, 10:, 0])
    found = raters.scores["per-song", "valence", "ccc"].value
    assert found == pytest.approx(expected, abs=1e-9)


def test_a_constant_rater_has_a_counted_undefined_pcc(rated, ratings):
    ratings[2, 1] = 0.1
    comparison = compared(with_raters(rated, ratings), perfect(rated))
    assert comparison.systems[-1].undefined == {"valence": 1, "arousal": 1}
    assert f"PCC undefined in 1 of {SONGS * RATERS} raters' curves" in markdown(comparison)


@pytest.fixture
def marked():
    rng = np.random.default_rng(2)
    names = rng.choice(list(QUADRANTS), 60)
    return [Song(f"{i}", Path(f"{i}"), NOTHING, QUADRANTS[q]) for i, q in enumerate(names)]


def guesses(songs, noise, name, seed=3):
    rng = np.random.default_rng(seed)
    levels = [np.array(s.quadrant) / 2 + noise * rng.standard_normal(2) for s in songs]
    wiggle = 0.2 * rng.standard_normal((8, 2))
    curves = [on_cells(level + wiggle - wiggle.mean(axis=0)) for level in levels]
    return System(name, "here", dict(zip((s.name for s in songs), curves, strict=True))), levels


def test_quadrants_are_scored_by_scikit_learns_area_under_the_curve(marked):
    (fair, levels), (poor, others) = guesses(marked, 0.5, "fair"), guesses(marked, 2.0, "poor", 4)
    comparison = compared(marked, fair, poor)
    signs = np.array([s.quadrant for s in marked]) > 0
    for d, dimension in enumerate(DIMENSIONS):
        areas = [roc_auc_score(signs[:, d], np.array(x)[:, d]) for x in (levels, others)]
        for scored, area in zip(comparison.systems, areas, strict=True):
            assert scored.scores["quadrants", dimension, "auc"].value == pytest.approx(area)
        test = next(t for t in comparison.tests if t.dimension == dimension)
        assert (test.metric, test.songs) == ("auc", 60)
        assert test.difference.value == pytest.approx(areas[1] - areas[0])
        assert test.difference.low < test.difference.value < test.difference.high
    assert headings(comparison) == ["system", "scores", "dimension", "AUC", "notes"]
    assert len(rows(comparison)) == 4
    assert caption(comparison).startswith("60 songs with quadrants; 95 % intervals")


@pytest.mark.parametrize("levels", [3, 1000])
def test_the_areas_of_resamples_are_those_of_songs_written_out(levels):
    rng = np.random.default_rng(5)
    positive, estimate = rng.random(40) < 0.4, rng.integers(0, levels, 40).astype(float)
    counts = rng.multinomial(40, np.full(40, 1 / 40), size=50)
    found = weighted_areas(counts.astype(float), positive, estimate)
    for row, area in zip(counts, found, strict=True):
        drawn = np.repeat(np.arange(40), row)
        assert area == pytest.approx(roc_auc_score(positive[drawn], estimate[drawn]))
    whole = weighted_areas(np.ones((1, 40)), positive, estimate)[0]
    assert whole == pytest.approx(area_under_curve(positive, estimate))


def test_one_kind_alone_and_a_constant_have_no_area_or_a_half():
    one = np.ones(4, bool)
    assert np.isnan(weighted_areas(np.ones((1, 4)), one, np.arange(4.0))).all()
    assert area_under_curve([True, False, True], [0.2] * 3) == 0.5


def test_curves_and_quadrants_of_one_collection_are_scored_side_by_side(rated, marked, tmp_path):
    fair, _ = guesses(marked, 0.5, "fair")
    both = System("both", "here", {**perfect(rated).curves, **fair.curves})
    comparison = compared([*rated, *marked], both, perfect(rated, "curves"))
    write(comparison, tmp_path)
    results = json.loads((tmp_path / "results.json").read_text(), parse_constant=pytest.fail)
    assert results == to_dict(comparison)
    whole, part = results["systems"]
    assert list(whole["scores"]) == ["per-song", "pooled", "song-level", "quadrants"]
    assert (whole["quadrants"], part["quadrants"], results["reference"]["quadrants"]) == (60, 0, 60)
    assert list(part["scores"]) == ["per-song", "pooled", "song-level"]
    lines = [row.split(",") for row in (tmp_path / "per_song.csv").read_text().splitlines()]
    assert {len(line) for line in lines} == {15} and len(lines) == 1 + 2 * (SONGS + 60)


def test_predictors_are_fitted_without_the_fold_that_they_are_scored_on(rated):
    songs = [replace(s, song_ids=frozenset({str(i)})) for i, s in enumerate(rated)]
    table = FoldTable({str(i): i % 3 for i in range(SONGS)})
    system = fitted_by_folds("global-mean", songs, table, "songs.csv")
    assert system.held_out
    for i, song in enumerate(songs):
        others = [s.labels for k, s in enumerate(songs) if k % 3 != i % 3]
        curves = [EmotionCurve(x.starts, x.values, 0.5) for x in others]
        expected = fit_global_mean(curves).values[0]
        np.testing.assert_allclose(system.curves[song.name].values, expected[None].repeat(60, 0))
    assert len(match_system(songs, system)) == SONGS
    trajectory = fitted_by_folds("mean-trajectory", songs, table, "songs.csv")
    others = np.mean([s.labels.values for k, s in enumerate(songs) if k % 3], axis=0)
    np.testing.assert_allclose(trajectory.curves["0.wav"].values[30:], others)
    with pytest.raises(EvaluationError, match="every song with a curve is in fold 0"):
        one = FoldTable({str(i): 0 for i in range(SONGS)})
        fitted_by_folds("global-mean", songs, one, "songs.csv")


@pytest.fixture
def run(tmp_path, rated):
    """Write what mer train leaves: predictions from the start of each recording, by its stem."""
    values = [np.vstack([np.zeros((30, 2)), s.labels.values]) for s in rated]
    np.savez_compressed(
        tmp_path / "estimates.npz",
        names=np.array([Path(s.name).stem for s in rated]),
        lengths=np.array([len(v) for v in values]),
        values=np.concatenate(values),
    )
    features = {"sample_rate": 44_100, "hop_length": 441, "frames_per_segment": 50}
    settings = {"plugin": "damff", "recipe": {"features": features}}
    (tmp_path / "config.json").write_text(json.dumps({"settings": settings}))
    return tmp_path


def test_held_out_predictions_of_a_run_are_a_system(run, rated):
    assert is_run(run)
    system = read_run(run, rated, pytest.fail)
    found = compared(rated, system).systems[0]
    assert system.name == "damff" and found.leak.songs == frozenset()
    assert found.scores["pooled", "arousal", "ccc"].value == pytest.approx(1)
    assert found.frames == SONGS * FRAMES


def test_runs_that_do_not_fit_are_one_line(run, rated):
    told = []
    twins = [rated[0], replace(rated[0], name="b/0.wav"), *rated[1:]]
    system = read_run(run, twins, lambda *words: told.append(words))
    assert len(system.curves) == SONGS - 1
    assert "2 songs are called 0" in told[0][1]
    with pytest.raises(EvaluationError, match="holds no held-out song of the reference"):
        read_run(run, [replace(rated[0], name="other.wav")], pytest.fail)
    (run / "estimates.npz").write_bytes(b"no archive")
    with pytest.raises(EvaluationError, match="cannot be read"):
        read_run(run, rated, pytest.fail)
    (run / "config.json").write_text("{}")
    with pytest.raises(EvaluationError, match="is not that of a training run"):
        read_run(run, rated, pytest.fail)
