"""Settings of the auth service, read from `DINSIGHT_AUTH_...`; the pepper from `DINSIGHT_PASSWORD_PEPPER`."""

from typing import Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(
        env_prefix="DINSIGHT_AUTH_",
        extra="ignore",
        validate_by_name=True,
        validate_by_alias=True,
        # A message about a bad pepper goes to the log, and the pepper must not.
        hide_input_in_errors=True,
    )

    port: int = 8001
    # Lost, it makes every password invalid; changed, too. Keep it apart from the database's backups.
    password_pepper: SecretStr = Field(validation_alias="DINSIGHT_PASSWORD_PEPPER", min_length=16)
    # About a quarter of a second a guess; hashes of a lower cost are renewed when their user signs in.
    bcrypt_cost: int = Field(default=12, ge=4, le=16)
    access_token_minutes: int = Field(default=15, ge=1, le=60)
    # A session that is not used for this long ends ...
    session_idle_days: int = Field(default=30, ge=1)
    # ... and one in use ends after this, and its user signs in again.
    session_longest_days: int = Field(default=90, ge=1)
    signing_key_days: int = Field(default=30, ge=1)
    # `smtp://user:password@host:587?starttls=true`, `smtps://...`, or a folder that letters are written into.
    mail_url: SecretStr = SecretStr("file:///var/lib/dinsight/mail")
    mail_sender: str = "DInsight <dinsight@localhost>"
    # What the links in letters begin with: where people reach the platform.
    public_url: str = "http://127.0.0.1:8000"
    # For one message, from connecting to the server's last reply.
    mail_timeout_seconds: float = Field(default=30, gt=0, le=120)
    # Twelve attempts at the default pauses span about 19 hours: a mail server may be down overnight.
    mail_attempts: int = Field(default=12, ge=1, le=50)
    mail_first_retry_seconds: float = Field(default=30, gt=0)
    # On, nobody signs in before following the link, and registering does not tell which addresses are known.
    require_verified_email: bool = False
    # An OpenID Connect provider: all four, or none. The issuer is written as its own description has it.
    oidc_issuer: str = Field(default="", pattern=r"^$|^https?://\S+$")
    oidc_client_id: str = ""
    oidc_client_secret: SecretStr = SecretStr("")
    # `https://<this installation>/api/v1/auth/oidc/callback`, or a page of one's own that calls it.
    oidc_redirect_url: str = Field(default="", pattern=r"^$|^https?://\S+$")

    @model_validator(mode="after")
    def _whole_provider(self) -> Self:
        parts = (self.oidc_issuer, self.oidc_client_id, self.oidc_redirect_url)
        given = [bool(part) for part in (*parts, self.oidc_client_secret.get_secret_value())]
        if any(given) and not all(given):
            raise ValueError(
                "set all of DINSIGHT_AUTH_OIDC_ISSUER, _CLIENT_ID, _CLIENT_SECRET and _REDIRECT_URL, or none"
            )
        return self
