"""The HTML report in a real browser: everything is seen, nothing overflows, in light and in dark."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from msgspec.structs import replace

from proxy.reports.campaign_report import campaign_report
from proxy.reports.html import html
from proxy.verdict.campaign import Campaign, Slice
from tests.any_campaign import FOUND, START_US

_DAY_US = 86_400_000_000
LARGE = replace(
    FOUND,
    detected_us=START_US + 44 * _DAY_US,
    models={f"m-{'long-name-' * 8}{number}": number for number in range(1, 30)},
    timeline=tuple(
        Slice(START_US + day * _DAY_US, 999_999 * (day % 3 + 1), 9_999_999 * (day % 2)) for day in range(45)
    ),
    slice_us=_DAY_US,
)
"""At the scale of the largest that were published, and detected at the very end."""
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
MEASURE = """<script>
addEventListener("load", () => {
  const plot = document.querySelector("svg").getBoundingClientRect();
  const texts = [...document.querySelectorAll("svg text")].map(text => text.getBoundingClientRect());
  const out = texts.filter(box => box.left < plot.left || box.right > plot.right || box.bottom > plot.bottom).length;
  const lapping = texts.some((one, at) => texts.slice(at + 1).some(other => one.left < other.right
    && other.left < one.right && one.top < other.bottom - 3 && other.top < one.bottom - 3));
  const root = document.documentElement;
  const body = getComputedStyle(document.body);
  document.title = JSON.stringify([plot.width > 300, out, lapping, root.scrollWidth - root.clientWidth,
    body.color, body.backgroundColor]).replaceAll('"', "'");
});
</script>"""


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH: apt-get install chromium")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("campaign", "width"), [(FOUND, 420), (FOUND, 1200), (LARGE, 1000)], ids=["narrow", "wide", "large"]
)
def test_the_report_is_whole_and_readable_in_a_browser(
    tmp_path: Path, scheme: str, campaign: Campaign, width: int
) -> None:
    assert CHROMIUM is not None
    page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', MEASURE, html(campaign_report(campaign)))
    (tmp_path / "report.html").write_text(page, encoding="utf-8")
    result = subprocess.run(
        [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}",
            f"--window-size={width},900", f"--blink-settings=preferredColorScheme={int(scheme == 'light')}",
            "--virtual-time-budget=2000", "--dump-dom", str(tmp_path / "report.html"),
        ],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    title = re.search(r"<title>(.*?)</title>", result.stdout)
    assert title is not None, result.stderr
    ink, paper = ("27, 31, 36", "255, 255, 255") if scheme == "light" else ("230, 237, 243", "13, 17, 23")
    assert title.group(1) == f"[true,0,false,0,'rgb({ink})','rgb({paper})']"
