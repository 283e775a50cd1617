"""Settings of the auth service, read from `DINSIGHT_AUTH_...`; the pepper from `DINSIGHT_PASSWORD_PEPPER`."""

from typing import Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from services.auth.sign_in.policy import Registration, SignInPolicy
from shared.settings import CommaSeparated, ServiceSettings


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(
        env_prefix="DINSIGHT_AUTH_",
        extra="ignore",
        validate_by_name=True,
        validate_by_alias=True,
        # Validation errors are logged, and the pepper must not be.
        hide_input_in_errors=True,
    )

    port: int = 8001
    # Losing or changing it invalidates every password. Store it apart from the backups of the database.
    password_pepper: SecretStr = Field(validation_alias="DINSIGHT_PASSWORD_PEPPER", min_length=16)
    # About a quarter of a second per guess. Hashes of a lower cost are upgraded at the next sign-in.
    bcrypt_cost: int = Field(default=12, ge=4, le=16)
    access_token_minutes: int = Field(default=15, ge=1, le=60)
    # A session ends after this time without use ...
    session_idle_days: int = Field(default=30, ge=1)
    # ... and after this time in any case.
    session_max_days: int = Field(default=90, ge=1)
    signing_key_days: int = Field(default=30, ge=1)
    # `smtp://user:password@host:587?starttls=true`, `smtps://...`, or a folder that messages are written to.
    mail_url: SecretStr = SecretStr("file:///var/lib/dinsight/mail")
    mail_sender: str = "DInsight <dinsight@localhost>"
    # The start of the links in mail: where people reach the platform.
    public_url: str = "http://localhost:8000"
    # For one message, from connecting to the server's last reply.
    mail_timeout_seconds: float = Field(default=30, gt=0, le=120)
    # Twelve attempts at the default pauses span about 19 hours: a mail server may be down overnight.
    mail_attempts: int = Field(default=12, ge=1, le=50)
    mail_first_retry_seconds: float = Field(default=30, gt=0)
    # If true, users must verify their address before they can sign in.
    require_verified_email: bool = False
    # If false, the provider is the only way in: nobody signs in, registers or resets with a password.
    password_sign_in: bool = True
    # Who may create an account: anybody, whoever was invited, or nobody.
    registration: Registration = Registration.OPEN
    # An OpenID Connect provider: all four, or none. The issuer must match the discovery document exactly.
    oidc_issuer: str = Field(default="", pattern=r"^$|^https?://\S+$")
    oidc_client_id: str = ""
    oidc_client_secret: SecretStr = SecretStr("")
    # `https://<this installation>/sign-in/return`: the web page, which calls /api/v1/auth/oidc/callback.
    oidc_redirect_url: str = Field(default="", pattern=r"^$|^https?://\S+$")
    # Authentication contexts (`acr`) of which a sign-in there must have one, and methods (`amr`) that it
    # must all have used, as the provider names them. Both are demanded of its ID tokens.
    oidc_required_acr: CommaSeparated = ()
    oidc_required_amr: CommaSeparated = ()

    # Where systems of organizations reach the broker, for their feeds; empty: where the services do.
    feed_bootstrap: str = ""

    @property
    def sign_in_policy(self) -> SignInPolicy:
        return SignInPolicy(self.password_sign_in, self.registration, self.oidc_issuer or None)

    @model_validator(mode="after")
    def _whole_provider(self) -> Self:
        parts = (self.oidc_issuer, self.oidc_client_id, self.oidc_redirect_url)
        given = [bool(part) for part in (*parts, self.oidc_client_secret.get_secret_value())]
        if any(given) and not all(given):
            raise ValueError(
                "set all of DINSIGHT_AUTH_OIDC_ISSUER, _CLIENT_ID, _CLIENT_SECRET and _REDIRECT_URL, or none"
            )
        if not self.oidc_issuer and (self.oidc_required_acr or self.oidc_required_amr):
            raise ValueError(
                "DINSIGHT_AUTH_OIDC_REQUIRED_ACR and _REQUIRED_AMR need a provider: set"
                " DINSIGHT_AUTH_OIDC_..."
            )
        if not self.oidc_issuer and not self.password_sign_in:
            raise ValueError(
                "DINSIGHT_AUTH_PASSWORD_SIGN_IN=false needs a provider: set DINSIGHT_AUTH_OIDC_..."
            )
        return self
