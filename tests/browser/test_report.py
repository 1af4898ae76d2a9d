"""The report in a real browser: opens from disk without any network, draws, sorts, filters."""

from pathlib import Path

import pytest
from tests.simulated import AXES, grid, tables

from junkdna.figures.claims import claims_figure
from junkdna.figures.study import study_figures
from junkdna.figures.style import spec
from junkdna.files.artifacts import write_text
from junkdna.report.cautions import study_cautions
from junkdna.report.page import render

CHROMIUM, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
TEMPLATE = Path(__file__).parents[2] / "workflow/report/page.html.j2"
NOTICE = "This is a made-up study <with> no model behind it."
# A config must be shown as text, whatever it holds.
CONFIG = {"study": {"seeds": [1, 2, 3], "comment": "</script><script>document.title = 'broken'</script>"}}


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Path:
    collapse = [("magnitude-u80", "deduction", "sparse", 2), ("magnitude-u60", "options", "regrow", 1)]
    study = tables(grid(), examples=150, collapse=collapse)
    charts = {"claims": claims_figure(study["claims"], title="What the study says of each claim")}
    charts |= study_figures(study["cells"], study["runs"], AXES)
    html = render(
        template=TEMPLATE,
        study="made-up study",
        tables=study,
        charts={name: spec(chart) for name, chart in charts.items()},
        provenance={
            "versions": {"python": "3.11", "torch": "2.13.0"},
            "checkpoints": {"tiny-encoder": {"revision": "0f3c", "files": {"model.safetensors": "ab12"}}},
            "config": CONFIG,
        },
        cautions=study_cautions(
            study["runs"], study["claims"], {name: axis | {"matched": True} for name, axis in AXES.items()}
        ),
        notice=NOTICE,
    )
    path = tmp_path_factory.mktemp("report") / "index.html"
    write_text(path, html)
    return path


@pytest.fixture(scope="module")
def browser(page):
    if not (CHROMIUM.exists() and DRIVER.exists()):
        pytest.skip(f"needs {CHROMIUM} and {DRIVER}")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.support.ui import WebDriverWait

    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(flag)
    options.add_argument("--window-size=1100,1000")
    options.add_argument("--host-resolver-rules=MAP * ~NOTFOUND")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(DRIVER)))
    try:
        driver.get(page.as_uri())
        charts = "return document.querySelectorAll('[data-chart]').length"
        drawn = "return document.querySelectorAll('[data-drawn=yes]').length"
        WebDriverWait(driver, 60).until(
            lambda page: page.execute_script(charts) == page.execute_script(drawn)
        )
        yield driver
    finally:
        driver.quit()


def cells_of(browser, table: str, column: str) -> list[str]:
    """Texts of a column of a table, in the order shown."""
    return browser.execute_script(
        """const table = document.getElementById(arguments[0]);
        const at = [...table.tHead.rows[0].cells].findIndex((head) => head.textContent === arguments[1]);
        const shown = [...table.tBodies[0].rows].filter((row) => !row.hidden);
        return shown.map((row) => row.cells[at].textContent);""",
        table,
        column,
    )


def click_head(browser, table: str, column: str) -> str:
    """Click the head of a column; returns what it then says of its order."""
    return browser.execute_script(
        """const heads = [...document.getElementById(arguments[0]).tHead.rows[0].cells];
        const head = heads.find((each) => each.textContent === arguments[1]);
        head.querySelector("button").click();
        return head.getAttribute("aria-sort");""",
        table,
        column,
    )


def test_no_error_and_no_request(browser, page):
    assert [entry for entry in browser.get_log("browser") if entry["level"] != "INFO"] == []
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0
    requests = [
        entry["message"]
        for entry in browser.get_log("performance")
        if "requestWillBeSent" in entry["message"]
    ]
    assert [text for text in requests if page.as_uri() not in text and '"url":"data:' not in text] == []


def test_every_chart_has_marks(browser):
    assert browser.execute_script("return document.querySelectorAll('[data-chart]').length") == 4
    counts = browser.execute_script(
        """return [...document.querySelectorAll("[data-chart]")].map(
          (chart) => chart.querySelectorAll("svg .mark-symbol path").length);"""
    )
    assert min(counts) > 10


def test_the_switch_changes_the_curves(browser):
    lines = """return [...document.querySelectorAll("#chart-performance-made-up-difficulty .mark-line path")]
      .map((path) => path.getAttribute("d")).join();"""
    before = browser.execute_script(lines)
    choice = "document.querySelector('#chart-performance-made-up-difficulty input[value=%s]').click()"
    browser.execute_script(choice % "score")
    assert browser.execute_async_script("requestAnimationFrame(() => setTimeout(arguments[0], 200))") is None
    assert browser.execute_script(lines) != before
    browser.execute_script(choice % "retention")


def test_tables_hold_every_row(browser):
    assert len(cells_of(browser, "runs", "state")) == 195
    assert cells_of(browser, "runs", "state").count("constant") == 2
    assert len(cells_of(browser, "cells", "score")) == 65


def test_a_click_sorts_by_number_and_a_second_click_turns_it(browser):
    def numbers(texts):
        return [float(text.split()[0]) for text in texts if text != "\N{EN DASH}"]

    assert click_head(browser, "runs", "score") == "ascending"
    up = numbers(cells_of(browser, "runs", "score"))
    assert up == sorted(up) and len(set(up)) > 20
    assert click_head(browser, "runs", "score") == "descending"
    assert numbers(cells_of(browser, "runs", "score")) == up[::-1]
    assert click_head(browser, "runs", "task") == "ascending"
    tasks = cells_of(browser, "runs", "task")
    assert tasks == sorted(tasks)
    assert (
        browser.execute_script("return document.querySelectorAll('#runs [aria-sort=ascending]').length") == 1
    )


def test_missing_values_sort_last_either_way(browser):
    for _ in range(2):
        click_head(browser, "cells", "drop")
        texts = cells_of(browser, "cells", "drop")
        missing = [index for index, text in enumerate(texts) if text == "\N{EN DASH}"]
        assert missing == list(range(len(texts) - len(missing), len(texts)))


def test_the_filter_keeps_rows_with_every_word(browser):
    from selenium.webdriver.common.by import By

    box = browser.find_element(By.CSS_SELECTOR, "[data-filters=runs]")
    box.send_keys("deduction constant")
    assert set(cells_of(browser, "runs", "task")) == {"deduction"}
    assert browser.find_element(By.ID, "runs-count").text == "1 of 195 rows"
    box.clear()
    box.send_keys(" ")
    assert len(cells_of(browser, "runs", "task")) == 195


def test_what_a_reader_meets_first(browser):
    from selenium.webdriver.common.by import By

    assert browser.title == "made-up study - junkdna report"
    assert browser.find_element(By.CSS_SELECTOR, ".notice").text == NOTICE
    headings = [each.text for each in browser.find_elements(By.TAG_NAME, "h2")]
    middle = ["Where it falls", "On equal terms", "Cells", "Runs"]
    assert headings == ["Verdicts", "Figures", *middle, "How it was made"]
    cautions = [each.text for each in browser.find_elements(By.CSS_SELECTOR, ".cautions li")]
    assert any(" of 195 runs failed to train" in text and "2 predict one class" in text for text in cautions)
    verdicts = [each.text for each in browser.find_elements(By.CSS_SELECTOR, ".verdict summary")]
    assert any(text.startswith("supported") and "Harder tasks fall further" in text for text in verdicts)
    assert all(any(letter.isdigit() for letter in text) for text in verdicts)
    links = [each.get_attribute("href") for each in browser.find_elements(By.CSS_SELECTOR, ".verdict a")]
    shown = {each.get_attribute("id") for each in browser.find_elements(By.CSS_SELECTOR, "[data-chart]")}
    assert links and {link.rsplit("#")[1] for link in links} <= shown
    made = browser.execute_script("return document.getElementById('made').textContent")
    assert "tiny-encoder.files.model.safetensors" in made and "</script><script>" in made


def test_words_for_those_who_do_not_see(browser):
    unnamed = """
        const all = [...document.querySelectorAll("table, figure, .chart, input")];
        const needs = {
          TABLE: (each) => each.caption,
          FIGURE: (each) => each.querySelector("figcaption").textContent,
          DIV: (each) => each.querySelector("[role=graphics-document]")?.getAttribute("aria-label"),
          INPUT: (each) => each.labels.length,
        };
        const unnamed = all.filter((each) => !needs[each.tagName](each));
        return unnamed.map((each) => each.outerHTML.slice(0, 200));"""
    assert browser.execute_script(unnamed) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_screenshots_show_something(browser, tmp_path, scheme):
    """A page with drawings does not compress to nothing; a blank one does."""
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    background = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 28)"}[scheme]
    for name in ("verdicts", "figures", "runs-section"):
        browser.execute_script(f"document.getElementById('{name}').scrollIntoView({{behavior: 'instant'}})")
        picture = tmp_path / f"{scheme}-{name}.png"
        browser.save_screenshot(str(picture))
        assert picture.stat().st_size > 30_000, picture


def test_a_narrow_window_scrolls_figures_not_the_page(browser):
    media = {"width": 420, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", media)
    try:
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 420
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_chart_without_a_title_is_refused(page):
    study = tables(grid(tasks=("keyword",)), examples=50)
    with pytest.raises(ValueError, match="'bare' has no title"):
        render(
            template=TEMPLATE,
            study="s",
            tables=study,
            charts={"bare": {"mark": "point"}},
            provenance={},
        )
