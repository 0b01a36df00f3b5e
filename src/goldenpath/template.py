"""Where the template comes from: the bundle in the wheel, the checkout this runs from, or a URL that the person names.

Answers always record the canonical URL. While Copier runs, Git's `url.<bundle>.insteadOf` lets the bundle stand in for
that URL, so that a service can be written without a network and updated from the real repository later.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from goldenpath.errors import ExitCode, GoldenpathError

if TYPE_CHECKING:
    from collections.abc import Iterator

_BUNDLED = Path(__file__).parent / "_bundled"
_CHECKOUT = Path(__file__).parents[2]
FETCH_TIMEOUT_SECONDS = 120


@cache
def canonical_url() -> str:
    """Return the Git URL that generated services record, from the `Template` URL in the package's metadata."""
    from importlib.metadata import metadata  # noqa: PLC0415 - 25 ms, and only some commands need it

    urls: dict[str, str] = dict(entry.split(", ", 1) for entry in metadata("goldenpath").get_all("Project-URL") or [])
    return urls["Template"]


@dataclass(frozen=True, slots=True)
class Template:
    """One version of a template.

    Args:
        url: What the service records as its source.
        ref: The tag, branch or commit to render.
        directory: The template's files: `copier.yml` and `template/`.
        stand_in: A local repository or bundle that Git reads in place of `url`, or `None` to read `url` itself.
    """

    url: str
    ref: str
    directory: Path
    stand_in: Path | None

    @property
    def catalog(self) -> Path:
        """The folder that holds the tier table and the platforms."""
        return self.directory / "template" / "catalog"


def own_directory() -> Path:
    """Return the folder of the template that ships with this package.

    Returns:
        The package's own copy, or the checkout when the package is installed from one in editable mode.

    Raises:
        GoldenpathError: The installation holds no template.
    """
    for directory in (_CHECKOUT, _BUNDLED):
        if (directory / "copier.yml").is_file():
            return directory
    message = f"This installation of goldenpath holds no template in {_BUNDLED}."
    raise GoldenpathError(message, remedy="Install it again.", exit_code=ExitCode.TEMPLATE)


@contextlib.contextmanager
def open_template(url: str | None = None, ref: str | None = None) -> Iterator[Template]:
    """Make a template's files available for as long as the context lasts.

    Args:
        url: A Git URL or a folder; `None` for the template that ships with this package.
        ref: A tag, branch or commit; `None` for the newest tag of `url`, or for what ships with this package.

    Yields:
        The template.

    Raises:
        GoldenpathError: Git is missing, or the URL or the version cannot be fetched.
    """
    require_git()
    if url is None and ref is None:
        directory = own_directory()
        stand_in = directory if directory == _CHECKOUT else _BUNDLED / "template.bundle"
        yield Template(canonical_url(), "HEAD", directory, stand_in)
        return
    source = url or canonical_url()
    if (local := Path(source).expanduser()).exists():
        source = str(local.resolve())
    with tempfile.TemporaryDirectory(prefix="goldenpath-template-") as temporary:
        directory = Path(temporary) / "template"
        wanted = ref or _newest_tag(source)
        _git("clone", "--quiet", "--", source, str(directory), url=source)
        _git("-C", str(directory), "checkout", "--quiet", wanted, "--", url=source)
        if not (directory / "copier.yml").is_file() or not (directory / "template" / "catalog").is_dir():
            message = f"--template = {source!r}: there is no copier.yml with a template/catalog at {wanted}."
            remedy = "Name a goldenpath template, such as a fork of it."
            raise GoldenpathError(message, remedy=remedy, exit_code=ExitCode.TEMPLATE)
        yield Template(source, wanted, directory, None)


@contextlib.contextmanager
def git_environment(template: Template) -> Iterator[dict[str, str]]:
    """Point Git at the template's stand-in, with a Copier cache of its own.

    Copier keeps one mirror for each URL and is not safe to run in parallel on it; a private cache also keeps the
    stand-in from being taken for the real repository later.

    Args:
        template: The template about to be rendered.

    Yields:
        The environment variables to set for the process that runs Git.
    """
    with tempfile.TemporaryDirectory(prefix="goldenpath-cache-") as cache_directory:
        environment = {"COPIER_CACHE_DIR": cache_directory}
        if template.stand_in is not None:
            count = int(os.environ.get("GIT_CONFIG_COUNT", "0"))
            # The person's own entries stay: they may hold the proxy or the certificates.
            environment |= {name: value for name, value in os.environ.items() if name.startswith("GIT_CONFIG_")}
            environment |= {
                "GIT_CONFIG_COUNT": str(count + 1),
                f"GIT_CONFIG_KEY_{count}": f"url.{template.stand_in}.insteadOf",
                f"GIT_CONFIG_VALUE_{count}": template.url,
            }
        yield environment


def require_git() -> None:
    """Raise a clear error when Git is missing, since Copier reads templates with it."""
    if shutil.which("git") is None:
        message = "git is missing: the template is read with it."
        raise GoldenpathError(
            message, remedy="Install Git, then run the command again.", exit_code=ExitCode.TOOL_MISSING
        )


def _newest_tag(url: str) -> str:
    from packaging.version import InvalidVersion, Version  # noqa: PLC0415 - only --template needs it

    versions = {}
    for line in _git("ls-remote", "--tags", "--refs", "--", url, url=url).splitlines():
        tag = line.rsplit("refs/tags/", 1)[-1]
        with contextlib.suppress(InvalidVersion):
            if not (version := Version(tag)).is_prerelease:
                versions[version] = tag
    return versions[max(versions)] if versions else "HEAD"


def _git(*arguments: str, url: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - arguments are a list, and every URL comes after `--`
            ["git", *arguments],  # noqa: S607 - the person's own Git
            check=True,
            capture_output=True,
            text=True,
            timeout=FETCH_TIMEOUT_SECONDS,
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0"},
        )
    except subprocess.TimeoutExpired as error:
        message = f"--template = {url!r}: no answer within {FETCH_TIMEOUT_SECONDS} seconds."
        raise GoldenpathError(message, remedy="Check the network.", exit_code=ExitCode.TEMPLATE) from error
    except subprocess.CalledProcessError as error:
        reason = error.stderr.strip().splitlines()[-1] if error.stderr.strip() else "git failed"
        message = f"--template = {url!r}: {reason}."
        remedy = "Check the URL, your access to it and --vcs-ref."
        raise GoldenpathError(message, remedy=remedy, exit_code=ExitCode.TEMPLATE) from error
    return done.stdout
