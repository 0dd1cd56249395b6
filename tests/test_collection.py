from __future__ import annotations

import inspect
import io
import json
import os
import pickle
import random
import sys
import tempfile
import tracemalloc
from itertools import islice, permutations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_plugins.collection import CollectionError, find_tracks
from mer_plugins.folders import scan

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def make(tmp_path):
    """Return a function that makes files, given relative paths, and returns the folder of all."""

    def files(*paths: str, content: str = "") -> Path:
        for path in paths:
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(content)
        return tmp_path

    return files


def found(*inputs, output=None, **options) -> dict[str, str]:
    """Return {recording: JAMS} for inputs without problems, both as text."""
    tracks = list(find_tracks([str(i) for i in inputs], output, **options))
    assert len({track.jams for track in tracks}) == len(tracks), "two tracks share one JAMS"
    return {str(track.audio): str(track.jams) for track in tracks}


def names(*inputs, output=None, **options) -> dict[str, str]:
    """Return the same with file names only."""
    pairs = found(*inputs, output=output, **options)
    return {os.path.basename(audio): os.path.basename(jams) for audio, jams in pairs.items()}


# Folders


def test_a_folder_gives_its_recordings_sorted_without_anything_else_or_hidden(make):
    root = make(
        "b/2.wav", "b/1.MP3", "a/x.flac", "z.ogg", "cover.jpg", "z.jams", "README",
        ".hidden.mp3", ".git/y.mp3", "b/._1.mp3",
    )  # fmt: skip
    os.mkfifo(root / "pipe.wav")
    (root / "folder.wav").mkdir()
    tracks = list(find_tracks([str(root)]))
    assert [str(t.audio.relative_to(root)) for t in tracks] == [
        "z.ogg", "a/x.flac", "b/1.MP3", "b/2.wav",
    ]  # fmt: skip
    assert [str(t.jams.relative_to(root)) for t in tracks] == [
        "z.jams", "a/x.jams", "b/1.jams", "b/2.jams",
    ]  # fmt: skip
    assert {t.base_jams for t in tracks} == {None}


def test_names_begin_as_the_input_was_given(make, monkeypatch):
    monkeypatch.chdir(make("coll/sub/a.mp3", "b.mp3"))
    tracks = list(find_tracks(["coll", "./b.mp3", str(Path("coll").resolve().parent / "b.mp3")]))
    assert [t.name for t in tracks] == ["coll/sub/a.mp3", "b.mp3"]
    assert all(t.audio.is_absolute() and t.jams.is_absolute() for t in tracks)


def test_a_hidden_file_or_folder_is_taken_when_it_is_named(make):
    root = make(".hidden/a.mp3", ".b.mp3")
    assert set(names(root / ".hidden", root / ".b.mp3")) == {"a.mp3", ".b.mp3"}


def test_a_folder_of_ten_thousand_comes_lazily_and_leaves_little_behind(tmp_path):
    for folder in range(100):
        (tmp_path / f"{folder:03}").mkdir()
        for song in range(100):
            (tmp_path / f"{folder:03}" / f"{song}.mp3").touch()
    tracks = find_tracks([str(tmp_path)])
    tracemalloc.start()
    try:
        assert len(list(islice(tracks, 9_950))) == 9_950
        held = tracemalloc.take_snapshot().statistics("filename")
    finally:
        tracemalloc.stop()
    assert len(list(tracks)) == 50
    # Blocks of memory, not bytes: the interpreter's own tables grow in leaps. A note about every
    # track would take 10,000 of them; the folder in hand takes 100.
    assert sum(file.count for file in held) < 2_000


def test_a_tree_deeper_than_the_recursion_limit_is_walked(tmp_path):
    (tmp_path / Path(*["d"] * 400)).mkdir(parents=True)
    (tmp_path / Path(*["d"] * 400, "a.mp3")).touch()
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 200)
    try:
        assert names(tmp_path) == {"a.mp3": "a.jams"}
    finally:
        sys.setrecursionlimit(limit)


# Names of the JAMS


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["a.mp3"], {"a.mp3": "a.jams"}),
        (["a.mp3", "a.wav"], {"a.mp3": "a.mp3.jams", "a.wav": "a.wav.jams"}),
        (["a.mp3", "a.MP3"], {"a.mp3": "a.mp3.jams", "a.MP3": "a.MP3.jams"}),
        (["a.mp3", "a.wav", "a.jams"], {"a.mp3": "a.jams", "a.wav": "a.wav.jams"}),
        (
            ["a.mp3", "a.wav", "a.mp3.wav"],
            {"a.mp3": "a.mp3.jams", "a.wav": "a.wav.jams", "a.mp3.wav": "a.mp3.wav.jams"},
        ),
        (["a.mp3", "a.b.mp3", "a b.mp3"], {n: n[:-4] + ".jams" for n in ("a.mp3", "a.b.mp3")}),
    ],
)
def test_recordings_of_one_stem_get_a_jams_each(make, files, expected):
    assert names(make(*files)).items() >= expected.items()


@pytest.mark.parametrize("order", list(permutations(["a.mp3", "a.wav", "b.mp3"])))
def test_the_jams_does_not_depend_on_which_recordings_are_named_or_when(make, order):
    root = make("a.mp3", "a.wav", "b.mp3")
    expected = names(root)
    assert names(*(root / name for name in order)) == expected
    assert names(root / order[0]) == {order[0]: expected[order[0]]}


stems = st.sampled_from(["a", "b", "a.mp3", "a.wav", "a b"])
audio_names = st.tuples(stems, st.sampled_from([".mp3", ".wav", ".MP3", ".flac"])).map("".join)
jams_names = (stems | audio_names).map(lambda name: name + ".jams")


@settings(deadline=None)
@given(st.sets(audio_names, min_size=1), st.sets(jams_names))
def test_no_two_recordings_of_a_folder_ever_share_a_jams(audio, jams):
    with tempfile.TemporaryDirectory() as root:
        for name in audio | jams:
            Path(root, name).touch()
        folder = scan(root)
        given_out = {folder.jams_name(name): name for name in audio}
        found_back = {name: folder.recording_of(name) for name in jams & set(given_out)}
    assert len(given_out) == len(audio)
    assert found_back.items() <= given_out.items()


# JAMS, playlists and lists


def test_a_jams_leads_to_its_recording_and_is_the_output(make):
    root = make("a.mp3", "a.jams", "b.wav", "b.flac", "b.wav.jams", "c.mp3", "c.mp3.jams")
    tracks = [root / "a.jams", root / "b.wav.jams", root / "c.mp3.jams"]
    assert names(*tracks) == {"a.mp3": "a.jams", "b.wav": "b.wav.jams", "c.mp3": "c.mp3.jams"}


@pytest.mark.parametrize(
    "content",
    [
        {"file_metadata": {"identifiers": {"id": 3, "path": "/data/far/away/take 2.mp3"}}},
        {"sandbox": {"filename": "take 2.mp3"}},
        {"sandbox": {"filename": "C:\\music\\take 2.mp3"}},
    ],
)
def test_a_jams_may_name_a_recording_beside_it(make, content):
    root = make("take 2.mp3", "other.mp3")
    (root / "a.jams").write_text(json.dumps(content))
    assert names(root / "a.jams") == {"take 2.mp3": "a.jams"}


def test_a_path_inside_a_jams_leads_nowhere_else(make):
    root = make("in/x", "secret.mp3")
    for number, path in enumerate(["../secret.mp3", str(root / "secret.mp3"), "..", "", "\0.mp3"]):
        jams = root / "in" / f"{number}.jams"
        jams.write_text(json.dumps({"sandbox": {"path": path}}))
        with pytest.raises(CollectionError, match="no recording of the same name lies beside it"):
            found(jams)


def test_a_playlist_is_read_relative_to_its_folder(make, monkeypatch):
    root = make("music/a.mp3", "music/ü.mp3", "far/b.mp3", "music/c d.mp3", "elsewhere/x")
    (root / "music" / "p.m3u8").write_bytes(
        b"\xef\xbb\xbf#EXTM3U\r\n#EXTINF:1,A\r\na.mp3\r\n\r\n../far/b.mp3\r\n"
        + f"{root}/music/ü.mp3\r\nfile://{root}/music/c%20d.mp3\r\na.mp3\r\n".encode()
    )
    monkeypatch.chdir(root / "elsewhere")
    pairs = found("../music/p.m3u8")
    assert list(pairs) == [
        f"{root}/music/a.mp3",
        f"{root}/far/b.mp3",
        f"{root}/music/ü.mp3",
        f"{root}/music/c d.mp3",
    ]


def test_a_playlist_in_latin1_finds_files_by_either_name(make):
    root = make("ü.mp3", os.fsdecode(b"\xe4.mp3"))
    (root / "p.m3u").write_bytes(b"\xfc.mp3\n\xe4.mp3\n")
    assert set(names(root / "p.m3u")) == {"ü.mp3", os.fsdecode(b"\xe4.mp3")}


@pytest.mark.parametrize("how", ["@list.txt", "-"])
def test_a_list_holds_one_path_a_line_relative_to_the_current_folder(make, monkeypatch, how):
    root = make("a.mp3", "# no comment.mp3", "lists/x", "coll/b.mp3", " c .mp3", "@d.mp3")
    odd = os.fsdecode(b"\xe9.mp3")
    make(odd)
    monkeypatch.chdir(root)
    content = f"a.mp3\n# no comment.mp3\n\ncoll\n c .mp3\r\n@d.mp3\n{odd}".encode(
        "utf-8", "surrogateescape"
    )
    (root / "list.txt").write_bytes(content)
    expected = ["a.mp3", "# no comment.mp3", "coll/b.mp3", " c .mp3", "@d.mp3", odd]
    assert list(found(how, stdin=io.BytesIO(content))) == [str(root / name) for name in expected]


def test_standard_input_may_be_text(make):
    root = make("a.mp3")
    assert names("-", stdin=io.StringIO(f"{root}/a.mp3\n")) == {"a.mp3": "a.jams"}


# The same recording twice


def test_what_is_named_twice_or_named_and_found_comes_once(make):
    root = make("coll/sub/a.mp3", "coll/b.mp3", "coll/b.jams", "coll/.h/c.mp3")
    (root / "alias").symlink_to("coll")
    once = found(root / "coll", root / "coll" / ".h")
    inputs = ["coll/b.mp3", "coll/sub", "coll", "coll/b.jams", "alias", "alias/b.mp3", "coll/.h"]
    for seed in range(20):
        random.Random(seed).shuffle(inputs)
        again = found(*(root / name for name in inputs))
        assert {(os.path.realpath(a), os.path.realpath(j)) for a, j in again.items()} == set(
            once.items()
        )
        assert len(again) == 3


# Links


def test_links_out_of_the_folder_are_left_out_unless_asked_for(make):
    root = make("out/far.mp3", "out/deep/x.mp3", "coll/a.mp3", "coll/.store/b.mp3", "coll/s/c.mp3")
    (root / "coll" / "far.mp3").symlink_to(root / "out" / "far.mp3")
    (root / "coll" / "deep").symlink_to(root / "out" / "deep")
    (root / "coll" / "near.mp3").symlink_to(".store/b.mp3")
    (root / "coll" / "store").symlink_to(".store")
    (root / "coll" / "again").symlink_to("s")
    (root / "coll" / "broken.mp3").symlink_to("nowhere.mp3")
    here = {"a.mp3": "a.jams", "near.mp3": "near.jams", "b.mp3": "b.jams", "c.mp3": "c.jams"}
    assert names(root / "coll") == here
    assert names(root / "coll", follow=True) == {**here, "far.mp3": "far.jams", "x.mp3": "x.jams"}


@pytest.mark.parametrize("follow", [False, True])
def test_links_that_lead_in_circles_end(make, follow):
    root = make("top/coll/a.mp3", "top/b.mp3")
    for name, target in [("up", ".."), ("self", "."), ("x", "y"), ("y", "x"), ("loop.mp3", "x")]:
        (root / "top" / "coll" / name).symlink_to(target)
    expected = {"a.mp3": "a.jams", "b.mp3": "b.jams"} if follow else {"a.mp3": "a.jams"}
    assert names(root / "top" / "coll", follow=follow) == expected


def test_a_link_that_is_named_is_taken(make):
    root = make("out/a.mp3", "lists/x")
    (root / "lists" / "a.mp3").symlink_to(root / "out" / "a.mp3")
    assert found(root / "lists" / "a.mp3") == {
        str(root / "lists" / "a.mp3"): str(root / "lists" / "a.jams")
    }


# The output folder


def mirrored(root, *inputs, **options) -> list[str]:
    pairs = found(*(root / name for name in inputs), output=root / "out", **options)
    return sorted(str(Path(jams).relative_to(root / "out")) for jams in pairs.values())


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (["a"], ["s/1.jams", "x.jams"]),
        (["a", "b"], ["a/s/1.jams", "a/x.jams", "b/x.jams"]),
        (["a", "a/s", "a/x.mp3"], ["s/1.jams", "x.jams"]),
        (["a/x.mp3"], ["x.jams"]),
        (["a/x.mp3", "b/x.mp3"], ["a/x.jams", "b/x.jams"]),
        (["c/audio", "d/audio"], ["c/audio/x.jams", "d/audio/x.jams"]),
        (["clash"], ["x.mp3.jams", "x.wav.jams"]),
    ],
)
def test_the_tree_is_mirrored_below_what_all_inputs_share(make, inputs, expected):
    root = make(
        "a/x.mp3", "a/s/1.mp3", "b/x.mp3", "c/audio/x.mp3", "d/audio/x.mp3",
        "clash/x.mp3", "clash/x.wav",
    )  # fmt: skip
    for order in permutations(inputs):
        assert mirrored(root, *order) == expected


def test_a_wrong_input_does_not_move_the_mirror(make):
    root, problems = make("a/x.mp3"), []
    tracks = find_tracks(
        [f"{root}/a", "/nowhere/y.mp3", ""], root / "out", problem=lambda *p: problems.append(p)
    )
    assert [track.jams for track in tracks] == [root / "out" / "x.jams"]
    assert [shown for shown, _ in problems] == ["/nowhere/y.mp3", ""]


def test_an_existing_jams_is_the_base_of_the_mirrored_one(make):
    root = make("a/x.mp3", "a/x.jams", "a/y.mp3", "secret.jams", "a/z.mp3")
    (root / "a" / "z.jams").symlink_to("../secret.jams")
    bases = {t.audio.name: t.base_jams for t in find_tracks([str(root / "a")], root / "out")}
    assert bases == {"x.mp3": root / "a" / "x.jams", "y.mp3": None, "z.mp3": None}
    assert {t.base_jams for t in find_tracks([str(root / "a")], root / "a")} == {None}
    (by_jams,) = find_tracks([str(root / "a" / "x.jams")], root / "out")
    assert (by_jams.base_jams, by_jams.jams.name) == (root / "a" / "x.jams", "x.jams")


# Problems


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("gone.mp3", "does not exist"),
        ("text.txt", r"is not a known kind of audio \(\.txt\)"),
        ("README", r"is not a known kind of audio \(no suffix\)"),
        ("alone.jams", "no recording of the same name lies beside it"),
        ("broken.jams", r"names no recording: .* is not JSON"),
        ("pipe.mp3", "is no regular file"),
        ("@gone.txt", r"the list cannot be read \(No such file"),
        ("gone.m3u", r"the list cannot be read \(No such file"),
        ("@nested.txt", "is a list within a list"),
        ("@nul.txt", "does not exist"),
        ("", "does not exist"),
    ],
)
def test_a_wrong_input_is_reported_and_the_others_go_on(make, monkeypatch, wrong, reason):
    root = make("a.mp3", "text.txt", "README", "p.m3u", "z/b.mp3")
    make("alone.jams", content="{}")
    make("broken.jams", content="{")
    make("nested.txt", content="p.m3u")
    make("nul.txt", content="a\0b.mp3")
    os.mkfifo(root / "pipe.mp3")
    monkeypatch.chdir(root)
    problems = []
    inputs = ["a.mp3", wrong, "z"]
    tracks = list(find_tracks(inputs, problem=lambda *problem: problems.append(problem)))
    assert [track.audio.name for track in tracks] == ["a.mp3", "b.mp3"]
    assert len(problems) == 1
    with pytest.raises(CollectionError, match=reason) as caught:
        list(find_tracks(inputs))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(problems[0][0])


def test_a_folder_that_cannot_be_listed_costs_only_itself(make, monkeypatch):
    root, problems = make("a/x.mp3", "b/y.mp3", "c/z.mp3"), []
    real = os.scandir

    def scandir(path):
        if str(path) == str(root / "b"):  # whoever runs the tests may be root, who may list all
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    tracks = list(find_tracks([str(root)], problem=lambda *problem: problems.append(problem)))
    assert [track.audio.name for track in tracks] == ["x.mp3", "z.mp3"]
    assert problems == [(str(root / "b"), "the folder cannot be read (Permission denied)")]


def test_a_track_can_be_sent_to_another_process(make):
    (track,) = find_tracks([str(make("a.mp3"))])
    assert pickle.loads(pickle.dumps(track)) == track
