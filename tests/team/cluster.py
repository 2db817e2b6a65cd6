"""Several Prefect servers as a larger team has them, on one machine: two for the API and one for
what goes on in the background, on one Postgres and one Redis, behind a proxy with TLS."""

import shutil
import ssl
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import httpx

from rehearsal.prefect_local import LocalPrefect, free_port
from spotkiln.start.ui import newer

SERVERS = 2
# How long what is taken away stays away.
AWAY_SECONDS = 15.0
# nginx' own folder, also where it is the system's.
CONFIGURATION = """
daemon off;
pid {home}/nginx.pid;
events {{ worker_connections 2048; }}
http {{
  access_log off;
  client_max_body_size 16m;
  client_body_temp_path {home}/body;
  proxy_temp_path {home}/proxy;
  fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi;
  scgi_temp_path {home}/scgi;
  upstream prefect {{
    least_conn;
{servers}
  }}
  map $http_upgrade $kept {{ default upgrade; "" close; }}
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {home}/proxy.pem;
    ssl_certificate_key {home}/proxy.key;
    location / {{
      proxy_pass http://prefect;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $kept;
      proxy_set_header X-Forwarded-Proto https;
      proxy_read_timeout 1h;
    }}
  }}
}}
"""


def path_of(program: str) -> str:
    """Debian keeps some programs out of PATH.

    Raises:
        FileNotFoundError: it is not there.
    """
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin")
    if not found:
        raise FileNotFoundError(program)
    return found


def certificate(home: Path) -> Path:
    """The proxy's, signed by itself, with its key beside it."""
    made = home / "proxy.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(home / "proxy.key"), "-out", str(made)),
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    return made


def environment(redis: int) -> dict[str, str]:
    """What tells Prefect's servers to speak to each other by the Redis at that port."""
    return {
        "PREFECT_MESSAGING_BROKER": "prefect_redis.messaging",
        "PREFECT_MESSAGING_CACHE": "prefect_redis.messaging",
        "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "prefect_redis.ordering",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect_redis.lease_storage",
        "PREFECT_REDIS_MESSAGING_HOST": "127.0.0.1",
        "PREFECT_REDIS_MESSAGING_PORT": str(redis),
        "PREFECT_REDIS_MESSAGING_DB": "0",
        "PREFECT_SERVER_DOCKET_URL": f"redis://127.0.0.1:{redis}/1",
        "PREFECT_API_DATABASE_MIGRATE_ON_START": "false",
        # Of workers, as docs/team.md says it: Prefect's servers fail while Redis is away.
        "PREFECT_CLIENT_RETRY_EXTRA_CODES": "500",
    }


class Cluster(LocalPrefect):
    """`address` is the proxy's. `apis` are its servers, in the order of their ports."""

    def __init__(self, home: Path, environment: Mapping[str, str], password: str) -> None:
        super().__init__(home, environment, 0, password)
        home.mkdir(parents=True, exist_ok=True)
        self.certificate = certificate(home)
        self.redis_port = free_port(0)
        self.ports = [free_port(0) for _ in range(SERVERS)]
        self.address = f"https://127.0.0.1:{self.port}"
        self.environment.update(
            PREFECT_API_URL=f"{self.address}/api",
            PREFECT_UI_URL=newer(self.address),
            PREFECT_UI_API_URL=f"{self.address}/api",
            PREFECT_SERVER_CORS_ALLOWED_ORIGINS=self.address,
            PREFECT_API_SSL_CERT_FILE=str(self.certificate),
        )

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificate))

    def start_redis(self) -> None:
        """What it holds is on the disk: it outlives a restart."""
        folder = self.home / "redis"
        folder.mkdir(exist_ok=True)
        self.redis = self.start(
            path_of("redis-server"),
            *("--port", str(self.redis_port), "--bind", "127.0.0.1"),
            *("--dir", str(folder), "--appendonly", "yes"),
            log="redis.log",
        )

    def start_api(self, number: int) -> None:
        port = str(self.ports[number])
        server = self.start(
            Path(sys.executable).name,
            *("-m", "spotkiln.cli.server", "--host", "127.0.0.1", "--port", port, "--no-services"),
            log=f"api-{number}.log",
        )
        self.apis[number : number + 1] = [server]

    def lose_api(self, number: int) -> None:
        """One server is killed; another takes its place, and answers when this returns."""
        self.apis[number].kill()
        self.apis[number].wait(10)
        time.sleep(AWAY_SECONDS)
        self.start_api(number)
        self.wait_for_server()

    def restart_redis(self) -> None:
        self.redis.terminate()
        self.redis.wait(30)
        time.sleep(AWAY_SECONDS)
        self.start_redis()

    def start_server(self) -> None:
        self.start_redis()
        self.environment.update(environment(self.redis_port))
        self._run("prefect", "server", "database", "upgrade", "-y")
        self.apis: list[subprocess.Popen[bytes]] = []
        for number in range(SERVERS):
            self.start_api(number)
            # On an empty database two at once both register the blocks, and one of them ends.
            self._wait_for(f"http://127.0.0.1:{self.ports[number]}")
        self.start("prefect", "server", "services", "start", log="services.log")
        servers = "\n".join(f"    server 127.0.0.1:{port} fail_timeout=2s;" for port in self.ports)
        file = self.home / "nginx.conf"
        file.write_text(CONFIGURATION.format(home=self.home, servers=servers, port=self.port))
        self.start(path_of("nginx"), "-c", str(file), "-e", "stderr", log="nginx.log")

    def wait_for_server(self, timeout_seconds: float = 180) -> None:
        for address in (*(f"http://127.0.0.1:{port}" for port in self.ports), self.address):
            self._wait_for(address, timeout_seconds)

    def _wait_for(self, address: str, timeout_seconds: float = 180) -> None:
        deadline = time.monotonic() + timeout_seconds
        while not self._answers(f"{address}/api/health"):
            if time.monotonic() > deadline:
                raise RuntimeError(f"no answer at {address}; see {self.home}")
            time.sleep(0.5)

    def _answers(self, address: str) -> bool:
        try:
            return httpx.get(address, timeout=2, verify=self.trust()).is_success
        except httpx.HTTPError:
            return False
