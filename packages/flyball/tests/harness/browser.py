"""A real headless Chromium: Debian's, driven by playwright, which downloads no browser of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Generator

import pytest
from playwright.sync_api import Page, sync_playwright


@contextlib.contextmanager
def chromium(*options: str, width: int = 1280, height: int = 900) -> Generator[Page]:
    """A page in a fresh profile; skips the test with the reason when there is no Chromium."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("no Chromium here (Debian: apt-get install chromium)")
    arguments = ["--headless=new", "--disable-gpu", "--disable-quic", "--no-first-run"]
    arguments += ["--disable-background-networking", "--disable-component-update", "--disable-sync", *options]
    if os.geteuid() == 0:
        arguments.append("--no-sandbox")  # Chromium's sandbox refuses root
    with tempfile.TemporaryDirectory() as profile, sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=path, args=arguments, viewport={"width": width, "height": height}
        )
        yield context.new_page()
        context.close()
