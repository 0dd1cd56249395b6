"""Pictures: the right data on the axes given, and `mer plot` from a JAMS to a file."""

from __future__ import annotations

import matplotlib.image
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from mer_plugins import EmotionCurve
from mer_plugins.cli import mer, run
from mer_plugins.display import COLOURS, plot_curve, plot_plane, plot_track
from mer_plugins.jams_store import Provenance, store, to_annotation


def curve(n=30, seed=0, std=False):
    rng = np.random.default_rng(seed)
    spread = rng.uniform(0.05, 0.2, (n, 2)) if std else None
    return EmotionCurve(np.arange(n) * 0.5, rng.uniform(-0.9, 0.9, (n, 2)), 0.5, spread)


def jams_file(path, **named):
    annotations = [
        to_annotation(found, Provenance(name.replace("_", "-"), "1", "f", "", "s", 0.5, "d", "0.1"))
        for name, found in named.items()
    ]
    store(path, annotations, duration_s=15.0)
    return path


def plot(*arguments):
    with pytest.raises(SystemExit) as left:
        run(mer, "mer", ["plot", *map(str, arguments)])
    return left.value.code


def curve_lines(ax):
    return {line.get_label(): line for line in ax.lines if not line.get_label().startswith("_")}


def test_the_curve_is_drawn_over_the_middles_of_its_intervals():
    ax = Figure().subplots()
    drawn = curve()
    assert plot_curve(drawn, ax) is ax
    lines = curve_lines(ax)
    assert list(lines) == ["valence", "arousal"]
    for name, line in lines.items():
        np.testing.assert_array_equal(line.get_xdata(), drawn.times + 0.25)
        np.testing.assert_array_equal(line.get_ydata(), getattr(drawn, name))
        assert to_hex(line.get_color()) == COLOURS[name].lower()
    assert not ax.collections
    assert ax.get_ylim() == (-1, 1) and ax.get_xlabel() == "time (s)"


def test_a_band_of_one_deviation_where_it_is_known():
    ax = Figure().subplots()
    drawn = curve(std=True)
    plot_curve(drawn, ax)
    assert len(ax.collections) == 2
    for column, band in enumerate(ax.collections):
        outline = band.get_paths()[0].vertices[:, 1]
        lower = drawn.values[:, column] - drawn.std[:, column]
        upper = drawn.values[:, column] + drawn.std[:, column]
        assert outline.min() == pytest.approx(lower.min())
        assert outline.max() == pytest.approx(upper.max())


def test_the_plane_has_valence_to_the_right_and_arousal_upwards():
    ax = Figure().subplots()
    drawn = curve()
    assert plot_plane(drawn, ax) is ax
    path, ring = ax.lines[:2]
    np.testing.assert_array_equal(path.get_xydata(), drawn.values)
    np.testing.assert_array_equal(ring.get_xydata(), drawn.values[:1])
    np.testing.assert_array_equal(ax.collections[0].get_offsets(), drawn.values)
    np.testing.assert_array_equal(ax.collections[0].get_array(), drawn.times)
    places = {text.get_text(): text.get_position() for text in ax.texts}
    assert np.all(np.sign(places["happy, excited"]) == [1, 1])
    assert np.all(np.sign(places["tense, angry"]) == [-1, 1])
    assert np.all(np.sign(places["sad, gloomy"]) == [-1, -1])
    assert np.all(np.sign(places["calm, content"]) == [1, -1])


def test_several_curves_are_told_apart_by_name_and_line():
    figure = plot_track([("one", curve(30)), ("two", curve(40, seed=1))], title="song")
    over_time, plane = figure.axes
    lines = curve_lines(over_time)
    assert list(lines) == ["valence (one)", "arousal (one)", "valence (two)", "arousal (two)"]
    assert lines["valence (one)"].get_linestyle() != lines["valence (two)"].get_linestyle()
    assert over_time.get_xlim() == (0, 20)
    assert len(plane.collections) == 2
    assert figure.get_suptitle() == "song"


def test_empty_curves_are_left_out_and_only_empty_ones_refused(tmp_path):
    empty = EmotionCurve(np.zeros(0), np.zeros((0, 2)), 0.5)
    figure = plot_track([("empty", empty), ("one", curve())])
    assert list(curve_lines(figure.axes[0])) == ["valence", "arousal"]
    for nothing in ([], [("empty", empty)]):
        with pytest.raises(ValueError, match="no curve to draw"):
            plot_track(nothing)


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_names_are_text_and_never_formulas(tmp_path, suffix):
    figure = plot_track([("a $x_{$ b", curve()), ("two", curve(seed=1))], title="$x_{$ and 100 %")
    figure.savefig(tmp_path / f"a{suffix}")
    assert (tmp_path / f"a{suffix}").stat().st_size > 5_000


def test_a_jams_becomes_a_picture(tmp_path, capsys):
    song = jams_file(tmp_path / "song.jams", damff=curve(std=True), other=curve(seed=1))
    before = song.read_bytes()
    assert plot(song) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "song.png")
    picture = matplotlib.image.imread(tmp_path / "song.png")
    assert picture.shape[0] > 400 and picture.shape[1] > 1_000
    for colour in COLOURS.values():
        wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        near = np.abs(picture[..., :3] - wanted).max(axis=-1) < 0.02
        assert near.sum() > 500, colour
    assert song.read_bytes() == before


def test_one_plugins_curve_makes_another_picture_than_all(tmp_path):
    song = jams_file(tmp_path / "song.jams", damff=curve(), other=curve(seed=1))
    assert plot(song, "-o", tmp_path / "all.png") == 0
    assert plot(song, "-P", "other", "-o", tmp_path / "other.png") == 0
    pictures = [matplotlib.image.imread(tmp_path / f"{name}.png") for name in ("all", "other")]
    assert np.any(pictures[0] != pictures[1])


def test_a_picture_without_suffix_is_told_as_it_is_written(tmp_path, capsys):
    song = jams_file(tmp_path / "song.jams", damff=curve())
    assert plot(song, "-o", tmp_path / "picture") == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "picture.png")
    assert (tmp_path / "picture.png").is_file()


@pytest.mark.parametrize(
    ("named", "arguments", "complaint"),
    [
        ({}, [], "song.jams: holds no valence-arousal curve"),
        (
            {"damff": EmotionCurve(np.zeros(0), np.zeros((0, 2)), 0.5)},
            [],
            "song.jams: holds no valence-arousal curve",
        ),
        ({"damff": curve()}, ["-P", "nobody"], "no curve by 'nobody': there are damff"),
        ({"damff": curve()}, ["-o", "a.xyz"], "a.xyz: cannot be drawn"),
        ({"damff": curve()}, ["-o", "not/there/a.png"], "cannot be drawn"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(
    tmp_path, capsys, monkeypatch, named, arguments, complaint
):
    monkeypatch.chdir(tmp_path)
    jams_file(tmp_path / "song.jams", **named)
    assert plot("song.jams", *arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    assert err.startswith("error: ") and complaint in err
    assert [found.name for found in tmp_path.iterdir()] == ["song.jams"]


@pytest.mark.parametrize("name", ["gone.jams", "gone.wav"])
def test_a_file_that_is_not_there_is_one_line(tmp_path, capsys, name):
    assert plot(tmp_path / name, *(["-P", "damff"] if name.endswith("wav") else [])) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and name in err


def test_a_recording_is_analysed_and_only_the_picture_written(tmp_path, song):
    recording = song(tmp_path / "a.wav", 3.0)
    assert plot(recording, "--plugin", "damff") == 0
    assert sorted(found.name for found in tmp_path.iterdir()) == ["a.png", "a.wav"]
