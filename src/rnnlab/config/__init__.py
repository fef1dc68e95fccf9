"""Configuration: schema, types, composition, overrides, and messages for invalid settings."""
