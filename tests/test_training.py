"""Training: losses against audmetric, masks, repeatability, and the command from data to weights."""

from __future__ import annotations

import json

import audmetric
import numpy as np
import pytest
import torch
from click.testing import CliRunner

from damff.model import DAMFFConfig, DAMFFNet
from mer_plugins import EmotionCurve
from mer_plugins.cli.train import command
from mer_plugins.errors import MerError
from mer_plugins.sequence.data import on_grid, read_folds
from mer_plugins.sequence.logmel import LogMelConfig
from mer_plugins.sequence.losses import LOSSES
from mer_plugins.sequence.recipe import Recipe
from mer_plugins.sequence.training import LabelledTrack, Normaliser, Trainer, collate

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


def trainer(data, recipe=RECIPE):
    torch.manual_seed(0)
    return Trainer(DAMFFNet(DAMFFConfig(n_mels=16, n_frames=12, hidden=8)), recipe, data)


def pair(b=3, t=20, seed=0):
    g = torch.Generator().manual_seed(seed)
    reference = torch.rand(b, t, generator=g)
    return reference + 0.3 * torch.rand(b, t, generator=g), reference


def test_concordance_losses_are_audmetrics_concordance():
    estimate, reference = pair()
    mask = torch.ones(3, 20)
    whole = audmetric.concordance_cc(reference.flatten().numpy(), estimate.flatten().numpy())
    each = [
        audmetric.concordance_cc(r.numpy(), e.numpy())
        for r, e in zip(reference, estimate, strict=True)
    ]
    assert float(LOSSES["ccc"](estimate, reference, mask)) == pytest.approx(1 - whole, abs=1e-5)
    per_sequence = LOSSES["ccc-sequence"](estimate, reference, mask)
    assert float(per_sequence) == pytest.approx(1 - np.mean(each), abs=1e-5)


@pytest.mark.parametrize("name", list(LOSSES))
def test_what_is_masked_has_no_say(name):
    estimate, reference = pair()
    mask = torch.ones(3, 20)
    mask[:, 12:] = 0
    cut = LOSSES[name](estimate[:, :12], reference[:, :12], mask[:, :12])
    wild = estimate.clone()
    wild[:, 12:] = 1e3
    torch.testing.assert_close(LOSSES[name](wild, reference, mask), cut)


@pytest.mark.parametrize("name", list(LOSSES))
@pytest.mark.parametrize("case", ["perfect", "constant"])
def test_gradients_stay_finite(name, case):
    reference = pair()[1]
    estimate = (
        reference.clone() if case == "perfect" else torch.full((3, 20), 0.1)
    ).requires_grad_()
    LOSSES[name](estimate, reference, torch.ones(3, 20)).backward()
    assert torch.isfinite(estimate.grad).all()


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
    segments, labels, mask = collate([(short, 0)], 4)
    assert segments.shape == (1, 4, 16, 12) and labels.shape == (1, 4, 2)
    assert mask.tolist() == [[1, 1, 0, 0]]


def test_the_normaliser_is_numpys_mean_and_deviation():
    data = tracks()
    everything = np.concatenate([t.segments for t in data]).astype(float)
    normaliser = Normaliser.fit(data)
    np.testing.assert_allclose(normaliser.mean, everything.mean(axis=(0, 2)), atol=1e-5)
    np.testing.assert_allclose(normaliser.std, everything.std(axis=(0, 2)), atol=1e-5)


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


def labelled(folder, song, count=4):
    for i in range(count):
        song(folder / f"{i}.wav", 3.0, seed=i)
        data = [
            {"time": t / 2, "duration": 0.5, "value": [i / 10, -i / 10], "confidence": None}
            for t in range(6)
        ]
        jams = {
            "file_metadata": {"duration": 3.0, "identifiers": {"song": str(i)}},
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
    assert run["recordings"] == {"trained": 3, "left_out": 1}
    assert "pooled arousal ccc" in run["scores"]
    from damff import DAMFF
    from mer_plugins import load_audio

    extractor = DAMFF(checkpoint=tmp_path / "run" / "model.safetensors", device="cpu")
    assert len(extractor(load_audio(tmp_path / "data" / "0.wav"))) == 6


def test_nothing_to_train_on_is_one_clear_line(tmp_path, song):
    song(tmp_path / "a.wav")
    with pytest.raises(MerError, match="no recording to train on"):
        CliRunner().invoke(
            command,
            ["--plugin", "damff", "--data", str(tmp_path), "-o", str(tmp_path / "run")],
            standalone_mode=False,
            catch_exceptions=False,
        )
