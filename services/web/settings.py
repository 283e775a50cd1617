"""Settings of the web page, read from `DINSIGHT_WEB_...`."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.settings import EnvironmentSettings


class Settings(EnvironmentSettings):
    model_config = SettingsConfigDict(env_prefix="DINSIGHT_WEB_", extra="ignore")

    port: int = Field(default=8007, ge=1, le=65535)
    # Without TLS, everybody on the way can read a session. Only for a trusted network; every page says so.
    allow_plain_http: bool = False
    # What people call the provider of single sign-on; empty where auth has none.
    provider_name: str = ""
    # For an answer to begin. A large range of points takes the API a few seconds.
    api_seconds: float = Field(default=60.0, gt=0)
