"""The report in a real browser: what a person clicks, types, hears and sees."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from mer_plugins import EmotionCurve
from mer_plugins.jams_store import Provenance, new_jams, to_annotation
from mer_plugins.report.page import write_collection_page
from mer_plugins.report.spectrogram import spectrogram
from mer_plugins.report.tracks import report_tracks

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
DRIVER = shutil.which("chromedriver")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--mute-audio",
    "--window-size=1200,1400",
)

pytestmark = pytest.mark.browser


def curve(level, n=40, std=False):
    ramp = np.linspace(-0.5, 0.5, n)
    values = np.stack([np.full(n, level), ramp], axis=1)
    return EmotionCurve(np.arange(n) * 0.5, values, 0.5, np.full((n, 2), 0.1) if std else None)


def write_jams(path, title, **levels):
    annotations = [
        to_annotation(
            curve(level, std=name == "loud"), Provenance(name, "1", "f00d", "", "", 0.5, "", "0")
        )
        for name, level in levels.items()
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**new_jams(20.0, title), "annotations": annotations}))


@pytest.fixture(scope="module")
def browser():
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium: pip install .[browser]")
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("chromium and chromedriver are not both on the path")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.set_script_timeout(30)
    yield driver
    driver.quit()


def write_collection(folder, song):
    song(folder / "music" / "a #1.wav", 20.0)
    write_jams(folder / "music" / "a #1.jams", "Alpha", loud=0.1, **{EVIL: 0.3})
    song(folder / "music" / "b.wav", 20.0, seed=1)
    write_jams(folder / "music" / "b.jams", EVIL, loud=-0.4)
    write_jams(folder / "music" / "c.jams", "Gamma", loud=0.6)
    song(folder / "music" / "silent.wav", 1.0)
    return folder / "music"


@pytest.fixture(params=["inline", "files"])
def page(browser, tmp_path, song, request):
    """Return the report's browser, with the page open, its data within it or in files beside it."""
    written = write_collection_page(
        report_tracks(write_collection(tmp_path, song)),
        tmp_path / "report.html",
        title="A report",
        picture=spectrogram,
        inline_bytes=10 if request.param == "files" else 10**7,
    )
    assert (written.folder is None) == (request.param == "inline")
    browser.get((tmp_path / "report.html").as_uri())
    return Page(browser)


class Page:
    """The page as a person uses it."""

    def __init__(self, browser):
        self.browser = browser

    def run(self, script):
        return self.browser.execute_script(f"return {script}")

    def all(self, selector):
        return self.browser.find_elements("css selector", selector)

    def one(self, selector):
        (found,) = self.all(selector)
        return found

    def wait(self, script):
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.browser, 20).until(lambda _: self.run(script), script)

    def names(self):
        script = "[...document.querySelectorAll('#tracks tbody tr')].map(row => row.cells[0].firstChild.data)"
        return self.run(script)

    def row(self, name):
        return self.all("#tracks tbody tr")[self.names().index(name)]

    def keys(self, *keys):
        from selenium.webdriver import ActionChains

        ActionChains(self.browser).send_keys(*keys).perform()

    def open(self, name):
        self.row(name).click()
        self.wait_for_track()

    def wait_for_track(self):
        self.wait(
            "opened.details && document.querySelectorAll('#plane .scatterlayer .trace').length"
        )
        self.wait("element('audio').hidden || element('audio').readyState >= 1")

    def cursor(self):
        return self.run("element('over-time').layout.shapes[0].x0")


def test_every_track_is_in_the_table_and_columns_sort(page):
    assert page.names() == [EVIL, "Alpha", "Gamma", "silent.wav"]
    valence = page.one("th[data-key=valence] button")
    valence.click()
    assert page.names() == ["Gamma", "Alpha", EVIL, "silent.wav"]
    assert page.one("th[data-key=valence]").get_attribute("aria-sort") == "descending"
    valence.click()
    assert page.names() == [EVIL, "Alpha", "Gamma", "silent.wav"]


def test_the_search_and_the_curve_choose_what_is_shown(page):
    page.one("#search").send_keys("gam")
    assert page.names() == ["Gamma"]
    page.one("#search").clear()
    page.one("#search").send_keys("b.wav")
    assert page.names() == [EVIL]
    page.run("void (element('search').value = '')")
    page.one("#troubled").click()
    assert page.names() == ["silent.wav"]
    page.one("#troubled").click()
    (other,) = [o for o in page.all("#curve option") if o.text.startswith(EVIL)]
    other.click()
    assert page.row("Alpha").text.count("+0.30") >= 1
    assert "no such curve" in page.row("Gamma").text


def test_keys_alone_open_a_track_play_it_seek_and_go_back(page):
    from selenium.webdriver.common.keys import Keys

    page.run("void document.querySelector('#tracks tbody tr').focus()")
    page.keys(Keys.ARROW_DOWN, Keys.ENTER)
    page.wait_for_track()
    assert page.one("#title").text == "Alpha"
    page.keys(Keys.SPACE)
    page.wait("!element('audio').paused && element('audio').currentTime > 0.6")
    assert page.cursor() > 0.2
    page.keys(Keys.SPACE)
    page.wait("element('audio').paused")
    before = page.run("element('audio').currentTime")
    page.keys(Keys.ARROW_RIGHT)
    page.wait(f"Math.abs(element('audio').currentTime - {before + 2}) < 0.1")
    page.keys(Keys.SHIFT, Keys.ARROW_RIGHT, Keys.SHIFT, Keys.NULL)
    page.wait("element('over-time').layout.shapes[0].x0 === element('audio').currentTime")
    page.keys(Keys.ESCAPE)
    page.wait("element('track').hidden && element('audio').paused")
    assert page.browser.switch_to.active_element.text.startswith("Alpha")


def test_a_click_in_the_curves_seeks_and_the_cursor_and_the_ring_follow(page):
    from selenium.webdriver import ActionChains

    page.open("Alpha")
    plot = page.one("#over-time .xy .nsewdrag, #over-time .nsewdrag[data-subplot=xy]")
    # Three quarters of 20 s; an offset of selenium counts from the middle.
    ActionChains(page.browser).move_to_element_with_offset(plot, plot.size["width"] // 4, 8).pause(
        0.3
    ).click().perform()
    page.wait("element('audio').currentTime > 13")
    sought = page.run("element('audio').currentTime")
    assert sought == pytest.approx(15, abs=1)
    page.wait(f"Math.abs(element('over-time').layout.shapes[0].x0 - {sought}) < 0.01")
    expected = np.linspace(-0.5, 0.5, 40)[int(sought / 0.5 + 1e-6)]
    page.wait(f"Math.abs(element('plane').data[2].y[0] - {expected}) < 0.002")
    assert f"{sought:.1f} s" in page.one("#now").text


def test_the_pictures_show_every_curve_a_band_and_the_spectrogram(page):
    page.open("Alpha")
    data = page.run("element('over-time').data.map(t => [t.yaxis, t.fill ?? '', t.name ?? ''])")
    assert [(axis, fill) for axis, fill, _ in data] == [
        ("y3", ""),
        ("y", "toself"),
        ("y", ""),
        ("y2", "toself"),
        ("y2", ""),
        ("y", ""),
        ("y2", ""),
    ]
    assert page.all("#over-time .layer-above image")
    assert [t.text for t in page.all("#over-time .legendtext")] == ["loud", EVIL]
    named = " ".join(t.text for t in page.all("#plane .annotation-text"))
    assert "happy, excited" in named and "sad, gloomy" in named
    assert "f00d" in page.one("#provenance").text


def test_a_title_of_markup_is_shown_as_text(page):
    from selenium.common.exceptions import NoAlertPresentException

    page.open(EVIL)
    assert page.one("#title").text == EVIL
    assert EVIL in page.browser.title
    with pytest.raises(NoAlertPresentException):
        _ = page.browser.switch_to.alert.text
    assert not page.all("img[src=x]")
    page.one("#next").click()
    page.wait("element('title').textContent === 'Alpha'")
    page.wait_for_track()
    assert not page.all("img[src=x]")


def test_tracks_without_sound_or_curve_say_so(page):
    page.open("Gamma")
    assert "no recording" in page.one("#silent").text
    page.one("#back").click()
    page.wait("element('track').hidden")
    page.row("silent.wav").click()
    page.wait("opened.details")
    assert page.one("#title").text == "silent.wav" and page.one("#audio").is_displayed()


def test_nothing_comes_from_a_network_and_nothing_goes_wrong(page):
    page.open("Alpha")
    sent = []
    for entry in page.browser.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            sent.append(message["params"]["request"]["url"])
    assert any("a%20%231.wav" in url for url in sent)
    assert [url for url in sent if not url.startswith(("file:", "data:", "blob:"))] == []
    assert [e["message"] for e in page.browser.get_log("browser") if e["level"] == "SEVERE"] == []


def test_the_narrow_page_does_not_scroll_sideways(page):
    page.browser.set_window_size(500, 1000)
    page.open("Alpha")
    page.wait("document.documentElement.scrollWidth <= window.innerWidth")
    page.browser.set_window_size(1200, 1400)


def mer_runs(*arguments):
    from mer_plugins.cli import mer, run

    with pytest.raises(SystemExit) as left:
        run(mer, "mer", list(map(str, arguments)))
    assert left.value.code == 0


def evaluated(browser, folder):
    """Evaluate what lies in `mine` against `music`, and open the page of it."""
    music, mine = folder / "music", folder / "mine"
    mer_runs("evaluate", "--reference", music, "--estimates", mine, "-o", folder / "out")
    mer_runs("report", folder / "out", "-o", folder / "report.html")
    browser.get((folder / "report.html").as_uri())
    return Page(browser)


@pytest.fixture
def evaluation(browser, tmp_path, song):
    """Return the browser with the page of an evaluation open: three songs, two systems that listen."""
    for i in range(3):
        song(tmp_path / "music" / f"{i}.wav", 20.0, seed=i)
        write_jams(tmp_path / "music" / f"{i}.jams", "", loud=0.1 * i)
        write_jams(tmp_path / "mine" / f"{i}.jams", "", loud=0.2, **{EVIL: 0.3})
    for path in (tmp_path / "music").glob("*.jams"):
        path.write_text(path.read_text().replace('"program"', '"manual"'))
    page = evaluated(browser, tmp_path)
    page.wait("document.querySelectorAll('#arousal .point').length === 3")
    return page


def severe(page):
    return [e["message"] for e in page.browser.get_log("browser") if e["level"] == "SEVERE"]


def test_the_evaluation_ranks_draws_and_lists(evaluation):
    page = evaluation
    ranked = [row.text for row in page.all("#board td:first-child")]
    assert sorted(ranked) == sorted(["loud", EVIL, "global-mean", "mean-trajectory"])
    (rmse,) = [o for o in page.all("#metric option") if o.text == "RMSE"]
    rmse.click()
    errors = page.run("ranked().map(meanScore)")
    assert errors == sorted(errors)
    expected = page.run(
        "rowsOf(chosen('system')).sort((a, b) => b.valence.rmse - a.valence.rmse)[0].song"
    )
    assert page.all("#worst button")[0].text == expected
    assert not page.all("img[src=x]") and severe(page) == []


def test_a_song_of_an_evaluation_opens_with_people_and_every_system(evaluation):
    page = evaluation
    worst = page.all("#worst button")[0]
    name = worst.text
    worst.click()
    page.wait_for_track()
    assert page.one("#chosen").text == name
    assert page.run("element('audio').src").endswith(f"/music/{name}")
    assert page.run("location.hash") == f"#song={name}"
    legend = [text.text for text in page.all("#over-time .legendtext")]
    assert legend == ["reference (people)", "loud", EVIL, "global-mean", "mean-trajectory"]
    shown = "element('over-time').data.filter(t => t.showlegend).map(t => t.visible)"
    assert page.run(shown) == [True, True, True, "legendonly", "legendonly"]
    styles = (
        "element('over-time').data.filter(t => t.showlegend).map(t => t.line.color + t.line.dash)"
    )
    assert len(set(page.run(styles))) == 5
    assert page.run("opened.details.spectrogram.duration") == 20
    assert page.run("element('over-time').layout.images.length") == 1
    fills = "element('over-time').data.filter(t => t.fill === 'toself').length"
    # Of the system that has deviations, for valence and for arousal; so has the reference.
    assert page.run(fills) == 4
    assert name in page.run("element('song').value") and "loud" in page.one("#song-scores").text
    assert not page.all("img[src=x]") and severe(page) == []


def test_sound_and_curves_of_an_evaluation_move_each_other(evaluation):
    from selenium.webdriver import ActionChains

    page = evaluation
    page.run("void openSong('1.wav')")
    page.wait_for_track()
    page.run("void (element('audio').currentTime = 7.25)")
    page.wait("Math.abs(element('over-time').layout.shapes[0].x0 - 7.25) < 0.01")
    page.wait("Math.abs(element('plane').data[5].y[0] - element('plane').data[0].y[14]) < 1e-9")
    assert "reference (people) valence +0.10" in page.one("#now").text
    assert "global-mean" not in page.one("#now").text
    plot = page.one("#over-time .nsewdrag[data-subplot=xy]")
    ActionChains(page.browser).move_to_element_with_offset(plot, plot.size["width"] // 4, 8).pause(
        0.3
    ).click().perform()
    page.wait("element('audio').currentTime > 13")
    page.wait("element('over-time').layout.shapes[0].x0 === element('audio').currentTime")


def test_the_legend_hides_a_curve_everywhere_and_for_the_next_song_too(evaluation):
    page = evaluation
    page.run("void openSong('1.wav')")
    page.wait_for_track()
    page.all("#over-time .legendtoggle")[1].click()
    shown = True, False, True
    page.wait("element('plane').data[1].visible === false")
    assert page.run("element('plane').data.map(t => t.visible)") == 2 * [*shown, False, False]
    page.wait("!element('now').textContent.includes('loud')")
    page.run("void openSong('2.wav')")
    page.wait("opened.track === '2.wav' && opened.details")
    page.wait("element('over-time').data.filter(t => t.showlegend)[1].visible === 'legendonly'")


def test_an_evaluation_without_curves_or_recordings_says_what_to_do(evaluation, tmp_path):
    (tmp_path / "out" / "curves.npz").unlink()
    (tmp_path / "music").rename(tmp_path / "moved")
    mer_runs("report", tmp_path / "out", "-o", tmp_path / "report.html")
    evaluation.browser.get("about:blank")
    evaluation.browser.get((tmp_path / "report.html").as_uri() + "#song=0.wav")
    evaluation.wait("element('problems').textContent")
    assert "run mer evaluate again" in evaluation.one("#problems").text
    assert "--audio" in evaluation.one("#silent").text
    assert not evaluation.one("#plots").is_displayed() and severe(evaluation) == []


def test_an_evaluation_by_quadrants_has_its_page(browser, tmp_path, song):
    for i, quadrant in enumerate(("Q1", "Q3")):
        song(tmp_path / "music" / f"{i}.wav", 20.0, seed=i)
        write_jams(tmp_path / "music" / f"{i}.jams", "")
        path = tmp_path / "music" / f"{i}.jams"
        jams = json.loads(path.read_text())
        tag = {"time": 0.0, "duration": 20.0, "value": quadrant, "confidence": None}
        annotation = {"namespace": "tag_open", "data": [tag], "sandbox": {}}
        annotation["annotation_metadata"] = {"data_source": "manual"}
        path.write_text(json.dumps({**jams, "annotations": [annotation]}))
        write_jams(tmp_path / "mine" / f"{i}.jams", "", loud=0.2)
    page = evaluated(browser, tmp_path)
    page.wait("document.querySelectorAll('#board td').length")
    assert "AUC" in page.one("#board").text and not page.one("#scatters").is_displayed()
    page.run("void openSong('0.wav')")
    page.wait_for_track()
    assert page.one("#chosen").text == "0.wav: Q1 by people"
    legend = [text.text for text in page.all("#over-time .legendtext")]
    assert legend == ["loud", "global-mean", "mean-trajectory"] and severe(page) == []
