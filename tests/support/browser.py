"""Headless Chromium, as tests of pages need it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest


@contextmanager
def opened() -> Iterator[Any]:
    """A browser that records its console and its network; the test is skipped where none is."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium (extra [dev])")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("needs Chromium and its driver (Debian: apt install chromium chromium-driver)")
    chosen = webdriver.ChromeOptions()
    chosen.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        chosen.add_argument(argument)
    chosen.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driven = webdriver.Chrome(chosen, webdriver.ChromeService(driver))
    try:
        yield driven
    finally:
        driven.quit()


def requested_addresses(browser):
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return {
        message["params"]["request"]["url"].partition(",")[0]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    }


def show_at(browser, width, height):
    """Give the page a size that a phone has, too, and a window has not."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def drawn(browser, more_than=0):
    """Wait until the report's page has drawn its curves more often than so many times."""
    from selenium.webdriver.support.wait import WebDriverWait

    asked = "return Number(document.documentElement.dataset.drawn ?? 0)"
    WebDriverWait(browser, 60, 0.02).until(lambda _: browser.execute_script(asked) > more_than)
