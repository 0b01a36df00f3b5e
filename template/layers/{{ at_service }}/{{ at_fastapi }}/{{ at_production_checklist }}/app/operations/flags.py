"""Feature flags, asked through OpenFeature, so that a flag service can take the place of environment variables.

A flag is a setting whose name begins with FLAG_. Add `flag_new_prices: bool = Field(default=False)` to the settings and
FLAG_NEW_PRICES to `.env.example`; then ask `client.get_boolean_value("new_prices", default_value=False)`.
"""

from openfeature import api
from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider

from app.settings import Settings

PREFIX = "flag_"

client = api.get_client()


def configure(settings: Settings) -> None:
    """Give every flag the value of its variable."""
    values = {name: getattr(settings, name) for name in type(settings).model_fields if name.startswith(PREFIX)}
    flags = {name.removeprefix(PREFIX): InMemoryFlag("set", {"set": value}) for name, value in values.items()}
    api.set_provider_and_wait(InMemoryProvider(flags))
