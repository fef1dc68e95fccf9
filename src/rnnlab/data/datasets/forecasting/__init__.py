"""Named time series for forecasting."""
