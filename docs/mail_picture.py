"""Makes docs/pictures/alert-mail.png: a mail about an alert as a phone shows it. Needs Chromium.

`python -m docs.mail_picture`
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

from services.alerting.deliveries.content import Composer

PICTURE = Path(__file__).with_name("pictures") / "alert-mail.png"
# The width of a common phone, and a height that the mail fits in.
WIDTH, HEIGHT = 412, 590
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FEATURES = (("bearing_de_rms", 0.52), ("bearing_de_kurtosis", 0.23), ("motor_temperature", 0.14))
MESSAGE = {
    "type": "alert.escalated",
    "timestamp": "2026-11-26T03:24:00+00:00",
    "data": {
        "change": "escalated",
        "severity": "high",
        "machine_name": "Pump 7",
        "rule_name": "Pump 7 deviates from normal",
        "summary": "Pump 7: high anomaly at 2.41 times the threshold; most deviating: bearing_de_rms",
        "first_seen_at": "2026-11-26T03:09:00+00:00",
        "count": 18,
        "note": None,
        "organization_name": "Example Water Works",
        "features": [{"name": name, "share": share} for name, share in FEATURES],
        "url": "https://dinsight.example.org/alerts/1",
        "runbook_url": "https://wiki.example.org/pump",
    },
}


def main() -> None:
    html = Composer().compose(MESSAGE, [], "https://dinsight.example.org/api/v1/acknowledgements").html
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        raise SystemExit("Chromium is not installed")
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "mail.html"
        page.write_text(html, encoding="utf-8")
        subprocess.run(  # noqa: S603 - a browser that is installed, and a file of our own
            [
                browser,
                "--headless",
                "--no-sandbox",
                "--hide-scrollbars",
                "--force-device-scale-factor=1",
                f"--window-size={WIDTH},{HEIGHT}",
                f"--user-data-dir={folder}/profile",
                f"--screenshot={PICTURE}",
                page.as_uri(),
            ],
            check=True,
            capture_output=True,
            timeout=300,
        )


if __name__ == "__main__":
    main()
