"""Scores of networks and baselines, recomputed from raw files with numpy in double precision.

An untrained network predicts a test split in single precision, like every run. Each metric of the
split is recomputed from these predictions and the raw file, with its definition written out here.
"""

import csv
import math
from collections import Counter, defaultdict
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from rnnlab.config.schema import parse
from rnnlab.experiment.build import build_data, build_model, build_task
from rnnlab.metrics.translation import score_translations
from rnnlab.models import RecurrentModel
from rnnlab.models.scores import Scores
from tests.helpers.configs import small, write_lines

EXACT = 1e-9  # relative


def open_small(name: str, folder: Path, *overrides: str, **settings: Any) -> Any:
    """A small data set, and an untrained network for it."""
    config = parse(small(name, folder, "model=gru", *overrides, **settings))
    data = build_data(config)
    data.prepare_data()
    data.setup()
    torch.manual_seed(1)
    return data, build_model(config, build_task(config, data.spec)).eval()


@torch.no_grad()
def predict(data: Any, model: RecurrentModel) -> tuple[dict[str, float], list[Any]]:
    """The scores of the test split, and the prediction of each target in its order."""
    scores, answers = Scores(model.task, "test"), {}
    for batch in data.test_dataloader():
        encoding = model.encode(batch, "test")
        predictions = model.task.predict(encoding, batch)
        scores.update(predictions, batch)
        decoded = model.task.decode(predictions, encoding, batch)
        rows = batch.rows.reshape(-1).tolist()
        answers |= dict(
            zip(rows, decoded.reshape(len(rows), *decoded.shape[batch.rows.ndim :]), strict=True)
        )
    found = {name.split("/")[1]: float(value) for name, value in scores.compute().items()}
    return found, [answers[row].double().numpy() for row in sorted(answers)]


# Series.


def test_the_errors_of_a_network_are_those_of_its_forecasts(tmp_path: Path) -> None:
    data, model = open_small("csv_series", tmp_path, report_in="original")
    scores, forecasts = predict(data, model)
    with Path(data.path).open(newline="") as file:
        rows = list(csv.DictReader(file))
    values = np.array([[float(row["one"]), float(row["two"])] for row in rows])
    targets = np.array([values[first : first + 3] for first in range(160, 198)])
    assert len(forecasts) == len(targets)
    errors = (np.array(forecasts) - targets) / values[:140].std(axis=0)
    assert scores["mse"] == pytest.approx(np.mean(errors**2), rel=EXACT)
    assert scores["mae"] == pytest.approx(np.mean(np.abs(errors)), rel=EXACT)


def test_sine_persistence_and_the_floor_of_the_noise(tmp_path: Path) -> None:
    data, model = open_small("sine", tmp_path, frequencies=[0.05, 0.11], amplitudes=[1.0, 0.5])
    random = np.random.default_rng([data.data_seed, 2])  # of the test
    phases = random.uniform(0, 2 * np.pi, (5, 1, 2))
    clean = np.sin(2 * np.pi * np.arange(60)[:, None] * [0.05, 0.11] + phases) @ [1.0, 0.5]
    noisy = clean + data.noise * random.standard_normal(clean.shape)
    series = noisy.astype(np.float32).astype(np.float64)  # as they are generated
    targets, last = series[:, 40:].ravel(), series[:, 39:-1].ravel()
    baselines = data.baselines("test")
    mse = np.mean((targets - last) ** 2)
    assert baselines["persistence"] == pytest.approx(
        {
            "mse": mse,
            "mae": np.mean(np.abs(targets - last)),
            "noise_ratio": mse / data.noise**2,
        },
        rel=EXACT,
    )
    steps = np.arange(17)[:, None] * 2 * np.pi * np.array([0.05, 0.11])
    waves = np.concatenate([np.sin(steps), np.cos(steps)], axis=1)
    weights = waves[16] @ np.linalg.pinv(waves[:16])  # of the best unbiased forecast
    floor = data.noise**2 * (1 + weights @ weights)
    assert baselines["noise floor"]["mse"] == pytest.approx(floor, rel=EXACT)
    scores, forecasts = predict(data, model)
    mse = np.mean((np.array(forecasts).ravel() - targets) ** 2)
    assert scores["mse"] == pytest.approx(mse, rel=EXACT)
    assert scores["noise_ratio"] == pytest.approx(mse / data.noise**2, rel=EXACT)


# Classes.


def class_metrics_by_hand(p: Any, targets: Any, positive: int | None = None) -> dict[str, float]:
    """Accuracy, F1, Matthews correlation, AUROC and cross entropy from their definitions."""
    count = p.shape[1]
    predicted = p.argmax(axis=1)
    f1 = {}
    for c in range(count):
        tp = np.sum((predicted == c) & (targets == c))
        wrong = np.sum((predicted == c) != (targets == c))
        if tp + wrong:
            f1[c] = 2 * tp / (2 * tp + wrong)
    one_hot = np.eye(count)
    x, y = one_hot[predicted], one_hot[targets]
    covariance = [
        np.sum((a - a.mean(axis=0)) * (b - b.mean(axis=0))) for a, b in ((x, y), (x, x), (y, y))
    ]
    areas = []
    for c in np.unique(targets):
        inside, outside = p[targets == c, c][:, None], p[targets != c, c][None]
        areas.append(np.mean((inside > outside) + 0.5 * (inside == outside)))
    spread = covariance[1] * covariance[2]
    return {
        "accuracy": float(np.mean(predicted == targets)),
        "f1": float(np.mean(list(f1.values())) if positive is None else f1.get(positive, 0.0)),
        "mcc": covariance[0] / math.sqrt(spread) if spread else 0.0,
        "auroc": float(np.mean(areas)),
        "loss": float(-np.mean(np.log(p[np.arange(len(p)), targets]))),
    }


@pytest.mark.parametrize("name", ["imdb", "sms_spam"])
def test_scores_of_classes(name: str, tmp_path: Path) -> None:
    data, model = open_small(name, tmp_path)
    delimiter = {"imdb": ",", "sms_spam": "\t"}[name]
    with Path(data.path).open(newline="") as file:
        rows = list(csv.reader(file, delimiter=delimiter))
    pairs = rows[1:] if name == "imdb" else [row[::-1] for row in rows]
    classes = sorted({label for _, label in pairs})
    label_of = {text: classes.index(label) for text, label in pairs}
    texts = {
        split: [data.example(split, i)["text"] for i in range(len(data.labels[split]))]
        for split in ("train", "test")
    }
    labels = {split: np.array([label_of[text] for text in part]) for split, part in texts.items()}
    positive = classes.index("spam") if name == "sms_spam" else None
    scores, probabilities = predict(data, model)
    wanted = class_metrics_by_hand(np.array(probabilities), labels["test"], positive)
    for metric in ("accuracy", "f1", "mcc", "auroc"):
        assert scores[metric] == pytest.approx(wanted[metric], rel=EXACT, abs=1e-12), metric
    shares = np.bincount(labels["train"], minlength=2) / len(labels["train"])
    baselines = data.baselines("test")
    majority = np.tile(shares, (len(labels["test"]), 1))
    assert baselines["majority"] == pytest.approx(
        class_metrics_by_hand(majority, labels["test"], positive), rel=EXACT, abs=1e-12
    )
    if name == "imdb":
        linear = linear_by_hand(texts["train"], labels["train"], texts["test"])
        assert baselines["linear"] == pytest.approx(
            class_metrics_by_hand(linear, labels["test"]), rel=EXACT, abs=1e-12
        )


def linear_by_hand(texts: list[str], labels: Any, others: list[str]) -> Any:
    """Naive Bayes log-count ratios of words and pairs, and a logistic regression on them."""
    from sklearn.linear_model import LogisticRegression

    def ngrams(text: str) -> set[str]:
        words = text.split()
        return {*words, *(f"{a} {b}" for a, b in pairwise(words))}

    names = sorted(set().union(*map(ngrams, texts)))

    def indicators(part: list[str]) -> Any:
        return np.array([[float(name in found) for name in names] for found in map(ngrams, part)])

    train = indicators(texts)
    inside, outside = (1 + train[labels == c].sum(axis=0) for c in (1, 0))
    ratio = np.log(inside / inside.sum()) - np.log(outside / outside.sum())
    model = LogisticRegression(C=1.0, solver="liblinear", random_state=0)
    model.fit(train * ratio, labels == 1)
    return model.predict_proba(indicators(others) * ratio)


@pytest.mark.parametrize("name", ["copying", "echo"])
def test_scores_of_symbols(name: str, tmp_path: Path) -> None:
    data, model = open_small(name, tmp_path)
    scores, probabilities = predict(data, model)
    targets = np.array([data.targets["test"][row] for row in range(20)])
    p = np.array(probabilities)
    steps = p if p.shape[1] == targets.shape[1] else p.transpose(0, 2, 1)  # (N, steps, classes)
    correct = steps.argmax(axis=2) == targets
    assert scores["accuracy"] == pytest.approx(correct.mean(), rel=EXACT)
    assert scores["exact_match"] == pytest.approx(correct.all(axis=1).mean(), rel=EXACT)
    baselines = data.baselines("test")
    assert baselines["constant"]["accuracy"] == pytest.approx(np.mean(targets == 0), rel=EXACT)
    symbols = data.spec.output_size
    wanted = {"loss": math.log(symbols), "accuracy": 1 / symbols}
    wanted["exact_match"] = (1 / symbols) ** targets.shape[1]
    assert baselines["guess"] == pytest.approx(wanted, rel=EXACT)


def test_scores_of_sums(tmp_path: Path) -> None:
    data, model = open_small("adding", tmp_path)
    scores, forecasts = predict(data, model)
    numbers, markers = data.inputs["test"].astype(np.float64).transpose(2, 0, 1)
    sums = (numbers * markers).sum(axis=1).astype(np.float32).astype(np.float64)
    for found, predicted in (
        (scores, np.array(forecasts).ravel()),
        (data.baselines("test")["constant"], 1.0),
    ):
        assert found["mse"] == pytest.approx(np.mean((predicted - sums) ** 2), rel=EXACT)
        assert found["mae"] == pytest.approx(np.mean(np.abs(predicted - sums)), rel=EXACT)


def log_softmax(scores: Any) -> Any:
    """Logarithms of probabilities along the last axis, in double precision."""
    scores = scores.double().numpy()
    scores = scores - scores.max(axis=-1, keepdims=True)
    return scores - np.log(np.exp(scores).sum(axis=-1, keepdims=True))


QUANTILES = np.array([0.1, 0.5, 0.9])
FORECAST_LOSSES_BY_HAND: dict[str, Any] = {
    "mse": lambda e: e[..., 0] ** 2,
    "mae": lambda e: np.abs(e[..., 0]),
    "huber": lambda e: np.where(np.abs(e[..., 0]) < 1, e[..., 0] ** 2 / 2, np.abs(e[..., 0]) - 0.5),
    "quantile": lambda e: np.maximum(QUANTILES * e, (QUANTILES - 1) * e).mean(axis=-1),
}


@torch.no_grad()
@pytest.mark.parametrize("loss", FORECAST_LOSSES_BY_HAND)
def test_losses_of_forecasts(loss: str, tmp_path: Path) -> None:
    data, model = open_small("sine", tmp_path, f"task.loss={loss}")
    scores, losses = Scores(model.task, "test"), []
    for batch in data.test_dataloader():
        predictions = model.task.predict(model.encode(batch, "test"), batch)
        scores.update(predictions, batch)
        forecasts = predictions.double().numpy().reshape(*batch.targets.shape, -1)
        errors = batch.targets.double().numpy()[..., None] - forecasts  # sine is not scaled
        losses += FORECAST_LOSSES_BY_HAND[loss](errors).ravel().tolist()
    assert float(scores.compute()["test/loss"]) == pytest.approx(np.mean(losses), rel=EXACT)


@torch.no_grad()
@pytest.mark.parametrize("loss", ["cross_entropy", "focal"])
@pytest.mark.parametrize("name", ["imdb", "copying", "echo"])
def test_losses_of_classes(name: str, loss: str, tmp_path: Path) -> None:
    data, model = open_small(name, tmp_path, f"task.loss={loss}")
    scores, losses = Scores(model.task, "test"), []
    for batch in data.test_dataloader():
        predictions = model.task.predict(model.encode(batch, "test"), batch)
        scores.update(predictions, batch)
        targets = batch.targets.numpy()[..., None]
        log_p = np.take_along_axis(log_softmax(predictions), targets, axis=-1)
        factor = (1 - np.exp(log_p)) ** 2 if loss == "focal" else 1.0
        losses += (-factor * log_p).ravel().tolist()
    assert float(scores.compute()["test/loss"]) == pytest.approx(np.mean(losses), rel=EXACT)


# Texts.


def text_folder(folder: Path) -> tuple[Path, dict[str, list[str]]]:
    """A text in three files, and the tokens of each."""
    random = np.random.default_rng(0)
    words, tokens = [f"w{chr(97 + i)}" for i in range(12)], {}
    place = folder / "texts"
    place.mkdir()
    for split, count in (("train", 60), ("valid", 10), ("test", 12)):
        lines = [
            " ".join(random.choice(words, 7, p=np.arange(12, 0, -1) / 78)) for _ in range(count)
        ]
        write_lines(place / f"{split}.txt", lines)
        tokens[split] = [token for line in lines for token in [*line.split(), "<eos>"]]
    return place, tokens


def bigram_by_hand(train: list[str], size: int) -> Any:
    """p(w | v) by interpolated Kneser-Ney with one discount, from dictionaries."""
    pairs = Counter(zip(["<s>", *train[:-1]], train, strict=True))
    once, twice = (sum(count == times for count in pairs.values()) for times in (1, 2))
    discount = min(max(once / (once + 2 * twice), 0.1), 0.9)
    totals, followers, ends = Counter[str](), defaultdict(set), defaultdict(set)
    for (before, after), count in pairs.items():
        totals[before] += count
        followers[before].add(after)
        ends[after].add(before)

    def probability(before: str, after: str) -> float:
        q = (len(ends[after]) + 1) / (len(pairs) + size)
        if not totals[before]:
            return q
        share = max(pairs[before, after] - discount, 0) / totals[before]
        return share + discount * len(followers[before]) / totals[before] * q

    return probability


def test_scores_of_a_language_model(tmp_path: Path) -> None:
    place, tokens = text_folder(tmp_path)
    data, model = open_small("text_file", tmp_path, path=str(place), vocab_size=40)
    scores, log_probabilities = predict(data, model)
    assert len(log_probabilities) == len(tokens["test"])
    perplexity = math.exp(-np.mean(np.array(log_probabilities)))
    assert scores["perplexity"] == pytest.approx(perplexity, rel=EXACT)
    assert scores["loss"] == pytest.approx(-np.mean(np.array(log_probabilities)), rel=EXACT)
    size = len({*tokens["train"]}) + 3  # <pad>, <unk>, <s>; <eos> is a token of the text
    assert data.spec.output_size == size
    counts = Counter(tokens["train"])
    unigram = [(counts[t] + 1) / (len(tokens["train"]) + size) for t in tokens["test"]]
    bigram = bigram_by_hand(tokens["train"], size)
    before = ["<s>", *tokens["test"][:-1]]
    pairs = [bigram(a, b) for a, b in zip(before, tokens["test"], strict=True)]
    for name, probabilities in (("unigram", unigram), ("bigram", pairs)):
        loss = -np.mean(np.log(probabilities))
        assert data.baselines("test")[name] == pytest.approx(
            {"loss": loss, "perplexity": math.exp(loss)}, rel=EXACT
        ), name


def bleu_by_hand(hypotheses: list[str], references: list[str]) -> float:
    """BLEU of up to four words (Papineni et al., 2002), without smoothing."""
    logs, lengths = (
        0.0,
        [sum(len(text.split()) for text in part) for part in (hypotheses, references)],
    )
    for order in (1, 2, 3, 4):
        matches = total = 0
        for texts in zip(hypotheses, references, strict=True):
            ours, theirs = (
                Counter(tuple(words[i : i + order]) for i in range(len(words) - order + 1))
                for words in (text.split() for text in texts)
            )
            matches, total = matches + sum((ours & theirs).values()), total + sum(ours.values())
        logs += math.log(matches / total) / 4
    return 100 * min(1.0, math.exp(1 - lengths[1] / lengths[0])) * math.exp(logs)


def test_bleu_and_exact_matches_of_words() -> None:
    references = ["a b c d e f", "a b c d", "g h i j k l m"]
    hypotheses = ["a b c d x f", "a b c d", "g h i j k m"]
    scores = score_translations(hypotheses, references).scores
    assert scores["bleu"] == pytest.approx(bleu_by_hand(hypotheses, references), rel=EXACT)
    assert scores["exact_match"] == pytest.approx(1 / 3, rel=EXACT)


def read_pairs(data: Any) -> dict[str, list[str]]:
    """The sentences of the files, by the name of each file."""
    files = Path(data.path).iterdir()
    return {file.name: file.read_text(encoding="utf-8").splitlines() for file in files}


def target_tokens(data: Any, lines: list[str]) -> list[list[str]]:
    """The tokens of target sentences, each with its end; rare ones are <unk>."""
    known = {*data.vocabularies["target"].tokens[4:], "<eos>"}
    sentences = [[*(line.lower() if data.lower else line).split(), "<eos>"] for line in lines]
    return [[token if token in known else "<unk>" for token in words] for words in sentences]


@torch.no_grad()
def test_scores_of_a_network_that_translates(tmp_path: Path) -> None:
    data, model = open_small("multi30k", tmp_path)
    names = data.vocabularies["target"].tokens
    tokens = target_tokens(data, read_pairs(data)["test_2016_flickr.en"])
    scores, surprisals, hits = Scores(model.task, "test"), [], []
    for batch in data.test_dataloader():
        predictions = model.task.predict(model.encode(batch, "test"), batch)
        scores.update(predictions, batch)
        for row, logits in zip(batch.rows.tolist(), predictions, strict=True):
            ids = torch.tensor([names.index(token) for token in tokens[row]])
            surprisals += cross_entropy(logits[: len(ids)], ids, reduction="none").tolist()
            is_known = ids != names.index("<unk>")  # an unknown token is never correct
            hits += ((logits[: len(ids)].argmax(dim=1) == ids) & is_known).tolist()
    found = {name: float(value) for name, value in scores.compute().items()}
    assert found["test/loss"] == pytest.approx(np.mean(surprisals), rel=EXACT)
    assert found["test/perplexity"] == pytest.approx(math.exp(np.mean(surprisals)), rel=EXACT)
    assert found["test/accuracy"] == pytest.approx(np.mean(hits), rel=EXACT)


def test_the_baselines_of_translations(tmp_path: Path) -> None:
    data, _ = open_small("multi30k", tmp_path)
    lines = read_pairs(data)
    test, sources = (lines[f"test_2016_flickr.{language}"] for language in ("en", "de"))
    context = data.baseline_context("test", np.arange(len(test)))
    assert context["baselines"]["copy the source"] == sources
    assert data.evaluation_context("test", np.arange(len(test)))["references"] == test
    counts = Counter(chain.from_iterable(target_tokens(data, lines["train.en"])))
    totals = sum(counts.values()) + data.spec.output_size - 2  # one more of all but <pad> and <s>
    names = data.vocabularies["target"].tokens
    tokens = list(chain.from_iterable(target_tokens(data, test)))
    loss = -np.mean([math.log((counts[token] + 1) / totals) for token in tokens])
    most = max((name for name in names if name != "<unk>"), key=lambda name: counts[name])
    accuracy = np.mean([token == most for token in tokens])
    assert data.baselines("test")["token frequency"] == pytest.approx(
        {"loss": loss, "perplexity": math.exp(loss), "accuracy": accuracy}, rel=EXACT
    )
