"""Collections in buckets: the real command with real workers against a server that speaks S3."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import time

import pytest
from test_remote import FOREIGN
from test_remote import extract as extract_here

from mer_plugins.errors import MerError
from mer_plugins.remote import files

s3fs = pytest.importorskip("s3fs")
moto_server = pytest.importorskip("moto.server")
boto3 = pytest.importorskip("boto3")

BUCKET = "bucket"


class Requests(logging.Handler):
    """Keeps what the server says of each request: method, address and status."""

    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())

    def of(self, name):
        return [line for line in self.lines if name in line]


@pytest.fixture(scope="module")
def server():
    running = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def requests(server):
    """Return what is asked of the server from now on."""
    logger, handler = logging.getLogger("werkzeug"), Requests()
    before = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(before)


@pytest.fixture
def s3(server, monkeypatch):
    """Return a client of the server, with an empty bucket."""
    for name, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "the-key",
        "AWS_SECRET_ACCESS_KEY": "the-secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    client = boto3.client("s3", endpoint_url=server)
    client.create_bucket(Bucket=BUCKET)
    yield client
    for key in keys(client):
        client.delete_object(Bucket=BUCKET, Key=key)
    client.delete_bucket(Bucket=BUCKET)
    client.close()


@pytest.fixture
def music(s3, tmp_path, song):
    """Put eight songs below ``music/``."""
    for seed in range(8):
        place = song(tmp_path / "made.wav", 2.0, seed, 8_000)
        put(s3, f"music/{seed // 4}/{seed}.wav", place.read_bytes())
    return s3


def keys(client, prefix="", suffix=""):
    found = client.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    return [entry["Key"] for entry in found if entry["Key"].endswith(suffix)]


def put(client, key, content):
    client.put_object(Bucket=BUCKET, Key=key, Body=content)


def got(client, key):
    return client.get_object(Bucket=BUCKET, Key=key)["Body"].read()


def arguments_of(*arguments):
    return ["mer-extract", "--plugin", "global-mean", "-j", "2", *map(str, arguments)]


def extract(*arguments):
    """Run the command as people do; return (exit code, last line, stderr)."""
    done = subprocess.run(arguments_of(*arguments), capture_output=True, text=True)
    assert "the-secret" not in done.stderr + done.stdout
    return done.returncode, done.stdout.splitlines()[-1:], done.stderr


pytestmark = pytest.mark.usefixtures("commands")


def test_a_bucket_is_annotated_once_and_then_only_listed(music, requests):
    put(music, "music/0/0.jams", json.dumps(FOREIGN).encode())
    put(music, "music/1/broken.wav", b"RIFF no sound at all")
    code, out, err = extract("s3://bucket/music/")
    assert (code, out) == (1, ["done 8, already done 0, failed 1"]), err
    assert err.count("broken.wav: ") == 1
    assert len(keys(music, suffix=".jams")) == 8
    content = json.loads(got(music, "music/0/0.jams"))
    assert content["annotations"][0] == FOREIGN["annotations"][0]
    assert content["annotations"][1]["sandbox"]["plugin"] == "global-mean"
    assert content["sandbox"] == FOREIGN["sandbox"]
    music.delete_object(Bucket=BUCKET, Key="music/1/broken.wav")
    requests.lines.clear()
    code, out, err = extract("s3://bucket/music/")
    assert (code, out) == (0, ["done 0, already done 8, failed 0"]), err
    assert requests.of("GET") and not requests.of(".wav") and not requests.of(".jams")


def test_a_killed_run_goes_on_where_it_was_and_ends_as_if_undisturbed(music):
    extract_here("s3://bucket/music", "-o", "s3://bucket/undisturbed")
    run = subprocess.Popen(
        arguments_of("s3://bucket/music", "-o", "s3://bucket/out", "-j", "1"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    end = time.monotonic() + 60
    while not keys(music, "out/") and run.poll() is None and time.monotonic() < end:
        time.sleep(0.005)
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    midway = len(keys(music, "out/"))
    assert 0 < midway < 8
    code, out, err = extract("s3://bucket/music", "-o", "s3://bucket/out")
    assert code == 0 and out[0].endswith("failed 0"), err
    undisturbed = keys(music, "undisturbed/")
    assert [key.replace("undisturbed", "out") for key in undisturbed] == keys(music, "out/")
    for key in undisturbed:
        assert got(music, key) == got(music, key.replace("undisturbed", "out"))


def test_one_recording_and_a_local_output_folder(music, tmp_path):
    code, out, err = extract_here("s3://bucket/music/0/3.wav", "-o", tmp_path / "out")
    assert (code, out.strip()) == (0, "done 1, already done 0, failed 0"), err
    assert json.loads((tmp_path / "out" / "3.jams").read_text())["annotations"]
    assert not keys(music, suffix=".jams")


@pytest.mark.parametrize(
    "name", ["a [live] #1.wav", "50%20 a+b.wav", "what? *.wav", "é 音.wav", "x=y&z;'@.wav"]
)
def test_keys_may_have_any_characters(s3, tmp_path, song, name):
    put(s3, f"odd/{name}", song(tmp_path / "made.wav", 2.0, 0, 8_000).read_bytes())
    for url in (f"s3://bucket/odd/{name}", "s3://bucket/odd"):
        code, out, err = extract_here(url)
        assert (code, out.strip()[-8:]) == (0, "failed 0"), err
    assert out.strip() == "done 0, already done 1, failed 0"
    assert keys(s3, "odd/", ".jams") == [f"odd/{name.replace('.wav', '.jams')}"]


@pytest.mark.parametrize("url", ["s3://no-such-bucket/music", "s3://bucket/nothing"])
def test_what_is_not_there_is_told_in_one_line(music, url):
    code, _, err = extract_here(url)
    told = f"{url}: does not exist; expected a recording, a folder or a JAMS"
    assert (code, err.splitlines()) == (1, [told, "nothing to do: no recording was found"])


def test_a_whole_bucket_is_read_and_written(s3, tmp_path, song):
    put(s3, "a/b.wav", song(tmp_path / "made.wav", 2.0, 0, 8_000).read_bytes())
    for output in ((), ("-o", "s3://bucket/"), ("-o", "s3://bucket/x/y")):
        assert extract_here("s3://bucket", *output)[0] == 0
    assert keys(s3, suffix=".jams") == ["a/b.jams", "x/y/a/b.jams"]


def test_a_bucket_to_write_to_must_be_there(music):
    with pytest.raises(MerError, match="^s3://no-such/out: there is no bucket 'no-such'; make it"):
        extract_here("s3://bucket/music", "-o", "s3://no-such/out")


@pytest.mark.parametrize(
    ("variables", "complaint"),
    [
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "Unable to locate credentials"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "Could not connect to the endpoint URL"),
    ],
)
def test_what_keeps_from_the_server_is_told_in_one_line(s3, monkeypatch, variables, complaint):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    code, _, err = extract_here("s3://bucket/music")
    told = f"s3://bucket/music: cannot be listed ({complaint}"
    assert code == 1 and err.splitlines()[0].startswith(told)
    assert len(err.splitlines()) == 2 and "the-secret" not in err


def test_what_may_not_be_read_or_written_costs_its_track_only(music, monkeypatch):
    put_file = files._put_on_condition

    def refused(file, content, before):
        if file.name == "3.jams":
            raise files.RemoteError(f"{file}: cannot be written (Access Denied)")
        return put_file(file, content, before)

    monkeypatch.setattr(files, "_put_on_condition", refused)
    code, out, err = extract_here("s3://bucket/music")
    assert (code, out.strip()) == (1, "done 7, already done 0, failed 1")
    assert "s3://bucket/music/0/3.wav: s3://bucket/music/0/3.jams: cannot be written" in err


def test_a_server_without_conditional_puts_is_asked_first(s3, monkeypatch):
    def not_implemented(self, *args, **kwargs):
        if {"IfMatch", "IfNoneMatch"} & set(kwargs):
            cause = Exception()
            cause.response = {"Error": {"Code": "NotImplemented"}}
            raise OSError(38, "not implemented") from cause
        return pipe_file(self, *args, **kwargs)

    pipe_file = s3fs.S3FileSystem.pipe_file
    monkeypatch.setattr(s3fs.S3FileSystem, "pipe_file", not_implemented)
    file = files.opened("s3://bucket/a.jams")
    assert files.put(file, b"one", None) == files.version(file).stamp
    with pytest.raises(files.ChangedMeanwhileError):
        files.put(file, b"two", None)
    assert got(s3, "a.jams") == b"one"


def test_a_put_is_refused_if_the_object_is_not_the_one_that_was_read(s3):
    file = files.opened("s3://bucket/a.jams")
    first = files.put(file, b"one", None)
    read = files.version(file)
    assert read is not None and read.stamp == first
    put(s3, "a.jams", b"theirs")
    for before in (read, None):
        with pytest.raises(files.ChangedMeanwhileError, match="changed meanwhile; run again"):
            files.put(file, b"ours", before)
    assert got(s3, "a.jams") == b"theirs"
    assert files.put(file, b"ours", files.version(file)) is not None
    assert got(s3, "a.jams") == b"ours"
