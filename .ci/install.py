"""Create a virtual environment with the pinned dependencies: with uv, or with pip where uv fails.

    python .ci/install.py .venv

uv takes seconds where pip takes minutes. It does not read pip's configuration, so this program
gives it the indexes, links, constraints and certificates of pip.
"""

import os
import subprocess
import sys
import venv
from ast import literal_eval
from pathlib import Path

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
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True)
    lines = [line.partition("=") for line in listed.stdout.splitlines()]
    lines.sort(key=lambda line: line[0].startswith(":env:"))
    return {name.rpartition(".")[2]: literal_eval(value) for name, _, value in lines}


def install_with_uv(python: Path) -> bool:
    """Return whether uv could be installed, and could install.

    The pip of this interpreter does it: to put one into the new environment takes longer.
    """
    pip = [sys.executable, "-m", "pip", "--python", str(python)]
    if subprocess.run([*pip, "install", "--quiet", "uv"]).returncode:
        return False
    settings = read_pip_settings()
    environment = {"UV_INDEX_STRATEGY": "unsafe-best-match"}  # as pip: the best of all indexes
    for name, variable in VARIABLES.items():
        if name in settings:
            comma = "," if variable == "UV_FIND_LINKS" else " "
            environment[variable] = comma.join(settings[name].split())
    constraints = [word for path in settings.get("constraint", "").split() for word in ("-c", path)]
    command = [str(python), "-m", "uv", "pip", "install", "--quiet", "--python", str(python)]
    command += [*constraints, *PINNED, "pip>=25.1"]
    return subprocess.run(command, env=environment | os.environ).returncode == 0


def main() -> None:
    """Install; end with the status of pip where uv has failed."""
    folder = Path(sys.argv[1])
    python = folder / "bin" / "python"
    venv.create(folder, symlinks=True)
    if not install_with_uv(python):
        print("uv could not install the dependencies; pip does it, which takes minutes")
        venv.create(folder, symlinks=True, with_pip=True)
        pip = [str(python), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, "--upgrade", "pip>=25.1"], check=True)
        subprocess.run([*pip, *PINNED], check=True)


if __name__ == "__main__":
    main()
