"""Collections behind URLs: in memory in this process, and in buckets of a real S3 server."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from mer_plugins.cli.extract import command
from mer_plugins.remote import files
from mer_plugins.remote.scratch import private_folder
from mer_plugins.remote.urls import is_url, local_path, without_secrets

fsspec = pytest.importorskip("fsspec")

FOREIGN = {
    "file_metadata": {"title": "A", "duration": 2.0, "jams_version": "0.3.5", "own": [1.10]},
    "annotations": [{"namespace": "of_ours_only", "data": [{"time": 0, "value": "é"}]}],
    "sandbox": {"kept": True},
}


def extract(*arguments):
    """Run the command in this process; return (exit code, stdout, stderr)."""
    argv = ["--plugin", "global-mean", "--engine", "serial", *map(str, arguments)]
    result = CliRunner().invoke(command, argv, standalone_mode=False)
    if result.exception:
        raise result.exception
    return result.return_value, result.stdout, result.stderr


def last(output):
    return output.splitlines()[-1]


@pytest.fixture
def memory():
    """Return a file system in memory, empty before and after."""
    system = fsspec.filesystem("memory")
    _empty(system)
    yield system
    _empty(system)


def _empty(system):
    system.store.clear()
    system.pseudo_dirs[:] = [""]


@pytest.fixture
def sound(tmp_path, song):
    """Return the bytes of a song, another one for each seed."""

    def made(seed=0, duration_s=2.0):
        return song(tmp_path / "made" / f"{seed}.wav", duration_s, seed, 8_000).read_bytes()

    return made


@pytest.fixture
def music(memory, sound):
    memory.pipe_file("/music/b.wav", sound(1))
    memory.pipe_file("/music/deep/a.wav", sound(2))
    memory.pipe_file("/music/.hidden/c.wav", sound(3))
    memory.pipe_file("/music/.d.wav", sound(4))
    memory.pipe_file("/music/notes.txt", b"")
    return memory


@pytest.fixture
def gets(memory, monkeypatch):
    """Return the list of what is fetched."""
    fetched, get_file = [], type(memory).get_file

    def noted(self, path, *args, **kwargs):
        fetched.append(path)
        return get_file(self, path, *args, **kwargs)

    monkeypatch.setattr(type(memory), "get_file", noted)
    return fetched


def jams_of(system, path):
    return json.loads(system.cat_file(path))


def ours(content):
    return [a for a in content["annotations"] if a["namespace"] == "mood_thayer"]


def names(system):
    return sorted(path for path in system.find("") if path.endswith(".jams"))


def test_each_recording_behind_a_url_gets_its_jams_beside_it(music):
    code, out, err = extract("memory://music/")
    assert (code, last(out)) == (0, "done 2, already done 0, failed 0")
    assert names(music) == ["/music/b.jams", "/music/deep/a.jams"]
    (annotation,) = ours(jams_of(music, "/music/b.jams"))
    assert annotation["sandbox"]["plugin"] == "global-mean"
    assert len(annotation["data"]) == 4
    assert jams_of(music, "/music/b.jams")["file_metadata"]["title"] == "b"
    assert [line.split()[0] for line in err.splitlines() if ".wav" in line] == [
        "memory://music/b.wav",
        "memory://music/deep/a.wav",
    ]


def test_the_jams_is_the_same_as_of_a_local_recording(music, tmp_path):
    (tmp_path / "b.wav").write_bytes(music.cat_file("/music/b.wav"))
    extract(tmp_path / "b.wav")
    extract("memory://music/b.wav")
    assert jams_of(music, "/music/b.jams") == json.loads((tmp_path / "b.jams").read_text())


def test_a_second_run_fetches_nothing(music, gets):
    extract("memory://music")
    gets.clear()
    assert last(extract("memory://music/")[1]) == "done 0, already done 2, failed 0"
    assert gets == []


def test_without_the_index_the_jams_tells_that_it_is_done(music, monkeypatch, tmp_path):
    extract("memory://music")
    before = music.cat_file("/music/b.jams")
    monkeypatch.setenv("MER_CACHE_DIR", str(tmp_path / "another"))
    assert last(extract("memory://music")[1]) == "done 0, already done 2, failed 0"
    assert music.cat_file("/music/b.jams") == before


def test_a_replaced_recording_and_a_removed_jams_are_done_again(music, sound):
    extract("memory://music")
    music.pipe_file("/music/b.wav", sound(9))
    music.rm_file("/music/deep/a.jams")
    assert last(extract("memory://music")[1]) == "done 2, already done 0, failed 0"
    assert last(extract("memory://music", "--overwrite")[1]).startswith("done 2, ")


def test_what_others_wrote_into_a_jams_stays(music):
    music.pipe_file("/music/b.jams", json.dumps(FOREIGN).encode())
    extract("memory://music")
    content = jams_of(music, "/music/b.jams")
    assert content["annotations"][0] == FOREIGN["annotations"][0]
    assert (content["sandbox"], content["file_metadata"]) == (
        FOREIGN["sandbox"],
        FOREIGN["file_metadata"],
    )
    assert len(ours(content)) == 1


@pytest.mark.parametrize("inputs", [["memory://music"], ["memory://music/b.wav", "memory://music"]])
def test_output_to_a_local_folder_mirrors_the_tree(music, tmp_path, inputs):
    music.pipe_file("/music/b.jams", json.dumps(FOREIGN).encode())
    code, out, _ = extract(*inputs, "-o", tmp_path / "out")
    assert (code, last(out)) == (0, "done 2, already done 0, failed 0")
    assert sorted(p.name for p in (tmp_path / "out").rglob("*.jams")) == ["a.jams", "b.jams"]
    assert (tmp_path / "out" / "deep" / "a.jams").exists()
    made = json.loads((tmp_path / "out" / "b.jams").read_text())
    assert len(made["annotations"]) == 2 and made["sandbox"] == FOREIGN["sandbox"]
    assert names(music) == ["/music/b.jams"]
    assert last(extract(*inputs, "-o", tmp_path / "out")[1]).endswith("already done 2, failed 0")


def test_output_to_a_url_from_urls(music, gets):
    arguments = ("memory://music", "-o", "memory://out/")
    assert last(extract(*arguments)[1]) == "done 2, already done 0, failed 0"
    assert names(music) == ["/out/b.jams", "/out/deep/a.jams"]
    gets.clear()
    assert last(extract(*arguments)[1]) == "done 0, already done 2, failed 0"
    assert gets == []


def test_output_to_a_url_from_a_local_folder(memory, tmp_path, song):
    song(tmp_path / "music" / "deep" / "a.wav", 2.0)
    song(tmp_path / "music" / "b.wav", 2.0, seed=1)
    (tmp_path / "music" / "b.jams").write_text(json.dumps(FOREIGN))
    arguments = (tmp_path / "music", "-o", "memory://out")
    assert last(extract(*arguments)[1]) == "done 2, already done 0, failed 0"
    assert names(memory) == ["/out/b.jams", "/out/deep/a.jams"]
    assert len(jams_of(memory, "/out/b.jams")["annotations"]) == 2
    assert last(extract(*arguments)[1]) == "done 0, already done 2, failed 0"
    assert not list(tmp_path.rglob("a.jams"))


def test_one_broken_recording_costs_itself_only_and_can_be_tried_again(music, sound):
    music.pipe_file("/music/broken.wav", b"RIFF no sound at all")
    code, out, err = extract("memory://music")
    assert (code, last(out)) == (1, "done 2, already done 0, failed 1")
    (line,) = [line for line in err.splitlines() if line.startswith("memory://music/broken.wav")]
    assert "/fetched/" not in err and line.count("broken.wav") == 1
    music.pipe_file("/music/broken.wav", sound(5))
    assert last(extract("--retry-failed", "memory://music")[1]).startswith("done 1, already done 0")


def test_a_broken_jams_is_named_and_stays(music):
    music.pipe_file("/music/b.jams", b"{")
    code, _, err = extract("memory://music/b.wav")
    assert code == 1 and "memory://music/b.jams: is not JSON" in err
    assert music.cat_file("/music/b.jams") == b"{"


def test_recordings_of_one_stem_keep_their_names_apart(memory, sound, tmp_path, song):
    song(tmp_path / "a.flac", 2.0)
    memory.pipe_file("/m/a.wav", sound(1))
    memory.pipe_file("/m/a.flac", (tmp_path / "a.flac").read_bytes())
    extract("memory://m")
    assert names(memory) == ["/m/a.flac.jams", "/m/a.wav.jams"]


def test_a_recording_that_is_named_twice_comes_once(music, tmp_path):
    (tmp_path / "list.txt").write_text("memory://music/b.wav\nmemory://music/deep/a.wav\n")
    named = [f"@{tmp_path / 'list.txt'}", "memory://music/", "memory://music/deep"]
    assert last(extract(*named)[1]) == "done 2, already done 0, failed 0"
    assert last(extract(*reversed(named))[1]) == "done 0, already done 2, failed 0"


def test_a_jams_behind_a_url_names_its_recording(music):
    music.pipe_file("/music/b.jams", json.dumps(FOREIGN).encode())
    assert last(extract("memory://music/b.jams")[1]) == "done 1, already done 0, failed 0"


def test_dry_run_writes_nothing_and_tells_what_would_be_done(music, gets, monkeypatch, tmp_path):
    code, out, _ = extract("--dry-run", "memory://music")
    assert code == 0 and last(out) == "to do 2, already done 0"
    assert "would annotate memory://music/b.wav -> memory://music/b.jams" in out
    assert names(music) == [] and gets == []
    extract("memory://music/b.wav")
    monkeypatch.setenv("MER_CACHE_DIR", str(tmp_path / "another"))
    assert last(extract("--dry-run", "memory://music")[1]) == "to do 1, already done 1"


def test_shards_share_the_tracks(music):
    assert (
        last(extract("--shard", "1/2", "memory://music")[1]) == "done 1, already done 0, failed 0"
    )
    assert last(extract("memory://music")[1]) == "done 1, already done 1, failed 0"


def test_further_formats_are_put_beside_the_jams(music):
    extract("--writer", "csv", "memory://music/b.wav")
    assert music.cat_file("/music/b.csv").startswith(b"time,valence,arousal\n")


def test_the_log_for_machines_has_urls(music, tmp_path):
    extract("memory://music/b.wav", "--log-json", tmp_path / "log")
    (row,) = map(json.loads, (tmp_path / "log").read_text().splitlines())
    assert (row["audio"], row["jams"]) == ("memory://music/b.wav", "memory://music/b.jams")


def test_file_urls_are_paths(tmp_path, song):
    song(tmp_path / "a song.wav", 2.0)
    assert last(extract(f"file://{tmp_path}/a%20song.wav")[1]).startswith("done 1")
    extract(tmp_path / "a song.wav", "-o", f"file://{tmp_path}/out")
    assert (tmp_path / "a song.jams").exists() and (tmp_path / "out" / "a song.jams").exists()
    assert extract(tmp_path)[1].startswith("done 0, already done 1")


@pytest.mark.parametrize(
    ("named", "complaint"),
    [
        ("memory://nothing/", "memory://nothing: does not exist; expected a recording"),
        ("memory://music/none.wav", "memory://music/none.wav: does not exist; expected a"),
        ("memory://music/notes.txt", "memory://music/notes.txt: is no folder, and not a known"),
        ("nosuch://user:secret@host/x", "nosuch://host/x: cannot be used (Protocol not known"),
    ],
)
def test_what_yields_no_track_is_told_in_one_line(music, named, complaint):
    code, out, err = extract(named)
    assert code == 1 and last(out) == "done 0, already done 0, failed 1"
    (line,) = [line for line in err.splitlines() if "nothing to do" not in line]
    assert line.startswith(complaint) and "secret" not in err


def test_paths_and_urls_do_not_share_an_output_folder(music, tmp_path, song):
    song(tmp_path / "a.wav")
    with pytest.raises(files.MerError, match="with -o, run them apart"):
        extract("memory://music", tmp_path, "-o", tmp_path / "out")


def test_somebody_elses_writing_meanwhile_is_kept(music, monkeypatch):
    from mer_plugins.remote import work

    annotate = work.annotate

    def while_somebody_writes(job):
        music.pipe_file("/music/b.jams", json.dumps(FOREIGN).encode())
        return annotate(job)

    monkeypatch.setattr(work, "annotate", while_somebody_writes)
    assert last(extract("memory://music/b.wav")[1]).startswith("done 1")
    content = jams_of(music, "/music/b.jams")
    assert content["annotations"][0] == FOREIGN["annotations"][0] and len(ours(content)) == 1


def test_where_files_can_be_renamed_a_failed_put_leaves_the_old_one(tmp_path, monkeypatch):
    (tmp_path / "a.jams").write_text("old")
    file = files.opened(f"file://{tmp_path}").child("a.jams")
    before = files.version(file)
    files.put(file, b"new", before)
    assert (tmp_path / "a.jams").read_text() == "new"
    with pytest.raises(files.ChangedMeanwhileError, match="was changed meanwhile"):
        files.put(file, b"newer", before)

    def refused(self, old, new):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(fsspec.filesystem("file")), "mv", refused)
    with pytest.raises(files.RemoteError, match=r"a\.jams: cannot be written \(Permission denied"):
        files.put(file, b"newer", files.version(file))
    assert [path.name for path in tmp_path.iterdir()] == ["a.jams"]
    assert (tmp_path / "a.jams").read_text() == "new"


def test_nothing_stays_on_this_machine(music, tmp_path, monkeypatch):
    monkeypatch.setenv("MER_CACHE_DIR", str(tmp_path / "cache"))
    music.pipe_file("/music/broken.wav", b"RIFF no sound at all")
    extract("memory://music")
    assert list((tmp_path / "cache" / "fetched").iterdir()) == []


def test_what_a_killed_process_left_is_cleared_away(tmp_path, monkeypatch):
    monkeypatch.setenv("MER_CACHE_DIR", str(tmp_path))
    with private_folder() as folder:
        (folder / "a.wav").write_bytes(b"1")
        held = {path.name for path in folder.parent.iterdir()}
        code = (
            "import os, signal\nfrom mer_plugins.remote.scratch import private_folder\n"
            "with private_folder() as f:\n    (f / 'b.wav').write_bytes(b'1')\n"
            "    os.kill(os.getpid(), signal.SIGKILL)"
        )
        for _ in range(2):
            subprocess.run([sys.executable, "-c", code])
        left = {path.name for path in folder.parent.iterdir()}
        assert held < left and len(left) == 4
    assert (folder.parent).exists() and not folder.exists()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("sftp://me:pass@host/a@b.wav", "sftp://host/a@b.wav"),
        ("https://host/a.wav?X-Amz-Signature=abc", "https://host/a.wav"),
        ("s3://bucket/what?.wav", "s3://bucket/what?.wav"),
        ("memory://", "memory://"),
    ],
)
def test_secrets_are_not_shown(text, shown):
    assert without_secrets(text) == shown


def test_paths_are_no_urls():
    assert not any(map(is_url, ("music/a.wav", "/a://b", "C://music", "@s3://list", "-")))
    assert local_path("FILE:///a%20b") == "/a b"


@pytest.mark.parametrize(
    "arguments",
    [
        ["status", "s3://bucket/music"],
        ["export", "music", "--format", "csv", "-o", "s3://bucket/out"],
        ["report", "music", "--output=s3://me:secret@bucket/out.html"],
    ],
)
def test_other_commands_refuse_urls_in_one_line(arguments, commands, tmp_path):
    done = subprocess.run(["mer", *arguments], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2 and "secret" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("Error: s3://bucket/")
    assert f"mer {arguments[0]} takes no URLs" in done.stderr


@pytest.mark.parametrize(
    ("url", "package", "extra"), [("s3://b/a.wav", "s3fs", "s3"), ("gs://b/", "fsspec", "urls")]
)
def test_a_package_that_is_missing_is_named_with_its_extra(without, url, package, extra):
    run = without(package)
    code = "from mer_plugins.cli import extract_main; extract_main()"
    done = run("-c", code, "--plugin", "global-mean", url)
    scheme = url.partition("/")[0]
    expected = f"error: {scheme}// needs {package}: pip install 'mer-plugins[{extra}]'"
    assert (done.returncode, done.stderr.splitlines()[-1]) == (2, expected)


def test_paths_need_no_package_for_urls(without, tmp_path, song):
    song(tmp_path / "a.wav", 2.0)
    run = without("fsspec", "s3fs")
    code = "from mer_plugins.cli import extract_main; extract_main()"
    done = run("-c", code, "--plugin", "global-mean", "-j", "1", tmp_path)
    assert (done.returncode, done.stdout.strip()) == (0, "done 1, already done 0, failed 0")
