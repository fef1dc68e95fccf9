"""Studies as a search leaves them, and the folders of their trials: made up, and made at once."""

import math
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState, create_trial

SPACE: dict[str, BaseDistribution] = {
    "model": CategoricalDistribution(["gru", "lstm"]),
    "model.forget_bias": FloatDistribution(0.0, 2.0),  # of the LSTM alone
    "optimizer.lr": FloatDistribution(1e-4, 1e-1, log=True),
    "data.seq_len": IntDistribution(10, 100, log=True),
    "data.batch_size": CategoricalDistribution([16, 32, 64]),
    "trainer.gradient_clip_val": FloatDistribution(0.1, 10.0, log=True),
}
DEFINITION = {
    "space": {
        "model.choices": ["gru", "lstm"],
        "model.forget_bias.low": 0.0,
        "model.forget_bias.high": 2.0,
        "model.forget_bias.when.model": ["lstm"],
        "optimizer.lr.low": 1e-4,
        "optimizer.lr.high": 1e-1,
        "optimizer.lr.log": True,
        "data.seq_len.low": 10,
        "data.seq_len.high": 100,
        "data.seq_len.log": True,
        "data.batch_size.choices": [16, 32, 64],
        "trainer.gradient_clip_val.low": 0.1,
        "trainer.gradient_clip_val.high": 10.0,
        "trainer.gradient_clip_val.log": True,
    },
    "base": {"data._target_": "rnnlab.data.Sine", "trainer.max_epochs": 8, "seed": 0},
    "monitor": "val/mse",
    "mode": "min",
    "objectives": ["score"],
    "seed": 0,
}
LOST = {"infeasible": "diverged", "failed": "crash"}
OPTUNA = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "infeasible": TrialState.PRUNED,
    "failed": TrialState.FAIL,
    "running": TrialState.RUNNING,
    "waiting": TrialState.WAITING,
}


def new_study(
    names: list[str] | None = None, directions: tuple[str, ...] = ("minimize",)
) -> optuna.Study:
    """An empty study in memory."""
    study = optuna.create_study(directions=list(directions))
    study.set_metric_names(names or ["score"])
    study.set_user_attr("definition", DEFINITION)
    study.set_user_attr("git", {"commit": "0123abc", "changed": True})
    return study


def drawn(number: int) -> dict[str, Any]:
    """Values of a trial, spread over the space."""
    share = (number * 0.618) % 1
    model = "lstm" if number % 3 == 0 else "gru"
    values = {
        "model": model,
        "optimizer.lr": 10 ** (-4 + 3 * share),
        "data.seq_len": round(10 ** (1 + (number * 0.414) % 1)),
        "data.batch_size": [16, 32, 64][number % 3 - 1],
        "trainer.gradient_clip_val": 10 ** (-1 + 2 * ((number * 0.732) % 1)),
    }
    return {
        **values,
        **({"model.forget_bias": 2 * ((number * 0.271) % 1)} if model == "lstm" else {}),
    }


def score_of(params: dict[str, Any]) -> float:
    """Smallest at a learning rate of 0.003."""
    distance = math.log10(params["optimizer.lr"] / 3e-3)
    return 0.02 + 0.1 * distance**2 + 0.002 * math.log10(params["data.seq_len"])


def add(
    study: optuna.Study,
    state: str = "complete",
    values: list[float] | None = None,
    params: dict[str, Any] | None = None,
    message: str = "",
    space: dict[str, BaseDistribution] | None = None,
) -> FrozenTrial:
    """One more trial; its score is a function of its learning rate unless it is given."""
    number = len(study.trials)
    params = drawn(number) if params is None else params
    score = values[0] if values else score_of(drawn(number))
    lost = state in LOST
    result = {
        "state": state,
        "failure": LOST.get(state),
        "message": message or ("the loss is no number" if lost else ""),
        "seconds": 1.5 + number,
        "parameters": 12_345,
        "epochs": 3 if state == "pruned" else 8,
        "score": None if lost else score,
    }
    words = ["data=sine", *(f"{name}={value}" for name, value in params.items()), f"seed={number}"]
    known = {"overrides": words, "attempts": 1, "host": "here"}
    space = SPACE if space is None else space
    trial = create_trial(
        state=OPTUNA[state],
        values=(values or [score]) if state == "complete" else None,
        params=params,
        distributions={name: space[name] for name in params},
        user_attrs={**known, **({} if state in ("running", "waiting") else {"result": result})},
        intermediate_values={3: score} if state == "pruned" else {},
        constraints={"diverged": 1.0} if state == "infeasible" else None,
    )
    study.add_trial(trial)
    return study.trials[-1]


def a_search(trials: int = 24) -> optuna.Study:
    """A search with trials of every state."""
    study = new_study()
    for number in range(trials):
        state = "complete" if number % 4 else "pruned"
        add(study, {5: "infeasible", 8: "failed", 11: "infeasible"}.get(number, state))
    add(study, "running")
    add(study, "waiting", params={})
    return study


def write_curves(study: optuna.Study, folder: Path, per_epoch: int = 1) -> None:
    """The metrics.csv of each trial that began."""
    for trial in study.trials:
        if trial.state == TrialState.WAITING:
            continue
        place = folder / "trials" / f"{trial.number:04}"
        place.mkdir(parents=True)
        epochs = trial.user_attrs.get("result", {}).get("epochs", 2)
        end = score_of(trial.params) if trial.params else 0.1
        lines = ["step,epoch,train/loss,val/mse"]
        for i in range(epochs * per_epoch):
            step, epoch = 10 * (i + 1), i // per_epoch
            lines.append(f"{step - 5},{epoch},{1 / step},")
            lines.append(f"{step},{epoch},,{end * (1 + 8 / (i + 1) ** 2)}")
        (place / "metrics.csv").write_text("\n".join(lines) + "\n")


def repeats_of(scores: dict[int, dict[int, float | None]], mode: str = "minimize") -> optuna.Study:
    """A study of repeats: number of a trial of the search -> seed -> score, None for a failure."""
    study = optuna.create_study(direction=mode)
    for number, seeds in scores.items():
        for seed, score in seeds.items():
            told = {"of": number, "seed": seed}
            state = TrialState.FAIL if score is None else TrialState.COMPLETE
            study.add_trial(create_trial(state=state, value=score, user_attrs=told))
    return study
