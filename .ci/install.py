"""Install the pinned dependencies beside this interpreter: with uv, or with pip where uv fails.

uv takes seconds where pip takes minutes. It does not read pip's configuration, so this program
gives it the indexes, links, constraints and certificates of pip.
"""

import os
import subprocess
import sys
from ast import literal_eval

PIP = [sys.executable, "-m", "pip"]
PINNED = ["-c", "constraints.txt", "-e", ".[data,linear]", "--group", "dev"]
VARIABLES = {  # setting of pip: variable of uv
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "timeout": "UV_HTTP_TIMEOUT",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "proxy": "ALL_PROXY",
    "cert": "SSL_CERT_FILE",
}


def read_pip_settings() -> dict[str, str]:
    """Return the settings of pip; those of the environment come before those of files."""
    listed = subprocess.run([*PIP, "config", "list"], check=True, capture_output=True, text=True)
    lines = [line.partition("=") for line in listed.stdout.splitlines()]
    lines.sort(key=lambda line: line[0].startswith(":env:"))
    return {name.rpartition(".")[2]: literal_eval(value) for name, _, value in lines}


def install_with_uv() -> bool:
    """Return whether uv could be installed, and could install."""
    if subprocess.run([*PIP, "install", "--quiet", "uv"]).returncode:
        return False
    settings = read_pip_settings()
    environment = {"UV_INDEX_STRATEGY": "unsafe-best-match"}  # as pip: the best of all indexes
    for name, variable in VARIABLES.items():
        if name in settings:
            comma = "," if variable == "UV_FIND_LINKS" else " "
            environment[variable] = comma.join(settings[name].split())
    constraints = [word for path in settings.get("constraint", "").split() for word in ("-c", path)]
    command = [sys.executable, "-m", "uv", "pip", "install", "--quiet"]
    command += ["--python", sys.executable, *constraints, *PINNED, "pip>=25.1"]
    return subprocess.run(command, env=environment | os.environ).returncode == 0


def main() -> None:
    """Install; end with the status of pip where uv has failed."""
    if not install_with_uv():
        print("uv could not install the dependencies; pip does it, which takes minutes")
        subprocess.run([*PIP, "install", "--quiet", "--upgrade", "pip>=25.1"], check=True)
        subprocess.run([*PIP, "install", "--quiet", *PINNED], check=True)


if __name__ == "__main__":
    main()
