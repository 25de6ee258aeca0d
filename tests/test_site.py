"""The site: built without a network and without a warning, then opened in a browser as a reader
would.
"""
import functools
import http.server
import re
import shutil
import subprocess
import sys
import threading

import pytest
from needed import need
from places import ROOT

for name in ("sphinx", "myst_nb", "furo", "latex2mathml"):
    need(name)

from lesson_files import SOURCES, exercises  # noqa: E402

PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    stale = ROOT / "docs" / "papers" / "stale.md"  # as an earlier version may have left it
    stale.parent.mkdir(exist_ok=True)
    stale.write_text("# A table that was renamed", encoding="utf-8")
    target = tmp_path_factory.mktemp("site")
    done = subprocess.run([sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-E",
                           str(ROOT / "docs"), str(target)], capture_output=True, timeout=600,
                          encoding="utf-8")
    assert done.returncode == 0, done.stderr[-3000:]
    return target


@pytest.fixture(scope="module")
def address(site):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0),
                                             functools.partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser():
    webdriver = pytest.importorskip("selenium.webdriver")
    chromium, driver = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which(
            "chromedriver")
    if not chromium or not driver:
        pytest.skip("no Chromium with its driver here")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    found = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield found
    found.quit()


def pages(site):
    """The paths of all pages that hold text of ours."""
    return sorted(str(p.relative_to(site)) for p in site.rglob("*.html") if "_static" not in p.parts
                  and p.name not in ("genindex.html", "py-modindex.html", "search.html"))


def test_every_lesson_and_every_layer_has_its_page(site):
    found = pages(site)
    assert {f"lessons/{source.stem}.html" for source in SOURCES} <= set(found)
    layers = {p.parent.name for p in (ROOT / "tinynnclr").glob("*/__init__.py")} - {"bench"}
    assert {f"api/{layer}.html" for layer in layers} <= set(found)
    assert {"index.html", "tables.html", "lessons/index.html"} <= set(found)


def test_nothing_is_fetched_from_elsewhere(site):
    for page in pages(site):
        text = (site / page).read_text(encoding="utf-8")
        assert not re.findall(r"<(?:script|img|iframe)[^>]*src=\"(?:https?:)?//[^\"]*", text), page
        assert not re.findall(r"<link[^>]*rel=\"stylesheet\"[^>]*href=\"(?:https?:)?//", text), page


def test_every_figure_says_what_it_shows(site):
    for page in pages(site):
        for image in re.findall(r"<img[^>]*>", (site / page).read_text(encoding="utf-8")):
            alt = re.search(r"alt=\"([^\"]*)\"", image)
            assert alt, f"{page}: {image[:200]}"
            assert len(alt[1]) >= 20, f"{page}: {image[:200]}"


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_answers_are_there_and_folded(site, source):
    text = (site / "lessons" / f"{source.stem}.html").read_text(encoding="utf-8")
    for name in exercises(source):
        check, answer = text.index(f"{name}: not attempted"), text.index(f"One answer to {name}")
        assert check < answer, "an answer comes after its check"
        assert text.count("<details", 0, answer) == text.count("</details>", 0,
                                                               answer) + 1, "it is folded"


def test_each_page_loads_and_fits_a_phone(site, address, browser):
    for page in pages(site):
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
        browser.get(f"{address}/{page}")
        assert browser.find_element("css selector", "h1").text.strip()
        wide, missing = browser.execute_script(
            "return [document.documentElement.scrollWidth,"
            " [...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)]")
        assert wide <= PHONE["width"], f"{page} is {wide} pixels wide"
        assert not missing, page
        severe = [entry["message"] for entry in browser.get_log("browser") if entry["level"]
                  == "SEVERE"]
        assert not severe, page


def test_an_answer_unfolds(address, browser):
    from selenium.webdriver.support.ui import WebDriverWait

    browser.get(f"{address}/lessons/{SOURCES[0].stem}.html")
    answer = browser.find_element("xpath", "//details[contains(., 'One answer to')]")
    assert not answer.get_attribute("open")
    summary = answer.find_element("css selector", "summary")
    # not below the fixed header
    into_view = "arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})"
    browser.execute_script(into_view, summary)
    summary.click()
    assert answer.get_attribute("open")
    # once it is laid out
    WebDriverWait(browser, 20).until(lambda _: re.search("def |class ", answer.text))


def test_search_finds(address, browser):
    from selenium.webdriver.support.ui import WebDriverWait

    browser.get(f"{address}/search.html?q=infonce")
    WebDriverWait(browser, 20).until(lambda b: b.find_elements("css selector", "ul.search li a"))
    links = [a.get_attribute("href") for a in browser.find_elements("css selector",
                                                                    "ul.search li a")]
    assert any("08_infonce" in link for link in links), links
