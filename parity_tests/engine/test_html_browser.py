"""The page of a check in a real browser: on a phone, by keyboard, in the dark.

Needs Chromium, as a distribution packages it, and Playwright, which drives it.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from parity.reports.html import fragment, page
from parity_tests.engine.html_results import SOURCE, mixed

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")

DESK, PHONE = 1280, 360

#: The contrast of each text of the heat maps with the cell that it stands in: it comes right after
#: the cell. As WCAG 2 has it.
CONTRASTS = """() => {
    const luminance = color => {
        const parts = color.match(/[\\d.]+/g).slice(0, 3).map(part => {
            const share = part / 255;
            return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
    };
    const fill = element => luminance(getComputedStyle(element).fill);
    return [...document.querySelectorAll('svg rect + text:not(.tick)')].map(text => {
        const [dark, light] = [fill(text), fill(text.previousElementSibling)].sort((a, b) => a - b);
        return [text.getAttribute('class'), (light + 0.05) / (dark + 0.05)];
    });
}"""

UNFOLD = "() => document.querySelectorAll('details').forEach(fold => fold.open = true)"

Open = Callable[..., Any]


@pytest.fixture(scope="module", name="browser")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """Opens HTML from a file; fails if the browser has anything to say of it, or if it asks for
    anything else.
    """
    said: list[str] = []
    asked: list[str] = []
    context = None

    def open_page(html: str, width: int = DESK, scheme: str = "light") -> Any:
        nonlocal context
        file = tmp_path / "report.html"
        file.write_text(html, encoding="utf-8")
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
        opened = context.new_page()
        opened.on("console", lambda message: said.append(message.text))
        opened.on("pageerror", lambda error: said.append(str(error)))
        opened.on("request", lambda request: asked.append(request.url))
        opened.goto(file.as_uri())
        return opened

    yield open_page
    if context is not None:
        context.close()
    assert said == []
    assert [Path(url).name for url in asked] == ["report.html"]


@pytest.fixture(scope="module", name="html")
def of_everything() -> str:
    return page(mixed(), SOURCE)


def test_nothing_that_a_learner_wrote_is_run_or_loaded(show: Open, html: str) -> None:
    opened = show(html)
    opened.on("dialog", lambda dialog: pytest.fail(dialog.message))
    assert opened.title() == "mine.py – Parity"
    assert opened.locator("script, img").count() == 0
    assert "<script>alert('x')</script>" in opened.locator("details").first.text_content()


def test_a_component_unfolds_and_folds_again(show: Open, html: str) -> None:
    fold = show(html).locator("details").first
    code = fold.locator("pre")
    assert not code.is_visible()
    fold.locator("summary").click()
    assert code.is_visible()
    fold.locator("summary").click()
    assert not code.is_visible()


@pytest.mark.parametrize("unfolded", [False, True], ids=["folded", "unfolded"])
@pytest.mark.parametrize("write", [page, fragment])
def test_on_a_phone_nothing_has_to_be_scrolled_sideways(
    show: Open, write: Callable[..., str], unfolded: bool
) -> None:
    opened = show(f"<!DOCTYPE html>{write(mixed(), SOURCE)}", PHONE)
    if unfolded:
        opened.evaluate(UNFOLD)
    assert opened.evaluate("document.documentElement.scrollWidth") <= PHONE


def test_every_fold_is_reached_by_tab_is_seen_to_be_and_opens(show: Open, html: str) -> None:
    opened = show(html)
    reached = []
    for _ in range(20):
        opened.keyboard.press("Tab")
        tag, style, width = opened.evaluate(
            """() => {
                const style = getComputedStyle(document.activeElement);
                return [document.activeElement.tagName, style.outlineStyle, style.outlineWidth];
            }"""
        )
        if tag == "BODY":
            break
        assert (tag in ("SUMMARY", "PRE"), style, width) == (True, "solid", "3px")
        reached.append(tag)
        if tag == "SUMMARY":
            opened.keyboard.press("Enter")
    assert reached.count("SUMMARY") == opened.locator("summary").count() == 2
    assert opened.locator("details[open]").count() == 2


@pytest.mark.parametrize("scheme, width", [("light", PHONE), ("dark", DESK)], ids=["light", "dark"])
def test_axe_finds_nothing_that_keeps_anybody_out(
    show: Open, html: str, scheme: str, width: int
) -> None:
    opened = show(html, width, scheme)
    opened.evaluate(UNFOLD)
    found = axe.Axe().run(
        opened,
        context={"exclude": [["svg rect"]]},  # thousands of cells, in images that have a label
        options={"resultTypes": ["violations", "incomplete", "passes"]},
    )
    assert found.violations_count == 0, found.generate_report()
    unsure = {node["html"][:5] for rule in found.response["incomplete"] for node in rule["nodes"]}
    assert unsure <= {"<text"}  # text in an SVG, whose contrast another test looks at
    passed = {rule["id"]: len(rule["nodes"]) for rule in found.response["passes"]}
    assert passed["color-contrast"] > 100


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_numbers_can_be_read_on_every_colour_of_the_heat_maps(
    show: Open, html: str, scheme: str
) -> None:
    contrasts = show(html, scheme=scheme).evaluate(CONTRASTS)
    assert {style for style, _ in contrasts} >= {
        "n2",
        "n3",
        "n4",
        "n5",
        "p2",
        "p3",
        "p4",
        "p5",
        "bad",
    }
    assert min(contrast for _, contrast in contrasts) >= 4.5


def test_a_number_shows_where_the_pointer_is(show: Open, html: str) -> None:
    cell = show(html).locator("svg[role=img] rect").first
    assert cell.locator("title").text_content().startswith("[")
    assert cell.evaluate("cell => cell.getBoundingClientRect().width") > 5


def test_the_styles_of_a_fragment_change_nothing_around_it(show: Open) -> None:
    around = "<h2>A heading</h2><p>A paragraph <code>with code</code></p><pre>code</pre>"
    look = """() => [...document.querySelectorAll('body > :not(.parity-report)')].map(
        element => JSON.stringify(Object.entries(getComputedStyle(element)))
    )"""
    opened = show(f"<!DOCTYPE html><body>{around}{fragment(mixed(), SOURCE)}</body>")
    with_it = opened.evaluate(look)
    opened.evaluate("() => document.querySelector('.parity-report').remove()")
    assert len(with_it) == 3
    assert opened.evaluate(look) == with_it


#: As JupyterLab has them for all that a cell shows, and then some.
NOTEBOOK_STYLES = """
.lab ul:not(.x), .lab li { padding-left: 4em; letter-spacing: 3px; }
.lab p, .lab h2, .lab h3 { margin: 2em; text-transform: uppercase; font-style: italic; }
.lab dl dt { float: left; width: 20%; font-weight: bold; }
.lab dl dd { margin-left: 40%; }
.lab pre, .lab code { border: 5px solid red; background: red; color: lime; }
.lab span, .lab strong, .lab summary { color: lime; text-decoration: underline; }
.lab > *:last-child { margin-bottom: 3em; }
"""


def test_the_styles_of_a_notebook_change_nothing_in_a_fragment(show: Open) -> None:
    look = """() => [
        ...document.querySelectorAll('.parity-report .inner :not(svg, svg *, .line *)')
    ].map(
        element => JSON.stringify(Object.entries(getComputedStyle(element)))
    )"""
    cell = f"<body><div class='lab'>{fragment(mixed(), SOURCE)}<i></i></div></body>"
    opened = show(f"<!DOCTYPE html><style>{NOTEBOOK_STYLES}</style>{cell}")
    with_it = opened.evaluate(look)
    opened.evaluate("() => document.querySelector('style').remove()")
    assert len(with_it) > 100
    assert opened.evaluate(look) == with_it


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "around, dark",
    [
        ('<body data-jp-theme-light="true">', False),
        ('<body data-jp-theme-light="false">', True),
        ('<body class="vscode-light">', False),
        ('<body class="vscode-dark">', True),
        ('<body theme="dark">', True),
    ],
)
def test_a_fragment_has_the_theme_of_its_notebook(
    show: Open, scheme: str, around: str, dark: bool
) -> None:
    opened = show(f"<!DOCTYPE html>{around}{fragment(mixed(), SOURCE)}", scheme=scheme)
    ground = opened.evaluate(
        "getComputedStyle(document.querySelector('.parity-report')).backgroundColor"
    )
    assert ground == ("rgb(20, 23, 27)" if dark else "rgb(246, 247, 249)")


def test_on_paper_it_is_light_and_unfolded(show: Open, html: str) -> None:
    opened = show(html, scheme="dark")
    folded = opened.evaluate("document.documentElement.scrollHeight")
    opened.emulate_media(media="print")
    ground = opened.evaluate(
        "getComputedStyle(document.querySelector('.parity-report')).backgroundColor"
    )
    assert ground == "rgb(246, 247, 249)"
    assert opened.locator("details pre").first.evaluate("code => code.checkVisibility({})")
    assert opened.evaluate("document.documentElement.scrollHeight") > folded
