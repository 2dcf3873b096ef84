"""A headless Chromium that a test looks at a page with, over its pipe of the DevTools protocol; needs no library.

In: the path of a page. Out: what scripts of the test (not of the page) find there, what the browser reported, pictures.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Self

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
SECONDS = 60.0  # for an answer; machines may be busy
_FLAGS = (
    "--headless",
    "--no-sandbox",  # the tests' own pages, and containers have no user namespaces
    "--disable-gpu",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--remote-debugging-pipe",
)

_LAUNCH = (
    "import fcntl, os, sys;"
    "ends = [fcntl.fcntl(one, fcntl.F_DUPFD, 10) for one in map(int, sys.argv[1:3])];"
    "os.dup2(ends[0], 3); os.dup2(ends[1], 4); os.execv(sys.argv[3], sys.argv[3:])"
)


def executable() -> str | None:
    """The browser that $CHROMIUM names, or one of the usual names on the path."""
    named = os.environ.get("CHROMIUM")
    return named or next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """A context manager. Every page is opened in a tab of its own; `events` are what that tab reported."""

    def __init__(self, program: str, profile: Path) -> None:
        self._inbound, theirs_out = os.pipe()
        theirs_in, self._outbound = os.pipe()

        # Chromium reads commands from descriptor 3 and answers on 4; both may be others' numbers here.
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-c", _LAUNCH, str(theirs_in), str(theirs_out), program, *_FLAGS),
                *(f"--user-data-dir={profile}", "about:blank"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(theirs_in, theirs_out),
            env={**os.environ, "HOME": str(profile)},
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._pending = b""
        self._number = 0
        self._tab = self._target = ""
        self.events: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError, EOFError, AssertionError):
            self.call("Browser.close", tab=False)
        os.close(self._outbound)
        os.close(self._inbound)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def open(self, page: Path, *, width: int = 900, height: int = 1000, **media: str) -> None:
        """Show a page in a new tab, in place of the one before. `media`: `scheme="dark"`, `kind="print"`."""
        before, self._target = self._target, ""
        made = self.call("Target.createTarget", tab=False, url="about:blank")
        self._target = made["targetId"]
        if before:
            self.call("Target.closeTarget", tab=False, targetId=before)
        attached = self.call("Target.attachToTarget", tab=False, targetId=made["targetId"], flatten=True)
        self._tab = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        self.prefer(media.get("scheme", "light"), media.get("kind", ""))
        self.events.clear()
        self.call("Page.navigate", url=page.absolute().as_uri())
        self._until(self._loaded)

    def follow(self, script: str) -> None:
        """Run a script that leads to another page, and wait until that one is loaded."""
        self.events.clear()
        self.run(f"setTimeout(() => {{ {script} }}), 0")  # an answer comes from the page that was asked
        self._until(self._loaded)

    def _loaded(self) -> bool:
        return any(one["method"] == "Page.loadEventFired" for one in self.events)

    def prefer(self, scheme: str, kind: str = "") -> None:
        """What the system prefers, `light` or `dark`, and the kind of medium; an open page follows."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", media=kind, features=features)

    def run(self, script: str) -> Any:
        """The value of an expression in the page, in a world where the page's policy does not hold."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def picture(self, path: Path) -> None:
        """A picture of the whole page."""
        answer = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(answer["data"]))

    def pdf(self) -> bytes:
        """The page as it is printed."""
        return base64.b64decode(
            self.call("Page.printToPDF", preferCSSPageSize=True, printBackground=False)["data"]
        )

    def requested(self) -> list[str]:
        """The addresses that the page made the browser load."""
        return [
            one["params"]["request"]["url"]
            for one in self.events
            if one["method"] == "Network.requestWillBeSent"
        ]

    def call(self, method: str, *, tab: bool = True, **parameters: Any) -> dict[str, Any]:
        """Send a command; returns its result."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": parameters}
        if tab:
            message["sessionId"] = self._tab
        os.write(self._outbound, json.dumps(message).encode() + b"\0")
        return self._answer(self._number, method)

    def _answer(self, number: int, method: str) -> dict[str, Any]:
        while (message := self._receive()).get("id") != number:
            self._note(message)
        assert "error" not in message, (method, message["error"])
        result: dict[str, Any] = message["result"]
        return result

    def _until(self, holds: Any) -> None:
        while not holds():
            self._note(self._receive())

    def _note(self, message: dict[str, Any]) -> None:
        if "method" in message:
            self.events.append(message)

    def _receive(self) -> dict[str, Any]:
        until = time.monotonic() + SECONDS
        while b"\0" not in self._pending:
            left = until - time.monotonic()
            assert left > 0, "Chromium does not answer"
            if select.select([self._inbound], [], [], left)[0]:
                data = os.read(self._inbound, 1 << 20)
                if not data:
                    raise EOFError("Chromium has ended")
                self._pending += data
        text, _, self._pending = self._pending.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        return message
