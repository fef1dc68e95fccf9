from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rnnlab.analysis import TestPredictions, TranslationAnalysis
from rnnlab.config.signature import locate
from rnnlab.errors import ConfigError
from rnnlab.experiment.build import build_data, build_model, build_task, partial_from
from rnnlab.experiment.run import check, run
from rnnlab.layers.attention import ATTENTION as KINDS
from rnnlab.layers.decoder import shift_right
from rnnlab.layers.search import greedy
from rnnlab.metrics.language_modeling import Perplexity
from rnnlab.models import RecurrentModel, StackedModel
from rnnlab.spec import END_ID, PADDING_ID, START_ID, UNKNOWN_ID, Batch, DataSpec
from rnnlab.tasks import Encoding, Translation
from rnnlab.tasks.teacher_forcing import true_share
from tests.helpers.configs import choices, compose, small, target_of

TOKENS = 12
MODELS = [  # those that give a layer to make a decoder of
    name for name in choices("model") if issubclass(locate(target_of("model", name)), StackedModel)
]
ATTENTION = ["none", *KINDS]
LENGTHS = torch.tensor([5, 3, 1])
TARGETS = torch.tensor(
    [[7, 8, 9, 4, END_ID], [5, 5, END_ID, PADDING_ID, PADDING_ID], [END_ID] + [PADDING_ID] * 4]
)


def network(name: str, attention: Any = "scaled_dot", **settings: Any) -> RecurrentModel:
    """A small one, in double precision, so that equal means equal."""
    torch.manual_seed(0)
    spec = DataSpec(output_size=TOKENS, num_tokens=9)
    settings = {"beam_size": 1, "embedding_size": 5, "attention": attention} | settings
    task = Translation(spec, **settings)
    component = compose(f"model={name}")["model"] | {"hidden_size": 4}
    model: RecurrentModel = partial_from(component)(task)
    nn.init.normal_(model.task.decoder.weight, std=2)  # answers that differ
    return model.double().eval()


def sentences() -> Batch:
    inputs = torch.randint(4, 9, (3, 5), generator=torch.Generator().manual_seed(1))
    inputs = inputs.masked_fill(torch.arange(5) >= LENGTHS.unsqueeze(1), PADDING_ID)
    return Batch(inputs, LENGTHS, TARGETS, torch.arange(3))


each_network = pytest.mark.parametrize(  # all of both, but not every pair
    ("name", "attention"),
    [(name, "scaled_dot") for name in MODELS] + [("lstm", kind) for kind in ATTENTION],
)


@each_network
def test_padding_of_sources_and_targets_changes_nothing(name: str, attention: str) -> None:
    model, batch = network(name, attention), sentences()
    together = model.predictions(batch)
    for i, length in enumerate(LENGTHS.tolist()):
        words = int((TARGETS[i] != PADDING_ID).sum())
        alone = Batch(
            batch.inputs[i : i + 1, :length],
            batch.lengths[i : i + 1],
            batch.targets[i : i + 1, :words],
            batch.rows[i : i + 1],
        )
        torch.testing.assert_close(model.predictions(alone)[0], together[i, :words])
        written = model.predict_step(alone, 0)[0]
        torch.testing.assert_close(written, model.predict_step(batch, 0)[i, : len(written)])


@each_network
def test_a_prediction_sees_the_targets_before_it_alone(name: str, attention: str) -> None:
    model, batch = network(name, attention), sentences()
    before = model.predictions(batch)
    for step in range(TARGETS.shape[1]):
        changed = batch.targets.clone()
        changed[:, step] = 6
        after = model.predictions(batch._replace(targets=changed))
        torch.testing.assert_close(after[:, : step + 1], before[:, : step + 1])
        if step + 1 < TARGETS.shape[1]:
            assert not torch.equal(after[:, step + 1], before[:, step + 1])


@each_network
def test_one_call_equals_step_by_step_with_the_true_tokens(name: str, attention: str) -> None:
    model, batch = network(name, attention), sentences()
    task: Any = model.task
    memory, state = task.begin(model.encode(batch))
    steps = []
    for step in range(TARGETS.shape[1]):
        read = shift_right(TARGETS)[:, step : step + 1]
        decoded = task.decoder(read, memory, state)
        state = decoded.state
        steps.append(decoded.logits)
    torch.testing.assert_close(torch.cat(steps, dim=1), model.predictions(batch))


def by_hand(model: RecurrentModel, batch: Batch, i: int) -> list[int]:
    """One sentence, from its beginning at each step; nothing is carried."""
    task: Any = model.task
    length = int(batch.lengths[i])
    outputs, _ = model(task.embed(batch.inputs[i : i + 1, :length]))
    memory, state = task.begin(Encoding(outputs, batch.lengths[i : i + 1]))
    written: list[int] = []
    while len(written) < 2 * length + 10 and (not written or written[-1] != END_ID):
        logits = task.decoder(torch.tensor([[START_ID, *written]]), memory, state).logits[0, -1]
        logits[[PADDING_ID, START_ID]] = -torch.inf
        written.append(int(logits.argmax()))
    return written


@each_network
def test_greedy_decoding_takes_the_most_probable_token_at_each_step(
    name: str, attention: str
) -> None:
    model, batch = network(name, attention), sentences()
    written = model.predict_step(batch, 0)
    for i in range(3):
        expected = by_hand(model, batch, i)
        assert written[i, : len(expected)].tolist() == expected
        assert not written[i, len(expected) :].any()


def test_an_answer_has_a_bounded_length() -> None:
    model = network("gru")
    with torch.no_grad():
        model.task.decoder.bias[END_ID] = -1e9
    written = model.predict_step(sentences(), 0)
    assert (written != PADDING_ID).sum(dim=1).tolist() == [20, 16, 12]


def test_attention_sums_to_one_over_the_source_and_never_sees_padding() -> None:
    model, batch = network("bigru"), sentences()
    task: Any = model.task
    memory, state = task.begin(model.encode(batch))
    _, weights = greedy(task.decoder, memory, state, task.limits(batch.lengths))
    torch.testing.assert_close(weights.sum(dim=2), torch.ones_like(weights[..., 0]))
    assert not weights[1, :, 3:].any()
    assert not weights[2, :, 1:].any()


@each_network
def test_the_decoder_depends_on_the_source(name: str, attention: str) -> None:
    model, batch = network(name, attention), sentences()
    other = batch._replace(inputs=batch.inputs.flip(0), lengths=batch.lengths.flip(0))
    assert not torch.allclose(model.predictions(batch)[0], model.predictions(other)[0])


@each_network
def test_with_input_feeding_too_the_past_alone_is_seen(name: str, attention: str) -> None:
    model, batch = network(name, attention, input_feeding=True), sentences()
    before = model.predictions(batch)
    for step in range(TARGETS.shape[1]):
        changed = batch.targets.clone()
        changed[:, step] = 6
        after = model.predictions(batch._replace(targets=changed))
        torch.testing.assert_close(after[:, : step + 1], before[:, : step + 1])
    for i in range(3):
        expected = by_hand(model, batch, i)
        assert model.predict_step(batch, 0)[i, : len(expected)].tolist() == expected


def test_a_beam_search_writes_sentences_that_are_at_least_as_probable() -> None:
    one, five = network("lstm"), network("lstm", beam_size=200, length_penalty=0.0)
    batch = sentences()
    surprises = []
    for model in (one, five):
        written = model.predict_step(batch, 0)
        assert written.shape[0] == 3
        read, _ = model.task.metric_inputs(
            model.predictions(batch._replace(targets=written)), batch._replace(targets=written)
        )
        surprises.append(read[..., 0].masked_fill(written == PADDING_ID, 0).sum(dim=1))
    assert (surprises[1] >= surprises[0] - 1e-9).all()
    assert (surprises[1] > surprises[0] + 1e-9).any()


# Teacher forcing.


@pytest.mark.parametrize("decay", ["constant", "linear", "inverse_sigmoid"])
def test_the_share_of_true_tokens_falls_to_its_end(decay: Any) -> None:
    shares = [true_share(decay, 0.4, p / 10) for p in range(11)]
    assert shares[-1] == pytest.approx(0.4)
    assert shares[0] == pytest.approx(0.4 if decay == "constant" else 1)
    assert shares == sorted(shares, reverse=True)
    assert shares[5] == pytest.approx(0.4 if decay == "constant" else 0.7)
    assert true_share(decay, 1.0, 0.7) == pytest.approx(1)


def test_without_true_tokens_the_decoder_reads_what_it_would_have_written() -> None:
    """Of the truth only the first step is known; the logits are then those of greedy decoding."""
    settings: dict[str, Any] = {"teacher_forcing": 0.0, "teacher_forcing_decay": "constant"}
    model, batch = network("lstm", **settings), sentences()
    memory, state = model.task.begin(model.encode(batch))
    written, _ = greedy(model.task.decoder, memory, state, torch.full((3,), 5))
    model.train()
    own = model.predictions(batch)
    wanted = model.predictions(batch._replace(targets=batch.targets.flip(0)))
    torch.testing.assert_close(own, wanted)  # whatever the targets are
    for i, row in enumerate(written):
        steps = int((row != PADDING_ID).sum())
        chosen = (
            own[i].index_fill(1, torch.tensor([PADDING_ID, START_ID]), -torch.inf).argmax(dim=1)
        )
        assert chosen[:steps].tolist() == row[:steps].tolist()


def test_true_tokens_alone_are_read_where_the_share_is_one_and_where_nothing_is_learned() -> None:
    plain, batch = network("gru"), sentences()
    half = network("gru", teacher_forcing=0.0, teacher_forcing_decay="linear")
    wanted = plain.predictions(batch)
    half.train()
    torch.testing.assert_close(half.predictions(batch), wanted)  # progress is 0
    half.task.progress = 1.0
    assert not torch.allclose(half.predictions(batch), wanted)
    torch.testing.assert_close(half.eval().predictions(batch), wanted)


def test_half_of_the_tokens_are_true() -> None:
    """Each is drawn by itself: after one step of four words the two kinds are there in halves."""
    settings: dict[str, Any] = {"teacher_forcing": 0.5, "teacher_forcing_decay": "constant"}
    model = network("gru", **settings).train()
    count = 400
    batch = Batch(
        torch.full((count, 2), 5),
        torch.full((count,), 2),
        torch.tensor([[4, 6, END_ID]] * count),
        torch.arange(count),
    )
    torch.manual_seed(0)
    second = model.predictions(batch)[:, 1]  # read: <s>, then 4 or what the decoder prefers
    kinds, members = torch.unique(second.detach().round(decimals=6), dim=0, return_counts=True)
    assert len(kinds) == 2
    assert 160 < int(members.min()) <= 200


# Loss and metrics.


def test_loss_and_perplexity_are_means_over_target_tokens() -> None:
    model, batch = network("gru"), sentences()
    task: Any = model.task
    predictions = model.predictions(batch).detach()
    logs = predictions.log_softmax(dim=2)
    surprises = [
        -float(logs[i, step, token])
        for i, sentence in enumerate(TARGETS.tolist())
        for step, token in enumerate(sentence)
        if token != PADDING_ID
    ]
    assert task.num_targets(batch) == len(surprises) == 9
    assert float(task.loss(predictions, batch)) == pytest.approx(np.mean(surprises))
    metrics = task.metrics()
    for i in range(3):  # one sentence at a time: no mean of batch means
        one = Batch(*(part[i : i + 1] for part in batch[:4]))
        metrics.update(*task.metric_inputs(predictions[i : i + 1], one))
    assert float(metrics.compute()["perplexity"]) == pytest.approx(np.exp(np.mean(surprises)))
    right = (predictions.argmax(dim=2) == TARGETS)[TARGETS != PADDING_ID]
    assert float(metrics.compute()["accuracy"]) == pytest.approx(float(right.double().mean()))


def test_an_unknown_token_is_never_correct() -> None:
    targets = torch.tensor([[7, UNKNOWN_ID, END_ID], [UNKNOWN_ID, END_ID, PADDING_ID]])
    batch = sentences()._replace(targets=targets)
    task: Any = network("gru").task
    metrics = task.metrics()
    perfect = torch.nn.functional.one_hot(targets, TOKENS).double() * 50
    metrics.update(*task.metric_inputs(perfect, batch))
    assert float(metrics.compute()["accuracy"]) == pytest.approx(3 / 5)
    assert float(metrics.compute()["perplexity"]) == pytest.approx(1)


def test_labels_are_smoothed_in_training_alone() -> None:
    plain, smooth = network("gru"), network("gru", label_smoothing=0.3)
    batch = sentences()
    predictions = plain.predictions(batch)
    assert torch.equal(smooth.task.loss(predictions, batch), plain.task.loss(predictions, batch))
    smooth.train()
    assert smooth.task.loss(predictions, batch) != plain.task.loss(predictions, batch)


def test_perplexity_of_an_even_guess_is_the_number_of_choices() -> None:
    metric = Perplexity()
    logs = torch.full((2, 3), 1 / 8).log()
    metric.update(logs, torch.tensor([[5, 6, 7], [5, PADDING_ID, PADDING_ID]]))
    assert float(metric.compute()) == pytest.approx(8)


# Settings.


def test_tied_weights_are_one_matrix() -> None:
    tied, apart = network("gru"), network("gru", tie_weights=False)
    assert tied.task.decoder.weight is tied.task.decoder.embedding.vectors.weight
    assert apart.task.decoder.weight is not apart.task.decoder.embedding.vectors.weight
    count = [sum(p.numel() for p in model.parameters()) for model in (tied, apart)]
    assert count[1] - count[0] == TOKENS * 5


@pytest.mark.parametrize("name", MODELS)
def test_the_decoder_may_be_deeper_and_of_another_size(name: str) -> None:
    model = network(name, hidden_size=3, num_layers=2, dropout=0.1)
    model.train().training_step(sentences(), 0).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_an_architecture_without_a_layer_of_its_own_cannot_generate() -> None:
    task = Translation(DataSpec(output_size=TOKENS, num_tokens=9))
    with pytest.raises(ConfigError, match=r"no layer to build a decoder from.*model=rnn"):
        task.build(8, False)


# The analysis.


def context_of(references: list[str]) -> dict[str, Any]:
    return {
        "sources": ["x"] * len(references),
        "references": references,
        "detokenize": lambda ids: " ".join(str(i) for i in ids if i > END_ID),
        "source_tokens": lambda i: ["x"] * int(LENGTHS[i]),
        "target_tokens": lambda ids: [str(i) for i in ids if i != PADDING_ID],
        "language": "de",
        "lower": False,
        "baselines": {"copy the source": ["x"] * len(references)},
    }


def test_predicted_ids_are_scored_as_texts() -> None:
    tokens = torch.tensor([[5, 6, END_ID]])
    test = TestPredictions(tokens, tokens, lambda i: {}, context_of(["5 6"]))
    result = TranslationAnalysis().analyze(network("gru"), test)
    assert result.scores["exact_match"] == 1
    assert tuple(result.scores) == TranslationAnalysis.score_names
    assert any("BLEU" in line and "version:" in line for line in result.statements)
    assert result.baselines["copy the source"]["exact_match"] == 0
    del test.evaluation_context["baselines"]  # type: ignore[attr-defined]
    assert TranslationAnalysis().analyze(network("gru"), test).baselines == {}


def test_scores_of_a_perfect_network_are_reported_where_they_are_not_perfect() -> None:
    tokens = torch.tensor([[5, 6, END_ID]])
    context = context_of(["a rot-rot b c 3.14"])
    perfect = {**context, "ceiling": context["references"], "unknown_shares": {"source": 0.0}}
    test = TestPredictions(tokens, tokens, lambda i: {}, perfect)
    assert not any("perfect" in line for line in analyze(test).statements)
    shares = {"source": 0.01, "target": 0.5}
    joined = {**context, "ceiling": ["a rot - rot b c 3.14"], "unknown_shares": shares}
    result = analyze(test._replace(evaluation_context=joined))
    assert result.details["ceiling"]["exact_match"] == 0
    assert 0 < result.details["ceiling"]["bleu"] < 90
    unknown, ceiling = result.statements[-2:]
    assert unknown.endswith("1.00% of source tokens and 50.00% of target tokens of test")
    assert "exact matches 0.00% and BLEU" in ceiling
    assert "'rot - rot' for 'rot-rot'. data.tokens=bpe" in ceiling


def analyze(test: TestPredictions) -> Any:
    return TranslationAnalysis().analyze(network("gru"), test)


def test_several_answers_to_the_first_sentences_are_written(tmp_path: Path) -> None:
    model, batch = network("lstm", beam_size=6), sentences()
    with torch.no_grad():
        model.task.decoder.bias[END_ID] = 3.0  # some end early, others do not
    written = model.predict_step(batch, 0)
    context = context_of(["5 6"] * 3)

    def gather(rows: Any) -> Batch:
        return Batch(*(part[list(rows)] for part in batch[:4]))

    test = TestPredictions(written, written, lambda i: {}, context, batch=gather)
    result = TranslationAnalysis().analyze(model, test)
    files = {file.name: file for file in result.save(tmp_path)}
    assert set(files) == {"translations.md", "bleu_by_length.png", "attention.png"}
    several = files["translations.md"].read_text().split("## Several answers")[1]
    for i, best in enumerate(model.task.search(model.encode(batch), 6, 3)):
        for one in best if len(best) > 1 else []:
            text = context["detokenize"](one.tokens.tolist())
            assert f"- network, {one.score:.3f}: {text}\n" in several, i
    assert several.count("- network, -") >= 4


# Whole runs.


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gru", "bilstm"])
def test_a_few_pairs_are_learned_by_heart(name: str, tmp_path: Path) -> None:
    plain = small("numbers", tmp_path, f"model={name}", tokens="characters", seed=0)
    plain["model"] |= {"hidden_size": 32}
    plain["task"] |= {"embedding_size": 32, "embedding_dropout": 0.0, "dropout": 0.0}
    config = check(plain)
    data = build_data(config)
    data.setup()
    model = build_model(config, build_task(config, data.spec))
    batch = data.gather("train", np.arange(6))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(150):
        optimizer.zero_grad()
        model.training_step(batch, 0).backward()
        optimizer.step()
    written = model.eval().predict_step(batch, 0)
    assert torch.equal(written, batch.targets)


def test_the_task_learns_how_far_the_training_is(tmp_path: Path, monkeypatch: Any) -> None:
    seen: list[float] = []

    def noted(self: Translation) -> float:
        seen.append(self.progress)
        return 1.0

    monkeypatch.setattr(Translation, "true_share", noted)
    plain = small("numbers", tmp_path)
    plain["trainer"] |= {"max_epochs": 2, "accumulate_grad_batches": 2}
    plain["test"] = False
    run(plain)
    assert seen == [step / 6 for step in (0, 0, 1, 1, 2, 3, 3, 4, 4, 5)]  # 5 batches an epoch


@pytest.mark.slow
def test_a_run_leaves_what_a_person_wants_to_see(tmp_path: Path) -> None:
    plain = small("parallel_text", tmp_path)
    plain["trainer"] |= {"max_epochs": 1}
    done = run(plain)
    names = {file.name for file in done.folder.path.iterdir()}
    wanted = {"translations.md", "attention.png", "bleu_by_length.png"}
    assert wanted | {"processor.json"} <= names
    assert {f"test/{name}" for name in TranslationAnalysis.score_names} <= done.report[
        "scores"
    ].keys()
    shown = (done.folder.path / "translations.md").read_text()
    assert "decoded by a beam of 5, length penalty 0.6" in shown
    assert done.report["details"]["decoding"]["beam_size"] == 5
    assert "test/bleu" in done.report["baselines"]["copy the source"]
    assert "test/perplexity" in done.report["baselines"]["token frequency"]
    assert any("version:" in sentence for sentence in done.report["findings"])
    first = [name for name in done.report["scores"] if name.startswith("test/")][:3]
    assert first == ["test/exact_match", "test/bleu", "test/chrf"]


def test_a_target_is_never_seen_by_what_is_judged() -> None:
    model, batch = network("gru"), sentences()
    other: Tensor = batch.targets.flip(0)
    one = model.predict_step(batch, 0)
    assert torch.equal(one, model.predict_step(batch._replace(targets=other), 0))
