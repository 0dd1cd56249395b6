"""Cronbach's alpha and the CCC of pairs: against independent oracles, degenerate cases, the command."""

from __future__ import annotations

import json
import math

import audmetric
import numpy as np
import pytest
from click.testing import CliRunner
from fake_datasets import deam, four_q, mer1101
from hypothesis import given
from hypothesis import strategies as st

from mer_adapters.datasets.deam import DEAM
from mer_adapters.datasets.four_q import FourQ
from mer_adapters.datasets.mer1101 import MER1101
from mer_plugins.cli import mer
from mer_plugins.dataset_import import import_dataset
from mer_plugins.rater_agreement import (
    SongAgreement,
    cronbach_alpha,
    pairwise_ccc,
    song_agreement,
    summarise,
)

RATINGS = np.random.default_rng(0).normal(0, 1, (7, 60)) + np.sin(np.arange(60))


def run(*argv):
    return CliRunner().invoke(mer, [str(arg) for arg in argv])


def test_alpha_is_the_ratio_of_covariances():
    # The other textbook form: the share of the covariance matrix that lies off its diagonal.
    covariance = np.cov(RATINGS)
    k = len(RATINGS)
    expected = k / (k - 1) * (1 - np.trace(covariance) / covariance.sum())
    assert cronbach_alpha(RATINGS) == pytest.approx(expected, abs=1e-12)


def test_raters_who_agree_but_for_their_level_have_alpha_1():
    assert cronbach_alpha([[0, 1, 2, 1], [1, 2, 3, 2], [-3, -2, -1, -2]]) == pytest.approx(1)


def test_alpha_falls_far_below_0_where_raters_contradict_each_other():
    assert cronbach_alpha([[0, 1, 2, 1], [2, 1, 0.1, 1]]) < -10


@pytest.mark.parametrize(
    "ratings",
    [[[0, 1, 2]], [[0], [1]], [[0, 1], [1, 0]], [[2, 2, 2], [3, 3, 3]], np.empty((2, 0))],
    ids=["one rater", "one case", "constant sum", "constant raters", "no case"],
)
def test_alpha_is_undefined(ratings):
    assert math.isnan(cronbach_alpha(ratings))


@pytest.mark.parametrize("ratings", [[0, 1, 2], [[0, np.nan], [1, 2]]])
def test_alpha_refuses_what_is_no_table_of_numbers(ratings):
    with pytest.raises(ValueError, match="expected finite"):
        cronbach_alpha(ratings)


@given(scale=st.floats(0.1, 10), shift=st.floats(-5, 5))
def test_alpha_does_not_depend_on_scale_or_level(scale, shift):
    assert cronbach_alpha(RATINGS * scale + shift) == pytest.approx(cronbach_alpha(RATINGS))


def test_pairwise_ccc_is_the_mean_over_all_pairs():
    pairs = [audmetric.concordance_cc(RATINGS[i], RATINGS[j]) for i in range(7) for j in range(i)]
    assert pairwise_ccc(RATINGS) == pytest.approx(np.mean(pairs))
    assert math.isnan(pairwise_ccc(RATINGS[:1]))


def jams_of(dataset, song):
    return {"annotations": dataset.track(song).annotations}


def test_means_and_static_labels_do_not_count(tmp_path):
    (found,) = song_agreement(jams_of(DEAM(deam(tmp_path)), "1001"))
    assert (found.group, found.raters, found.intervals) == ("", 3, 6)


def test_groups_of_raters_are_compared_within(tmp_path):
    found = song_agreement(jams_of(MER1101(mer1101(tmp_path)), "s1"))
    assert [(a.group, a.raters) for a in found] == [("students", 3), ("experts", 2)]


def test_only_common_intervals_count(tmp_path):
    content = jams_of(DEAM(deam(tmp_path)), "2")
    del content["annotations"][1]["data"][:2]
    (found,) = song_agreement(content)
    assert found.intervals == 4


def test_a_song_without_raters_has_no_agreement(tmp_path):
    assert song_agreement(jams_of(FourQ(four_q(tmp_path)), "MT01")) == []


def song(alpha):
    measures = {"alpha": alpha, "alpha_clipped": max(alpha, 0.0), "pairwise_ccc": 0.5}
    return SongAgreement("", 3, 10, dict(measures), dict(measures))


def test_the_summary_keeps_raw_and_clipped_apart_and_counts_what_is_undefined():
    undefined = SongAgreement("", 5, 1, *[dict.fromkeys(song(0).valence, float("nan"))] * 2)
    summary = summarise([song(0.5), song(-1.5), undefined])[""]
    assert summary["songs"] == 3 and summary["raters"] == [3, 5]
    assert summary["valence"]["alpha"] == {"mean": -0.5, "std": 1.0, "undefined": 1}
    assert summary["valence"]["alpha_clipped"] == {"mean": 0.25, "std": 0.25, "undefined": 1}


@pytest.fixture
def collection(tmp_path):
    list(import_dataset(DEAM(deam(tmp_path / "deam")), tmp_path / "out"))
    return tmp_path / "out"


def test_the_command_prints_songs_and_their_mean(collection):
    result = run("datasets", "agreement", collection)
    assert result.exit_code == 0
    lines = [line.split()[0] for line in result.output.splitlines()]
    assert lines[-4:] == ["1001", "2", "2001", "mean"]
    assert "mean of 3 songs" in result.output


def test_json_holds_songs_and_collection_without_nan(collection):
    found = json.loads(run("datasets", "agreement", collection, "--json").output)
    assert [entry["song"] for entry in found["songs"]] == ["1001", "2", "2001"]
    mean = np.mean([entry["arousal"]["alpha"] for entry in found["songs"]])
    assert found["collection"][""]["arousal"]["alpha"]["mean"] == pytest.approx(mean)


def test_an_undefined_alpha_is_null_in_json():
    undefined = SongAgreement("", 2, 1, *[dict.fromkeys(song(0).valence, float("nan"))] * 2)
    assert undefined.to_dict()["valence"]["alpha"] is None


def test_a_collection_without_raters_is_told(tmp_path):
    list(import_dataset(FourQ(four_q(tmp_path / "4q")), tmp_path / "out"))
    result = CliRunner().invoke(
        mer, ["datasets", "agreement", str(tmp_path / "out")], standalone_mode=False
    )
    assert result.return_value == 3
    assert "nothing found" in result.output


def test_a_damaged_jams_is_told_and_the_others_count(collection):
    (collection / "bad.jams").write_text("{")
    result = run("datasets", "agreement", collection)
    assert "bad: " in result.output and "mean of 3 songs" in result.output


def test_a_folder_that_cannot_be_listed_is_told_and_the_others_count(collection, unlistable):
    (collection / "closed").mkdir()
    unlistable("closed")
    result = run("datasets", "agreement", collection)
    assert "closed: the folder cannot be read (Permission denied)" in result.output
    assert "mean of 3 songs" in result.output
