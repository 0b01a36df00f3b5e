"""ops/watch and ops/notify on their own, against a service and a webhook that answer what the test says."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from support.pipelines import Repository
from support.render import render
from support.tools import tool

if TYPE_CHECKING:
    from collections.abc import Iterator

VERSION = "a" * 40
TOKEN = "m3trics-t0ken"


class Service:
    """What the watched service answers."""

    def __init__(self) -> None:
        self.port = 0
        self.ready: list[int] = []
        """Answers of /ready to come; 200 when none is left."""
        self.instances: list[str] = []
        """What /metrics says, one instance after the other, over and over."""
        self.asked = 0
        self.webhook_status = 200
        self.messages: list[bytes] = []

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, authorization: str | None) -> tuple[int, str]:
        """Answer a request."""
        if path == "/ready":
            return (self.ready.pop(0) if self.ready else 200), ""
        if path != "/metrics" or authorization != f"Bearer {TOKEN}":
            return 401, ""
        self.asked += 1
        return 200, self.instances[self.asked % len(self.instances)] if self.instances else ""


def metrics(good: int, bad: int, instance: str = "i1", version: str = VERSION, status: str = "500") -> str:
    """Return the metrics of an instance that answered so many requests, and some probes that failed."""
    name = "http_request_duration_seconds_count"
    return f"""# HELP {name} Duration
{name}{{instance="{instance}",method="GET",route="/items",status="200"}} {good}.0
{name}{{instance="{instance}",method="GET",route="/items",status="{status}"}} {bad}.0
{name}{{instance="{instance}",method="GET",route="/items",status="404"}} 0.0
{name}{{instance="{instance}",method="GET",route="/ready",status="503"}} 500.0
service_release{{instance="{instance}",release="{version}"}} 1.0
"""


@pytest.fixture
def service() -> Iterator[Service]:
    """A service and a webhook on a port of their own."""
    running = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, text = running.get(self.path, self.headers["Authorization"])
            self.answer(status, text)

        def do_POST(self) -> None:
            running.messages.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.answer(running.webhook_status, "")

        def answer(self, status: int, text: str) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        running.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield running
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    folder = tmp_path_factory.mktemp("repository")
    root = render(folder / "service", service_name="order-api", platform="fly", checklist="production")
    return Repository(root, folder / "bin")


def watch(
    repository: Repository, service: Service, seconds: int = 1, **variables: str
) -> subprocess.CompletedProcess[str]:
    settings = {"METRICS_TOKEN": TOKEN, "POLL_SECONDS": "0.02", **variables}
    done = repository.ops("watch", service.url, VERSION, str(seconds), **settings)
    seen = "\n".join([done.stdout, done.stderr, *repository.calls()])
    assert TOKEN not in seen
    return done


@pytest.mark.parametrize(
    ("good", "bad", "code"),
    [
        (0, 0, 0),
        (9900, 100, 0),
        (9899, 101, 6),
        (19, 1, 0),
        (0, 1, 0),
        (3, 2, 6),
        (100000, 1, 0),
    ],
    ids=["no-requests", "at-the-limit", "above", "one-of-twenty", "the-only-one", "two-of-five", "far-below"],
)
def test_the_share_of_failed_requests_decides(
    repository: Repository, service: Service, good: int, bad: int, code: int
) -> None:
    service.instances = [metrics(good, bad)]
    done = watch(repository, service)
    assert done.returncode == code, done.stderr
    wanted = f"{bad} of {good + bad} requests" + (f" to {VERSION} failed, more than 1 %" if code else " and 0 of")
    assert wanted in done.stderr


def test_the_limit_can_be_moved(repository: Repository, service: Service) -> None:
    service.instances = [metrics(95, 5)]
    assert watch(repository, service, WATCH_ERROR_PERCENT="5").returncode == 0
    assert watch(repository, service, WATCH_ERROR_PERCENT="4.9").returncode == 6


def test_an_unhandled_error_counts_and_a_refused_request_does_not(repository: Repository, service: Service) -> None:
    service.instances = [metrics(50, 50, status="0")]
    assert watch(repository, service).returncode == 6
    service.instances = [metrics(50, 50, status="429")]
    assert watch(repository, service).returncode == 0


def test_a_clear_failure_ends_the_watch_at_once(repository: Repository, service: Service) -> None:
    service.instances = [metrics(10, 10)]
    done = watch(repository, service, seconds=3600)
    assert done.returncode == 6
    assert service.asked == 1


def test_the_instances_of_the_version_are_counted_together_and_no_other(
    repository: Repository, service: Service
) -> None:
    service.instances = [metrics(985, 5, "i1"), metrics(1000, 10, "i2"), metrics(0, 900, "old", "b" * 40)]
    done = watch(repository, service)
    assert done.returncode == 0, done.stderr
    assert "15 of 2000 requests" in done.stderr
    service.instances[1] = metrics(1000, 40, "i2")
    done = watch(repository, service)
    assert done.returncode == 6
    # The watch ends as soon as the failure is clear, which may be before it has seen the other instance again.
    assert "45 of 2030 requests" in done.stderr or "40 of 1040 requests" in done.stderr


def test_a_version_whose_name_begins_alike_is_another(repository: Repository, service: Service) -> None:
    service.instances = [metrics(0, 900, version=f"{VERSION}0")]
    done = watch(repository, service)
    assert done.returncode == 6
    assert "showed its figures" in done.stderr


def test_a_ready_that_fails_once_decides_nothing(repository: Repository, service: Service) -> None:
    service.instances = [metrics(100, 0)]
    service.ready = [200, 503]
    done = watch(repository, service)
    assert done.returncode == 0, done.stderr
    assert "1 of" in done.stderr


def test_a_ready_that_fails_again_and_again_does(repository: Repository, service: Service) -> None:
    service.instances = [metrics(100, 0)]
    service.ready = [200, 503] * 500
    done = watch(repository, service, seconds=3600)
    assert done.returncode == 6
    assert f"10 of 20 probes of {service.url}/ready failed" in done.stderr


def test_a_short_watch_judges_the_few_probes_that_it_made(repository: Repository, service: Service) -> None:
    service.instances = [metrics(100, 0)]
    service.ready = [503] * 500
    assert watch(repository, service, seconds=2, POLL_SECONDS="0.5").returncode == 6


def test_figures_that_cannot_be_read_end_the_watch_early(repository: Repository, service: Service) -> None:
    service.instances = [metrics(100, 0)]
    done = repository.ops("watch", service.url, VERSION, "3600", METRICS_TOKEN="wrong", POLL_SECONDS="0.02")
    assert done.returncode == 6
    assert "is METRICS_TOKEN right?" in done.stderr


def test_a_service_that_is_gone_breaks_its_promise(repository: Repository) -> None:
    gone = Service()
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
        gone.port = taken.getsockname()[1]
    assert watch(repository, gone, seconds=3600).returncode == 6


@pytest.mark.parametrize(
    ("words", "variables", "code", "reason"),
    [
        ([], {}, 2, "URL must start with"),
        (["example.com", VERSION], {}, 2, "URL must start with"),
        (["ftp://example.com", VERSION], {}, 2, "URL must start with"),
        (["https://example.com"], {}, 2, "VERSION is missing"),
        (["https://example.com", VERSION, "5m"], {}, 2, "'5m'"),
        (["https://example.com", VERSION, "-5"], {}, 2, "unknown option -5"),
        (["https://example.com", VERSION, "5", "6"], {}, 2, "--too-many"),
        (["--wrong"], {}, 2, "unknown option --wrong"),
        (["https://example.com", VERSION], {"WATCH_ERROR_PERCENT": "1%"}, 2, "WATCH_ERROR_PERCENT"),
        (["https://example.com", VERSION], {"WATCH_ERROR_PERCENT": "1.2.3"}, 2, "WATCH_ERROR_PERCENT"),
        (["https://example.com", VERSION], {}, 3, "METRICS_TOKEN is not set"),
        (["https://example.com", VERSION], {"METRICS_TOKEN": ""}, 3, "METRICS_TOKEN is not set"),
    ],
)
def test_wrong_usage_of_watch_is_named(
    repository: Repository, words: list[str], variables: dict[str, str], code: int, reason: str
) -> None:
    done = repository.ops("watch", *words, **variables)
    assert done.returncode == code
    assert reason in done.stderr
    assert done.stdout == ""


def test_a_dry_run_of_watch_prints_what_it_would_ask(repository: Repository) -> None:
    before = repository.calls()
    done = repository.ops("watch", "--dry-run", "https://example.com/", VERSION)
    assert done.returncode == 0
    assert done.stdout.splitlines() == ["curl https://example.com/ready", "curl https://example.com/metrics"]
    assert repository.calls() == before


TEXTS = [
    "a1b2 is live",
    """it's "quoted" \\ $HOME `id`""",
    "first line\nsecond line\ttab",
    "größer, 日本, 🎉",
    '{"text": "x"}',
    "100 % %s",
    "@/etc/passwd",
]


@pytest.mark.parametrize("text", TEXTS)
def test_the_webhook_gets_the_text_as_it_is(repository: Repository, service: Service, text: str) -> None:
    done = repository.ops("notify", "success", text, NOTIFY_WEBHOOK_URL=f"{service.url}/s3cret")
    assert done.returncode == 0, done.stderr
    assert [json.loads(message) for message in service.messages] == [{"text": f"✅ order-api: {text}"}]
    assert f"order-api: {text}\n" in done.stderr
    assert "s3cret" not in "\n".join([done.stdout, done.stderr, *repository.calls()])


@pytest.mark.parametrize(("level", "sign"), [("success", "✅"), ("failure", "❌"), ("rollback", "⏪")])
def test_without_a_webhook_the_text_is_printed(repository: Repository, level: str, sign: str) -> None:
    done = repository.ops("notify", level, "text")
    assert done.returncode == 0
    assert done.stderr == f"{sign} order-api: text\n"


@pytest.mark.parametrize("trouble", ["refused", "404", "500", "no-url"])
def test_a_webhook_that_does_not_work_fails_nothing_and_stays_secret(
    repository: Repository, service: Service, trouble: str
) -> None:
    url = f"{service.url}/s3cret"
    if trouble == "refused":
        with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
            url = f"http://127.0.0.1:{taken.getsockname()[1]}/s3cret"
    elif trouble == "no-url":
        url = "s3cret:\\\\not an address"
    else:
        service.webhook_status = int(trouble)
    done = repository.ops("notify", "failure", "text", NOTIFY_WEBHOOK_URL=url)
    assert done.returncode == 0
    assert "NOTIFY_WEBHOOK_URL did not take the message" in done.stderr
    assert "s3cret" not in "\n".join([done.stdout, done.stderr, *repository.calls()])


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "LEVEL must be"),
        (["fine", "text"], "LEVEL must be"),
        (["success"], "TEXT is missing"),
        (["success", ""], "TEXT is missing"),
        (["success", "a", "b"], "--too-many"),
        (["--wrong"], "unknown option --wrong"),
    ],
)
def test_wrong_usage_of_notify_is_named(
    repository: Repository, service: Service, words: list[str], reason: str
) -> None:
    done = repository.ops("notify", *words, NOTIFY_WEBHOOK_URL=service.url)
    assert done.returncode == 2
    assert reason in done.stderr
    assert service.messages == []


def test_a_dry_run_of_notify_sends_nothing_and_hides_the_address(repository: Repository, service: Service) -> None:
    done = repository.ops("notify", "--dry-run", "failure", "text", NOTIFY_WEBHOOK_URL=f"{service.url}/s3cret")
    assert done.returncode == 0
    assert "order-api: text" in done.stdout
    assert "s3cret" not in done.stdout + done.stderr
    assert service.messages == []


@pytest.mark.parametrize("script", ["watch", "notify", "release"])
def test_the_scripts_explain_themselves(repository: Repository, script: str) -> None:
    done = repository.ops(script, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"Usage: ops/{script} ")
    assert "Exit codes:" in done.stdout


@pytest.mark.parametrize(
    ("platform", "strategy"),
    [("fly", "rolling"), ("cloud_run", "rolling"), ("cloud_run", "blue_green"), ("container_apps", "canary")],
)
@pytest.mark.parametrize("database", ["none", "postgres"])
def test_shellcheck_finds_nothing_in_the_scripts_of_a_release(
    tmp_path_factory: pytest.TempPathFactory, platform: str, strategy: str, database: str
) -> None:
    root = render(
        tmp_path_factory.mktemp("scripts") / "service",
        platform=platform,
        strategy=strategy,
        database=database,
        checklist="production",
    )
    names = ["release", "watch", "notify", "smoke", "deploy", "rollback", "lib.sh", "platform.sh"]
    names += ["shift"] if strategy != "rolling" else []
    done = subprocess.run(
        [tool("shellcheck"), "--external-sources", "--source-path=SCRIPTDIR", "--shell=sh", *names],
        cwd=root / "ops",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
