"""Importing into a collection: what stays, what is replaced, what is told."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from fake_datasets import deam, four_q, table, tone

from mer_adapters.datasets.four_q import FourQ
from mer_plugins.cli import mer
from mer_plugins.dataset_import import import_dataset
from mer_plugins.datasets import DatasetError, first_present, inside, read_table


def run(*argv):
    return CliRunner().invoke(mer, [str(arg) for arg in argv], standalone_mode=False)


def test_recordings_are_copied_with_a_jams_beside(tmp_path):
    result = run("datasets", "import", "4q", four_q(tmp_path / "4q"), "-o", tmp_path / "out")
    assert result.return_value == 0
    assert "done 4, already done 0, failed 0; without a recording 1" in result.output
    assert (tmp_path / "out/MT01.wav").read_bytes() == (tmp_path / "4q/Q1/MT01.wav").read_bytes()
    assert json.loads((tmp_path / "out/MT01.jams").read_text())["file_metadata"]["duration"] == 2.0


def test_what_lacks_a_recording_is_told_in_plain_words(tmp_path):
    source = deam(tmp_path / "deam", recordings=())
    result = run("datasets", "import", "deam", source, "-o", tmp_path / "out")
    assert result.return_value == 0
    assert "3 songs came as JAMS alone, as long as their labels" in result.output
    assert json.loads((tmp_path / "out/2.jams").read_text())["file_metadata"]["duration"] == 18.0


def test_a_recording_that_turns_up_later_is_added(tmp_path):
    source = deam(tmp_path / "deam", recordings=())
    run("datasets", "import", "deam", source, "-o", tmp_path / "out")
    tone(source / "MEMD_audio/2.wav", 18.25)
    result = run("datasets", "import", "deam", source, "-o", tmp_path / "out")
    assert "done 1, already done 2" in result.output
    assert (tmp_path / "out/2.wav").exists()
    assert json.loads((tmp_path / "out/2.jams").read_text())["file_metadata"]["duration"] == 18.25


def test_links_are_made_when_asked_for(tmp_path):
    source = four_q(tmp_path / "4q")
    run("datasets", "import", "4q", source, "-o", tmp_path / "out", "--link")
    assert (tmp_path / "out/MT01.wav").resolve() == (source / "Q1/MT01.wav").resolve()


def test_annotations_of_others_stay(tmp_path):
    source = four_q(tmp_path / "4q")
    list(import_dataset(FourQ(source), tmp_path / "out"))
    path = tmp_path / "out/MT01.jams"
    content = json.loads(path.read_text())
    content["annotations"].append({"namespace": "beat", "data": [], "sandbox": {}})
    path.write_text(json.dumps(content))
    list(import_dataset(FourQ(source), tmp_path / "out", overwrite=True))
    namespaces = [a["namespace"] for a in json.loads(path.read_text())["annotations"]]
    assert namespaces == ["tag_open", "beat"]


def test_files_of_another_origin_are_not_overwritten_unasked(tmp_path):
    source = four_q(tmp_path / "4q")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/MT01.wav").write_bytes(b"mine")
    (tmp_path / "out/MT02.jams").write_text('{"annotations": [], "sandbox": {"dataset": "deam"}}')
    result = run("datasets", "import", "4q", source, "-o", tmp_path / "out")
    assert result.return_value == 1
    assert "belongs to deam" in result.output and "is there already" in result.output
    assert (tmp_path / "out/MT01.wav").read_bytes() == b"mine"


def test_a_damaged_recording_costs_its_song_only(tmp_path):
    source = four_q(tmp_path / "4q")
    (source / "Q2/MT02.wav").write_bytes(b"no audio")
    result = run("datasets", "import", "4q", source, "-o", tmp_path / "out")
    assert result.return_value == 1
    assert "done 3, already done 0, failed 1" in result.output
    assert not (tmp_path / "out/MT02.jams").exists()


def test_an_unknown_option_of_a_data_set_is_told(tmp_path):
    result = run("datasets", "import", "4q", four_q(tmp_path), "-o", tmp_path / "o", "-p", "x=1")
    assert "x" in str(result.exception) and "4q" in str(result.exception)


@pytest.mark.parametrize(
    "given",
    ["", "/etc/passwd", "../up", "a/../../b", "C:\\x", "\\x", "a\0b", "9" * 5000, "ü" * 128],
)
def test_paths_that_lead_elsewhere_are_refused(tmp_path, given):
    with pytest.raises(DatasetError, match="expected a path within"):
        inside(tmp_path, given)


def test_a_name_longer_than_a_file_can_have_is_not_there(tmp_path):
    (tmp_path / "there").touch()
    assert first_present(tmp_path, "9" * 5000, "there") == tmp_path / "there"
    assert first_present(tmp_path, "9" * 5000) is None


def test_a_path_below_is_taken(tmp_path):
    assert inside(tmp_path, "a\\b/c.mid") == tmp_path / "a/b/c.mid"


def test_tables_are_read_whatever_their_spaces_and_marks(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"\xef\xbb\xbfid, name \r\n1,  A \n\n2,B,extra\n")
    assert read_table(path, "id", "name") == [{"id": "1", "name": "A"}, {"id": "2", "name": "B"}]


def test_a_missing_column_is_told_with_those_that_are_there(tmp_path):
    path = table(tmp_path / "t.csv", ["a", "b"], [])
    with pytest.raises(DatasetError, match=r"has no column song_id: found a, b"):
        read_table(path, "song_id")


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match="cannot be made"):
        list(import_dataset(FourQ(four_q(tmp_path / "4q")), tmp_path / "file/out"))


def test_a_quotation_mark_too_many_is_one_line(tmp_path):
    (tmp_path / "a.csv").write_text('song,"title\none,two\nthree,four\n')
    with pytest.raises(DatasetError, match="has no column id: found song, title one,two") as caught:
        read_table(tmp_path / "a.csv", "id")
    assert "\n" not in str(caught.value)
