"""An HTTP server for a trained run."""
