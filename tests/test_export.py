"""Exports: each format is opened by a parser of its own kind and holds what the JAMS holds."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from importlib.util import find_spec
from xml.etree import ElementTree

import click
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from mer_plugins import EmotionCurve, parquet_tables
from mer_plugins.cli import mer, run
from mer_plugins.cli.extract import command as extract
from mer_plugins.errors import MerError
from mer_plugins.jams_store import Provenance, curves, read, store, to_annotation
from mer_plugins.sonic_visualiser import write_sonic_visualiser
from mer_plugins.wide_tables import write_deam_csv
from mer_plugins.writers import write_webvtt

NEEDS_PYARROW = pytest.param(
    "parquet", marks=pytest.mark.skipif(find_spec("pyarrow") is None, reason="no pyarrow here")
)
STAMP = re.compile(r"(?:(\d{2,}):)?([0-5]\d):([0-5]\d)\.(\d{3})")


def curve(n=6, hop_s=0.5, start_s=0.0, seed=0):
    values = np.random.default_rng(seed).uniform(-1, 1, (n, 2)).round(6)
    return EmotionCurve(start_s + np.arange(n) * hop_s, values, hop_s)


def annotation(written, plugin):
    return to_annotation(written, Provenance(plugin, "1", "f", "", "", written.hop_s, "", "0"))


def write_jams(path, **curves):
    found = [annotation(written, plugin) for plugin, written in curves.items()]
    store(path, found, duration_s=30.0, title=path.stem)
    return path


@pytest.fixture
def collection(tmp_path):
    folder = tmp_path / "collection"
    write_jams(folder / "2.jams", loudness=curve(6, seed=2))
    write_jams(folder / "live" / "10.jams", loudness=curve(4, start_s=15.0, seed=10))
    return folder


def mer_export(*arguments):
    """Run as people do, and return exit code, output and errors."""
    result = CliRunner().invoke(wrapped(mer), ["export", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def wrapped(command, name=None):
    @click.command(
        context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}
    )
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    def outer(arguments):
        run(command, name, list(arguments))

    return outer


# A strict reader of WebVTT: every line must have its place in the syntax of section 4.1.


def read_webvtt(text):
    assert "\r" not in text and "\0" not in text and text.endswith("\n")
    header, *blocks = text.removesuffix("\n").split("\n\n")
    assert header == "WEBVTT"
    return [read_cue(block) for block in blocks]


def read_cue(block):
    timing, *payload = block.split("\n")
    start, end = timing.split(" --> ")
    assert payload and all(payload), "a cue needs text, and a blank line would end it"
    assert not re.search(r"-->|[&<]", "\n".join(payload))
    return seconds(start), seconds(end), "\n".join(payload)


def seconds(stamp):
    hours, minutes, whole, thousandths = STAMP.fullmatch(stamp).groups()
    return int(hours or 0) * 3600 + int(minutes) * 60 + int(whole) + int(thousandths) / 1000


@pytest.mark.parametrize(("hop_s", "start_s"), [(0.5, 0.0), (0.5, 3599.75), (1 / 3, 359_999.0)])
def test_webvtt_keeps_the_rules_and_the_values(tmp_path, hop_s, start_s):
    written = curve(20, hop_s, start_s)
    write_webvtt(written, tmp_path / "a.vtt")
    cues = read_webvtt((tmp_path / "a.vtt").read_text(encoding="utf-8"))
    np.testing.assert_allclose([c[0] for c in cues], written.times, rtol=0, atol=5.1e-4)
    np.testing.assert_allclose([c[1] for c in cues], written.times + hop_s, rtol=0, atol=5.1e-4)
    numbers = [re.fullmatch(r"valence (\S+)  arousal (\S+)", c[2]).groups() for c in cues]
    np.testing.assert_allclose(np.array(numbers, float), written.values, rtol=0, atol=5.1e-3)


@given(
    times=st.lists(st.floats(0, 1e5), unique=True, max_size=12),
    hop_s=st.floats(1e-5, 1e3),
)
def test_every_cue_lasts_and_cues_begin_in_order(tmp_path_factory, times, hop_s):
    path = tmp_path_factory.mktemp("vtt") / "a.vtt"
    write_webvtt(EmotionCurve(np.sort(times), np.zeros((len(times), 2)), hop_s), path)
    cues = read_webvtt(path.read_text())
    assert len(cues) == len(times)
    assert all(start < end for start, end, _ in cues)
    starts = [start for start, _, _ in cues]
    assert starts == sorted(starts)


@pytest.mark.parametrize("sample_rate", [44_100, 48_000])
def test_sonic_visualiser_gets_two_layers_each_with_its_model_and_its_points(tmp_path, sample_rate):
    written = curve(40, start_s=15.0)
    write_sonic_visualiser(written, tmp_path / "a.svl", sample_rate=sample_rate)
    root = ElementTree.parse(tmp_path / "a.svl").getroot()
    assert root.tag == "sv"
    layers = root.findall("display/layer")
    assert [(x.get("name"), x.get("type")) for x in layers] == [
        ("valence", "timevalues"),
        ("arousal", "timevalues"),
    ]
    ids = [e.get("id") for e in root.iter() if e.get("id")]
    assert len(ids) == len(set(ids)) == 6
    for column, layer in enumerate(layers):
        (model,) = root.findall(f"data/model[@id='{layer.get('model')}']")
        (dataset,) = root.findall(f"data/dataset[@id='{model.get('dataset')}']")
        assert (model.get("type"), model.get("dimensions")) == ("sparse", "2")
        assert (model.get("sampleRate"), model.get("resolution")) == (
            str(sample_rate),
            str(sample_rate // 2),
        )
        assert dataset.get("dimensions") == "2"
        points = dataset.findall("point")
        times = np.array([int(p.get("frame")) for p in points]) / sample_rate
        np.testing.assert_allclose(times, written.times, rtol=0, atol=0.5 / sample_rate)
        values = [float(p.get("value")) for p in points]
        np.testing.assert_allclose(values, written.values[:, column], rtol=0, atol=5.1e-7)
        assert int(model.get("start")) == int(points[0].get("frame"))
        assert int(model.get("end")) == round((15.0 + written.duration_s) * sample_rate)


@pytest.mark.parametrize("sample_rate", [0, -1, 44_100.5, "fast", True])
def test_sonic_visualiser_refuses_what_is_no_rate(collection, tmp_path, sample_rate):
    shown = str(sample_rate).lower() if isinstance(sample_rate, bool) else sample_rate
    code, _, err = mer_export(
        collection, "--format", "sonic-visualiser", "-o", tmp_path, "-p", f"sample_rate={shown}"
    )
    assert code == 2 and "expected a rate in Hz" in err and str(sample_rate) in err


def test_deam_csv_has_a_row_a_song_and_a_column_a_time(collection, tmp_path):
    out = tmp_path / "out"
    code, listed, _ = mer_export(collection, "--format", "deam-csv", "-o", out)
    assert code == 0
    assert listed.split() == [str(out / "valence.csv"), str(out / "arousal.csv")]
    for column, dimension in enumerate(("valence", "arousal")):
        table = pd.read_csv(out / f"{dimension}.csv", dtype={"song_id": str}).set_index("song_id")
        assert list(table.index) == ["2", "live/10"]
        starts = [*range(0, 3000, 500), *range(15_000, 17_000, 500)]
        assert list(table.columns) == [f"sample_{ms}ms" for ms in starts]
        np.testing.assert_allclose(
            table.loc["2"].dropna(), curve(6, seed=2).values[:, column], atol=5.1e-7
        )
        assert table.loc["2"].notna().tolist() == [True] * 6 + [False] * 4
        np.testing.assert_allclose(
            table.loc["live/10"].dropna(), curve(4, seed=10).values[:, column], atol=5.1e-7
        )


def test_deam_csv_is_read_back_by_the_reader_of_deam(tmp_path):
    from mer_adapters.datasets import va_tables
    from mer_plugins.curves import UNIT_SCALE

    written = curve(9, start_s=15.0)
    files = write_deam_csv([("7", written)], tmp_path)
    series = [va_tables.samples(va_tables.rows_by_id(f, "song_id")["7"]) for f in files]
    found = va_tables.curve(*series, 0.5, UNIT_SCALE)
    np.testing.assert_allclose(found.times, written.times)
    np.testing.assert_allclose(found.values, written.values, atol=5.1e-7)


def test_deam_csv_wants_one_curve_a_song(tmp_path):
    both = write_jams(tmp_path / "a.jams", loudness=curve(seed=1), damff=curve(seed=2))
    code, _, err = mer_export(both, "--format", "deam-csv", "-o", tmp_path / "out")
    assert code == 2 and "has several curves: choose with --plugin of loudness, damff" in err
    assert not (tmp_path / "out").exists()
    code, _, _ = mer_export(both, "--format", "deam-csv", "-o", tmp_path / "out", "-P", "damff")
    assert code == 0
    table = pd.read_csv(tmp_path / "out" / "valence.csv", index_col="song_id")
    np.testing.assert_allclose(table.loc["a"], curve(seed=2).valence, atol=5.1e-7)


def test_deam_csv_refuses_a_song_that_comes_twice_or_times_that_fall_together(tmp_path):
    from mer_plugins.errors import MerError

    with pytest.raises(MerError, match="song '1' has several curves"):
        write_deam_csv([("1", curve()), ("1", curve())], tmp_path / "out")
    with pytest.raises(MerError, match="song '1' has several values a millisecond"):
        write_deam_csv([("1", curve(hop_s=1e-4))], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def parquet_songs(table):
    return {file: found.droplevel("file") for file, found in table.groupby(level="file")}


def test_parquet_has_the_index_of_audformat_and_the_values(collection, tmp_path):
    pytest.importorskip("pyarrow")
    (collection / "2.mp3").touch()
    code, listed, _ = mer_export(collection, "--format", "parquet", "-o", tmp_path / "out")
    assert (code, listed.strip()) == (0, str(tmp_path / "out" / "curves.parquet"))
    table = pd.read_parquet(tmp_path / "out" / "curves.parquet")
    assert list(table.columns) == ["valence", "arousal", "valence_std", "arousal_std"]
    songs = parquet_songs(table)
    for file, expected in (
        ("2.mp3", curve(6, seed=2)),
        ("live/10", curve(4, start_s=15.0, seed=10)),
    ):
        found = songs[file]
        np.testing.assert_array_equal(found[["valence", "arousal"]], expected.values)
        assert found[["valence_std", "arousal_std"]].isna().all(axis=None)
        starts, ends = (found.index.get_level_values(n) for n in ("start", "end"))
        assert list(starts) == [pd.Timedelta(seconds=t) for t in expected.times]
        assert list(ends - starts) == [pd.Timedelta(seconds=0.5)] * len(expected)


def test_audformat_takes_the_parquet_as_a_segmented_table(collection, tmp_path):
    audformat = pytest.importorskip("audformat")
    mer_export(collection, "--format", "parquet", "-o", tmp_path / "x.parquet")
    index = pd.read_parquet(tmp_path / "x.parquet").index
    audformat.assert_index(index)
    assert audformat.is_segmented_index(index)


def test_parquet_keeps_deviations_and_many_row_groups(tmp_path, monkeypatch):
    parquet = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr(parquet_tables, "_BUNCH", 2)
    std = np.full((6, 2), 0.25)
    songs = [(f"{i}.wav", replace(curve(6, seed=i), std=std if i else None)) for i in range(5)]
    (path,) = parquet_tables.write_parquet(iter(songs), tmp_path / "x.parquet")
    assert parquet.ParquetFile(path).num_row_groups == 3
    found = parquet_songs(pd.read_parquet(path))
    for file, expected in songs:
        np.testing.assert_array_equal(found[file][["valence", "arousal"]], expected.values)
    assert (found["4.wav"]["arousal_std"] == 0.25).all() and found["0.wav"].isna().any(axis=None)


def test_parquet_refuses_a_recording_that_comes_twice_and_leaves_the_old_file(tmp_path):
    pytest.importorskip("pyarrow")
    (path,) = parquet_tables.write_parquet([("1.wav", curve())], tmp_path)
    before = path.read_bytes()
    with pytest.raises(MerError, match=r"recording '1.wav' has several curves"):
        parquet_tables.write_parquet([("1.wav", curve()), ("1.wav", curve())], tmp_path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "suffix"),
    [("csv", ".csv"), ("audacity", ".txt"), ("webvtt", ".vtt"), ("sonic-visualiser", ".svl")],
)
def test_a_collection_is_mirrored(collection, tmp_path, name, suffix):
    out = tmp_path / "out"
    code, listed, _ = mer_export(collection, "--format", name, "-o", out)
    assert code == 0
    written = sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file())
    assert written == [f"2{suffix}", f"live/10{suffix}"]
    assert sorted(listed.split()) == sorted(str(out / name) for name in written)


def test_one_jams_goes_to_one_file_and_pandas_reads_it(tmp_path):
    jams = write_jams(tmp_path / "a.b.jams", loudness=curve())
    code, _, _ = mer_export(jams, "--format", "csv", "-o", tmp_path / "x.csv")
    assert code == 0
    table = pd.read_csv(tmp_path / "x.csv")
    assert list(table.columns) == ["time", "valence", "arousal"]
    np.testing.assert_allclose(table[["valence", "arousal"]], curve().values, atol=5.1e-7)


def test_several_curves_get_names_of_their_own(tmp_path):
    jams = write_jams(
        tmp_path / "a.b.jams", **{"loudness": curve(seed=1), "../one/x": curve(seed=2)}
    )
    out = tmp_path / "out" / "in"
    assert mer_export(jams, "--format", "csv", "-o", out)[0] == 0
    names = sorted(
        p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.csv")
    )
    assert names == ["in/a.b.loudness.csv", "in/a.b.one_x.csv"]
    code, _, err = mer_export(jams, "--format", "csv", "-o", tmp_path / "x.csv")
    assert code == 2 and "give a folder with -o, or one curve with --plugin" in err
    assert mer_export(jams, "--format", "csv", "-o", tmp_path / "y.csv", "-P", "loudness")[0] == 0
    with (tmp_path / "y.csv").open(newline="") as file:
        values = [row[1:] for row in list(csv.reader(file))[1:]]
    np.testing.assert_allclose(np.array(values, float), curve(seed=1).values, atol=5.1e-7)


def test_a_file_that_is_no_jams_costs_that_file_only(collection, tmp_path):
    (collection / "bad.jams").write_text("no")
    code, listed, err = mer_export(collection, "--format", "csv", "-o", tmp_path / "out")
    assert code == 1 and len(listed.split()) == 2
    assert "bad.jams" in err and "is not JSON" in err


@pytest.mark.parametrize("name", ["csv", "deam-csv", NEEDS_PYARROW])
def test_a_folder_that_cannot_be_listed_costs_that_folder_only(
    collection, tmp_path, unlistable, name
):
    unlistable("live")
    code, listed, err = mer_export(collection, "--format", name, "-o", tmp_path / "out")
    assert code == 1 and listed
    assert "live: the folder cannot be read (Permission denied)" in err


def test_two_files_of_one_name_are_not_written_over_each_other(tmp_path):
    one = write_jams(tmp_path / "x" / "a.jams", loudness=curve(seed=1))
    two = write_jams(tmp_path / "y" / "a.jams", loudness=curve(seed=2))
    code, _, err = mer_export(one, two, "--format", "csv", "-o", tmp_path / "out")
    assert code == 1 and "is already written from" in err
    table = pd.read_csv(tmp_path / "out" / "a.csv")
    np.testing.assert_allclose(table["valence"], curve(seed=1).valence, atol=5.1e-7)


@pytest.mark.parametrize("name", ["csv", "deam-csv", NEEDS_PYARROW])
def test_nothing_to_write_is_exit_code_3_and_writes_nothing(collection, tmp_path, name):
    code, _, err = mer_export(collection, "--format", name, "-o", tmp_path / "out", "-P", "nobody")
    assert code == 3 and "by 'nobody'" in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--format", "nope"], "no writer is called 'nope': there are audacity, csv, deam-csv"),
        (["--format", "csv", "-p", "x=1"], "'csv' takes no parameter 'x'"),
        (["--format", "csv", "-p", "curve=1"], "format 'csv' cannot be given"),
    ],
)
def test_wrong_use_is_one_line(collection, tmp_path, arguments, reason):
    code, _, err = mer_export(collection, *arguments, "-o", tmp_path / "out")
    assert code == 2 and reason in err and len(err.splitlines()) == 1


@pytest.mark.parametrize("name", ["csv", "deam-csv", NEEDS_PYARROW])
def test_a_folder_that_takes_no_file_is_told(collection, tmp_path, name):
    (tmp_path / "out").write_text("in the way")
    code, _, err = mer_export(collection, "--format", name, "-o", tmp_path / "out")
    assert code in (1, 2) and "cannot be written" in err


def test_extract_writes_the_formats_of_a_track_and_refuses_those_of_a_collection(song, tmp_path):
    song(tmp_path / "music" / "a.wav")
    base = ["--plugin", "global-mean", "--engine", "serial", str(tmp_path / "music")]
    result = CliRunner().invoke(
        wrapped(extract), [*base, "--writer", "webvtt", "--writer", "sonic-visualiser"]
    )
    assert result.exit_code == 0, result.stderr
    assert read_webvtt((tmp_path / "music" / "a.vtt").read_text())
    assert ElementTree.parse(tmp_path / "music" / "a.svl").findall("data/dataset/point")
    result = CliRunner().invoke(wrapped(extract), [*base, "--writer", "deam-csv"])
    assert result.exit_code == 2
    assert "use mer export --format deam-csv" in result.stderr


def test_extract_writes_a_parquet_a_track_with_the_recording_as_named(song, tmp_path):
    pytest.importorskip("pyarrow")
    for place in ("a/1.wav", "b/1.wav"):
        song(tmp_path / "music" / place)
    music, out = tmp_path / "music", tmp_path / "out"
    plugins = ["--plugin", "global-mean", "--plugin", "mean-trajectory"]
    arguments = [*plugins, "--engine", "serial", "--writer", "parquet", "-o", str(out), str(music)]
    for _ in range(2):
        result = CliRunner().invoke(wrapped(extract), arguments)
        assert result.exit_code == 0, result.stderr
        tables = {path: pd.read_parquet(path) for path in sorted(out.rglob("*.parquet"))}
        names = ["1.global-mean.parquet", "1.mean-trajectory.parquet"]
        assert [path.name for path in tables] == names * 2
        for path, table in tables.items():
            path.unlink()
            (recording,) = set(table.index.get_level_values("file"))
            assert recording == str(music / path.parent.name / "1.wav")
            label = path.suffixes[0][1:]
            ((_, expected),) = [c for c in curves(read(path.parent / "1.jams")) if c[0] == label]
            np.testing.assert_allclose(table[["valence", "arousal"]], expected.values, atol=1e-6)
            assert table.index.get_level_values("start")[0] == pd.Timedelta(0)


def test_extract_names_the_extra_that_a_format_needs(song, tmp_path, monkeypatch):
    song(tmp_path / "1.wav")
    monkeypatch.setattr("mer_plugins.extras.is_installed", lambda name: name != "pyarrow")
    arguments = ["--plugin", "global-mean", "--engine", "serial", "--writer", "parquet"]
    result = CliRunner().invoke(wrapped(extract), [*arguments, str(tmp_path)])
    assert result.exit_code == 2 and "pip install 'mer-plugins[parquet]'" in result.stderr
    assert (tmp_path / "1.jams").exists()
