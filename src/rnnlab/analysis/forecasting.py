"""Analysis of forecasts: errors of each step, tests against baselines, calibration of quantiles.

N targets, H steps of the horizon, V variables, Q quantiles.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np

from rnnlab.analysis.base import Analysis, AnalysisResult, TestPredictions
from rnnlab.analysis.forecast_errors import (
    SERIES_FILE,
    ErrorGroups,
    ErrorTable,
    count_undefined_mase,
    explain_undefined_mase,
    plain_number,
    report_rows,
    short_tables,
    to_csv,
)
from rnnlab.analysis.intervals import TestIntervals, assess_intervals
from rnnlab.analysis.predictions import forecast_predictions, predictions_file
from rnnlab.metrics.conformal import interval_ends
from rnnlab.metrics.forecasting import calibrate, compare_forecasts
from rnnlab.metrics.significance import SIGNIFICANCE_LEVEL, ComparisonTest
from rnnlab.models import RecurrentModel
from rnnlab.plots import forecasting as plots
from rnnlab.plots.forecasting import PredictionInterval
from rnnlab.spec import Array
from rnnlab.tasks import Forecasting

NUM_FORECASTS = 8  # forecasts in the figure
MAX_FORECAST_VARIABLES = 16  # that are drawn, one in each panel
MAX_RESIDUALS = 2_000_000  # errors whose distribution is drawn, evenly spaced
MAX_POINTS = 20_000  # of the scatter plot


class ForecastingAnalysis(Analysis):
    """Errors of each step, column and series, tests against each baseline, and calibration.

    Reads `times`, `series`, `variables`, `variable` and `units` from the evaluation context; see
    SeriesDataModule.evaluation_context in rnnlab.data.forecasting. Compares with `baselines`,
    `baseline_errors` and `headline_baselines`, if they are there; see SeriesBaselines. Generated
    series have no such values.
    """

    score_names = ("smape", "mase")

    def analyze(self, model: RecurrentModel, test: TestPredictions) -> AnalysisResult:
        task = cast(Forecasting, model.task)
        point = test._replace(predictions=task.median(test.predictions))
        table = ErrorTable.measure(point) if "units" in test.evaluation_context else None
        intervals = TestIntervals.of(task, test)
        parts = [draw_forecasts(task, test, table, intervals)]
        parts += [measure_parts(point, table)] if table else []
        parts += [compare_with_baselines(point, table)] if table and table.baselines else []
        parts += [assess_calibration(task, test)] if task.quantiles else []
        parts += [assess_intervals(intervals, error_scale(test))] if intervals else []
        columns = intervals.columns if intervals else None
        return AnalysisResult(
            scores={name: value for part in parts for name, value in part.scores.items()},
            baselines={name: value for part in parts for name, value in part.baselines.items()},
            statements=[sentence for part in parts for sentence in part.statements],
            details={name: value for part in parts for name, value in part.details.items()},
            tables={name: rows for part in parts for name, rows in part.tables.items()},
            figures={name: draw for part in parts for name, draw in part.figures.items()},
            texts={name: make for part in parts for name, make in part.texts.items()},
            files=predictions_file(forecast_predictions, test, task.quantiles, columns),
        )


def measure_parts(test: TestPredictions, table: ErrorTable) -> AnalysisResult:
    """Return the errors of each step, and those of each column and each series."""
    groups = ErrorGroups.of(test.evaluation_context)
    rows = groups.measure(table.errors)
    texts: dict[str, Callable[[], str]] = {
        "errors_by_step.csv": table.to_csv,
        SERIES_FILE: partial(to_csv, rows),
    }
    network = table.errors["network"].means
    return AnalysisResult(
        scores={
            name: network[name]
            for name in ForecastingAnalysis.score_names
            if np.isfinite(network[name])
        },
        statements=[*explain_undefined_mase(test.evaluation_context)],
        details={
            "by_step": table.to_dict(),
            **report_rows(rows),
            "mase": count_undefined_mase(test.evaluation_context),
        },
        tables=short_tables(rows),
        texts=texts,
    )


def compare_with_baselines(test: TestPredictions, table: ErrorTable) -> AnalysisResult:
    """Test the network against each baseline."""
    horizon = test.targets.shape[1]
    tests = {
        name: compare_forecasts(table.over_time["network"], table.over_time[name], horizon)
        for name in table.baselines
    }
    references = headlines(test, table)
    return AnalysisResult(
        baselines={name: table.means(name) for name in table.baselines},
        statements=[
            *(tests[name].describe(name) for name in references),
            *compare_each_series(test, table),
            *warn_of_best_baseline(table),
        ],
        details={"against": {name: to_dict(result) for name, result in tests.items()}},
    )


def headlines(test: TestPredictions, table: ErrorTable) -> list[str]:
    """Return the baselines that the report compares with in words."""
    names: list[str] = test.evaluation_context["headline_baselines"]
    return [name for name in names if name in table.baselines]


def to_dict(result: ComparisonTest) -> dict[str, float | None]:
    """Return a test as plain values; what is undefined is None."""
    return {"skill": plain_number(result.skill), "p": plain_number(result.p)}


def compare_each_series(test: TestPredictions, table: ErrorTable) -> Iterator[str]:
    """Yield on how many of several series the network is better or worse, each tested alone."""
    context = test.evaluation_context
    owners, references = context["series"], headlines(test, table)
    names = sorted(set(owners))
    if len(names) < 2 or not references:
        return
    network, baseline = (table.errors[name].squared_errors for name in ("network", references[0]))
    valid = np.isfinite(network)  # a constant column has no scaled errors
    tests = [
        compare_forecasts(network[rows], baseline[rows], test.targets.shape[1])
        for rows in ((owners == name) & valid for name in names)
        if rows.any()
    ]
    better = sum(result.p < SIGNIFICANCE_LEVEL and result.skill > 0 for result in tests)
    worse = sum(result.p < SIGNIFICANCE_LEVEL and result.skill < 0 for result in tests)
    yield (
        f"Each series alone against {references[0]}: better on {better} of {len(names)}, worse on "
        f"{worse} (p < .05; by chance about {0.025 * len(names):.1f} of each)."
    )


def warn_of_best_baseline(table: ErrorTable) -> Iterator[str]:
    """Yield a warning where a baseline has the lowest squared error."""
    best = table.best_baseline
    if best and table.mse(best) <= table.mse("network"):
        yield f"The lowest squared error is that of a baseline: {best}."


def assess_calibration(task: Forecasting, test: TestPredictions) -> AnalysisResult:
    """Compare the quantiles with the targets."""
    quantiles = task.quantiles
    forecasts, targets = test.predictions.numpy(), test.targets.numpy()
    scale = error_scale(test)
    forecasts, targets = forecasts / scale[..., None], targets / scale
    unit = " standard deviations" if (scale != 1).any() else ""
    calibration = calibrate(forecasts, targets, quantiles)
    nominal = quantiles[-1] - quantiles[0]
    shares = zip(quantiles, calibration.share_below, strict=True)
    return AnalysisResult(
        scores={name: getattr(calibration, name) for name in ("pinball", "coverage", "width")},
        statements=[
            f"The prediction interval from quantile {quantiles[0]:g} to {quantiles[-1]:g} should "
            f"contain {nominal:.1%} of the targets and contains {calibration.coverage:.1%}; its "
            f"mean width is {calibration.width:.4g}{unit}."
        ],
        details={
            "quantiles": {
                "nominal_coverage": nominal,
                "share_below": {f"{q:g}": float(share) for q, share in shares},
            }
        },
    )


def error_scale(test: TestPredictions) -> Array:
    """Return what divides errors before a mean over several variables, (N, 1, V)."""
    units = test.evaluation_context.get("units")
    shape = len(test.targets), 1, test.targets.shape[2]
    scale: Array = np.ones(shape) if units is None else units.scale
    return scale


def error_unit(test: TestPredictions) -> str:
    """Return the unit of errors that are divided by error_scale; empty for generated series."""
    is_scaled = (error_scale(test) != 1).any()
    return "standard deviations" if is_scaled else test.evaluation_context.get("unit", "")


def draw_forecasts(
    task: Forecasting,
    test: TestPredictions,
    table: ErrorTable | None,
    intervals: TestIntervals | None,
) -> AnalysisResult:
    """Prepare the figures: example forecasts, a scatter plot, and the errors of each step."""
    forecasts, targets = task.median(test.predictions).numpy(), test.targets.numpy()
    scaled = targets / error_scale(test), forecasts / error_scale(test)
    (observed,) = np.nonzero(~np.isnan(targets.ravel()))
    points = observed[np.unique(np.linspace(0, len(observed) - 1, num=MAX_POINTS, dtype=int))]
    unit = error_unit(test)
    scatter = scaled[0].ravel()[points], scaled[1].ravel()[points], unit
    figures: dict[str, Callable[[Path], Path]] = {
        "forecasts.png": partial(draw_examples, task, test, table, intervals),
        "forecast_errors.png": partial(plots.draw_forecast_scatter, *scatter),
    }
    if table is None:
        return AnalysisResult(figures=figures)
    some = slice(None, None, -(-targets.size // MAX_RESIDUALS))
    residuals = (forecasts[some] - targets[some]) / error_scale(test)[some]
    figures["errors_by_step.png"] = partial(
        plots.draw_errors_by_step, table.by_step, residuals, unit
    )
    return AnalysisResult(figures=figures, texts={"errors_by_step.csv": table.to_csv})


def draw_examples(
    task: Forecasting,
    test: TestPredictions,
    table: ErrorTable | None,
    intervals: TestIntervals | None,
    path: Path,
) -> Path:
    """Draw some forecasts with the targets, prediction intervals and the best baseline."""
    targets, forecasts = test.targets.numpy(), task.median(test.predictions).numpy()
    count = max(NUM_FORECASTS, min(targets.shape[2], MAX_FORECAST_VARIABLES))
    rows = np.linspace(0, len(targets) - 1, num=min(count, len(targets)), dtype=int)
    chosen = np.arange(len(rows)), slice(None), np.arange(len(rows)) % targets.shape[2]
    best = table.best_baseline if table else None
    baseline = test.evaluation_context["baselines"][best](rows) if best else None
    return plots.draw_forecast_examples(
        [panel(test, i, k) for i, k in zip(rows.tolist(), chosen[2].tolist(), strict=True)],
        targets[rows][chosen][..., None],
        forecasts[rows][chosen][..., None],
        intervals.bands(rows, chosen[2])
        if intervals
        else quantile_bands(task, test, rows, chosen[2]),
        (best, baseline[chosen][..., None]) if best and baseline is not None else None,
        f"{len(rows):,} of {len(targets):,} test forecasts, evenly spaced",
        path,
    )


def panel(test: TestPredictions, row: int, variable: int) -> dict[str, Any]:
    """Return the inputs of one variable of a target, and the texts and times of its axes."""
    example = test.example(row)
    axes = test.evaluation_context.get("axes", lambda i: {})(row)
    texts = {"label": axes["labels"], "title": axes["titles"]} if axes else {}
    return {
        **example,
        **axes,
        **{name: values[variable] for name, values in texts.items()},
        "history": example["history"][:, [variable]],
    }


def quantile_bands(
    task: Forecasting, test: TestPredictions, rows: Array, variables: Array
) -> list[PredictionInterval]:
    """Return the intervals between quantiles of a variable of each row, the widest first."""
    if not task.quantiles:
        return []
    levels = task.quantiles
    forecasts = test.predictions.numpy()[rows, :, variables]  # (examples, H, Q)
    return [
        PredictionInterval(
            f"{levels[j] - levels[i]:.0%} interval", forecasts[..., i], forecasts[..., j]
        )
        for i, j in interval_ends(levels)
    ]
