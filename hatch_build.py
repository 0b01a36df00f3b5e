"""Puts the template into the wheel: the catalog as files, the whole template as a Git bundle with its tags."""
