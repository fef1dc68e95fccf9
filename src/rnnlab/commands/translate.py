"""Translate with the network of a finished run.

    rnnlab translate outputs/multi30k-lstm/<run> "ein mann schläft auf einem sofa."
    rnnlab translate <run> --input sentences.de > sentences.en
    cat sentences.de | rnnlab translate <run> --beam-size 10 --n-best 3
    rnnlab translate <run> --input test.de --reference test.en > written.en

One translation a line, in the order of the sentences; with --n-best, of each of them the number of
the sentence, the score and the text, with tabs between. With --reference, BLEU and chrF are printed
to standard error at the end.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from rnnlab.config.messages import readable_errors
from rnnlab.errors import ConfigError, DataError

if TYPE_CHECKING:
    from torch import Tensor

    from rnnlab.layers.search import Hypothesis

BATCH = 64  # sentences that are searched together
AT_ONCE = 1_024  # sentences that are in memory at once

T = TypeVar("T")


class Candidate(NamedTuple):
    """A translation.

    Attributes:
        text: to be read.
        score: log-probability divided by the length penalty; the higher, the better.
    """

    text: str
    score: float


class Translator:
    """The network of a run, with its vocabularies: from sentences to sentences.

    >>> Translator("outputs/multi30k-lstm/<run>")(["ein mann schläft."])  # doctest: +SKIP
    [[Candidate(text='a man is sleeping.', score=-1.9)]]

    Args:
        run_dir: folder of the run.
        checkpoint: best | last.

    Raises:
        ConfigError: there is no such run, or it did not learn to translate.
    """

    def __init__(self, run_dir: str | Path, checkpoint: str = "best") -> None:
        from rnnlab.config.schema import parse
        from rnnlab.data.text.vocabulary import Vocabulary
        from rnnlab.data.translation import ParallelTextDataModule
        from rnnlab.experiment.build import build_data
        from rnnlab.experiment.load import load_model
        from rnnlab.tasks import Translation

        self.model = load_model(run_dir, checkpoint)
        data = build_data(parse(self.model.hyper_parameters["config"]))  # it reads nothing
        task = self.model.task
        if not isinstance(task, Translation) or not isinstance(data, ParallelTextDataModule):
            raise ConfigError(
                f"{run_dir}: is a run of task={task.name}, which does not translate; give the "
                "folder of one of task=translation, such as data=multi30k"
            )
        self.task, self.before = task, data.normalize
        self.language, self.lower = data.languages[1], data.lower
        self.source, self.target = (
            Vocabulary.load(_there(Path(run_dir) / f"{side}_vocabulary.json"))
            for side in ("source", "target")
        )

    def __call__(
        self, sentences: Sequence[str], beam_size: int | None = None, n_best: int = 1
    ) -> list[list[Candidate]]:
        """The best translations of each sentence, the best first.

        Args:
            sentences: are read whole, however long; an empty one has an empty translation.
            beam_size: None for that of the run.
            n_best: so many of each, `beam_size` at most; fewer where fewer were found.
        """
        size = beam_size or self.task.beam_size
        if n_best > size:
            raise ConfigError(
                f"--n-best {n_best}: a beam of {size} holds no more than {size}; give "
                f"--beam-size {n_best} or more"
            )
        texts = [text.strip() for text in sentences]
        ids = self.source.encode([self.before(text) for text in texts])
        found = [[Candidate("", 0.0)] for _ in texts]
        said = [i for i, text in enumerate(texts) if text and ids[i]]
        order = sorted(said, key=lambda i: len(ids[i]))
        for rows in pieces(order, BATCH):
            best = self._search([ids[i] for i in rows], size, n_best)
            for i, several in zip(rows, best, strict=True):
                found[i] = [self._read(one) for one in several]
        return found

    def _search(
        self, sources: Sequence[list[int]], beam_size: int, n_best: int
    ) -> "list[list[Hypothesis]]":
        import torch

        from rnnlab.spec import Batch

        lengths = torch.tensor([len(tokens) for tokens in sources])
        inputs = _padded(sources)
        nothing = inputs[:, :0]  # targets are not known
        batch = Batch(inputs, lengths, nothing, torch.arange(len(sources)))
        with torch.inference_mode():
            return self.task.search(self.model.encode(batch), beam_size, n_best)

    def _read(self, one: "Hypothesis") -> Candidate:
        return Candidate(self.target.decode(one.tokens.tolist()).strip(), one.score)


def _padded(sources: Sequence[list[int]]) -> "Tensor":
    import torch
    from torch.nn.utils.rnn import pad_sequence

    return pad_sequence([torch.tensor(tokens) for tokens in sources], batch_first=True)


def pieces(members: Iterable[T], size: int) -> Iterator[list[T]]:
    """So many at a time; only those are asked for.

    >>> list(pieces("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    rest = iter(members)
    while piece := list(islice(rest, size)):
        yield piece


def _there(file: Path) -> Path:
    if not file.is_file():
        raise ConfigError(f"{file}: is missing; a run of task=translation leaves it in its folder")
    return file


def main(words: Sequence[str]) -> None:
    """Translate what the command line names, and print it.

    Args:
        words: the command line, without the program.

    Raises:
        ConfigError: there is no such run, or a setting cannot work.
        DataError: the input cannot be read.
    """
    given = parser().parse_args(words)
    translator = Translator(given.run_dir, given.checkpoint)
    asked = sentences(given.sentences, given.input)
    references = list(_lines(given.reference)) if given.reference else None
    read: list[str] = []
    written: list[str] = []
    for some in pieces(asked, 1 if _typed(given) else AT_ONCE):
        for candidates in translator(some, given.beam_size, given.n_best):
            written.append(candidates[0].text)
            for one in candidates:
                known = [str(len(written)), f"{one.score:.4f}"] if given.n_best > 1 else []
                print(*known, one.text, sep="\t", flush=True)
        read += some
    if references is not None:
        print(score(translator, references, written), file=sys.stderr)


def score(translator: Translator, references: list[str], written: list[str]) -> str:
    """Return BLEU and chrF by sacrebleu, computed as after a run.

    Raises:
        DataError: there are not as many references as sentences.
    """
    from rnnlab.metrics.translation import score_translations

    if len(references) != len(written):
        raise DataError(
            f"--reference: has {len(references):,} lines for {len(written):,} sentences; line i of "
            "one must be the translation of line i of the other"
        )
    return "\n".join(
        score_translations(written, references, translator.language, translator.lower).describe()
    )


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="rnnlab translate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("run_dir", help="folder of a finished run of task=translation")
    made.add_argument("sentences", nargs="*", help="to translate; none to read standard input")
    made.add_argument("--input", metavar="FILE", help="with a sentence a line, UTF-8")
    made.add_argument("--reference", metavar="FILE", help="translations by a person, to score ours")
    made.add_argument("--beam-size", type=_count, help="1 is greedy; that of the run if left out")
    made.add_argument("--n-best", type=_count, default=1, help="translations of each sentence (1)")
    made.add_argument("--checkpoint", choices=("best", "last"), default="best", help="(best)")
    return made


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, not {text!r}")
    return int(text)


def _typed(given: argparse.Namespace) -> bool:
    """Whether a person types the sentences, who waits for each translation."""
    return not given.sentences and given.input is None and sys.stdin.isatty()


def sentences(words: Sequence[str], file: str | None) -> Iterator[str]:
    """Those of the command line, of a file, or of standard input.

    Raises:
        ConfigError: of the command line and of a file.
        DataError: there is no such file, or it is not UTF-8.
    """
    if words and file is not None:
        raise ConfigError(f"--input {file}: sentences were given too; leave one of them out")
    if words:
        return iter(words)
    return _lines(file)


def _lines(file: str | None) -> Iterator[str]:
    name = file or "standard input"
    try:
        if file is None:
            yield from (line.rstrip("\n") for line in sys.stdin)
        else:
            with Path(file).open(encoding="utf-8") as handle:
                yield from (line.rstrip("\n") for line in handle)
    except OSError as error:
        raise DataError(f"{name}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{name}: is not UTF-8 text: {error.reason}") from error


if __name__ == "__main__":
    with readable_errors():
        main(sys.argv[1:])
