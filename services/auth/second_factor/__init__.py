"""Second factors: one-time codes of an authenticator app (TOTP), passkeys (WebAuthn) and recovery codes."""
