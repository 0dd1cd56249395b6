"""The importers on the real files beside the checkout: labels only, nothing is rendered or copied."""

from __future__ import annotations

import numpy as np
import pytest

from mer_plugins.host import plugin_host
from mer_plugins.jams_store import from_annotation, read
from mer_plugins.rater_agreement import song_agreement

pytestmark = pytest.mark.shared


@pytest.fixture
def real(shared):
    def open_real(name, **parameters):
        source = shared / "data" / name
        if not source.is_dir():
            pytest.skip(f"no ../shared/data/{name}")
        return plugin_host().open_dataset(name, source, **parameters)

    return open_real


def test_deam_counts(real):
    counts = real("deam").counts()
    assert (counts["songs"], counts["static"], counts["development_2015"]) == (1744, 1744, 431)


def test_deam_static_columns_are_swapped_up_to_song_1000_only(real):
    early, late = [finding.text for finding in real("deam").findings()]
    assert "are swapped, and put right (r over 744 songs 0.575/0.570 as named, 0.956/0.949" in early
    assert "are as named (r over 1000 songs 0.912/0.942 as named" in late


def test_deam_curves_are_those_of_the_published_recordings(real, shared):
    dataset = real("deam", recordings=str(shared / "data/deam/full45"))
    recorded = [song for song in dataset.track_ids if dataset.track(song).audio]
    assert len(recorded) == 10
    for song in recorded[:3]:
        ours = from_annotation(dataset.track(song).annotations[0])
        theirs = read(shared / f"data/deam/full45/{int(song):04d}.jams")["annotations"]
        (reference,) = [a for a in theirs if a["namespace"] == "mood_thayer"]
        expected = from_annotation(reference)
        assert ours.times[: len(expected)] == pytest.approx(expected.times)
        assert ours.values[: len(expected)] == pytest.approx(expected.values, abs=1e-5)


def test_pmemo_scales_and_order(real):
    dataset = real("pmemo")
    counts = dataset.counts()
    assert (counts["songs"], counts["labelled"], counts["static"]) == (794, 767, 767)
    (finding,) = dataset.findings()
    assert "are as named (r over 767 songs 0.991/0.993" in finding.text
    songs = list(dataset.track_ids)[:20]
    pairs = [dataset.track(song).annotations for song in songs]
    dynamic = np.array([from_annotation(mean).values.mean(axis=0) for mean, _ in pairs])
    static = np.array([from_annotation(whole).values[0] for _, whole in pairs])
    assert np.abs(dynamic - static).mean() < 0.1


def test_pmemo_labels_end_with_the_song(real):
    dataset = real("pmemo")
    tracks = [dataset.track(song) for song in list(dataset.track_ids)[:100]]
    curves = [from_annotation(track.annotations[0]) for track in tracks]
    rests = [t.duration_s - c.times[-1] - c.hop_s for t, c in zip(tracks, curves, strict=True)]
    assert min(rests) >= 0 and max(rests) < 0.5


def test_all_curves_of_vgmidi_are_read(real):
    dataset = real("vgmidi")
    tracks = [dataset.track(piece) for piece in dataset.track_ids]
    assert sum(len(track.annotations) - 1 for track in tracks) == 4787
    assert not any(track.warnings for track in tracks)
    assert all(track.audio for track in tracks)


def test_raters_of_vgmidi_agree_in_part(real):
    dataset = real("vgmidi")
    tracks = [dataset.track(piece) for piece in list(dataset.track_ids)[:8]]
    found = [song_agreement({"annotations": track.annotations})[0] for track in tracks]
    assert all(28 <= song.raters <= 32 for song in found)
    assert 0 < np.mean([song.arousal["alpha_clipped"] for song in found]) < 1


def test_4q_has_as_many_songs_of_each_quadrant(real):
    counts = real("4q").counts()
    assert [counts[f"Q{i}"] for i in range(1, 5)] == [120] * 4
