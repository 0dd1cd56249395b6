"""Learning from a teacher: its ridge, its mixtures, and what reaches the pupil."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from killed_runs import Killed, Killer
from safetensors.torch import load_file
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.model_selection import LeaveOneOut, cross_val_predict

from damff.model import DAMFFConfig, DAMFFNet
from damff.recipes import RECIPES, TRAINING
from mer_plugins.cli.train import command
from mer_plugins.errors import PluginError
from mer_plugins.sequence.distillation import Classroom, Distillation, Lesson, mixed_with
from mer_plugins.sequence.excerpts import Excerpt, LabelledTrack, collate
from mer_plugins.sequence.fit import fit
from mer_plugins.sequence.fit_folds import fit_folds
from mer_plugins.sequence.logmel import LogMel, LogMelConfig
from mer_plugins.sequence.plan import Plan
from mer_plugins.sequence.recipe import Recipe
from mer_plugins.sequence.ridge import ridge, ridge_by_corpus
from mer_plugins.sequence.run_folder import RunError
from mer_plugins.sequence.training import Trainer
from mer_plugins.sequence.waveform import WaveformConfig

FEATURES = LogMelConfig(
    sample_rate=8_000, n_fft=256, hop_length=320, n_mels=16, frames_per_segment=12
)
HEARD = 40
TAUGHT = Distillation(embedding_weight=1.0, value_weight=1.0, mixed=0.5)
RECIPE = Recipe(
    losses=("ccc", "ccc"),
    window_s=4 * FEATURES.segment_s,
    hops_s=(0.48, 0.48),
    epochs=3,
    batch_size=5,
    learning_rate=3e-3,
    distillation=TAUGHT,
    features=FEATURES,
)


class Teacher:
    """Embeds samples by their mean, deviation and largest value."""

    identity, span, size = "three moments", 2, 3
    features = WaveformConfig(100, 0.4)

    def __init__(self):
        self.lengths = []

    def __call__(self, samples):
        self.lengths += [samples.shape[1]] * len(samples)
        return torch.stack([samples.mean(1), samples.std(1), samples.amax(1)], dim=1)


def tracks(count=10, length=6, seed=0, *, labelled=True):
    rng = np.random.default_rng(seed)
    made = []
    for i in range(count):
        level = i / count - 0.5
        labels = np.full((length, 2), level, dtype=np.float32) * [1, -1]
        segments = level + 0.1 * rng.standard_normal((length, 16, 12))
        heard = level + 0.1 * rng.standard_normal((length, 1, HEARD))
        made.append(
            LabelledTrack(
                str(i),
                segments.astype(np.float32),
                labels.astype(np.float32),
                np.full(length, labelled),
                heard=heard.astype(np.float16),
            )
        )
    return made


def classroom_of(data, settings=TAUGHT):
    made = Classroom(Teacher(), 4, [track.corpus for track in data], settings)
    made.fit(data)
    return made


def trainer(data, recipe=RECIPE, teacher=None):
    torch.manual_seed(0)
    net = DAMFFNet(DAMFFConfig(n_mels=16, n_frames=12, hidden=8))
    return Trainer(net, recipe, data, teacher=teacher or Teacher())


# The teacher's values


@settings(max_examples=3)
@given(st.integers(0, 1000), st.integers(3, 30))
def test_the_penalty_is_the_one_that_leaving_each_song_out_chooses(seed, k):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((40, k))
    y = x[:, :2] + rng.standard_normal((40, 2))

    def error(alpha):
        left_out = cross_val_predict(Ridge(alpha), x, y, cv=LeaveOneOut())
        return np.mean((left_out - y) ** 2)

    expected = Ridge(min(np.logspace(0, 5, 21), key=error)).fit(x, y)
    np.testing.assert_allclose(rated(ridge(x, y), x), expected.predict(x), atol=1e-8)


def songs(count, slope, seed):
    """Embeddings of four numbers and one value, which follows the first of them."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((count, 4))
    return x, slope * x[:, :1] + 0.1 * rng.standard_normal((count, 1))


def rated(coefficients, x):
    return x @ coefficients[:-1] + coefficients[-1]


@given(st.integers(0, 1000))
def test_a_ridge_of_one_corpus_is_scikit_learns_with_half_of_the_penalty(seed):
    x, y = songs(40, 0.5, seed)
    (found,) = ridge_by_corpus(x, y, np.zeros(40, int), 1)
    theirs = RidgeCV(np.logspace(0, 5, 21) / 2).fit(x, y)
    np.testing.assert_allclose(rated(found, x), theirs.predict(x).reshape(-1, 1), atol=1e-8)


def test_corpora_that_disagree_each_go_their_own_way():
    pairs = [songs(200, 1.0, 0), songs(200, -1.0, 1)]
    x, y = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    found = ridge_by_corpus(x, y + np.repeat([0, 5], 200)[:, None], np.repeat([0, 1], 200), 2)
    new, _ = songs(50, 1.0, 2)
    for corpus, (slope, level) in enumerate([(1, 0), (-1, 5)]):
        expected = slope * new[:, :1] + level
        np.testing.assert_allclose(rated(found[corpus], new), expected, atol=0.15)


def test_a_small_corpus_learns_from_a_large_one_that_reads_alike():
    (x, y), (few, few_y) = songs(400, 1.0, 0), songs(4, 1.0, 1)
    corpora = np.repeat([0, 1], [400, 4])
    found = ridge_by_corpus(np.vstack([x, few]), np.vstack([y, few_y]), corpora, 2)[1]
    alone = ridge(few, few_y)
    new, _ = songs(200, 1.0, 2)
    errors = [np.abs(rated(made, new) - new[:, :1]).mean() for made in (found, alone)]
    assert errors[0] < errors[1] / 2


def test_a_corpus_without_a_song_reads_as_all_do():
    x, y = songs(100, 1.0, 0)
    found = ridge_by_corpus(x, y, np.zeros(100, int), 2)
    # The other's own part takes half of the slope; nothing is known of this one's.
    assert found[1, 0, 0] == pytest.approx(found[0, 0, 0] / 2)
    assert rated(found[1], x.mean(axis=0)[None])[0, 0] == pytest.approx(float(y.mean()))


def test_the_teachers_values_follow_the_labels_of_the_training_songs():
    data = tracks()
    classroom = classroom_of(data)
    lesson = lesson_of(classroom, data)
    levels = np.stack([t.labels.mean(axis=0) for t in data])
    for d in range(2):
        assert np.corrcoef(lesson.values[:, d], levels[:, d])[0, 1] > 0.95


def test_the_teacher_listens_where_the_excerpt_has_music_and_to_its_span_alone():
    teacher = Teacher()
    trainer(tracks(length=6), teacher=teacher).epoch()
    assert set(teacher.lengths) == {Teacher.span * HEARD}


def test_labels_outside_the_mask_do_not_reach_the_ridge():
    def coefficients(garbage):
        data = tracks()
        for track in data:
            track.mask[:2] = False
            track.labels[:2] = garbage
        return classroom_of(data).coefficients

    torch.testing.assert_close(coefficients(0.0), coefficients(9.0), rtol=0, atol=0)


def quadrants(data, corpus="quadrants"):
    """The same songs, of which only the signs are known, by another corpus."""
    return [
        replace(
            track,
            labels=np.zeros_like(track.labels),
            mask=np.zeros_like(track.mask),
            quadrant=tuple(np.where(track.labels[0] > 0, 1.0, -1.0)),
            corpus=corpus,
        )
        for track in data
    ]


def lesson_of(classroom, data):
    excerpts = [Excerpt(track, 0, track.segments) for track in data]
    batch = collate(excerpts, 6, torch.zeros(16))
    return classroom.lesson(batch, classroom.readings(data), np.random.default_rng(0))


def test_a_song_is_rated_as_the_raters_of_its_corpus_would():
    rated = [replace(track, corpus="curves") for track in tracks()]
    # Their raters hear the opposite.
    turned = [replace(t, labels=-t.labels, corpus="turned") for t in tracks(seed=1)]
    values = lesson_of(classroom_of(rated + turned), rated + turned).values
    levels = np.concatenate([np.stack([t.labels.mean(axis=0) for t in d]) for d in (rated, turned)])
    for d in range(2):
        assert np.corrcoef(values[:, d], levels[:, d])[0, 1] > 0.95


def test_quadrants_are_rated_on_the_scale_of_the_curves():
    curves = [replace(track, corpus="curves") for track in tracks(40)]
    signs = quadrants(tracks(40, seed=1))
    values = lesson_of(classroom_of(curves + signs), signs).values.numpy()
    for d in range(2):
        wanted = np.array([t.quadrant[d] for t in signs])
        assert ((values[:, d] > 0) == (wanted > 0)).mean() > 0.9
    wider = [replace(track, labels=2 * track.labels) for track in curves]
    doubled = lesson_of(classroom_of(wider + signs), signs).values.numpy()
    np.testing.assert_allclose(doubled, 2 * values, atol=0.02)


def test_a_mixture_is_rated_half_as_either_corpus_would():
    data = [replace(track, corpus=name) for name in "ab" for track in tracks()]
    made = classroom_of(data, replace(TAUGHT, mixed=1.0))
    excerpts = [Excerpt(track, 0, track.segments) for track in data]
    batch = collate(excerpts, 6, torch.zeros(16))
    _, blended = made.mixed(batch, made.readings(data), np.random.default_rng(0))
    assert blended.sum(dim=1).tolist() == [1.0] * len(data)
    assert set(blended.flatten().tolist()) == {0.0, 0.5, 1.0}


def test_without_a_label_anywhere_there_is_nothing_to_teach():
    with pytest.raises(PluginError, match="no recording has labels in 2 segments"):
        classroom_of(tracks(labelled=False))


def test_a_pupil_that_says_what_the_teacher_says_has_no_loss():
    classroom = classroom_of(tracks(), replace(TAUGHT, embedding_weight=0.0))
    values = torch.tensor([[0.1, -0.2], [0.5, 0.3], [-0.4, 0.2]])
    lesson = Lesson(torch.tensor([0, 1, 3]), torch.zeros(3, 3), values)
    estimate = torch.full((3, 5, 2), 7.0)
    for i, start in enumerate(lesson.start):
        estimate[i, start : start + 2] = values[i]
    loss = classroom(torch.zeros(3, 5, 4), estimate, lesson, (0, 1))
    assert float(loss) == pytest.approx(0, abs=1e-6)
    assert float(classroom(torch.zeros(3, 5, 4), -estimate, lesson, (0, 1))) > 1


def test_one_dimension_alone_is_held_against_its_own_value():
    classroom = classroom_of(tracks(), replace(TAUGHT, embedding_weight=0.0))
    values = torch.tensor([[0.1, -0.2], [0.5, 0.3], [-0.4, 0.2]])
    lesson = Lesson(torch.zeros(3, dtype=torch.long), torch.zeros(3, 3), values)
    arousal = values[:, None, 1:].expand(3, 2, 1)
    assert float(classroom(torch.zeros(3, 2, 4), arousal, lesson, (1,))) < 1e-6


# Mixtures


def test_two_tones_mixed_in_log_mel_are_the_log_mel_of_their_sum():
    config = LogMelConfig(floor=1e-4)
    times = np.arange(2 * 44_100) / 44_100
    low, high = (0.3 * np.sin(2 * np.pi * hz * times) for hz in (200, 6_000))
    log_mel = LogMel(config)
    gain = -6.0
    whole = log_mel((low + 10 ** (gain / 20) * high).astype(np.float32))
    parts = [torch.from_numpy(log_mel(x.astype(np.float32)))[None] for x in (low, high)]
    mixed = mixed_with(*parts, torch.tensor([gain]), config.floor)[0]
    # At its ends a tone is broad, and the phases of the two count.
    np.testing.assert_allclose(mixed[1:-1].numpy(), whole[1:-1], atol=0.05)


def test_mixing_with_something_far_too_soft_changes_nothing():
    a, b = torch.randn(2, 3, 4, 5, 6).unbind()
    torch.testing.assert_close(mixed_with(a, b, torch.full((3,), -200.0), 1e-6), a)


def test_mixtures_have_no_labels_and_all_others_keep_theirs():
    made = trainer(tracks(), replace(RECIPE, batch_size=10))
    made.classroom.fit(tracks())
    excerpts = [Excerpt(track, 0, track.segments) for track in tracks()]
    batch, lesson = made._batch(excerpts)
    rated = batch.mask.any(dim=1)
    assert 0 < rated.sum() < len(rated)
    for i, (track, _, segments) in enumerate(excerpts):
        same = torch.equal(batch.segments[i], torch.from_numpy(segments[:4]))
        assert same == bool(rated[i]), track.name
    assert lesson.embedding.shape == (10, 3) and torch.isfinite(lesson.embedding).all()


# Training


def test_a_teacher_changes_the_weights_and_the_same_seed_gives_them_again():
    first, second = trainer(tracks()), trainer(tracks())
    alone = trainer(tracks(), replace(RECIPE, distillation=Distillation()))
    for made in (first, second, alone):
        made.epoch()
    state = first.average.state_dict()
    for name, tensor in second.average.state_dict().items():
        assert torch.equal(tensor, state[name]), name
    other = alone.average.state_dict()
    assert any(not torch.equal(tensor, other[name]) for name, tensor in state.items())


def test_songs_without_labels_still_learn_from_the_teacher():
    data = tracks(5) + tracks(20, seed=1, labelled=False)
    made = trainer(data, replace(RECIPE, distillation=replace(TAUGHT, mixed=0.0)))
    before = {k: v.clone() for k, v in made.classroom.project.state_dict().items()}
    losses = [made.epoch() for _ in range(12)]
    assert losses[-1] < losses[0]
    after = made.classroom.project.state_dict()
    assert all(not torch.equal(v, after[k]) for k, v in before.items())


def test_no_number_of_the_teacher_is_trained_or_kept():
    made = trainer(tracks())
    names = {name.split(".")[0] for name, _ in made.classroom.named_parameters()}
    assert names == {"project"}
    assert not any("project" in name for name in made.average.state_dict())


def plan(recipe=RECIPE, **settings):
    config = TRAINING.config({"hidden": 8, "dropout": 0.2} | settings, recipe)
    return Plan("damff", TRAINING, config, recipe, teacher=Teacher())


def test_a_killed_run_with_a_teacher_goes_on_to_the_same_weights(tmp_path):
    fit(plan(), tracks(), tracks(2, seed=1), tmp_path / "whole")
    with pytest.raises(Killed):
        fit(plan(), tracks(), [], tmp_path / "killed", listener=Killer(3))
    fit(plan(), tracks(), [], tmp_path / "killed", resume=True)
    whole, killed = (load_file(tmp_path / n / "model.safetensors") for n in ("whole", "killed"))
    for name, tensor in whole.items():
        assert torch.equal(tensor, killed[name]), name


def test_a_run_that_is_over_asks_its_teacher_nothing(tmp_path):
    first = fit(plan(), tracks(), tracks(2, seed=1), tmp_path)
    again = plan()
    found = fit(again, tracks(), tracks(2, seed=1), tmp_path, resume=True)
    assert again.teacher.lengths == [] and found.scores == first.scores


def test_another_teacher_is_another_run(tmp_path):
    fit(plan(), tracks(), [], tmp_path)
    other = Teacher()
    other.identity = "somebody else"
    with pytest.raises(RunError, match="another teacher"):
        fit(replace(plan(), teacher=other), tracks(), [], tmp_path, resume=True)


def test_folds_trained_apart_are_those_trained_together(tmp_path):
    data, folds = tracks(), [i % 3 for i in range(10)]
    whole = fit_folds(plan(), data, folds, tmp_path / "whole")
    scores = fit_folds(plan(), data, folds, tmp_path / "apart", only=(0, 2))
    assert np.isfinite(scores["pooled arousal ccc"])
    assert not (tmp_path / "apart" / "ensemble.safetensors").exists()
    fit_folds(plan(), data, folds, tmp_path / "apart", only=(1,), resume=True)
    assert fit_folds(plan(), data, folds, tmp_path / "apart", resume=True) == whole
    one, two = (load_file(tmp_path / n / "ensemble.safetensors") for n in ("whole", "apart"))
    assert one.keys() == two.keys() and all(torch.equal(v, two[k]) for k, v in one.items())


def test_a_fold_that_there_is_not_is_told(tmp_path):
    with pytest.raises(RunError, match="no recording is in fold 7"):
        fit_folds(plan(), tracks(), [i % 2 for i in range(10)], tmp_path, only=(0, 7))


# Wrong use


def test_a_recipe_with_a_teacher_wants_one():
    net = DAMFFNet(DAMFFConfig(n_mels=16, n_frames=12, hidden=8))
    with pytest.raises(PluginError, match="expected one, by --teacher NAME"):
        Trainer(net, RECIPE, tracks())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mixed": 1.5, "value_weight": 1.0}, "share from 0 to 1"),
        ({"mixed": 0.5}, "expected a weight for the teacher"),
    ],
)
def test_settings_that_make_no_sense(settings, message):
    with pytest.raises(ValueError, match=message):
        Distillation(**settings)


def test_mixtures_need_log_mel():
    with pytest.raises(ValueError, match="mixed excerpts need log-mel"):
        replace(RECIPE, features=WaveformConfig())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--recipe", "distilled"], "expected --teacher NAME"),
        (["--recipe", "robust", "--teacher", "essentia-musicnn"], "learns from none"),
        (["--recipe", "robust", "-t", "models=x"], "learns from no teacher"),
        (["--recipe", "distilled", "--teacher", "damff"], "'damff' cannot teach"),
        (["--folds", "0,x"], "expected all, or numbers such as 0,2"),
    ],
)
def test_the_command_says_what_is_wrong(tmp_path, arguments, message):
    base = ["--plugin", "damff", "--data", str(tmp_path), "-o", str(tmp_path / "run")]
    done = CliRunner().invoke(command, base + arguments)
    assert done.exit_code != 0
    assert message in done.output + str(done.exception)


def test_the_bundled_recipe_is_the_robust_one_with_a_teacher():
    robust = replace(
        RECIPES["distilled"], distillation=Distillation(), learning_rate=1.5e-3, quadrant_weight=4.0
    )
    assert robust == RECIPES["robust"]


def test_the_ridge_of_one_song_is_its_level():
    found = ridge(np.array([[1.0, 2.0]]), np.array([[0.3, -0.4]]))
    np.testing.assert_allclose(found, [[0, 0], [0, 0], [0.3, -0.4]])
