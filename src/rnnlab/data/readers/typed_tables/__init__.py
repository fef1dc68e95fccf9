"""Tables with types and objects in their cells: JSON files, fields of objects."""
