"""Settings of the alerting service, read from `DINSIGHT_ALERTING_...`."""

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="DINSIGHT_ALERTING_", extra="ignore")

    port: int = 8004
    # Enable only if receivers are in the plant's own network: whoever writes rules can then reach into it.
    webhook_allow_private: bool = False
    # A receiver that needs longer should accept the message and process it afterwards.
    webhook_timeout_seconds: float = Field(default=10, gt=0, le=30)
    # Delays are random up to a bound: 14 attempts span about 20 hours, so a receiver may be down overnight.
    webhook_attempts: int = Field(default=14, ge=1, le=50)
    webhook_first_retry_seconds: float = Field(default=5, gt=0)
    webhook_concurrency: int = Field(default=16, ge=1)
    # An organization whose receivers hang occupies at most this many of them, so that others are served. Each
    # target occupies one.
    webhook_per_organization: int = Field(default=8, ge=1)
    # `smtp://user:password@host:587?starttls=true`, `smtps://...`, or a folder that messages are written to.
    mail_url: SecretStr = SecretStr("file:///var/lib/dinsight/mail")
    mail_sender: str = "DInsight <dinsight@localhost>"
    # For one message, from connecting to the server's last reply.
    mail_timeout_seconds: float = Field(default=30, gt=0, le=120)
    # The start of the links in messages: where people reach the platform.
    public_url: str = "http://127.0.0.1:8000"
