"""Hydra's work on the project's own files, kept for the next command line with the same choices.

Composing takes 100 ms, mostly for files that do not change while tests run: which of them the
choices of groups need, and their merged contents. What settings do to these is done each time.
All processes of a test run share this work in a folder.
"""

import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

ROOT = Path(__file__).parents[2]
CONF, SWEEPS = ROOT / "conf", ROOT / "sweeps"
FOLDER = "RNNLAB_TEST_COMPOSITIONS"  # variable: a folder of this test run alone


class Memory:
    """Pickled values that are made once, by whichever process needs them first.

    Args:
        name: of the kind of values.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.kept: dict[Any, bytes] = {}

    def recall(self, key: Any, make: Callable[[], Any]) -> Any:
        """Return a copy of the value of a key, which is the same in all processes."""
        if key not in self.kept:
            self.kept[key] = self._read(key, make)
        return pickle.loads(self.kept[key])

    def _read(self, key: Any, make: Callable[[], Any]) -> bytes:
        if not (folder := os.environ.get(FOLDER)):
            return pickle.dumps(make())
        text = repr((self.name, key))
        assert " at 0x" not in text, "an address is another one in another process"
        file = Path(folder) / sha256(text.encode()).hexdigest()
        if not file.exists():
            draft = file.with_suffix(f".{os.getpid()}")
            draft.write_bytes(pickle.dumps(make()))
            draft.replace(file)
        return file.read_bytes()


def find_folders(repository: Any) -> tuple[str, ...]:
    """Return the folders of a repository if they do not change while tests run."""
    sources = repository.get_sources()
    folders = tuple(source.path for source in sources if source.scheme() == "file")
    return folders if {*folders} <= {str(CONF), str(SWEEPS)} else ()


def remember_choices(create: Callable[..., Any]) -> Callable[..., Any]:
    """Return hydra's create_defaults_list with a memory for the choices of groups."""
    from hydra._internal.defaults_list import DefaultsList

    memory = Memory("choices")

    def create_defaults_list(
        repo: Any, config_name: str, overrides_list: list[Any], **options: Any
    ) -> Any:
        if not (folders := find_folders(repo)):
            return create(repo, config_name, overrides_list, **options)

        def is_choice(override: Any) -> bool:
            is_group = repo.group_exists(override.key_or_group)
            return is_group and not isinstance(override.value(), dict)

        known = [override for override in overrides_list if not override.is_sweep_override()]
        choices = [override for override in known if is_choice(override)]
        settings = [override for override in known if override not in choices]
        lines = tuple(choice.input_line for choice in choices)
        key = (folders, config_name, lines, *options.items())
        made = memory.recall(key, lambda: create(repo, config_name, choices, **options))
        return DefaultsList(made.defaults, made.defaults_tree, settings, made.overrides)

    return create_defaults_list


def remember_files(compose: Callable[..., Any]) -> Callable[..., Any]:
    """Return the method that merges files, with a memory for each list of files."""
    memory = Memory("files")

    def compose_files(loader: Any, defaults: list[Any], repo: Any) -> Any:
        if not (folders := find_folders(repo)):
            return compose(loader, defaults, repo)
        key = (folders, *(tuple(vars(default).items()) for default in defaults))
        return memory.recall(key, lambda: compose(loader, defaults, repo))

    return compose_files


def remember_yaml(load: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return OmegaConf.load with a memory for the texts of files."""
    from io import StringIO

    memory = Memory("texts")

    def load_file(file: Any) -> Any:
        text = file.read() if hasattr(file, "read") else Path(file).read_text(encoding="utf-8")
        return memory.recall(text, lambda: load(StringIO(text)))

    return load_file


@contextmanager
def remember_compositions() -> Iterator[None]:
    """Compose from memory within."""
    from omegaconf import OmegaConf, base
    from omegaconf.grammar_parser import parse

    hydra: Any = import_module("hydra._internal.config_loader_impl")
    loader = hydra.ConfigLoaderImpl
    merge = "_compose_config_from_defaults_list"
    with ExitStack() as stack:
        for owner, name, value in (
            (OmegaConf, "load", staticmethod(remember_yaml(OmegaConf.load))),
            (base, "parse", cache(parse)),  # trees of interpolations; who walks them changes none
            (hydra, "create_defaults_list", remember_choices(hydra.create_defaults_list)),
            (loader, merge, remember_files(getattr(loader, merge))),
        ):
            stack.enter_context(patch.object(owner, name, value))
        yield
