"""``mer-extract`` from files to JAMS, as people use it; the engine is the real one where it counts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jams
import numpy as np
import pytest
from click.testing import CliRunner

from mer_plugins.cli.extract import command
from mer_plugins.done_index import default_index_path
from mer_plugins.errors import MerError


def extract(*arguments, engine="serial"):
    """Run the command in this process; return (exit code, stdout, stderr)."""
    argv = ["--plugin", "damff", "--device", "cpu", "--engine", engine, *map(str, arguments)]
    result = CliRunner().invoke(command, argv, standalone_mode=False)
    if result.exception:
        raise result.exception
    return result.return_value, result.stdout, result.stderr


def values(path):
    found = json.loads(Path(path).read_text())["annotations"]
    ours = next(a for a in found if a["sandbox"].get("plugin") == "damff")
    return [o["value"] for o in ours["data"]]


@pytest.fixture
def music(tmp_path, song):
    folder = tmp_path / "music"
    song(folder / "a.wav", 2.3, seed=1)
    song(folder / "deep" / "b.flac", 3.0, seed=2)
    return folder


def test_every_recording_gets_a_jams_that_loads_strictly(music):
    code, out, _ = extract(music)
    assert (code, out.splitlines()[-1]) == (0, "done 2, already done 0, failed 0")
    loaded = jams.load(str(music / "a.jams"), strict=True)
    (annotation,) = loaded.search(namespace="mood_thayer")
    times = np.array([o.time for o in annotation.data])
    found = np.array([o.value for o in annotation.data])
    np.testing.assert_allclose(times, np.arange(5) * 0.5)
    assert found.shape == (5, 2)
    assert np.isfinite(found).all() and (np.abs(found) <= 1).all()
    assert annotation.annotation_metadata.data_source == "program"
    assert annotation.sandbox.checkpoint_sha256
    assert loaded.file_metadata.duration == pytest.approx(2.3, abs=1e-6)
    assert (music / "deep" / "b.jams").exists()


def test_the_same_values_come_from_python(music):
    from damff import DAMFF
    from mer_plugins import load_audio

    extract(music)
    curve = DAMFF(device="cpu")(load_audio(music / "a.wav"))
    np.testing.assert_allclose(values(music / "a.jams"), curve.values, atol=1e-6)


def test_a_second_run_decodes_nothing(music, monkeypatch):
    extract(music)
    monkeypatch.setattr("mer_plugins.annotate.open_audio", _must_not_decode)
    assert extract(music)[1].strip() == "done 0, already done 2, failed 0"


def test_without_the_index_the_jams_itself_tells_that_it_is_done(music, monkeypatch, tmp_path):
    extract(music)
    monkeypatch.setenv("MER_CACHE_DIR", str(tmp_path / "another cache"))
    monkeypatch.setattr("mer_plugins.annotate.open_audio", _must_not_decode)
    assert extract(music)[1].strip() == "done 0, already done 2, failed 0"


def _must_not_decode(*args, **kwargs):
    raise AssertionError("a recording was decoded")


def test_overwrite_does_it_again(music):
    extract(music)
    assert extract(music, "--overwrite")[1].strip() == "done 2, already done 0, failed 0"


def test_changed_audio_and_changed_parameters_make_exactly_their_tracks_stale(music, song):
    extract(music)
    song(music / "a.wav", 2.0, seed=9)
    assert extract(music)[1].strip() == "done 1, already done 1, failed 0"
    assert extract(music, "--hop", "1")[1].strip() == "done 2, already done 0, failed 0"
    assert extract(music, "--hop", "1")[1].strip() == "done 0, already done 2, failed 0"


def test_touching_a_recording_does_not_make_it_stale(music):
    extract(music)
    os.utime(music / "a.wav")
    assert extract(music)[1].strip() == "done 0, already done 2, failed 0"


def test_foreign_annotations_stay_exactly_as_they_are(music):
    foreign = {
        "file_metadata": {"title": "A", "duration": 2.3, "jams_version": "0.3.5", "own": [1.10]},
        "annotations": [
            {"namespace": "chord", "data": [{"time": 0, "duration": 2, "value": "C:maj"}]},
            {"namespace": "org.example.unknown", "data": {"x": [1e-30, None, "ü"]}, "extra": 1},
        ],
        "sandbox": {"anything": {"goes": True}},
        "own_key": "kept",
    }
    (music / "a.jams").write_text(json.dumps(foreign))
    assert extract(music)[0] == 0
    merged = json.loads((music / "a.jams").read_text())
    assert len(merged["annotations"]) == 3
    merged["annotations"].pop()
    assert merged == foreign


def test_bad_files_cost_themselves_only_and_each_gets_one_line(music, tmp_path):
    (music / "text.mp3").write_text("this is no sound\n" * 100)
    (music / "empty.ogg").touch()
    whole = (music / "a.wav").read_bytes()
    (music / "cut.wav").write_bytes(whole[: len(whole) // 2])
    code, out, err = extract(music, "--quiet")
    assert (code, out.strip()) == (1, "done 2, already done 0, failed 3")
    lines = err.strip().splitlines()
    assert len(lines) == 3
    assert [
        sum(name in line for line in lines) for name in ("text.mp3", "empty.ogg", "cut.wav")
    ] == [1, 1, 1]
    assert not (music / "text.jams").exists()


def test_what_is_there_of_a_cut_recording_on_request(music):
    whole = (music / "a.wav").read_bytes()
    (music / "cut.wav").write_bytes(whole[: len(whole) * 2 // 3])
    assert extract(music, "--allow-truncated")[0] == 0


def test_too_short_is_one_clear_line(tmp_path, song):
    song(tmp_path / "short.wav", 0.1)
    code, _, err = extract(tmp_path, "-q")
    assert code == 1
    assert "0.100 s long" in err and "0.5 s" in err


def test_output_folder_mirrors_the_tree_and_leaves_the_collection_alone(music, tmp_path):
    out = tmp_path / "out"
    assert extract(music, "-o", out)[0] == 0
    assert sorted(p.relative_to(out).as_posix() for p in out.rglob("*.jams")) == [
        "a.jams",
        "deep/b.jams",
    ]
    assert not list(music.rglob("*.jams"))


def test_dry_run_reads_neither_jams_nor_recordings_that_the_index_knows(music, monkeypatch):
    extract(music)
    monkeypatch.setattr("mer_plugins.annotate.read", lambda path: pytest.fail(f"read {path}"))
    monkeypatch.setattr("mer_plugins.annotate.audio_digest", lambda p: pytest.fail(f"read {p}"))
    assert extract(music, "--dry-run")[1].splitlines() == ["to do 0, already done 2"]
    (music / "a.jams").unlink()
    assert extract(music, "--dry-run")[1].splitlines()[-1] == "to do 1, already done 1"


def test_dry_run_without_the_index_says_the_same(music):
    extract(music)
    default_index_path().unlink()
    assert extract(music, "--dry-run")[1].splitlines() == ["to do 0, already done 2"]


def test_dry_run_writes_nothing(music):
    code, out, _ = extract(music, "--dry-run")
    assert (code, out.splitlines()[-1]) == (0, "to do 2, already done 0")
    assert not list(music.rglob("*.jams"))


def test_lists_and_shards_together_are_the_whole(music, tmp_path):
    listing = tmp_path / "list.txt"
    listing.write_text(f"{music / 'a.wav'}\n{music / 'deep' / 'b.flac'}\n")
    assert extract(f"@{listing}", "--shard", "1/2")[1].strip().startswith("done 1,")
    assert extract(f"@{listing}", "--shard", "2/2")[1].strip().startswith("done 1,")
    assert extract(f"@{listing}")[1].strip().startswith("done 0, already done 2")


def test_nothing_found_is_exit_code_3(tmp_path):
    code, out, err = extract(tmp_path)
    assert (code, out.strip()) == (3, "done 0, already done 0, failed 0")
    assert "no recording" in err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--plugin", "nope"], "no extractor is called 'nope'"),
        (["--writer", "nope"], "no writer is called 'nope'"),
        (["--engine", "nope"], "no engine is called 'nope'"),
        (["-p", "colour=red"], "takes no parameter 'colour'"),
        (["-p", "checkpoint=missing.safetensors"], "missing.safetensors"),
        (["--hop", "0.3"], "multiple of 0.5 s"),
        (["--window", "2", "--hop", "4"], "longer than the window"),
        (["--device", "quantum"], "not available"),
    ],
)
def test_wrong_use_is_one_clear_error(music, arguments, complaint):
    with pytest.raises(MerError, match=complaint):
        extract(music, *arguments)
    assert not list(music.rglob("*.jams"))


def test_a_missing_input_is_reported_and_the_others_go_on(music):
    code, out, err = extract(music, "not-there.wav")
    assert code == 1
    assert "not-there.wav: does not exist" in err
    assert out.strip().endswith("done 2, already done 0, failed 1")


def test_csv_beside_the_jams(music):
    extract(music, "--writer", "csv")
    rows = (music / "a.csv").read_text().splitlines()
    assert rows[0] == "time,valence,arousal"
    np.testing.assert_allclose(
        [[float(x) for x in row.split(",")[1:]] for row in rows[1:]], values(music / "a.jams")
    )


def test_a_writer_whose_curve_cannot_be_read_back_costs_that_track_only(music):
    extract(music)
    path = music / "a.jams"
    found = json.loads(path.read_text())
    next(a for a in found["annotations"] if a["sandbox"].get("plugin"))["data"][0]["value"] = "x"
    path.write_text(json.dumps(found))
    code, out, err = extract(music, "--writer", "csv")
    assert (code, out.strip()) == (1, "done 0, already done 1, failed 1")
    assert "cannot be read back" in err


def test_log_for_machines(music, tmp_path):
    log = tmp_path / "log.jsonl"
    (music / "empty.ogg").touch()
    extract(music, "--log-json", log)
    records = {Path(r["audio"]).name: r for r in map(json.loads, log.read_text().splitlines())}
    assert records["a.wav"]["status"] == "done"
    assert records["empty.ogg"]["status"] == "failed" and records["empty.ogg"]["reason"]


def test_the_number_of_processes_does_not_alter_a_value(music, tmp_path):
    for workers in (1, 2):
        out = tmp_path / str(workers)
        code, _, err = extract(music, "-j", workers, "-o", out, engine="local")
        assert code == 0, err
    assert values(tmp_path / "1" / "a.jams") == values(tmp_path / "2" / "a.jams")


@pytest.mark.parametrize("patience_s", [1.0, 4.0, 7.0])
def test_killed_at_any_moment_and_run_again_gives_what_an_undisturbed_run_gives(
    tmp_path, song, patience_s
):
    for i in range(6):
        song(tmp_path / "music" / f"{i}.wav", 4.0, seed=i)
    undisturbed = tmp_path / "undisturbed"
    assert extract(tmp_path / "music", "-o", undisturbed)[0] == 0
    out = tmp_path / "out"
    argv = [
        sys.executable,
        "-c",
        "from mer_plugins.cli import extract_main; extract_main()",
        "--plugin",
        "damff",
        "--device",
        "cpu",
        "-j",
        "1",
        str(tmp_path / "music"),
        "-o",
        str(out),
    ]
    killed = subprocess.Popen(
        argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    time.sleep(patience_s)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    assert extract(tmp_path / "music", "-o", out)[0] == 0
    names = sorted(p.name for p in out.iterdir())
    assert names == sorted(p.name for p in undisturbed.iterdir())
    for name in names:
        # One core or two give values that may differ in the last of six decimals.
        np.testing.assert_allclose(values(out / name), values(undisturbed / name), atol=2e-6)


def test_interrupted_by_ctrl_c_it_says_how_to_go_on(tmp_path, song):
    for i in range(40):
        song(tmp_path / "music" / f"{i:02}.wav", 20.0, seed=i)
    argv = [
        sys.executable,
        "-c",
        "from mer_plugins.cli import extract_main; extract_main()",
        "--plugin",
        "damff",
        "--device",
        "cpu",
        "-j",
        "1",
        str(tmp_path / "music"),
    ]
    running = subprocess.Popen(
        argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 120
    while not list((tmp_path / "music").glob("*.jams")) and time.monotonic() < deadline:
        time.sleep(0.1)
    os.killpg(running.pid, signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    assert "run the same command again" in err
    assert "Traceback" not in err
    # A worker stopped while it wrote leaves a hidden file, which the next run clears away.
    again = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert again.returncode == 0, again.stderr
    assert len(list((tmp_path / "music").glob("*.jams"))) == 40
    assert not list((tmp_path / "music").glob(".*.tmp"))


def test_a_worker_that_is_killed_costs_its_track_only():
    from mer_plugins.engines.local import LocalEngine

    results = list(LocalEngine(workers=2).run(_deadly, range(6), lambda job, error: str(error)))
    assert sorted(r for r in results if isinstance(r, int)) == [0, 1, 2, 4, 5]
    assert [r for r in results if isinstance(r, str)] == ["the worker died (signal SIGKILL)"]


def test_a_job_that_hangs_is_given_up():
    from mer_plugins.engines.local import LocalEngine

    engine = LocalEngine(workers=1, timeout_s=1.0)
    results = list(engine.run(_sleepy, [0.0, 60.0, 0.0], lambda job, error: str(error)))
    assert results.count(0.0) == 2
    assert any("time-out" in str(r) for r in results)


def _deadly(job):
    if job == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return job


def _sleepy(job):
    time.sleep(job)
    return job


@pytest.mark.shared
def test_real_recordings(shared, tmp_path):
    code, out, err = extract(shared / "data" / "free_music", "-o", tmp_path / "out")
    assert code == 0, err
    made = sorted((tmp_path / "out").glob("*.jams"))
    assert len(made) == 8
    for path in made:
        loaded = jams.load(str(path), strict=True)
        (annotation,) = loaded.search(namespace="mood_thayer")
        times = np.array([o.time for o in annotation.data])
        np.testing.assert_allclose(times, np.arange(len(times)) * 0.5)
        assert 0 <= times[-1] + 0.5 - loaded.file_metadata.duration < 0.5
        assert (np.abs([o.value for o in annotation.data]) <= 1).all()


def test_a_script_without_a_main_guard_is_told_and_starts_no_second_run(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from mer_plugins.engines.local import LocalEngine\n"
        "def lost(job, error):\n    return f'lost {job}'\n"
        "print(list(LocalEngine(workers=1).run(abs, [-1, -2], lost)))\n"
    )
    ran = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120)
    assert ran.stdout == "['lost -1', 'lost -2']\n"
    last = ran.stderr.strip().splitlines()[-1]
    assert "below `if __name__ == '__main__':`" in last and "NoneType" not in ran.stderr
