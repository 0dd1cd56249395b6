"""The report of a collection: what is in the page, that it is safe, and `mer report` as people run it."""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import subprocess
import sys
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from mer_plugins import EmotionCurve
from mer_plugins.audio import AudioError
from mer_plugins.cli import mer, run
from mer_plugins.jams_store import Provenance, new_jams, to_annotation
from mer_plugins.report.evaluation_page import write_evaluation_page
from mer_plugins.report.html import ReportError
from mer_plugins.report.links import link
from mer_plugins.report.page import write_collection_page
from mer_plugins.report.spectrogram import MOST_COLUMNS, spectrogram
from mer_plugins.report.tracks import report_tracks

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)> & \u2028"


def curve(n=12, hop_s=0.5, seed=0, std=False):
    rng = np.random.default_rng(seed)
    spread = rng.uniform(0.05, 0.2, (n, 2)).round(3) if std else None
    return EmotionCurve(np.arange(n) * hop_s, rng.uniform(-1, 1, (n, 2)).round(3), hop_s, spread)


def by_plugin(found, plugin="loud"):
    return to_annotation(
        found, Provenance(plugin, "1.2", "f00d", "abc123", "s", found.hop_s, "dec", "0.1")
    )


def by_people(found):
    annotation = by_plugin(found)
    annotation["sandbox"] = {}
    annotation["annotation_metadata"] |= {"data_source": "manual", "corpus": "panel"}
    return annotation


def write_jams(path, *annotations, title="", artist=""):
    jams = new_jams(6.0, title)
    jams["file_metadata"]["artist"] = artist
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**jams, "annotations": annotations}))
    return path


@pytest.fixture
def collection(tmp_path, song):
    folder = tmp_path / "music"
    song(folder / "a.wav", 6.0)
    write_jams(
        folder / "a.jams",
        by_people(curve(seed=1)),
        by_plugin(curve(seed=2, std=True)),
        by_plugin(curve(seed=3), "quiet"),
        title="First",
        artist="Somebody",
    )
    song(folder / "live" / "b #1?.wav", 2.0)
    song(folder / "c.wav", 2.0)
    write_jams(folder / "alone.jams", by_plugin(curve(seed=4)))
    (folder / "bad.jams").write_text("no")
    return folder


class Scripts(HTMLParser):
    """Reads a page as a browser does: every script with its attributes, and all addresses."""

    def __init__(self, text):
        super().__init__()
        self.scripts, self.tags, self.links, self._open = [], [], [], None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        found = dict(attributes)
        self.links += [found[key] for key in ("src", "href") if key in found]
        if tag == "script":
            self._open = [found, ""]

    def handle_data(self, data):
        if self._open is not None:
            self._open[1] += data

    def handle_endtag(self, tag):
        if tag == "script":
            self.scripts.append(tuple(self._open))
            self._open = None

    def json(self, name):
        (text,) = [text for found, text in self.scripts if found.get("id") == name]
        return json.loads(text)


def read_page(page):
    return Scripts(page.read_text(encoding="utf-8"))


def report(folder, page, **options):
    options.setdefault("title", "A title")
    return write_collection_page(report_tracks(folder), page, **options)


def tracks_of(page):
    return {track["name"]: track for track in read_page(page).json("report")["tracks"]}


def mer_report(*arguments):
    with pytest.raises(SystemExit) as left:
        run(mer, "mer", ["report", *map(str, arguments)])
    return left.value.code


def test_every_recording_and_every_jams_is_a_track_once(collection, tmp_path):
    written = report(collection, tmp_path / "report.html")
    tracks = tracks_of(tmp_path / "report.html")
    assert list(tracks) == ["a.wav", "alone.jams", "bad.jams", "c.wav", "live/b #1?.wav"]
    assert (written.tracks, written.without_curve, written.with_problems) == (5, 3, 1)
    assert "is not JSON" in tracks["bad.jams"]["problems"][0]
    assert tracks["alone.jams"]["audio"] is None
    assert tracks["live/b #1?.wav"]["audio"] == "music/live/b%20%231%3F.wav"
    assert (tracks["a.wav"]["title"], tracks["a.wav"]["artist"]) == ("First", "Somebody")


def test_the_numbers_are_those_of_the_curves(collection, tmp_path):
    report(collection, tmp_path / "report.html")
    page = read_page(tmp_path / "report.html")
    labels = page.json("report")["labels"]
    assert labels == [
        {"name": "panel", "human": True},
        {"name": "loud", "human": False},
        {"name": "quiet", "human": False},
    ]
    (track,) = [t for t in page.json("report")["tracks"] if t["name"] == "a.wav"]
    written = {1: curve(seed=1), 2: curve(seed=2, std=True), 3: curve(seed=3)}
    details = page.json(f"details-{track['id']}")["curves"]
    assert [row["label"] for row in track["curves"]] == [one["label"] for one in details]
    for row, drawn, (_, expected) in zip(track["curves"], details, written.items(), strict=True):
        np.testing.assert_allclose(row["mean"], expected.values.mean(axis=0), atol=1e-6)
        np.testing.assert_allclose(row["low"], expected.values.min(axis=0), atol=1e-6)
        np.testing.assert_allclose(row["high"], expected.values.max(axis=0), atol=1e-6)
        assert sum(row["quadrants"]) == pytest.approx(1, abs=5e-6)
        np.testing.assert_allclose(drawn["values"], expected.values.T, atol=6e-4)
        assert (drawn["start"], drawn["hop"], drawn["times"]) == (0, 0.5, None)
    assert [one["std"] is None for one in details] == [True, False, True]
    np.testing.assert_allclose(details[1]["std"], written[2].std.T, atol=6e-4)
    facts = dict(details[1]["provenance"])
    assert facts["checkpoint_sha256"] == "abc123" and facts["fingerprint"] == "f00d"
    assert facts["version"] == "1.2" and facts["annotation_tools"] == "mer-plugins 0.1 / loud 1.2"


def test_irregular_times_are_kept(tmp_path):
    times = np.array([0.0, 0.5, 3.25, 9.0])
    uneven = EmotionCurve(times, np.zeros((4, 2)), 0.5)
    write_jams(tmp_path / "a.jams", by_plugin(uneven))
    report(tmp_path, tmp_path / "report.html")
    assert read_page(tmp_path / "report.html").json("details-0")["curves"][0]["times"] == [*times]


def test_no_name_title_or_origin_can_become_part_of_the_page(tmp_path):
    annotation = by_plugin(curve(), EVIL)
    annotation["annotation_metadata"]["annotation_tools"] = EVIL
    write_jams(tmp_path / "a.jams", annotation, title=EVIL, artist=EVIL)
    write_jams(tmp_path / "b.jams", by_plugin(curve()))
    report(tmp_path, tmp_path / "plain.html", title="x")
    (tmp_path / "a.jams").rename(tmp_path / "z.jams")
    plain = read_page(tmp_path / "plain.html")
    report(tmp_path, tmp_path / "report.html", title=EVIL)
    page = read_page(tmp_path / "report.html")
    assert page.tags == plain.tags and "img" not in page.tags
    (track,) = [t for t in page.json("report")["tracks"] if t["name"] == "z.jams"]
    assert track["title"] == track["artist"] == page.json("report")["title"] == EVIL
    assert "alert(1)</script>" not in (tmp_path / "report.html").read_text(encoding="utf-8")


@given(st.text(st.characters(exclude_characters="/\0"), min_size=1).filter(lambda s: s.strip(".")))
@example("\ud800")
def test_a_link_leads_to_the_file_whatever_its_name(name):
    found = link(Path("/music/deep") / name, Path("/music/pages/report.html"))
    assert unquote(found, errors="surrogatepass") == f"../deep/{name}"
    assert re.fullmatch(r"[\w./~%-]+", found, re.ASCII)


def test_a_name_that_is_no_utf8_is_linked_byte_for_byte():
    assert link(Path("/m/\udcff.wav"), Path("/m/report.html")) == "%FF.wav"


def test_the_page_needs_nothing_from_elsewhere(collection, tmp_path):
    report(collection, tmp_path / "report.html")
    page = read_page(tmp_path / "report.html")
    assert [address for address in page.links if not address.startswith("data:")] == []


def test_a_large_collection_gets_a_file_a_track_beside_the_page(collection, tmp_path):
    page = tmp_path / "out.html"
    written = report(collection, page, inline_bytes=100)
    assert written.folder == tmp_path / "out_files"
    found = read_page(page)
    tracks = {t["name"]: t for t in found.json("report")["tracks"]}
    assert found.json("report")["folder"] == "out_files"
    assert not [s for s, _ in found.scripts if str(s.get("id")).startswith("details")]
    files = sorted(path.name for path in written.folder.iterdir())
    assert files == sorted(found.json("report")["files"])
    assert all(re.fullmatch(r"track-[0-4]-[0-9a-f]{16}\.html\.js", name) for name in files)
    number = tracks["a.wav"]["id"]
    text = (written.folder / found.json("report")["files"][number]).read_text()
    called, body = re.fullmatch(r"addTrack\((\d+), (\{.*\})\);\n", text).groups()
    assert int(called) == number
    report(collection, tmp_path / "inline.html")
    assert json.loads(body) == read_page(tmp_path / "inline.html").json(f"details-{number}")


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_files_that_the_new_page_does_not_use_are_removed_and_nothing_else(collection, tmp_path):
    page, folder = tmp_path / "out.html", tmp_path / "out_files"
    report(collection, page, inline_bytes=100)
    report(collection, tmp_path / "out.htm", inline_bytes=100)
    others = [name for name in names_in(folder) if name.endswith(".htm.js")]
    assert len(others) == 5
    # Of an earlier version, and by other hands.
    (folder / "track-7.js").write_text("addTrack(7, {});\n")
    kept = ["track-9.js", "track-1.js.bak", "notes.js", "track-a.js"]
    for name in kept:
        (folder / name).write_text("mine")
    (folder / "track-3-0123456789abcdef.html.js").mkdir()
    (collection / "alone.jams").unlink()
    report(collection, page, inline_bytes=100)
    used = read_page(page).json("report")["files"]
    kept += [*others, "track-3-0123456789abcdef.html.js"]
    assert len(used) == 4 and names_in(folder) == sorted([*used, *kept])
    report(collection, page)
    assert names_in(folder) == sorted(kept)


def test_a_folder_that_is_no_longer_needed_goes_with_its_files(collection, tmp_path):
    report(collection, tmp_path / "out.html", inline_bytes=100)
    report(collection, tmp_path / "out.html")
    assert not (tmp_path / "out_files").exists()
    assert read_page(tmp_path / "out.html").json("report")["folder"] is None


def test_a_report_that_is_cut_short_leaves_the_old_page_all_that_it_needs(collection, tmp_path):
    page, folder = tmp_path / "out.html", tmp_path / "out_files"
    report(collection, page, inline_bytes=100)
    before = page.read_bytes()
    stood = {path.name: path.read_bytes() for path in folder.iterdir()}
    write_jams(collection / "a.jams", by_plugin(curve(seed=9)))

    def cut_short(tracks):
        yield from tracks
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tracks = cut_short(report_tracks(collection))
        write_collection_page(tracks, page, title="x", inline_bytes=100)
    assert page.read_bytes() == before
    left = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert stood.items() < left.items()
    report(collection, page, inline_bytes=100)
    assert names_in(folder) == sorted(read_page(page).json("report")["files"])


def test_recordings_of_a_mirrored_output_are_found_where_they_are(collection, tmp_path):
    out = tmp_path / "jams"
    write_jams(out / "live" / "b #1?.jams", by_plugin(curve()))
    tracks = {t.name: t for t in report_tracks(out, collection)}
    assert set(tracks) == {"a.wav", "c.wav", "live/b #1?.wav"}
    assert tracks["live/b #1?.wav"].audio == collection / "live" / "b #1?.wav"
    assert len(tracks["live/b #1?.wav"].curves) == 1


def test_a_curve_on_another_scale_is_a_problem_of_its_track(tmp_path):
    annotation = by_plugin(curve(), "nine")
    annotation["data"][0]["value"] = [9.0, 1.0]
    write_jams(tmp_path / "a.jams", annotation, by_plugin(curve()))
    write_jams(tmp_path / "b.jams", by_plugin(curve()))
    report(tmp_path, tmp_path / "report.html")
    tracks = tracks_of(tmp_path / "report.html")
    assert len(tracks["a.jams"]["curves"]) == 1 and tracks["b.jams"]["problems"] == []
    (problem,) = tracks["a.jams"]["problems"]
    assert problem.startswith("nine: values reach 9")


def test_why_a_plugin_gave_no_curve_is_told(tmp_path):
    write_jams(tmp_path / "a.jams", by_plugin(curve()))
    write_jams(tmp_path / "b.jams", by_people(curve()))

    def why(jams, plugin):
        return f"{jams.name} was too short" if plugin == "loud" else None

    report(tmp_path, tmp_path / "report.html", why=why)
    tracks = tracks_of(tmp_path / "report.html")
    assert tracks["a.jams"]["problems"] == []
    assert tracks["b.jams"]["problems"] == ["loud: b.jams was too short"]


def pixels(uri):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))


def test_the_spectrogram_shows_a_high_tone_after_a_low_one(tmp_path):
    import soundfile

    rate = 22_050
    times = np.arange(4 * rate) / rate
    tone = 0.5 * np.sin(2 * np.pi * np.where(times < 2, 300, 5000) * times)
    soundfile.write(tmp_path / "a.wav", tone, rate)
    drawn = spectrogram(tmp_path / "a.wav")
    assert drawn.duration_s == pytest.approx(4)
    shades = pixels(drawn.uri)
    assert shades.shape[0] == 64 and abs(shades.shape[1] - 43) <= 1
    # Rows run from high to low: the loudest one must jump up where the tone does.
    loudest = shades.argmax(axis=0)
    assert (loudest[:20] > 50).all() and (loudest[23:-1] < 25).all()


def test_a_long_recording_gives_no_wider_picture_and_silence_gives_one_shade(tmp_path):
    import soundfile

    soundfile.write(tmp_path / "a.wav", np.zeros(8000 * 90), 8000)
    shades = pixels(spectrogram(tmp_path / "a.wav").uri)
    assert shades.shape == (64, MOST_COLUMNS) and len(np.unique(shades)) == 1


def test_a_recording_that_cannot_be_decoded_costs_its_spectrogram_only(collection, tmp_path):
    (collection / "a.wav").write_bytes(b"RIFF no sound")
    with pytest.raises(AudioError):
        spectrogram(collection / "a.wav")
    assert mer_report(collection, "-o", tmp_path / "report.html", "--quiet") == 1
    track = tracks_of(tmp_path / "report.html")["a.wav"]
    assert len(track["curves"]) == 3 and "no spectrogram" in track["problems"][0]
    details = read_page(tmp_path / "report.html").json(f"details-{track['id']}")
    assert details["spectrogram"] is None and len(details["curves"]) == 3


def test_the_command_writes_the_page_and_says_what_it_holds(collection, tmp_path, capsys):
    page = tmp_path / "report.html"
    assert mer_report(collection, "-o", page) == 1
    told = capsys.readouterr()
    assert told.out.split() == [str(page)]
    assert "5 tracks, 3 without a curve, 1 with problems" in told.err
    found = read_page(page)
    assert found.json("report")["title"] == "music"
    number = tracks_of(page)["a.wav"]["id"]
    drawn = found.json(f"details-{number}")["spectrogram"]
    assert drawn["duration"] == pytest.approx(6)
    (collection / "bad.jams").unlink()
    assert mer_report(collection, "-o", page, "--no-spectrogram", "--title", "T") == 0
    assert read_page(page).json("report")["title"] == "T"
    assert read_page(page).json(f"details-{number}")["spectrogram"] is None


def test_a_folder_without_tracks_is_exit_code_3(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    page = tmp_path / "report.html"
    assert mer_report(tmp_path / "empty", "-o", page) == 3
    assert "nothing found" in capsys.readouterr().err and not page.exists()


def test_a_page_that_cannot_be_written_is_one_line(collection, tmp_path, capsys):
    with pytest.raises(ReportError, match="cannot be written"):
        report(collection, tmp_path / "missing" / "report.html")
    assert mer_report(collection, "-o", tmp_path / "no" / "r.html", "--no-spectrogram") == 2
    err = capsys.readouterr().err
    assert "cannot be written" in err and len(err.splitlines()) == 1


def test_the_wheel_holds_the_templates(tmp_path):
    root = Path(__file__).resolve().parents[1]
    build = "import sys; from hatchling.build import build_wheel; build_wheel(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, str(tmp_path)], cwd=root, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
    folder = root / "mer_plugins" / "templates" / "report"
    wanted = {path.relative_to(root).as_posix() for path in folder.iterdir()}
    assert len(wanted) >= 7 and wanted <= held


def evaluated(collection, out):
    """Compare a plugin with the panel's curves, as people do."""
    with pytest.raises(SystemExit) as left:
        run(
            mer,
            "mer",
            ["evaluate", "--reference", str(collection), "--plugin", "global-mean", "-o", str(out)],
        )
    assert left.value.code == 0
    return out


@pytest.fixture
def labelled_music(tmp_path, song):
    folder = tmp_path / "labelled"
    for i, name in enumerate(("one", EVIL.replace("/", "")[:60])):
        song(folder / f"{name}.wav", 6.0, seed=i)
        write_jams(folder / f"{name}.jams", by_people(curve(seed=i)))
    return folder


def test_the_report_of_an_evaluation_holds_its_results_and_links_its_songs(
    labelled_music, tmp_path, capsys
):
    out = evaluated(labelled_music, tmp_path / "out")
    page = tmp_path / "report.html"
    assert mer_report(out, "-o", page, "--title", EVIL) == 0
    assert str(page) in capsys.readouterr().out
    data = read_page(page).json("evaluation")
    assert data["results"] == json.loads((out / "results.json").read_text())
    names = {s["name"] for s in data["results"]["systems"]}
    assert {row["system"] for row in data["rows"]} == names
    with (out / "per_song.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    assert len(data["rows"]) == len(written) == 2 * len(names)
    for row, expected in zip(data["rows"], written, strict=True):
        assert row["song"] == expected["song"]
        assert row["valence"]["rmse"] == float(expected["valence_rmse"])
        assert (row["arousal"]["pcc"] is None) == (expected["arousal_pcc"] == "")
    for name, address in data["audio"].items():
        assert (tmp_path / unquote(address)) == labelled_music / name
    facts = dict(data["provenance"]["global-mean"])
    assert facts["plugin"] == "global-mean" and "fingerprint" not in facts
    assert "img" not in read_page(page).tags


def test_results_of_another_format_and_songs_that_are_gone(labelled_music, tmp_path, capsys):
    out = evaluated(labelled_music, tmp_path / "out")
    labelled_music.rename(tmp_path / "moved")
    page = tmp_path / "report.html"
    assert mer_report(out, "-o", page) == 0
    assert set(read_page(page).json("evaluation")["audio"].values()) == {None}
    assert mer_report(out, "-o", page, "--audio", tmp_path / "moved") == 0
    assert None not in read_page(page).json("evaluation")["audio"].values()
    (out / "results.json").write_text('{"format": "later 9"}')
    capsys.readouterr()
    assert mer_report(out, "-o", page) == 2
    assert "format is 'later 9': expected 'mer-plugins evaluation 1'" in capsys.readouterr().err


def test_an_evaluation_shows_people_and_every_system_of_a_song_together(labelled_music, tmp_path):
    mine = tmp_path / "mine"
    for i, path in enumerate(sorted(labelled_music.glob("*.jams"))):
        write_jams(mine / path.name, by_plugin(curve(seed=10 + i, std=True)))
    out, page = tmp_path / "out", tmp_path / "report.html"
    arguments = ["evaluate", "--reference", labelled_music, "--estimates", mine, "-o", out]
    with pytest.raises(SystemExit):
        run(mer, "mer", list(map(str, arguments)))
    assert mer_report(out, "-o", page) == 0
    found = read_page(page)
    data = found.json("evaluation")
    shown = [(x["name"], x["human"], x["hidden"]) for x in data["report"]["labels"]]
    assert shown == [
        ("reference (people)", True, False),
        ("loud", False, False),
        ("global-mean", False, True),
        ("mean-trajectory", False, True),
    ]
    for i, path in enumerate(sorted(labelled_music.glob("*.jams"))):
        number = data["numbers"][f"{path.stem}.wav"]
        curves = {c["label"]: c for c in found.json(f"details-{number}")["curves"]}
        assert list(curves) == [0, 1, 2, 3]
        np.testing.assert_allclose(
            curves[1]["values"], curve(seed=10 + i, std=True).values.T, atol=6e-4
        )
        np.testing.assert_allclose(curves[1]["std"], curve(seed=10 + i, std=True).std.T, atol=6e-4)
        assert len(curves[0]["values"][0]) == 12 and curves[0]["std"] is None


def test_a_song_of_an_evaluation_has_its_spectrogram_or_says_why_not(
    labelled_music, tmp_path, capsys
):
    out, page = evaluated(labelled_music, tmp_path / "out"), tmp_path / "report.html"
    (labelled_music / "one.wav").write_bytes(b"no sound")
    capsys.readouterr()
    assert mer_report(out, "-o", page) == 1
    assert "one.wav: no spectrogram: " in capsys.readouterr().err
    found = read_page(page)
    numbers = found.json("evaluation")["numbers"]
    broken, whole = (
        found.json(f"details-{numbers[name]}")
        for name in sorted(numbers, key=lambda name: name != "one.wav")
    )
    assert broken["spectrogram"] is None and "no spectrogram" in broken["problems"][0]
    assert whole["spectrogram"]["duration"] == 6.0 and whole["problems"] == []
    assert whole["spectrogram"]["uri"].startswith("data:image/png;base64,")
    assert mer_report(out, "-o", page, "--no-spectrogram") == 0
    details = [read_page(page).json(f"details-{number}") for number in numbers.values()]
    assert [one["spectrogram"] for one in details] == [None, None]


def test_an_evaluation_without_curves_still_opens_and_a_large_one_lies_beside_the_page(
    labelled_music, tmp_path
):
    out, page = evaluated(labelled_music, tmp_path / "out"), tmp_path / "report.html"
    folder = write_evaluation_page(out, page, title="x", inline_bytes=10)
    assert folder == tmp_path / "report_files"
    found = read_page(page)
    files = found.json("evaluation")["report"]["files"]
    assert sorted(path.name for path in folder.iterdir()) == sorted(files) and len(files) == 2
    assert found.json("evaluation")["report"]["folder"] == "report_files"
    assert not [s for s, _ in found.scripts if str(s.get("id")).startswith("details")]
    (out / "curves.npz").unlink()
    assert write_evaluation_page(out, page, title="x") is None
    data = read_page(page).json("evaluation")
    assert data["numbers"] == {} and len(data["rows"]) == 4 and None not in data["audio"].values()


def test_the_recordings_of_an_evaluation_are_found_from_any_folder(
    labelled_music, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    out = evaluated(labelled_music.relative_to(tmp_path), Path("out"))
    monkeypatch.chdir(labelled_music)
    assert mer_report(tmp_path / out, "-o", tmp_path / "report.html") == 0
    data = read_page(tmp_path / "report.html").json("evaluation")
    assert {unquote(address).partition("/")[0] for address in data["audio"].values()} == {
        "labelled"
    }
