"""Training: masks, padding, averages, repeatability, and the command from data to weights."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from damff.model import DAMFFConfig, DAMFFNet
from damff.recipes import TRAINING
from mer_plugins import EmotionCurve
from mer_plugins.cli.options import parse_parameters
from mer_plugins.cli.train import command
from mer_plugins.errors import MerError, PluginError
from mer_plugins.evaluation.held_out import read_run, stored_predictions
from mer_plugins.evaluation.reference import read_reference
from mer_plugins.labels import on_grid
from mer_plugins.sequence import training
from mer_plugins.sequence.excerpts import (
    Excerpt,
    LabelledTrack,
    collate,
    draw_excerpts,
    snippets,
)
from mer_plugins.sequence.folds import read_folds
from mer_plugins.sequence.logmel import LogMelConfig
from mer_plugins.sequence.networks import of_lengths
from mer_plugins.sequence.normaliser import Normaliser
from mer_plugins.sequence.onnx_backend import OnnxNetwork
from mer_plugins.sequence.recipe import Recipe
from mer_plugins.sequence.training import Trainer

FEATURES = LogMelConfig(
    sample_rate=8_000, n_fft=256, hop_length=320, n_mels=16, frames_per_segment=12
)
RECIPE = Recipe(
    losses=("ccc", "rmse"),
    window_s=4 * FEATURES.segment_s,
    hops_s=(0.48, 0.48),
    epochs=3,
    batch_size=4,
    learning_rate=3e-3,
    average_decay=0.5,
    features=FEATURES,
)


def tracks(count=8, length=4, seed=0):
    rng = np.random.default_rng(seed)
    made = []
    for i in range(count):
        labels = np.full((length, 2), i / count - 0.5, dtype=np.float32)
        segments = labels[:, :1, None] + 0.1 * rng.standard_normal((length, 16, 12))
        made.append(
            LabelledTrack(str(i), segments.astype(np.float32), labels, np.ones(length, bool))
        )
    return made


def small_net():
    torch.manual_seed(0)
    return DAMFFNet(DAMFFConfig(n_mels=16, n_frames=12, hidden=8))


def trainer(data, recipe=RECIPE):
    return Trainer(small_net(), recipe, data)


def test_it_learns_and_the_same_seed_gives_the_same_weights():
    first, second = trainer(tracks()), trainer(tracks())
    losses = [first.epoch() for _ in range(15)]
    for _ in range(15):
        second.epoch()
    assert losses[-1] < losses[0] / 2
    for name, tensor in first.average.state_dict().items():
        torch.testing.assert_close(tensor, second.average.state_dict()[name], rtol=0, atol=0)


def test_labels_outside_the_mask_do_not_reach_the_weights():
    def masked(garbage):
        made = tracks()
        for track in made:
            track.mask[0] = False
            track.labels[0] = garbage
        return made

    first, second = trainer(masked(0)), trainer(masked(1e6))
    assert first.epoch() == second.epoch()


def test_short_recordings_are_padded_and_masked():
    short = tracks(1, length=2)[0]
    batch = collate([Excerpt(short, 0, short.segments)], 4, torch.full((16,), 7.0))
    assert batch.segments.shape == (1, 4, 16, 12) and batch.labels.shape == (1, 4, 2)
    assert batch.mask.tolist() == batch.present.tolist() == [[1, 1, 0, 0]]
    assert (batch.segments[0, 2:] == 7).all()


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def run_of_lengths(network, segments, lengths):
    present = torch.stack([torch.arange(segments.shape[1]) < n for n in lengths]).float()
    return of_lengths(network, segments, present)


def test_a_short_excerpt_is_heard_as_if_it_were_alone():
    network, segments = small_net().eval(), torch.randn(4, 5, 16, 12)
    lengths = [5, 2, 5, 1]
    encoded, estimate = run_of_lengths(network, segments, lengths)
    assert encoded.shape[:2] == (4, 5) and estimate.shape == (4, 5, 2)
    for i, n in enumerate(lengths):
        alone = network(segments[i : i + 1, :n])[0]
        torch.testing.assert_close(estimate[i, :n], alone, rtol=0, atol=1e-6)
        assert not estimate[i, n:].any() and not encoded[i, n:].any()


def test_what_fills_up_short_excerpts_reaches_neither_weights_nor_statistics():
    states = []
    for filling in (0.0, 1e3):
        network, segments = small_net().train(), torch.randn(3, 4, 16, 12, generator=seeded(1))
        segments[1, 2:] = filling
        _, estimate = run_of_lengths(network, segments, [4, 2, 4])
        estimate.square().sum().backward()
        gradients = {name: p.grad for name, p in network.named_parameters()}
        states.append(gradients | dict(network.named_buffers()))
    torch.testing.assert_close(*states, rtol=0, atol=0)
    assert states[0]["bilstm.weight_hh_l0_reverse"].abs().sum() > 0


def test_excerpts_of_one_length_run_as_the_network_runs_them():
    segments = torch.randn(3, 4, 16, 12, generator=seeded(2))
    first, second = small_net().train(), small_net().train()
    _, estimate = run_of_lengths(first, segments, [4, 4, 4])
    torch.testing.assert_close(estimate, second(segments), rtol=0, atol=0)


def test_excerpts_are_varied_before_the_short_ones_are_taken_apart():
    network = small_net().eval()
    network.augment = torch.zeros_like
    segments = torch.randn(2, 4, 16, 12)
    _, varied = run_of_lengths(network, segments, [4, 3])
    torch.testing.assert_close(varied[1, :3], network(segments[1:, :3] * 0)[0])


def test_a_network_that_hears_across_segments_runs_whole():
    network = small_net().eval()
    network.segments_independent = False
    segments = torch.randn(2, 4, 16, 12)
    _, estimate = run_of_lengths(network, segments, [4, 2])
    torch.testing.assert_close(estimate, network(segments))


def test_training_hears_nothing_of_what_fills_up_short_recordings(monkeypatch):
    data = [*tracks(), tracks(1, length=2)[0]]
    plain = trainer(data)
    loss = plain.epoch()
    other = trainer(data)
    monkeypatch.setattr(
        training, "collate", lambda drawn, window, padding: collate(drawn, window, padding + 99)
    )
    assert other.epoch() == loss
    torch.testing.assert_close(plain.model.state_dict(), other.model.state_dict(), rtol=0, atol=0)


def test_a_batch_holds_the_excerpts_and_nothing_else():
    track = tracks(1, length=10)[0]
    track.labels[:] = np.arange(20).reshape(10, 2)
    drawn = [Excerpt(track, start, track.segments) for start in (3, 6)]
    batch = collate(drawn, 4, torch.zeros(16))
    wanted = np.stack([track.segments[3:7], track.segments[6:]])
    np.testing.assert_array_equal(batch.segments, wanted)
    np.testing.assert_array_equal(batch.labels, np.stack([track.labels[3:7], track.labels[6:]]))
    assert batch.mask.all() and batch.present.all()


def test_each_pass_takes_every_recording_once_from_anywhere_within():
    data = tracks(5, length=9) + tracks(1, length=2)
    drawn = [list(draw_excerpts(data, 4, 0, np.random.default_rng(seed))) for seed in range(60)]
    for order in drawn:
        assert {id(e.track) for e in order} == {id(track) for track in data}
        assert all(e.start == 0 for e in order if len(e.track.mask) == 2)
    starts = {e.start for order in drawn for e in order if len(e.track.mask) == 9}
    assert starts == set(range(6))


def test_songs_are_cut_into_consecutive_snippets_and_each_pass_hears_all():
    long, short, only_quadrant = (tracks(1, length=n, seed=n)[0] for n in (11, 3, 9))
    long = replace(long, copies=(long.segments + 1,), heard=np.zeros((11, 1, 2)))
    only_quadrant = replace(only_quadrant, mask=np.zeros(9, bool), quadrant=(1.0, -1.0))
    parts = snippets([long, short, only_quadrant], 4)
    assert [len(part.mask) for part in parts] == [4, 4, 3, 3, 9]
    assert parts[3] is short and parts[4] is only_quadrant
    for name in ("segments", "labels", "mask", "heard"):
        whole = np.concatenate([getattr(part, name) for part in parts[:3]])
        np.testing.assert_array_equal(whole, getattr(long, name))
    np.testing.assert_array_equal(parts[2].copies[0], long.segments[8:] + 1)
    # A part without labels teaches nothing.
    late = replace(long, mask=np.arange(11) >= 9)
    assert [len(part.mask) for part in snippets([late], 4)] == [3]

    long = tracks(1, length=11)[0]
    made = trainer([long, short, *tracks(3)], replace(RECIPE, snippets=True))
    assert (len(made.tracks), made.steps_per_epoch) == (7, 2)
    order = list(draw_excerpts(made.tracks, 4, 0, np.random.default_rng(0)))
    assert sorted(map(id, (e.track for e in order))) == sorted(map(id, made.tracks))
    assert {e.start for e in order} == {0}
    assert np.isfinite(made.epoch())
    assert len(trainer([long, short]).tracks) == 2


def drawn_starts(mask, window=4, seeds=60):
    track = replace(tracks(1, length=len(mask))[0], mask=np.array(mask, bool))
    draws = [
        draw_excerpts([track], window, 0, np.random.default_rng(seed)) for seed in range(seeds)
    ]
    return [excerpt.start for draw in draws for excerpt in draw]


def test_excerpts_touch_labels_where_there_are_any():
    mask = np.zeros(40, bool)
    mask[10:13] = True
    assert set(drawn_starts(mask)) == set(range(7, 13))
    mask[30] = True
    assert set(drawn_starts(mask, seeds=200)) == {*range(7, 13), *range(27, 31)}
    # What has a quadrant or a teacher alone is heard everywhere, and what is short from its start.
    assert set(drawn_starts(np.zeros(9))) == set(range(6))
    assert set(drawn_starts([0, 1, 0], window=4)) == {0}


def test_where_every_excerpt_has_labels_the_same_ones_are_drawn_as_ever():
    for mask in (np.ones(9), np.arange(9) > 2):
        rngs = [np.random.default_rng(seed) for seed in range(60)]
        # The order of one track comes first.
        assert all(rng.permutation(1) == [0] for rng in rngs)
        assert drawn_starts(mask) == [rng.integers(0, 6) for rng in rngs]


def test_a_bound_that_nothing_reaches_changes_no_gradient():
    network = DAMFFNet(DAMFFConfig(n_mels=16, n_frames=12, hidden=8))
    (1e3 * network(torch.randn(2, 4, 16, 12)).square().sum()).backward()
    before = [p.grad.clone() for p in network.parameters()]
    torch.nn.utils.clip_grad_norm_(network.parameters(), TRAINING.recipe("paper").clip_norm)
    for grad, parameter in zip(before, network.parameters(), strict=True):
        assert torch.equal(parameter.grad, grad)


def test_without_an_average_the_last_weights_are_kept():
    last = trainer(tracks(), replace(RECIPE, average_decay=0.0))
    mean = trainer(tracks())
    for made in (last, mean):
        for _ in range(3):
            made.epoch()
    torch.testing.assert_close(last.average.state_dict(), last.model.state_dict())
    assert not torch.equal(mean.average.head.weight, mean.model.head.weight)


def test_another_seed_draws_other_batches():
    data = tracks(12, length=9)
    first, second = trainer(data), trainer(data, replace(RECIPE, seed=1))
    assert first.epoch() != second.epoch()


def test_a_last_batch_of_one_segment_joins_the_one_before_and_no_other_does():
    single = tracks(1, length=1)
    made = trainer([*tracks(3), *tracks(1, length=1)], replace(RECIPE, batch_size=3))
    sizes = []
    for seed in range(12):
        made.rng = np.random.default_rng(seed)
        drawn = draw_excerpts(made.tracks, 4, 0, made.rng)
        sizes.append([len(batch) for batch in made._batches(list(drawn))])
        assert np.isfinite(made.epoch())
    assert {tuple(found) for found in sizes} == {(3, 1), (4,)}
    with pytest.raises(PluginError, match="a batch is a single segment of 0.48 s"):
        trainer(single).epoch()


def test_a_state_holds_what_a_graphics_card_draws_from(monkeypatch):
    made = trainer(tracks())
    assert "cuda" not in made.state()
    given = []
    drawn = torch.arange(4, dtype=torch.uint8)
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda device: drawn)
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda *words: given.append(words))
    older = made.state()
    made.device = torch.device("cuda")
    made.restore(older)
    assert not given
    made.restore(made.state())
    assert given == [(drawn, made.device)]


def test_it_can_learn_a_few_recordings_by_heart():
    made = trainer(tracks(), replace(RECIPE, average_decay=0.0, epochs=60))
    for _ in range(60):
        made.epoch()
    errors = [np.abs(made.predict(track) - track.labels).max() for track in made.tracks]
    assert np.mean(errors) < 0.12


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"colour": 1}, "no setting is called 'colour'"),
        ({"cnn": "round"}, "the network cannot be made: cnn is 'round'"),
        ({"channels": [8, 16]}, "the network cannot be made"),
        (parse_parameters(["raw_view=no"]), "raw_view is 'no': expected true or false"),
        (parse_parameters(["raw_view=False"]), "raw_view is 'False': expected true or false"),
        ({"outputs": 1}, "'outputs' follows the recipe: free are cnn"),
        ({"n_mels": 64}, "'n_mels' follows the recipe"),
    ],
)
def test_settings_no_network_has_are_refused(settings, complaint):
    with pytest.raises(PluginError, match=complaint):
        TRAINING.config(settings, TRAINING.recipe("deam-clips"))


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ("schedule=linear", "schedule is 'linear': expected one of constant, cosine"),
        ("hops_s=[0,2.5]", r"hops_s is \(0, 2.5\): expected more than 0 s"),
        ("hops_s=[60,60]", r"hops_s is \(60, 60\): .* at most the window's 30 s"),
        ("hops_s=[0.5]", r"hops_s is \(0.5,\): expected 2 numbers"),
        ("hops_s=[0.1,2.5]", "hops_s has 0.1 s: expected at least a segment of 0.5 s"),
        ("window_s=0.2", "hops_s is .* at most the window.s 0.2 s"),
        ("window_s=NaN", "window_s is nan: expected a positive number"),
        ("excerpt_s=abc", "excerpt_s is 'abc': expected a number"),
        ("excerpt_s=0.1", "excerpt_s has 0.1 s: expected at least a segment"),
        ("excerpt_s=-1", "excerpt_s is -1: expected a number from 0 up"),
        ("smoothing_s=-1", "smoothing_s is -1: expected a number from 0 up"),
        ("smoothing_s=4000", "smoothing_s is 4000: expected at most 7200 segments of 0.5 s"),
        ("batch_size=0", "batch_size is 0: expected a whole number from 1 up"),
        ("batch_size=-1", "batch_size is -1: expected a whole number from 1 up"),
        ("epochs=2.5", "epochs is 2.5: expected a whole number"),
        ('losses=["ccc"]', r"losses is \('ccc',\): expected 2 texts"),
        ("losses=ccc", "losses is 'ccc': expected 2 texts"),
        ("learning_rate=-1", "learning_rate is -1: expected a positive number"),
        ("learning_rate=Infinity", "learning_rate is inf: expected a positive number"),
        ("seed=-5", "seed is -5: expected a whole number from 0 up"),
        ("seed=1e30", "seed is 1e.30: expected a whole number"),
        (f"seed={10**30}", "seed is 10*: expected a whole number"),
        ("average_decay=2", "average_decay is 2: expected a share from 0 to 1"),
        ("clip_norm=0", "clip_norm is 0: expected a positive number"),
        ("clip_norm=null", "clip_norm is None: expected a number"),
        ("quadrant_weight=-1", "quadrant_weight is -1: expected a number from 0 up"),
        ("weight_decay=-1", "weight_decay is -1: expected a number from 0 up"),
        ("validation=1.5", "validation is 1.5: expected from 0 to below 1"),
        ("validation=0", "validation is 0: early stopping needs"),
        ("patience=-1", "patience is -1: expected a number from 0 up"),
        ("per_dimension=no", "per_dimension is 'no': expected true or false"),
        ("copy_bit_rates=48000", "copy_bit_rates is 48000: expected some whole numbers"),
        ("copy_bit_rates=[0]", r"copy_bit_rates is \(0,\): expected bit/s from 1 up"),
        ("augmentation.noise_snr_db=5", "noise_snr_db is 5: expected 2 numbers"),
        ("augmentation.noise_snr_db=[9,5]", r"noise_snr_db is \(9, 5\): .* the lower one first"),
        ("augmentation.noise=1.5", "noise is 1.5: expected a share"),
        ("augmentation.shift_frames=1.5", "shift_frames is 1.5: expected a whole number"),
        ("augmentation.colour=1", "no recipe setting is called 'augmentation.colour'"),
        ("augmentation=1", "'augmentation' is a group: expected augmentation.NAME"),
        ("features=x", "'features' is a group"),
        ("features.floor=abc", "floor is 'abc': expected a number"),
        ("features.make=1", "no recipe setting is called 'features.make'"),
        ("distillation.mix_db=[1]", r"mix_db is \(1,\): expected 2 numbers"),
        ("distillation.value_weight=-1", "value_weight is -1: expected a number from 0 up"),
        ("colour=1", "no recipe setting is called 'colour'"),
    ],
)
def test_recipes_that_cannot_be_are_one_line_before_any_data_is_read(given, complaint, tmp_path):
    result = CliRunner().invoke(
        command,
        ["--plugin", "damff", "--data", "none", "-r", given, "-o", str(tmp_path)],
        standalone_mode=False,
    )
    assert isinstance(result.exception, PluginError), result.exception
    assert re.search(complaint, str(result.exception)), result.exception
    assert "\n" not in str(result.exception)


@pytest.mark.parametrize("labelled", [True, False])
def test_a_loss_that_is_no_number_ends_the_run(labelled):
    data = [replace(track, mask=track.mask & labelled) for track in tracks()]
    made = trainer(data)
    made.model.head.bias.data[0] = torch.nan
    with pytest.raises(MerError, match="the loss is nan: training has diverged"):
        made.epoch()


def test_the_papers_recipe():
    paper = TRAINING.recipe("paper")
    assert (paper.window, paper.hops, paper.epochs, paper.batch_size) == (60, (1, 5), 100, 32)
    assert (paper.snippets, paper.excerpt) == (True, 60)
    assert not TRAINING.recipe("deam-clips").snippets
    with pytest.raises(PluginError, match="no recipe is called 'cake': there are paper"):
        TRAINING.recipe("cake")


def test_the_normaliser_is_numpys_mean_and_deviation():
    data = tracks()
    everything = np.concatenate([t.segments for t in data]).astype(float)
    normaliser = Normaliser.fit(data)
    np.testing.assert_allclose(normaliser.mean, everything.mean(axis=(0, 2)), atol=1e-5)
    std = everything.std(axis=(0, 2))
    np.testing.assert_allclose(normaliser.std, np.maximum(std, np.median(std)), atol=1e-5)


def test_a_band_that_is_empty_in_training_does_not_explode_on_other_music():
    data = tracks()
    for track in data:
        track.segments[:, -1] = -13.8
    seen = Normaliser.fit(data)(torch.zeros(16, 1))
    assert torch.isfinite(seen).all() and seen[-1].abs() < 60
    normaliser = Normaliser.fit(data)
    assert normaliser.std[-1] == normaliser.std.min() > 0.1


def test_labels_that_start_late_leave_the_beginning_unlabelled():
    curve = EmotionCurve(np.array([1.0, 1.5, 9.0]), np.array([[0.1, 0.2], [0.3, 0.4], [1, 1]]), 0.5)
    labels, mask = on_grid(curve, 6, 0.5)
    assert mask.tolist() == [False, False, True, True, False, False]
    np.testing.assert_allclose(labels[mask], [[0.1, 0.2], [0.3, 0.4]], atol=1e-7)


def test_finer_labels_are_averaged():
    curve = EmotionCurve(np.arange(4) * 0.25, np.array([[0, 0], [1, 0], [0, 0.5], [0, 0]]), 0.25)
    labels, mask = on_grid(curve, 2, 0.5)
    assert mask.all()
    np.testing.assert_allclose(labels, [[0.5, 0], [0, 0.25]])


def test_tables_of_folds_that_are_none(tmp_path):
    table = tmp_path / "folds.csv"
    table.write_text("song_id,fold\n1,zero\n")
    with pytest.raises(MerError, match="expected the columns song_id and fold"):
        read_folds(table)


def labelled(folder, song, count=4, seconds=3.0):
    for i in range(count):
        song(folder / f"{i}.wav", seconds, seed=i)
        data = [
            {"time": t / 2, "duration": 0.5, "value": [i / 10, -i / 10], "confidence": None}
            for t in range(6)
        ]
        jams = {
            "file_metadata": {"duration": seconds, "identifiers": {"song": str(i)}},
            "annotations": [
                {
                    "namespace": "mood_thayer",
                    "data": data,
                    "sandbox": {},
                    "annotation_metadata": {"data_source": "crowdsource"},
                }
            ],
        }
        (folder / f"{i}.jams").write_text(json.dumps(jams))


def test_the_command_makes_weights_that_the_extractor_runs(tmp_path, song):
    labelled(tmp_path / "data", song)
    (tmp_path / "folds.csv").write_text("song_id,fold\n0,0\n1,1\n2,1\n3,1\n")
    result = CliRunner().invoke(
        command,
        [
            "--plugin",
            "damff",
            "--data",
            str(tmp_path / "data"),
            "--recipe",
            "deam-clips",
            "--folds-csv",
            str(tmp_path / "folds.csv"),
            "--fold",
            "0",
            "--epochs",
            "1",
            "-p",
            "hidden=8",
            "-o",
            str(tmp_path / "run"),
        ],
        standalone_mode=False,
    )
    assert result.exception is None, result.exception
    run = json.loads((tmp_path / "run" / "run.json").read_text())
    assert run["recordings"] == {"trained": 3, "held_out": 1}
    assert "pooled arousal ccc" in run["scores"]
    from damff import DAMFF
    from mer_plugins import load_audio

    extractor = DAMFF(checkpoint=tmp_path / "run" / "model.safetensors", device="cpu")
    # The run's own graphs, beside the weights, run them without torch.
    assert isinstance(extractor.members[0].network, OnnxNetwork)
    assert len(extractor(load_audio(tmp_path / "data" / "0.wav"))) == 6


def test_a_cache_that_cannot_be_kept_is_one_clear_line(tmp_path, song, monkeypatch):
    labelled(tmp_path / "data", song, 2)
    (tmp_path / "file").touch()
    monkeypatch.setenv("MER_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(MerError, match="file.*: Not a directory: .*--cache-gb 0"):
        train("--data", tmp_path / "data", "-o", tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("folds", [[], ["--folds", "all"]])
def test_nothing_to_train_on_is_one_clear_line(tmp_path, song, folds):
    song(tmp_path / "a.wav")
    with pytest.raises(MerError, match="no recording to train on"):
        CliRunner().invoke(
            command,
            ["--plugin", "damff", "--data", str(tmp_path), *folds, "-o", str(tmp_path / "run")],
            standalone_mode=False,
            catch_exceptions=False,
        )


TINY = (
    *("--plugin", "crnn", "--recipe", "deam-clips", "--epochs", "1", "--quiet"),
    *("-r", "window_s=1.0", "-r", "excerpt_s=1.0", "-r", "hops_s=[0.5,0.5]"),
)


def train(*arguments):
    words = [*TINY, *map(str, arguments)]
    return CliRunner().invoke(command, words, standalone_mode=False, catch_exceptions=False)


def test_recordings_of_one_name_in_several_folders_keep_their_own_results(tmp_path, song):
    data = tmp_path / "data"
    for artist, seconds in (("Ann", 3.0), ("Bob", 4.0)):
        labelled(data / artist, song, 2, seconds)
    (tmp_path / "folds.csv").write_text("song_id,fold\n0,0\n1,1\n")
    folds = ("--folds-csv", tmp_path / "folds.csv", "--folds", "all")
    train("--data", data, *folds, "-o", tmp_path / "run")
    found = stored_predictions(tmp_path / "run" / "estimates.npz")
    assert {name: len(values) for name, values in found.items()} == {
        **{"Ann/0": 6, "Ann/1": 6},
        **{"Bob/0": 8, "Bob/1": 8},
    }
    with (tmp_path / "run" / "per_song.csv").open() as file:
        assert [row["song"] for row in csv.DictReader(file)] == list(found)
    songs = read_reference(str(data), pytest.fail)
    curves = read_run(tmp_path / "run", songs, pytest.fail).curves
    assert len(curves) == 4
    np.testing.assert_array_equal(curves["Bob/1.wav"].values, found["Bob/1"])
