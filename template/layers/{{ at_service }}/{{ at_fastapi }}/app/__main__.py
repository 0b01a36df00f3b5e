"""Runs the service: `python -m app`."""

import uvicorn

from app.main import create_app
from app.operations import logs
from app.operations.shutdown import Drain, Server
from app.settings import load_settings

# Longer than the idle time of common load balancers, so that it is never the service that closes first.
KEEP_ALIVE_SECONDS = 75


def main() -> None:
    """Read the settings and serve until told to stop."""
    settings = load_settings()
    logs.configure(settings.log_level, settings.secret_values())
    drain = Drain(settings.drain_seconds)
    config = uvicorn.Config(
        create_app(settings, drain=drain),
        host="0.0.0.0",  # noqa: S104 - the platform's proxy comes from another machine
        port=settings.port,
        lifespan="on",
        log_config=None,
        # The operations layer does these three.
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )
    Server(config, drain).run()


if __name__ == "__main__":
    main()
